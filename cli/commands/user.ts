// `alexa-link user`: accounts, their passwords and their logins.
import type { Command } from "commander";
import { call, read, segment } from "../admin-api.ts";
import {
  type AdminOptions,
  type AdminRun,
  adminAction,
  adminCommand,
  changesFrom,
  groupCommand,
} from "../admin-command.ts";
import { withExamples } from "../options.ts";
import { sheet, table } from "../table.ts";
import { confirm, type Terminal, UsageError } from "../terminal.ts";
import { nameOf, passwordFrom, type UserView, userBy, userPath, usersByEmail } from "../users.ts";

interface Options extends AdminOptions {
  readonly email?: string;
  readonly name?: string;
  readonly clearName?: boolean;
  readonly password?: boolean;
  readonly passwordStdin?: boolean;
  readonly login?: string;
  readonly yes?: boolean;
}

type Run = AdminRun<Options>;

const PASSWORD_STDIN = "read the password from standard input (default: PASSWORD in the environment, or a prompt)";

/** The command. */
export function userCommand(terminal: Terminal): Command {
  const action = (run: (run: Run, user: string) => Promise<void>) =>
    adminAction<Options>(terminal, (one, user = "") => run(one, user));
  const ofUser = (name: string, description: string) =>
    adminCommand(name, description).argument("<user>", "the user's id or e-mail address");
  const group = groupCommand("user", "manage accounts and their logins", [
    withExamples(
      adminCommand("add", "create an account that signs in with a password")
        .requiredOption("--email <ADDRESS>", "the e-mail address, with which the person signs in")
        .option("--name <NAME>", "the person's name")
        .option("--password-stdin", PASSWORD_STDIN),
      terminal,
      ['user add --email ada@example.com --name "Ada Example"', "PASSWORD=… user add --email ada@example.com --json"],
    ).action(action(add)),
    withExamples(
      adminCommand("list", "find accounts by e-mail address; there can be several").requiredOption(
        "--email <ADDRESS>",
        "the e-mail address",
      ),
      terminal,
      ["user list --email ada@example.com"],
    ).action(action(list)),
    withExamples(ofUser("show", "show an account"), terminal, ["user show ada@example.com"]).action(action(show)),
    withExamples(
      ofUser("set", "change an account; a new password ends all its logins, and links of assistants stay")
        .option("--email <ADDRESS>", "a new e-mail address")
        .option("--name <NAME>", "a new name")
        .option("--clear-name", "remove the name")
        .option("--password", "set a new password, from PASSWORD in the environment or a prompt")
        .option("--password-stdin", PASSWORD_STDIN),
      terminal,
      ['user set ada@example.com --name "Ada E. Example"', "user set ada@example.com --password"],
    ).action(action(set)),
    withExamples(
      ofUser("remove", "erase a person: the account, every link (at Amazon too) and every login")
        .alias("erase")
        .option("--yes", "do not ask"),
      terminal,
      ["user remove ada@example.com"],
    ).action(action(remove)),
    withExamples(ofUser("logins", "list the sign-ins in browsers"), terminal, ["user logins ada@example.com"]).action(
      action(logins),
    ),
    withExamples(
      ofUser("sign-out", "end all logins, in browsers and in your own apps; links of assistants stay")
        .option("--login <ID>", "end this sign-in in a browser only")
        .option("--yes", "do not ask"),
      terminal,
      ["user sign-out ada@example.com", "user sign-out ada@example.com --login 01examplelogin"],
    ).action(action(signOut)),
  ]);
  return withExamples(group, terminal, [
    'user add --email ada@example.com --name "Ada Example"',
    "user show ada@example.com",
  ]);
}

function userSheet(user: UserView): string {
  return sheet({ "user id": user.id, "e-mail": user.email, name: user.name, created: user.createdAt });
}

async function add({ service, options, terminal, show: print }: Run): Promise<void> {
  const { email, name, passwordStdin } = options;
  const password = await passwordFrom(terminal, passwordStdin);
  const user = await call<UserView>(service, "POST", "/users", { email, name, password });
  print(user, () => userSheet(user));
}

async function list({ service, options, show: print }: Run): Promise<void> {
  const users = await usersByEmail(service, options.email ?? "");
  print(users, () =>
    users.length === 0
      ? `No account has the address ${options.email}.`
      : table(
          ["USER ID", "E-MAIL", "NAME", "CREATED"],
          users.map(({ id, email, name, createdAt }) => [id, email, name, createdAt]),
        ),
  );
}

async function show({ service, show: print }: Run, idOrEmail: string): Promise<void> {
  const user = await userBy(service, idOrEmail);
  print(user, () => userSheet(user));
}

async function set({ service, options, terminal, show: print }: Run, idOrEmail: string): Promise<void> {
  const { email, name, clearName, passwordStdin } = options;
  if (clearName && name !== undefined) throw new UsageError("--name and --clear-name exclude each other.");
  const withPassword = options.password || passwordStdin;
  const changes = changesFrom(
    {
      email,
      name: clearName ? null : name,
      password: withPassword ? await passwordFrom(terminal, passwordStdin) : undefined,
    },
    "--name, --email or --password",
  );
  const { id } = await userBy(service, idOrEmail);
  const user = await call<UserView>(service, "PATCH", userPath(id), changes);
  print(user, () => userSheet(user));
}

interface Erasure {
  readonly removed: Readonly<Record<string, number>>;
  readonly anonymised: Readonly<Record<string, number>>;
  readonly pendingAtAmazon: number;
}

async function remove({ service, options, terminal, show: print }: Run, idOrEmail: string): Promise<void> {
  const user = await userBy(service, idOrEmail);
  await confirm(terminal, `Erase ${nameOf(user)} at ${service.origin}, with every link and login?`, options.yes);
  const erasure = await call<Erasure>(service, "POST", `${userPath(user.id)}/erase`, {});
  print({ id: user.id, ...erasure }, () =>
    [
      `Erased ${nameOf(user)}.`,
      sheet({ ...erasure.removed, ...erasure.anonymised, "still to be disabled at Amazon": erasure.pendingAtAmazon }),
    ].join("\n\n"),
  );
}

interface Login {
  readonly id: string;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

async function logins({ service, show: print }: Run, idOrEmail: string): Promise<void> {
  const user = await userBy(service, idOrEmail);
  const { items } = await read<{ items: readonly Login[] }>(service, `${userPath(user.id)}/logins`);
  print(items, () =>
    items.length === 0
      ? `${nameOf(user)} has not signed in with a browser.`
      : table(
          ["LOGIN ID", "SIGNED IN", "ENDED"],
          items.map(({ id, createdAt, endedAt }) => [id, createdAt, endedAt ?? "–"]),
        ),
  );
}

async function signOut({ service, options, terminal, show: print }: Run, idOrEmail: string): Promise<void> {
  const user = await userBy(service, idOrEmail);
  const { login } = options;
  if (login !== undefined) {
    await call(service, "DELETE", `${userPath(user.id)}/logins/${segment(login)}`);
    return print({ userId: user.id, loginId: login, ended: true }, () => `Signed out one browser of ${nameOf(user)}.`);
  }
  await confirm(terminal, `End all logins of ${nameOf(user)} at ${service.origin}?`, options.yes);
  await call(service, "POST", `${userPath(user.id)}/sign-out`, {});
  print({ userId: user.id, ended: true }, () => `Signed ${nameOf(user)} out everywhere. Links of assistants stay.`);
}
