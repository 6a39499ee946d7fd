// Our authorization codes: how they are made, and their copy in KV, sealed under a key that only the code itself gives.
import * as z from "zod/mini";
import { concatBytes, fromBase64Url, toBase64Url, utf8, utf8Decode } from "../crypto/encoding.ts";
import { sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import { batch, type Condition } from "../storage/d1.ts";
import { type CodeBinding, insertCodeStatement } from "../storage/grants/codes.ts";

/** A code that this server issued. Amazon's codes are another type and cannot stand in for it (L1). */
export type AuthorizationCode = string & { readonly brand: "AuthorizationCode" };

/** `c`, the shard's character, 256 bits as base64url: 45 characters. */
const CODE = /^c[0-9a-z][A-Za-z0-9_-]{43}$/;
const PREFIX = "c0";
const KV_READ_LIMIT_MS = 700;
const IV_BYTES = 12;

/** Whether a value has the form of our codes; anything else is known to be unknown without asking storage. */
export function isAuthorizationCode(value: string): value is AuthorizationCode {
  return CODE.test(value);
}

/** The code of a consent: the same transaction and user always give the same one, so that a double tap changes nothing (P3). */
export async function codeOfConsent(
  rt: Runtime,
  attemptId: string,
  userId: string,
  keyId: string,
): Promise<AuthorizationCode> {
  const bytes = await rt.keyring.derive("authorization-code", `${attemptId} ${userId}`, keyId);
  return `${PREFIX}${toBase64Url(bytes)}` as AuthorizationCode;
}

const payloadSchema = z.object({
  grantId: z.string(),
  clientId: z.string(),
  redirectUri: z.string(),
  codeChallenge: z.nullable(z.string()),
  origin: z.enum(["authorize", "app", "enablement"]),
  expiresAt: z.number(),
});

/** What the checks in memory need. KV may show it long after the code was spent: it permits nothing (C3). */
export type CodeCopy = z.infer<typeof payloadSchema>;

async function copyKey(code: AuthorizationCode): Promise<CryptoKey> {
  const bytes = await crypto.subtle.digest("SHA-256", utf8(`alexa-link code copy ${code}`));
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Puts the sealed copy into KV for the configured life of a code. A failure is logged and nothing more: the D1 row carries the code. */
export async function putCodeCopy(
  rt: Runtime,
  code: AuthorizationCode,
  binding: CodeBinding,
  expiresAt: number,
): Promise<void> {
  try {
    const copy: CodeCopy = {
      grantId: binding.grantId,
      clientId: binding.clientId,
      redirectUri: binding.redirectUri,
      codeChallenge: binding.codeChallenge,
      origin: binding.origin,
      expiresAt,
    };
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv },
      await copyKey(code),
      utf8(JSON.stringify(copy)),
    );
    await rt.codes.put(`code:${await sha256(code)}`, toBase64Url(concatBytes(iv, new Uint8Array(sealed))), {
      expirationTtl: rt.config.codeTtlSeconds,
    });
  } catch (error) {
    rt.log.warn("code_copy_not_written", { message: String(error).slice(0, 200) });
  }
}

/** What KV gives, or null when it takes too long: D1 knows as well, and Alexa waits 4.5 s. */
export async function withinLimit(read: Promise<string | null>): Promise<string | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), KV_READ_LIMIT_MS);
  });
  try {
    return await Promise.race([read, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The copy of a code in KV; undefined when it is missing, unreadable, late or failing: the D1 row is read then (C2). */
export async function getCodeCopy(rt: Runtime, code: AuthorizationCode): Promise<CodeCopy | undefined> {
  try {
    const stored = await withinLimit(rt.codes.get(`code:${await sha256(code)}`));
    const bytes = stored === null ? undefined : fromBase64Url(stored);
    if (!bytes) return undefined;
    const opened = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: bytes.slice(0, IV_BYTES) },
      await copyKey(code),
      bytes.slice(IV_BYTES),
    );
    const parsed = payloadSchema.safeParse(JSON.parse(utf8Decode(new Uint8Array(opened)) ?? "null"));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    rt.log.warn("code_copy_not_read", { message: String(error).slice(0, 200) });
    return undefined;
  }
}

/**
 * Mints a code for one call of the enablement API: without PKCE, since Alexa made no authorization request, bound to the
 * exact redirect URI that goes with it. Written to D1 and KV before this resolves; throws `StorageFault` when D1 did not take it.
 */
export async function mintEnablementCode(
  rt: Runtime,
  order: Omit<CodeBinding, "origin" | "codeChallenge">,
  condition?: Condition,
): Promise<AuthorizationCode> {
  const code = `${PREFIX}${randomSecret(32)}` as AuthorizationCode;
  const now = rt.now();
  const binding: CodeBinding = { ...order, origin: "enablement", codeChallenge: null };
  const expiresAt = now + rt.config.codeTtlSeconds * 1000;
  const codeHash = await sha256(code);
  await Promise.all([
    batch(rt.db, [insertCodeStatement(rt.db, codeHash, binding, now, expiresAt, condition)], true),
    putCodeCopy(rt, code, binding, expiresAt),
  ]);
  return code;
}
