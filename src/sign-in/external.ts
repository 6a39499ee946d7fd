// Signing in with a provider: redirect with a state of ours, and one callback in the same browser.
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomId, randomSecret } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import type { Runtime } from "../runtime.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { keepSignInAttempt, takeSignInAttempt } from "../storage/users/sign-in-attempts.ts";
import { recordProviderSignIn } from "../storage/users/sign-ins.ts";
import { createUser, type IdentityKey } from "../storage/users/users.ts";
import { type Entry, entrySchema } from "./entry.ts";
import { newSession, type Session } from "./session.ts";

export type ExternalMethod = "oidc" | "amazon";

/** As long as a form. Customers may need time for a second factor. */
const ATTEMPT_LIFETIME_MS = 60 * 60 * 1000;

const attemptSchema = z.object({
  method: z.enum(["oidc", "amazon"]),
  entry: entrySchema,
  nonce: z.string(),
  codeVerifier: z.string(),
});
export type ExternalAttempt = z.infer<typeof attemptSchema>;

/** The person, as the provider names them. */
export interface ExternalPerson {
  readonly key: IdentityKey;
  /** Verified; null when the provider gives none that is; undefined when it could not be asked. */
  readonly email: string | null | undefined;
  readonly name: string | null;
}

export type ExternalOutcome =
  | { readonly outcome: "person"; readonly person: ExternalPerson }
  /** No usable response now. Trying again may help. */
  | { readonly outcome: "unavailable" }
  /** The response is invalid. Trying again with the same code cannot help. */
  | { readonly outcome: "refused"; readonly reason: string };

/** The parameters of an authorization request to a provider. */
export interface ProviderRequest {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
}

/** Our callback for a method, exactly as it must be registered at the provider. */
export function callbackUri(rt: Runtime, method: ExternalMethod): string {
  return `${rt.issuer}/sign-in/${method}/callback`;
}

/** Starts a sign-in: keeps what the callback needs. One write. */
export async function keepAttempt(
  rt: Runtime,
  method: ExternalMethod,
  browserHash: string,
  entry: Entry,
): Promise<ProviderRequest> {
  const state = randomSecret();
  const stateHash = await sha256(state);
  const expiresAt = rt.now() + ATTEMPT_LIFETIME_MS;
  const attempt: ExternalAttempt = { method, entry, nonce: randomSecret(), codeVerifier: randomSecret() };
  const payload = await sealJson(rt.keyring, "sign-in-state", stateHash, attempt, expiresAt);
  await keepSignInAttempt(rt.db, { stateHash, browserHash, payload, expiresAt });
  return { state, nonce: attempt.nonce, codeVerifier: attempt.codeVerifier, redirectUri: callbackUri(rt, method) };
}

/** Takes the attempt of a callback. `forged`: not of this browser and method, or taken before. One write. */
export async function takeAttempt(
  rt: Runtime,
  method: ExternalMethod,
  browserHash: string,
  state: string,
): Promise<ExternalAttempt | "forged" | "expired"> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(state)) return "forged";
  const stateHash = await sha256(state);
  const payload = await takeSignInAttempt(rt.db, stateHash, browserHash);
  if (payload === undefined) return "forged";
  const opened = await openJson(rt.keyring, "sign-in-state", stateHash, payload, attemptSchema, rt.now());
  if (typeof opened === "string") return opened;
  return opened.value.method === method ? opened.value : "forged";
}

/** Signs in the user of an identity, creating it if new. Users are never merged by address. Two batches. */
export async function signInPerson(
  rt: Runtime,
  person: ExternalPerson,
  browserHash: string,
  attempt: AttemptStart | undefined,
): Promise<Session> {
  const { key, email, name } = person;
  const fresh = { id: randomId(), email: email ?? null, name, passwordHash: null };
  const user = await createUser(rt.db, key, fresh, rt.now());
  if (!user) throw new Error("the identity's user was deleted at this moment");
  if (user.id === fresh.id) rt.log.info("user_first_seen", { method: key.method });
  const labels = { email: email === undefined ? user.email : email, name: name ?? user.name };
  const session = newSession(rt, { ...user, ...labels });
  await recordProviderSignIn(rt.db, key, { email, name }, { session, browserHash, attempt, at: session.issuedAt });
  return session;
}
