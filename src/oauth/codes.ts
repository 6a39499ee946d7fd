// Our authorization codes, and their bindings in KV, sealed under a key that is derived from the code.
import { concatBytes, fromBase64Url, toBase64Url, utf8, utf8Decode } from "../crypto/encoding.ts";
import { sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import { withDeadline } from "../http/deadline.ts";
import type { Runtime } from "../runtime.ts";
import { type AuthorizationCode, type CodeBinding, insertCode } from "../storage/grants/codes.ts";
import { type Sql, write } from "../storage/sql.ts";

/** `c`, the character of the cell, 256 bits as base64url: 45 characters. */
const CODE = /^c[0-9a-z][A-Za-z0-9_-]{43}$/;
const PREFIX = "c0";
/** A slow KV is not waited for: D1 has the binding too, and Alexa waits 4.5 s. */
const KV_READ_TIMEOUT_MS = 700;
const IV_BYTES = 12;

/** Whether a value has the form of our codes. Anything else is unknown, without a storage call. */
export function isAuthorizationCode(value: string): value is AuthorizationCode {
  return CODE.test(value);
}

/** The code of a consent. The same attempt and user always give the same one, so that a double tap changes nothing. */
export async function codeOfConsent(
  rt: Runtime,
  attemptId: string,
  userId: string,
  keyId: string,
): Promise<AuthorizationCode> {
  const bytes = await rt.keyring.derive("authorization-code", `${attemptId} ${userId}`, keyId);
  return `${PREFIX}${toBase64Url(bytes)}` as AuthorizationCode;
}

async function sealingKey(code: AuthorizationCode): Promise<CryptoKey> {
  const bytes = await crypto.subtle.digest("SHA-256", utf8(`alexa-link code copy ${code}`));
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function sealBinding(code: AuthorizationCode, binding: CodeBinding): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const plaintext = utf8(JSON.stringify(binding));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await sealingKey(code), plaintext);
  return toBase64Url(concatBytes(iv, new Uint8Array(sealed)));
}

/** Throws when the value was not sealed for this code. */
async function openBinding(code: AuthorizationCode, sealed: string): Promise<CodeBinding> {
  const bytes = fromBase64Url(sealed) ?? new Uint8Array();
  const plaintext = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv: bytes.subarray(0, IV_BYTES) },
    await sealingKey(code),
    bytes.subarray(IV_BYTES),
  );
  return JSON.parse(utf8Decode(new Uint8Array(plaintext)) ?? "") as CodeBinding;
}

/** Writes the sealed binding to KV. A failure is only logged: redemption then reads the D1 row. */
export async function putBinding(
  rt: Runtime,
  code: AuthorizationCode,
  codeHash: string,
  binding: CodeBinding,
): Promise<void> {
  try {
    const sealed = await sealBinding(code, binding);
    await rt.codes.put(`code:${codeHash}`, sealed, { expirationTtl: rt.config.codeTtlSeconds });
  } catch (error) {
    rt.log.warn("code_not_written_to_kv", { message: String(error).slice(0, 200) });
  }
}

/** The binding from KV; undefined when it cannot be read in time. The D1 row is read then. */
export async function getBinding(
  rt: Runtime,
  code: AuthorizationCode,
  codeHash: string,
): Promise<CodeBinding | undefined> {
  try {
    const stored = await withDeadline(rt.codes.get(`code:${codeHash}`), KV_READ_TIMEOUT_MS, null);
    return stored === null ? undefined : await openBinding(code, stored);
  } catch (error) {
    rt.log.warn("code_not_read_from_kv", { message: String(error).slice(0, 200) });
    return undefined;
  }
}

/**
 * Mints a code for one enablement call: without PKCE, since Alexa made no authorization request, and bound to the
 * redirect URI that the call names. Written to D1 and KV before this resolves; throws `StorageFault` when D1 did not
 * take it.
 */
export async function mintEnablementCode(
  rt: Runtime,
  order: Omit<CodeBinding, "origin" | "codeChallenge">,
  condition?: Sql,
): Promise<AuthorizationCode> {
  const code = `${PREFIX}${randomSecret(32)}` as AuthorizationCode;
  const now = rt.now();
  const binding: CodeBinding = { ...order, origin: "enablement", codeChallenge: null };
  const expiresAt = now + rt.config.codeTtlSeconds * 1000;
  const codeHash = await sha256(code);
  await Promise.all([
    write(rt.db, insertCode(codeHash, binding, now, expiresAt, condition), true),
    putBinding(rt, code, codeHash, binding),
  ]);
  return code;
}
