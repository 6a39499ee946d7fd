// Challenges of WebAuthn: sealed instead of stored, bound to the browser, the ceremony and the user, good for five minutes and once.
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import type { Runtime } from "../runtime.ts";
import type { ChallengeUse } from "../storage/users/passkeys.ts";

/** How long a customer may take to unlock an authenticator. */
export const CHALLENGE_LIFETIME_MS = 5 * 60 * 1000;

/** What a challenge is for: `sign-in`, or `add <session> <user>`. */
export type Ceremony = "sign-in" | `add ${string}`;

const schema = z.object({ challenge: z.string(), expiresAt: z.number() });

export interface Challenge extends ChallengeUse {
  /** 32 random bytes, base64url. */
  readonly challenge: string;
}

/** A new challenge and the sealed copy that comes back with the answer. Costs no storage. */
export async function newChallenge(
  rt: Runtime,
  ceremony: Ceremony,
  browserHash: string,
): Promise<{ readonly challenge: string; readonly token: string }> {
  const challenge = randomSecret();
  const expiresAt = rt.now() + CHALLENGE_LIFETIME_MS;
  const context = `${ceremony} ${browserHash}`;
  const token = await sealJson(rt.keyring, "passkey-challenge", context, { challenge, expiresAt }, expiresAt);
  return { challenge, token };
}

/** The challenge in `token`; undefined when it is not ours, of another browser, user or ceremony, or too old. */
export async function openChallenge(
  rt: Runtime,
  ceremony: Ceremony,
  browserHash: string,
  token: string,
): Promise<Challenge | undefined> {
  const context = `${ceremony} ${browserHash}`;
  const opened = await openJson(rt.keyring, "passkey-challenge", context, token, schema, rt.now());
  if (typeof opened === "string") return undefined;
  const { challenge, expiresAt } = opened.value;
  return { challenge, expiresAt, hash: await sha256(challenge) };
}
