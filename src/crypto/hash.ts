// Hashes of bearer values, and comparison in constant time.
import { toBase64Url, utf8 } from "./encoding.ts";

/** SHA-256 of a string's UTF-8 bytes, as base64url (43 characters). */
export async function sha256(text: string): Promise<string> {
  return toBase64Url(await crypto.subtle.digest("SHA-256", utf8(text)));
}

/** Whether two strings are equal, in a time that depends only on their lengths. */
export function equalInConstantTime(a: string, b: string): boolean {
  const left = utf8(a);
  const right = utf8(b);
  // timingSafeEqual throws on different lengths, so then `left` is compared with itself, at the same cost.
  const sameLength = left.byteLength === right.byteLength;
  return crypto.subtle.timingSafeEqual(left, sameLength ? right : left) && sameLength;
}
