// PKCE (RFC 7636), method S256 only.
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";

const CHALLENGE = /^[A-Za-z0-9_-]{43}$/;
const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/;

/** Whether a value has the form of an S256 challenge. */
export function isChallenge(value: string): boolean {
  return CHALLENGE.test(value);
}

/** Whether `verifier` is well formed and gives `challenge`. */
export async function verifierMatches(verifier: string, challenge: string): Promise<boolean> {
  return VERIFIER.test(verifier) && equalInConstantTime(await sha256(verifier), challenge);
}
