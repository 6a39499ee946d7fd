// What an operator can do about each tagged reason. A reason without an entry explains itself by its name.
import { ENABLEMENT_FAILURES } from "../alexa/enablement-failures.ts";

const REMEDIES: Readonly<Record<string, string>> = {
  // Refused authorize requests
  client_unknown:
    "No client has this id. Compare the Client ID on the skill's Account Linking page with the skill registered here; development and live are registered apart.",
  redirect_uri_unregistered:
    "Alexa's redirect URI is not on this client's list. If it is one of Amazon's, set the skill's vendorId to the id at the end of it: all three addresses follow from that.",
  redirect_uri_missing:
    "The request named no redirect URI. Alexa always sends one: somebody opened the address by hand.",
  parameter_repeated: "A parameter came twice, which no assistant does: a proxy in front of this server, or a probe.",
  state_too_long:
    "The state exceeds 8,192 bytes. Alexa's are far shorter: a proxy in front of this server, or a probe.",
  state_not_printable: "The state holds raw control or non-ASCII bytes, which no assistant sends.",
  // Token requests
  code_unknown:
    "Alexa presented a code that was never issued here. Check that the skill's token URL and authorization URL name the same server.",
  code_expired: "Alexa redeemed the code after its life. Check CODE_TTL_SECONDS and this server's clock.",
  code_spent: "The code was redeemed twice. The first redemption counts; a repeat can be a lost answer.",
  code_voided: "The code was withdrawn because the linking ended before it was redeemed.",
  code_of_another_client: "Another client's code: the credentials of two skills or stages are swapped in the console.",
  redirect_uri_mismatch:
    "The code was issued for another redirect URI. Check the redirect URLs in the skill's Account Linking page.",
  verifier_missing:
    "The authorize request used PKCE and the token request did not. Switch PKCE off and on again in the console.",
  verifier_mismatch:
    "The PKCE verifier does not belong to the code's challenge: two attempts were mixed up. Link again.",
  verifier_unexpected: "A PKCE verifier came for a code without challenge. Check the PKCE switch in the console.",
  user_gone: "The user was deleted while linking.",
  grant_revoked: "The link was ended before: unlinked, skill disabled, or user deleted. The customer links again.",
  grant_idle: "The link was not used for REFRESH_IDLE_DAYS. The customer links again.",
  grant_expired: "The link reached the absolute life of a public client. The customer links again.",
  refresh_token_unknown: "A refresh token that was never issued here, or whose link was deleted.",
  refresh_token_retired: "An old refresh token came after its successor had been used.",
  // Linkings from the app or website
  amazon_denied: "The customer declined at Amazon. Nothing to repair.",
  amazon_error_invalid_request:
    "Amazon refused the request. Most often the redirect URI is not among the allowed return URLs of the skill's Amazon client.",
  amazon_error_invalid_scope:
    "The skill's Amazon client lacks the scope alexa::skills:account_linking: switch on app-to-app linking.",
  amazon_error_unauthorized_client:
    "Amazon does not allow this client the call. Check that app-to-app linking is switched on for the skill.",
  amazon_code_rejected_invalid_grant:
    "Amazon's code was used, expired (five minutes) or issued for another redirect URI. Start again, and complete at once.",
  amazon_code_rejected_invalid_client:
    "Login with Amazon does not know this pair. The skill's lwa must be the Alexa Client Id and Secret of the skill's Account Linking page, not our own client.",
  amazon_unavailable: "Login with Amazon did not answer. Try again; check Amazon's status page when it lasts.",
  lwa_credentials_missing: "The skill has no Login with Amazon pair: add lwa to its settings.",
  unlinked_meanwhile: "The customer unlinked while the linking was running.",
  wrong_user:
    "Another user than the one who started brought Amazon's answer: shared device, or an attempt to link someone else's account.",
  expired: "The customer did not finish in time. Nothing to repair.",
  code_not_redeemed:
    "The customer agreed, and Alexa never redeemed the code. Check that the skill's token URL is this server's /token, reachable on port 443 without a bot challenge, and that its client id and secret are right.",
  not_completed:
    "The customer did not come back from Amazon. Nothing to repair, unless it happens to many: check the redirect URLs at Amazon.",
  left_before_sign_in: "The customer left without signing in. Nothing to repair, unless it happens to many.",
  left_before_consent:
    "The customer signed in and left without deciding. Nothing to repair, unless it happens to many.",
  // Pages
  throttled: "Too many wrong passwords for this account or from this network; it passes by itself.",
};

/** What to do about a reason, in a sentence or two for an operator; undefined when its name says all. */
export function remedyFor(reason: string): string | undefined {
  if (Object.hasOwn(REMEDIES, reason)) return REMEDIES[reason];
  return Object.hasOwn(ENABLEMENT_FAILURES, reason)
    ? ENABLEMENT_FAILURES[reason as keyof typeof ENABLEMENT_FAILURES].remedy
    : undefined;
}
