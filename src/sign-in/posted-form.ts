// Forms posted to our pages: reading the body, and the page for a form that cannot be accepted.

import type * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm } from "../http/form-token.ts";
import { readForm } from "../http/read.ts";
import type { AppContext } from "../runtime.ts";
import type { SchemaSource } from "../schema-of.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";

/** A sealed entry with the longest `continueTo` takes 30 KB; a sealed consent holds a query of up to 16 KB. */
const LARGEST_FORM_BYTES = 48 * 1024;

/** The fields of a posted form, none repeated; or the 400 page. */
export async function postedFields(c: AppContext): Promise<ReadonlyMap<string, string> | Response> {
  const body = await readForm(c.req.raw, LARGEST_FORM_BYTES);
  if ("fields" in body) return body.fields;
  const { text } = messagesFor(c);
  return renderErrorPage(c, { status: 400, title: text.formBrokenTitle, message: text.formBrokenMessage });
}

/** A posted consent form: the transaction that was sealed into it, and the decision. */
export interface PostedConsent<T> {
  readonly transaction: T;
  /** Id of the master key that sealed the transaction. */
  readonly keyId: string;
  readonly browserHash: string;
  readonly decision: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
}

/** Reads the consent form `form` that this browser posted. A body that cannot be read counts as forged. */
export async function postedConsent<T>(
  c: AppContext,
  form: string,
  schema: SchemaSource<z.ZodMiniType<T>>,
): Promise<PostedConsent<T> | "forged" | "expired"> {
  const body = await readForm(c.req.raw, LARGEST_FORM_BYTES);
  if (!("fields" in body)) return "forged";
  const browserHash = await browserOf(c);
  const { fields } = body;
  const opened = await openForm(c.var.runtime, form, browserHash, fields.get("transaction"), schema);
  if (typeof opened === "string") return opened;
  return { transaction: opened.value, keyId: opened.keyId, browserHash, decision: fields.get("decision"), fields };
}

/** The page for a form token that is missing, altered or of another browser (403), or too old (400). */
export function renderUnusableForm(c: AppContext, why: "forged" | "expired"): Promise<Response> {
  const { text } = messagesFor(c);
  return why === "expired"
    ? renderErrorPage(c, { status: 400, title: text.formExpiredTitle, message: text.formExpiredMessage })
    : renderErrorPage(c, { status: 403, title: text.formForgedTitle, message: text.formForgedMessage });
}
