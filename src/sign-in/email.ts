// E-mail addresses as account names.

/** Longest address that mail can carry (RFC 5321, erratum 1690). */
const MAX_LENGTH = 254;

/** Longest text that is looked at. An address of decomposed letters with spaces around it fits. */
const LONGEST_TYPED = 1000;

/**
 * How an address is compared: NFKC, without surrounding spaces, in lower case. Empty, which is nobody's, when it is too
 * long: NFKC makes up to 18 characters of one, and D1 gets the result in several statements.
 */
export function normalizeEmail(typed: string): string {
  if (typed.length > LONGEST_TYPED) return "";
  const normalized = typed.normalize("NFKC").trim().toLowerCase();
  return normalized.length <= MAX_LENGTH ? normalized : "";
}

/** Whether a normalised text is an address: text, one @, text; no spaces, control characters or brackets. */
export function isEmail(normalized: string): boolean {
  return (
    normalized.length <= MAX_LENGTH &&
    /^[^\s@<>()[\]\\,;:"\p{Cc}\p{Cf}]+@[^\s@<>()[\]\\,;:"\p{Cc}\p{Cf}]+$/u.test(normalized)
  );
}
