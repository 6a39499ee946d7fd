// Authorization requests that must not be redirected: an error page, and an entry in the operator's list.
import type { AppContext, Runtime } from "../runtime.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderErrorPage } from "../ui/page.tsx";
import type { PageRefusal } from "./authorization-request.ts";
import { parseRawQuery } from "./raw-query.ts";

/** The form of Amazon's redirect URIs for account linking: used for a hint, never to allow a request. */
const LOOKS_LIKE_AMAZON = /^https:\/\/[a-z0-9.-]+\.(amazon\.com|amazon\.co\.jp)\/api\/skill\/link\/[A-Za-z0-9]+$/;

/** Writes the reason and redirect URI to the log and the operator's list. True: the URI looks like Amazon's. */
export function noteRefusal(rt: Runtime, refusal: PageRefusal, rawQuery: string): boolean {
  const clientId = parseRawQuery(rawQuery.slice(0, 4096)).get("client_id")?.[0]?.value ?? "";
  const redirectUri = refusal.reason === "redirect_uri_unregistered" ? refusal.redirectUri.slice(0, 2048) : "";
  const amazonLooking = LOOKS_LIKE_AMAZON.test(redirectUri);
  rt.log.warn(refusal.reason, {
    clientId: clientId.slice(0, 256),
    redirectUri,
    ...(amazonLooking ? { remedy: "PATCH the skill with its vendorId, or npm run skill -- add with --vendor-id" } : {}),
  });
  const otherwise = refusal.reason === "parameter_repeated" && !refusal.inConsole;
  const reason = otherwise ? "parameter_repeated_otherwise" : refusal.reason;
  rt.metrics.refused({ endpoint: "authorize", clientId, reason, detail: redirectUri });
  return amazonLooking;
}

/** A 400 page for a refusal, in words for the customer. */
export function refusalPage(c: AppContext, refusal: PageRefusal, rawQuery: string): Promise<Response> {
  const { text } = messagesFor(c);
  const amazonLooking = noteRefusal(c.var.runtime, refusal, rawQuery);
  return renderErrorPage(c, {
    status: 400,
    title: text.authorizeRefusedTitle,
    message: text.authorizeRefused[refusal.reason],
    reason: refusal.reason,
    hint: amazonLooking ? text.authorizeRefusedVendorHint : text.authorizeRefusedHint,
  });
}
