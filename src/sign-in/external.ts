// Signing in with a provider: redirect with a state of ours, and one callback in the same browser.
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomId, randomSecret } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import { takeSplitCookie, writeSplitCookie } from "../http/cookies.ts";
import { networkOf } from "../http/network.ts";
import { counterKey } from "../http/rate-limit.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { keepSignInAttempt, takeSignInAttempt } from "../storage/users/sign-in-attempts.ts";
import { recordProviderSignIn } from "../storage/users/sign-ins.ts";
import { createUser, type IdentityKey } from "../storage/users/users.ts";
import { type Entry, entrySchema } from "./entry.ts";
import { newSession, type Session } from "./session.ts";

export type ExternalMethod = "oidc" | "amazon";

/** As long as a form. Customers may need time for a second factor. */
const ATTEMPT_LIFETIME_MS = 60 * 60 * 1000;
/** Of one network. The customers of a mobile carrier may share one address. */
const STARTS = { most: 100, windowMs: 60_000 } as const;

const attemptSchema = () =>
  z.object({
    method: z.enum(["oidc", "amazon"]),
    entry: entrySchema(),
    nonce: z.string(),
    codeVerifier: z.string(),
  });
export type ExternalAttempt = z.infer<ReturnType<typeof attemptSchema>>;

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
  return rt.issuer + callbackPath(method);
}

function callbackPath(method: ExternalMethod): string {
  return `/sign-in/${method}/callback`;
}

/**
 * Starts a sign-in. What the callback needs goes with the browser, sealed: D1 keeps only hashes, so that strangers write
 * little. `too_many`: this network has started too many within the minute. One batch.
 */
export async function keepAttempt(
  c: AppContext,
  method: ExternalMethod,
  browserHash: string,
  entry: Entry,
): Promise<ProviderRequest | "too_many"> {
  const rt = c.var.runtime;
  const state = randomSecret();
  const stateHash = await sha256(state);
  const expiresAt = rt.now() + ATTEMPT_LIFETIME_MS;
  const attempt: ExternalAttempt = { method, entry, nonce: randomSecret(), codeVerifier: randomSecret() };
  const limit = { ...STARTS, key: await counterKey(rt, "sign-in starts", networkOf(c)) };
  const slot = await keepSignInAttempt(rt.db, { stateHash, browserHash, expiresAt }, limit, rt.now());
  if (slot === undefined) return "too_many";
  const sealed = await sealJson(rt.keyring, "sign-in-state", stateHash, attempt, expiresAt);
  writeSplitCookie(c, callbackPath(method), slot, sealed, ATTEMPT_LIFETIME_MS / 1000);
  return { state, nonce: attempt.nonce, codeVerifier: attempt.codeVerifier, redirectUri: callbackUri(rt, method) };
}

/** Takes the attempt of a callback. `forged`: not of this browser and method, or taken before. One write. */
export async function takeAttempt(
  c: AppContext,
  method: ExternalMethod,
  browserHash: string,
  state: string,
): Promise<ExternalAttempt | "forged" | "expired"> {
  const rt = c.var.runtime;
  if (!/^[A-Za-z0-9_-]{43}$/.test(state)) return "forged";
  const stateHash = await sha256(state);
  const slot = await takeSignInAttempt(rt.db, stateHash, browserHash);
  if (slot === undefined) return "forged";
  const sealed = takeSplitCookie(c, callbackPath(method), slot) ?? "";
  const opened = await openJson(rt.keyring, "sign-in-state", stateHash, sealed, attemptSchema, rt.now());
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
