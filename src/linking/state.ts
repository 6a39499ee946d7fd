// An attempt's state, its PKCE verifier for Amazon, and a callback's sealed result: none is stored in the clear.
import * as z from "zod/mini";
import { type AmazonCode, toAmazonCode } from "../amazon/lwa.ts";
import { toBase64Url } from "../crypto/encoding.ts";
import { sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import type { Runtime } from "../runtime.ts";

/** The master key's id, then 256 bits: the same key derives the verifier at the start and at the end. */
const STATE = /^[A-Za-z0-9_-]{49}$/;
const KEY_ID_LENGTH = 6;
const RESULT_LIFETIME_MS = 5 * 60 * 1000;

export type LinkingState = string & { readonly brand: "LinkingState" };

/** A value as a state of ours; undefined when it cannot be one. */
export function toLinkingState(value: string): LinkingState | undefined {
  return STATE.test(value) ? (value as LinkingState) : undefined;
}

/** A random state for one attempt, that names the current master key. */
export function newState(rt: Runtime): LinkingState {
  return `${rt.keyring.keyId}${randomSecret(32)}` as LinkingState;
}

/** The state of a form's transaction. Posting the form again gives the same one. */
export async function stateOfTransaction(rt: Runtime, attemptId: string, keyId: string): Promise<LinkingState> {
  const bytes = await rt.keyring.derive("linking-state", `state ${attemptId}`, keyId);
  return `${keyId}${toBase64Url(bytes)}` as LinkingState;
}

/** What an attempt is found by; the state itself is not stored. */
export function hashOfState(state: LinkingState): Promise<string> {
  return sha256(`linking state ${state}`);
}

/** The verifier for Login with Amazon (RFC 7636 §4.1): 43 characters that only this server can derive. */
export async function codeVerifierOf(rt: Runtime, attemptId: string, state: LinkingState): Promise<string> {
  const keyId = state.slice(0, KEY_ID_LENGTH);
  return toBase64Url(await rt.keyring.derive("linking-state", `verifier ${attemptId}`, keyId));
}

/** S256 challenge of a verifier (RFC 7636 §4.2). */
export function codeChallengeOf(verifier: string): Promise<string> {
  return sha256(verifier);
}

const resultSchema = () => z.object({ state: z.string(), code: z.string() });

/** Seals Amazon's code for the person who approved, for the redirect; not stored. Valid for five minutes. */
export function sealResult(rt: Runtime, attemptId: string, state: LinkingState, code: AmazonCode): Promise<string> {
  return sealJson(rt.keyring, "linking-result", attemptId, { state, code }, rt.now() + RESULT_LIFETIME_MS);
}

/** Amazon's code from a sealed result; undefined when it is forged, expired or of another attempt or state. */
export async function openResult(
  rt: Runtime,
  attemptId: string,
  state: LinkingState,
  result: string,
): Promise<AmazonCode | undefined> {
  const opened = await openJson(rt.keyring, "linking-result", attemptId, result, resultSchema, rt.now());
  if (typeof opened === "string" || opened.value.state !== state) return undefined;
  return toAmazonCode(opened.value.code);
}
