// Sealed objects that pass through browsers and apps: typed, with an expiry.
import type * as z from "zod/mini";
import { type SchemaSource, schemaOf } from "../schema-of.ts";
import type { Keyring, Purpose } from "./keyring.ts";

export interface OpenedJson<T> {
  readonly value: T;
  readonly keyId: string;
}

/** Seals `value` so that it opens until `expiresAt` (milliseconds). */
export function sealJson(
  keyring: Keyring,
  purpose: Purpose,
  context: string,
  value: unknown,
  expiresAt: number,
): Promise<string> {
  return keyring.seal(purpose, context, JSON.stringify({ e: expiresAt, v: value }));
}

/** Opens a value of `sealJson`: `"forged"` when it is not ours or has another shape, `"expired"` after its expiry. */
export async function openJson<T>(
  keyring: Keyring,
  purpose: Purpose,
  context: string,
  sealed: string,
  schema: SchemaSource<z.ZodMiniType<T>>,
  now: number,
): Promise<OpenedJson<T> | "forged" | "expired"> {
  const opened = await keyring.open(purpose, context, sealed);
  if (!opened) return "forged";
  const { e: expiresAt, v } = JSON.parse(opened.plaintext) as { e: number; v: unknown };
  if (now >= expiresAt) return "expired";
  const parsed = schemaOf(schema).safeParse(v);
  return parsed.success ? { value: parsed.data, keyId: opened.keyId } : "forged";
}
