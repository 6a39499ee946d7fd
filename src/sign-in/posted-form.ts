// Forms posted to the pages of this folder: the body, the first sieve, and the page for a form that cannot be used.
import { readFormBody } from "../http/form-body.ts";
import type { AppContext } from "../runtime.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";
import { networkOf } from "./network.ts";

/** Largest body of a form, in bytes: a sealed entry with the longest `continueTo` is about 30 KB. */
const LARGEST_FORM_BYTES = 48 * 1024;

/** The fields of a posted form, each once; or the 400 page. */
export async function postedFields(c: AppContext): Promise<ReadonlyMap<string, string> | Response> {
  const body = await readFormBody(c.req.raw, LARGEST_FORM_BYTES);
  if ("fields" in body) return body.fields;
  const { text } = messagesFor(c);
  return renderErrorPage(c, { status: 400, title: text.formBrokenTitle, message: text.formBrokenMessage });
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

/** 303 to a path of ours after a form post, never stored. */
export function seeOther(c: AppContext, path: string): Response {
  c.header("cache-control", "no-store");
  return c.redirect(path, 303);
}
