// What a provider calls a person: an address only when it is verified, and a name to recognise.
import { isEmail, normalizeEmail } from "./email.ts";

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

/** The labels in a provider's claims about `subject`. Unless `email_verified` is plainly true, there is no address. */
export function labelsOf(claims: Claims, subject: string): Labels {
  const { name, given_name, family_name, preferred_username, nickname, phone_number } = claims;
  const full = [given_name, family_name].filter((part) => typeof part === "string").join(" ");
  const names = [name, full, preferred_username, nickname, phone_number];
  return {
    email: isPlainlyTrue(claims.email_verified) ? addressIn(claims.email) : null,
    name: names.map((claim) => nameIn(claim, subject)).find((found) => found !== null) ?? null,
  };
}

/** A normalised address. Null also when NFKC would make another mailbox's address of it. */
function addressIn(claim: unknown): string | null {
  if (typeof claim !== "string" || claim !== claim.normalize("NFKC")) return null;
  const email = normalizeEmail(claim);
  return isEmail(email) ? email : null;
}

/** Longest claim that is looked at, and longest name, in characters. */
const LONGEST_CLAIM = 1000;
const LONGEST_NAME = 100;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A name that the person recognises, on one line; null for an internal id or what could be taken for an address. */
function nameIn(claim: unknown, subject: string): string | null {
  if (typeof claim !== "string") return null;
  const cut = claim.slice(0, LONGEST_CLAIM).toWellFormed().normalize("NFC");
  const text = cut
    // What has no shape or changes the direction of text; joiners, which some scripts need, stay.
    .replace(/(?![\p{Cc}\u200c\u200d])[\p{C}\p{Default_Ignorable_Code_Point}]/gu, "")
    .replace(/[\p{Cc}\p{Z}]+/gu, " ")
    .trim();
  if (!/[\p{L}\p{N}]/u.test(text) || text === subject || UUID.test(text)) return null;
  // Unverified, it would look like the address of the account.
  if (text.normalize("NFKC").lastIndexOf("@") > 0) return null;
  const characters = [...text];
  return characters.length <= LONGEST_NAME ? text : `${characters.slice(0, LONGEST_NAME - 1).join("")}…`;
}

/** Whether a stored name is a phone number, which names the account on pages but is no `name` for clients. */
export function isPhoneNumber(name: string): boolean {
  return /^[+()./\d -]+$/.test(name);
}
