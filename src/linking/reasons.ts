// Why an attempt did not succeed: tagged reasons, and their mapping to the codes of the JSON API and return URLs.
import { ENABLEMENT_FAILURES, type EnablementFailureReason } from "../amazon/enablement-failures.ts";
import type { ProblemCode } from "../http/problem.ts";

/** Errors of Login with Amazon's authorization response (RFC 6749 §4.1.2.1). Anything else is `amazon_error_other`. */
const AMAZON_ERRORS = [
  "invalid_request",
  "invalid_scope",
  "unauthorized_client",
  "unsupported_response_type",
  "server_error",
  "temporarily_unavailable",
] as const;
type AmazonError = (typeof AMAZON_ERRORS)[number];

export type FailureReason =
  | EnablementFailureReason
  | "amazon_denied"
  | `amazon_error_${AmazonError | "other"}`
  /** Login with Amazon refused the code; the rest is its error code. */
  | `amazon_code_rejected_${string}`
  | "amazon_unavailable"
  | "lwa_credentials_missing"
  | "unlinked_meanwhile"
  | "wrong_user";

/** The tagged reason for an error in Amazon's callback. Amazon's text never reaches a page or a URL of ours. */
export function reasonOfAmazonError(error: string): FailureReason {
  if (error === "access_denied") return "amazon_denied";
  return `amazon_error_${AMAZON_ERRORS.find((known) => known === error) ?? "other"}`;
}

/** The codes for clients. */
export type PublicReason = Extract<
  ProblemCode,
  | "amazon_denied"
  | "amazon_code_rejected"
  | "amazon_unavailable"
  | "enablement_rejected"
  | "enablement_forbidden"
  | "enablement_unavailable"
  | "account_linking_not_supported"
  | "state_used"
>;

function isEnablementFailure(reason: string): reason is EnablementFailureReason {
  return Object.hasOwn(ENABLEMENT_FAILURES, reason);
}

/** The public code of a tagged reason. A reason that this version does not know is `amazon_denied`. */
export function publicReason(reason: string): PublicReason {
  if (isEnablementFailure(reason)) return ENABLEMENT_FAILURES[reason].code;
  if (reason.startsWith("amazon_code_rejected")) return "amazon_code_rejected";
  switch (reason) {
    case "amazon_unavailable":
      return "amazon_unavailable";
    case "lwa_credentials_missing":
      return "account_linking_not_supported";
    case "unlinked_meanwhile":
      return "enablement_rejected";
    case "wrong_user":
      return "state_used";
    default:
      return "amazon_denied";
  }
}
