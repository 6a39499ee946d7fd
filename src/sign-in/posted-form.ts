// Forms posted to our pages: the body, the first sieve, and the page for a form that cannot be used.
import type * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm } from "../http/form-token.ts";
import { networkOf } from "../http/network.ts";
import { readForm } from "../http/read.ts";
import type { AppContext } from "../runtime.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";

/** Largest body of a form, in bytes: a sealed entry with the longest `continueTo` is about 30 KB, a sealed consent holds a query of up to 16 KB. */
const LARGEST_FORM_BYTES = 48 * 1024;

/** The fields of a posted form, each once; or the 400 page. */
export async function postedFields(c: AppContext): Promise<ReadonlyMap<string, string> | Response> {
  const body = await readForm(c.req.raw, LARGEST_FORM_BYTES);
  if ("fields" in body) return body.fields;
  const { text } = messagesFor(c);
  return renderErrorPage(c, { status: 400, title: text.formBrokenTitle, message: text.formBrokenMessage });
}

/** What a consent form carried, once it was posted: the transaction that we sealed into it, and what was decided. */
export interface PostedConsent<T> {
  readonly transaction: T;
  /** Of the key that sealed it. */
  readonly keyId: string;
  readonly browserHash: string;
  readonly decision: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
}

/** The consent form called `form`, as this browser posted it. A body that cannot be read counts as forged. */
export async function postedConsent<T>(
  c: AppContext,
  form: string,
  schema: z.ZodMiniType<T>,
): Promise<PostedConsent<T> | "forged" | "expired"> {
  const body = await readForm(c.req.raw, LARGEST_FORM_BYTES);
  if (!("fields" in body)) return "forged";
  const browserHash = await browserOf(c);
  const { fields } = body;
  const opened = await openForm(c.var.runtime, form, browserHash, fields.get("transaction"), schema);
  if (typeof opened === "string") return opened;
  return { transaction: opened.value, keyId: opened.keyId, browserHash, decision: fields.get("decision"), fields };
}

/** The page for a form token that is missing, altered or another browser's (403), or too old (400). */
export function renderUnusableForm(c: AppContext, why: "forged" | "expired"): Promise<Response> {
  const { text } = messagesFor(c);
  return why === "expired"
    ? renderErrorPage(c, { status: 400, title: text.formExpiredTitle, message: text.formExpiredMessage })
    : renderErrorPage(c, { status: 403, title: text.formForgedTitle, message: text.formForgedMessage });
}

/** Whether Cloudflare's counter, per location and inexact, lets a form through. What must hold is counted in D1 (F3). */
export async function passesFirstSieve(c: AppContext, form: string): Promise<boolean> {
  try {
    const { success } = await c.env.PAGE_LIMIT.limit({ key: `${form} ${networkOf(c)}` });
    return success;
  } catch {
    return true;
  }
}
