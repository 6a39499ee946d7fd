// The people that commands are about: by id, or by e-mail address.
import { call, read, type Service, segment } from "./admin-api.ts";
import { CommandError, secretFrom, type Terminal } from "./terminal.ts";

export interface UserView {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly createdAt: string;
}

/** The path of a user. */
export function userPath(id: string): string {
  return `/users/${segment(id)}`;
}

/** The accounts with an e-mail address. Several may have the same. */
export async function usersByEmail(service: Service, email: string): Promise<readonly UserView[]> {
  return (await read<{ items: readonly UserView[] }>(service, "/users", { email })).items;
}

/** The account with this id, or the only one with this e-mail address. */
export async function userBy(service: Service, idOrEmail: string): Promise<UserView> {
  if (!idOrEmail.includes("@")) return call<UserView>(service, "GET", userPath(idOrEmail));
  const [first, ...others] = await usersByEmail(service, idOrEmail);
  if (!first) throw new CommandError(`${service.origin} has no account with the address ${idOrEmail}.`);
  if (others.length > 0) {
    const ids = [first, ...others].map(({ id }) => id).join(", ");
    throw new CommandError(`Several accounts have the address ${idOrEmail}. Name one by its id: ${ids}`);
  }
  return first;
}

/** How a person is named in a question or a result. */
export function nameOf(user: UserView): string {
  return user.email === null ? user.id : `${user.email} (${user.id})`;
}

/** A password: all of standard input with `fromInput`, else the environment variable PASSWORD, else a prompt. */
export async function passwordFrom(terminal: Terminal, fromInput: boolean | undefined): Promise<string> {
  if (!fromInput) return secretFrom(terminal, "PASSWORD", "the account's password");
  const password = (await terminal.input()).replace(/\r?\n$/, "");
  if (password === "") throw new CommandError("Standard input has no password.");
  return password;
}
