// Form tokens, sealed for the browser cookie: the only protection of form posts (Chromium may send `Origin: null`).

import type * as z from "zod/mini";
import { openJson, sealJson } from "../crypto/sealed-json.ts";
import type { Runtime } from "../runtime.ts";
import type { SchemaSource } from "../schema-of.ts";

const FORM_LIFETIME_MS = 60 * 60 * 1000;

/** Seals `value` for a hidden field of the form `form`, rendered for the browser `browserHash`. Valid for an hour. */
export function sealForm(rt: Runtime, form: string, browserHash: string, value: unknown): Promise<string> {
  return sealJson(rt.keyring, "form", `${form} ${browserHash}`, value, rt.now() + FORM_LIFETIME_MS);
}

/** Opens what `sealForm` sealed. `forged`: missing, altered, of another form or another browser. */
export async function openForm<T>(
  rt: Runtime,
  form: string,
  browserHash: string,
  sealed: string | undefined,
  schema: SchemaSource<z.ZodMiniType<T>>,
): Promise<{ value: T; keyId: string } | "forged" | "expired"> {
  if (!sealed) return "forged";
  return openJson(rt.keyring, "form", `${form} ${browserHash}`, sealed, schema, rt.now());
}
