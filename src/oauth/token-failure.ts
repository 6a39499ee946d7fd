// Why a token request was refused: one precise reason inside, the standard's code outside.
import type { OAuthError } from "../http/oauth-error.ts";
import type { ResourceProblem } from "./resource.ts";

export type TokenFailure = (
  | { readonly reason: "code_malformed" | "code_unknown" | "code_expired" | "code_spent" | "code_voided" }
  | { readonly reason: "code_of_another_client" | "redirect_uri_mismatch" | "user_gone" | "resource_changed" }
  | { readonly reason: "verifier_missing" | "verifier_mismatch" | "verifier_unexpected" }
  | { readonly reason: "refresh_token_malformed" | "refresh_token_unknown" | "refresh_token_of_another_client" }
  | { readonly reason: "refresh_token_retired" | "grant_revoked" | "grant_idle" | "grant_expired" }
  | { readonly reason: "parameter_missing"; readonly parameter: string }
  | { readonly reason: "scope_exceeds_grant" | "scope_unknown" | "scope_of_other_tier" | "no_user_scope" }
  | { readonly reason: "resource_invalid" | ResourceProblem }
  | { readonly reason: "relay_refused" | "relay_overdue" | "relay_limit_reached" | "relay_unreachable" }
  | { readonly reason: "relay_server_error" | "relay_client_rejected" | "relay_response_unusable" }
  | { readonly reason: "relay_person_missing" | "relay_person_unverified" | "relay_person_unknown" }
  | { readonly reason: "relay_person_shared" }
  | { readonly reason: "grant_type_unsupported" | "grant_type_not_allowed" | "service_tier_moved" }
) &
  Named;

/** The grant of the refresh token of ours that was presented. */
interface Named {
  readonly grantId?: string;
}

/** The error response. `invalid_grant` never says more: the reason goes to the log and the attempt's row. */
export function tokenFailureError(failure: TokenFailure): OAuthError {
  switch (failure.reason) {
    case "code_malformed":
    case "code_unknown":
    case "code_expired":
    case "code_spent":
    case "code_voided":
    case "code_of_another_client":
    case "redirect_uri_mismatch":
    case "user_gone":
    case "resource_changed":
    case "verifier_missing":
    case "verifier_mismatch":
    case "verifier_unexpected":
    case "refresh_token_malformed":
    case "refresh_token_unknown":
    case "refresh_token_of_another_client":
    case "refresh_token_retired":
    case "grant_revoked":
    case "grant_idle":
    case "grant_expired":
    case "relay_refused":
      return { status: 400, error: "invalid_grant" };
    case "parameter_missing":
      return { status: 400, error: "invalid_request", description: `${failure.parameter} is missing` };
    case "scope_exceeds_grant":
    case "scope_unknown":
    case "scope_of_other_tier":
    case "no_user_scope":
      return { status: 400, error: "invalid_scope" };
    case "resource_invalid":
    case "resource_mismatch":
    case "resource_trailing_slash":
    case "resource_repeated":
    case "resource_unregistered":
      return { status: 400, error: "invalid_target" };
    case "relay_overdue":
      return { status: 503, error: "temporarily_unavailable" };
    case "relay_limit_reached":
    case "relay_unreachable":
    case "relay_server_error":
    case "relay_client_rejected":
    case "relay_response_unusable":
    case "relay_person_missing":
    case "relay_person_unverified":
    case "relay_person_unknown":
    case "relay_person_shared":
      // The old server is not asked again within the minute.
      return { status: 503, error: "temporarily_unavailable", headers: { "retry-after": "60" } };
    case "grant_type_unsupported":
      return { status: 400, error: "unsupported_grant_type" };
    case "grant_type_not_allowed":
    case "service_tier_moved":
      return { status: 400, error: "unauthorized_client" };
  }
}
