// Ceremonies of passkeys against the service, as the pages' script would drive them.
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import type { Authenticator, Oddity } from "./authenticator.ts";
import type { Page, Visitor } from "./visitor.ts";

/** Configuration with passkeys switched on. */
export const PASSKEYS_ON = { SIGN_IN_METHODS: "password,passkey" };
const JSON_TYPE = { "content-type": "application/json" };

/** Posts JSON (or text as it stands) as the page's script does. */
export function send(
  visitor: Visitor,
  path: string,
  body: unknown,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Page> {
  return visitor.post(path, {}, { headers, body: typeof body === "string" ? body : JSON.stringify(body) });
}

/** The JSON of an answer. */
export const parsed = (page: Page) => JSON.parse(page.html) as Record<string, unknown>;

/** The problem code of an answer, with its status. */
export function refusal(page: Page): [number, unknown] {
  expect(page.headers.get("content-type")).toBe("application/problem+json");
  return [page.status, parsed(page).code];
}

/** A ceremony that the service has begun: its options, and what must come back with the answer. */
export interface Ceremony {
  readonly form: string;
  readonly token: string;
  readonly publicKey: { readonly challenge: string } & Record<string, unknown>;
}

/** Asks for the options of a ceremony. */
export async function ceremony(visitor: Visitor, path: string, form: string): Promise<Ceremony> {
  const page = await send(visitor, path, { form });
  expect([page.status, page.html]).toEqual([200, page.html]);
  return { form, ...(parsed(page) as unknown as Omit<Ceremony, "form">) };
}

/** Opens a page that asks to sign in, and begins. */
export async function beginSignIn(visitor: Visitor, from = "/sign-in"): Promise<Ceremony> {
  const form = (await visitor.get(from)).hidden("/sign-in").form ?? "";
  return ceremony(visitor, "/sign-in/passkey/options", form);
}

/** The token that the account page gives the script. */
export async function addForm(visitor: Visitor): Promise<string> {
  return /data-form="([^"]+)"/.exec((await visitor.get("/account")).html)?.[1] ?? "";
}

/** Opens the account page, and begins. */
export async function beginAdding(visitor: Visitor): Promise<Ceremony> {
  return ceremony(visitor, "/account/passkeys/options", await addForm(visitor));
}

/** Adds a passkey to the account that is signed in. */
export async function add(visitor: Visitor, key: Authenticator, name = "", oddity: Oddity = {}): Promise<Page> {
  const { form, token, publicKey } = await beginAdding(visitor);
  return send(visitor, "/account/passkeys", {
    form,
    token,
    name,
    credential: await key.register(publicKey.challenge, oddity),
  });
}

/** Tries to sign in as `owner` with a passkey. */
export async function signIn(visitor: Visitor, key: Authenticator, owner: string, oddity: Oddity = {}): Promise<Page> {
  const { form, token, publicKey } = await beginSignIn(visitor);
  const credential = await key.assert(publicKey.challenge, owner, oddity);
  return send(visitor, "/sign-in/passkey", { form, token, credential });
}

/** All rows of a query. */
export async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return (await env.DB.prepare(sql).all<Record<string, unknown>>()).results;
}
