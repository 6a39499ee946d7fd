// What a provider calls a person: an address only when it is verified, and a name.
import { isEmail, normalizeEmail } from "./email.ts";

const LONGEST_NAME = 200;

/** Claims of one document: an ID token, an access token or a userinfo response. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Labels {
  readonly email: string | null;
  readonly name: string | null;
}

/** Whether a claim or a metadata field says yes: `true`, or the string that Apple and Cognito send for it. */
export function isPlainlyTrue(value: unknown): boolean {
  return value === true || value === "true";
}

/** The labels in a provider's claims. Unless `email_verified` is plainly true, there is no address. */
export function labelsOf(claims: Claims): Labels {
  const name = typeof claims.name === "string" && claims.name.length <= LONGEST_NAME ? claims.name : "";
  return {
    email: isPlainlyTrue(claims.email_verified) ? addressIn(claims.email) : null,
    name: name.replace(/\p{Cc}/gu, " ").trim() || null,
  };
}

/** A normalised address. Null also when NFKC would make another mailbox's address of it. */
function addressIn(claim: unknown): string | null {
  if (typeof claim !== "string" || claim !== claim.normalize("NFKC")) return null;
  const email = normalizeEmail(claim);
  return isEmail(email) ? email : null;
}
