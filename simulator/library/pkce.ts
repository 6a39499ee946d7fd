// Proof Key for Code Exchange with S256 (RFC 7636).
import { randomText, toBase64Url } from "./encoding.ts";

export interface PkcePair {
  readonly codeVerifier: string;
  readonly codeChallenge: string;
}

/** The S256 challenge of a verifier: 43 base64url characters. */
export async function challengeOf(codeVerifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(codeVerifier));
  return toBase64Url(new Uint8Array(digest));
}

/** A new verifier (64 characters) and its challenge. */
export async function makePkcePair(): Promise<PkcePair> {
  const codeVerifier = randomText(48);
  return { codeVerifier, codeChallenge: await challengeOf(codeVerifier) };
}
