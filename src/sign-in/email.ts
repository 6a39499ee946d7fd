// E-mail addresses as account names.

/** Longest address that mail can carry (RFC 5321, erratum 1690). */
const MAX_LENGTH = 254;

/** How an address is compared: NFKC, without surrounding spaces, in lower case. */
export function normalizeEmail(typed: string): string {
  return typed.normalize("NFKC").trim().toLowerCase();
}

/** Whether a normalised text is an address: text, one @, text; no spaces, control characters or brackets. */
export function isEmail(normalized: string): boolean {
  return (
    normalized.length <= MAX_LENGTH &&
    /^[^\s@<>()[\]\\,;:"\p{Cc}\p{Cf}]+@[^\s@<>()[\]\\,;:"\p{Cc}\p{Cf}]+$/u.test(normalized)
  );
}
