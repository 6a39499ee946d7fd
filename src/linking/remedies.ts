// Which advice an operator gets for an attempt, a refused request or an alert.
import { readAsset } from "../http/assets.ts";
import type { AppContext } from "../runtime.ts";
import type { ListedAttempt } from "../storage/attempts/list.ts";
import type { ListedRefusal } from "../storage/attempts/refusals.ts";

/** The advice of assets/remedies.json by reason, once loaded. A reason without an entry is explained by its name. */
let advice: Readonly<Record<string, string>> | undefined;

/** Loads the advice, once per isolate. If that fails, reasons go without advice until the next call. */
export async function loadRemedies(c: AppContext): Promise<void> {
  advice ??= await readAsset(c.var.runtime, "remedies.json", JSON.parse);
}

/** What to do about a reason, in a sentence or two for an operator; undefined when its name is enough. Needs `loadRemedies`. */
export function remedyFor(reason: string): string | undefined {
  if (advice && Object.hasOwn(advice, reason)) return advice[reason];
  if (reason.startsWith("certificate_")) return "Not signed by Alexa, or the SignatureCertChainUrl header was lost.";
  return reason.startsWith("amazon_code_rejected_") ? "Login with Amazon refused; the log has its message." : undefined;
}

/** The form of Amazon's redirect URIs for account linking. The groups are host and vendor id. */
const AMAZON_REDIRECT_URI =
  /^https:\/\/([a-z0-9.-]{1,100}\.amazon\.(?:com|co\.jp))\/api\/skill\/link\/([A-Za-z0-9]{1,64})$/;

/** What to do about a refused request. For an unregistered redirect URI of Amazon's it names the cause. */
export function remedyForRefusal(refusal: ListedRefusal): string | undefined {
  const { reason, detail: redirectUri, registered, holder } = refusal;
  const [, host, vendorId] = (reason === "redirect_uri_unregistered" && AMAZON_REDIRECT_URI.exec(redirectUri)) || [];
  if (host === undefined || registered === null) return remedyFor(reason);
  if (registered.includes(redirectUri)) return "This redirect URI has been registered since. No action needed.";
  if (holder !== null) {
    return `Wrong client: this redirect URI is registered for ${holder}. Enter ${holder} as Your Client ID in the developer console, or add the vendor id ${vendorId} to this client's skill.`;
  }
  const vendorIds = new Set(
    registered.map((uri) => AMAZON_REDIRECT_URI.exec(uri)?.[2]).filter((id) => id !== undefined),
  );
  if (vendorId !== undefined && vendorIds.has(vendorId)) {
    return `Unregistered host: the vendor id ${vendorId} is right, but ${host} is not registered. Set the skill's vendorId, which registers all of Amazon's known hosts; if this host is not one of them, add the URI to extraRedirectUris.`;
  }
  return vendorIds.size === 0
    ? `The client has no redirect URI of Amazon's. Set the skill's vendorId to ${vendorId}.`
    : `Wrong vendor id: Amazon uses ${vendorId}, but ${[...vendorIds].join(", ")} is registered. The skill belongs to another developer account: set the skill's vendorId to ${vendorId}.`;
}

/** Advice for an operator; undefined if the outcome is enough. Even a `linked` attempt may have a refused step. */
export function adviceFor(attempt: Pick<ListedAttempt, "outcome" | "reason" | "steps">): string | undefined {
  const remedy = attempt.reason === null ? undefined : remedyFor(attempt.reason);
  const [refused, tag = ""] = attempt.steps.findLast((step) => step.name.includes("_refused:"))?.name.split(":") ?? [];
  if (refused === "event_gateway_refused") {
    return `AcceptGrant was refused (${tag}), so the Alexa app reports that linking failed. ${remedyFor(tag) ?? ""}`;
  }
  if (refused !== undefined && tag !== attempt.reason) {
    return `A token request was refused: ${tag}. ${remedyFor(tag) ?? ""} ${remedy ?? ""}`;
  }
  if (attempt.outcome === "pending" && attempt.steps.at(-1)?.name === "consent_given") {
    return `No valid token request yet; if Alexa's request was refused, it is listed under the refused requests. ${remedyFor("code_not_redeemed") ?? ""}`;
  }
  return remedy;
}
