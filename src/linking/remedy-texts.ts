// What an operator can do about each tagged reason. The build writes it to assets/, not to the bundle.
import type { EnablementFailureReason } from "../amazon/enablement-failures.ts";

/** Advice by failure of the enablement call. */
const ENABLEMENT_REMEDIES: Readonly<Record<EnablementFailureReason, string>> = {
  enablement_forbidden:
    "Alexa responded with 403. Check that the skill's LWA client has the scope alexa::skills:account_linking, that app-to-app account linking is switched on in the developer console, and that the stage exists.",
  enablement_forbidden_stage:
    "Alexa responded with 403 for the development stage: only the developer's own Amazon account and beta testers may link there. If the account is one of these, the skill's LWA client lacks the scope alexa::skills:account_linking: switch on app-to-app account linking in the developer console. Customers can link only the live stage.",
  enablement_unauthorized:
    "Alexa responded with 401: Amazon's token is no longer valid, most often because the skill was disabled. Start linking again.",
  enablement_bad_request:
    "Alexa responded with 400: it could not redeem our code at the token URL. Check that the developer console names this server's /token with this client's id and secret, and that the redirect URI is among the skill's redirect URLs.",
  enablement_code_not_redeemed:
    "Alexa reports a link but never redeemed our code: the skill is linked with another account or server. Disable the skill in the Alexa app and link again.",
  enablement_conflict:
    "Alexa responded with 409 and the skill is not linked. Disable the skill in the Alexa app and link again; with Send Alexa Events on, check that AcceptGrant gets a response.",
  enablement_not_linked:
    "Alexa took the call but reports no link. With Send Alexa Events on, check that the skill responds to AcceptGrant.",
  enablement_unexpected_status: "Alexa responded with an undocumented status; see the log.",
  enablement_server_error: "Alexa responded with 5xx. Try again; check Amazon's status page if it persists.",
  enablement_throttled: "Alexa responded with 429: too many calls. Try again after the time in Retry-After.",
  enablement_malformed: "Alexa's response was not valid JSON. Try again.",
  enablement_redirected: "Alexa's host responded with a redirect, which is never followed. Check ALEXA_API_HOSTS.",
  enablement_timed_out: "Alexa did not respond in time. Check that /token responds within 4.5 seconds; then try again.",
  enablement_unreachable: "The connection to Alexa failed. Try again; check ALEXA_API_HOSTS if it persists.",
  enablement_not_found:
    "Every Alexa host responded with 404: the customer's Amazon account sees no skill with this id and stage. Check the skill id and the stage: live exists only after the skill was published, and only in countries where it is available.",
};

/** Advice by reason. A reason without an entry is explained by its name. */
export const REMEDIES: Readonly<Record<string, string>> = {
  ...ENABLEMENT_REMEDIES,
  // Refused requests
  client_missing:
    "The request named no client: the address was opened by hand, or the Authorization URI in the developer console has a query.",
  query_too_long: "More than 16 KB: a proxy in front of this server, or a scanner.",
  invalid_scope:
    "The request named a scope that the skill does not have here. Alexa takes the scopes from the developer console, Alexa+ from the add-on's protected-resource document. The customer sees that linking failed.",
  invalid_request: "Malformed, see the log.",
  pkce_missing:
    "The request had no code_challenge, and this client requires PKCE: switch it on in the developer console, or off for the client. Add-ons always need it; Alexa+ uses it only if the metadata lists S256, so check what the metadata URL actually returns, then deploy the add-on again. The customer sees that linking failed.",
  // Requests of Alexa+ add-ons
  resource_mismatch:
    "The request named a resource other than the skill's. Amazon sends the MCP server's URI from the add-on's manifest: make the manifest, the protected-resource document and the skill's resource equal, byte for byte, then deploy the add-on again. The customer sees that linking failed.",
  resource_trailing_slash:
    "The resource differs from the skill's by one slash at the end, and Amazon compares byte for byte. Write it the same way in the add-on's manifest, the protected-resource document and the skill's resource, then deploy the add-on again. The customer sees that linking failed.",
  resource_repeated:
    "resource came twice, which Alexa never does: a query in the address that Amazon has, a proxy in front of this server, or a test tool. The customer sees that linking failed.",
  resource_unregistered:
    "The request named a resource (RFC 8707), and this skill has none. Alexa+ names one for MCP add-ons: register the skill with the type add_on and its resource. Otherwise the wrong client id is in use. The customer sees that linking failed.",
  resource_changed:
    "The skill's resource was changed while the customer was linking, so the customer's consent was for another resource. The customer sees that linking failed, and can link again. No action needed unless it continues.",
  no_user_scope:
    "Only service-tier scopes were asked for, or the skill has no others: Amazon's rule is that customers never get them. List user-tier scopes (mcp:tools, mcp:resources, your own) in the protected-resource document and here. The customer sees that linking failed. At a refresh the link stays, and works again once one of its scopes is back in the user tier.",
  scope_of_other_tier:
    "client_credentials asked for a user-tier scope. Amazon's rule is that such tokens have service-tier scopes only (mcp:service): ask for those, or for none. Until then Alexa+ cannot list the add-on's tools, and it does not work for customers.",
  service_tier_moved:
    "The add-on has a service client of its own, so its first client gets no service tokens. Give Amazon the service client's id and secret for them, or remove it with serviceClient: null. Until then Alexa+ cannot list the add-on's tools, and it does not work for customers.",
  unsupported_response_type: "The skill is set to Implicit Grant in the developer console. It must be Auth Code Grant.",
  client_unknown:
    "No client has this id. Compare Your Client ID on the skill's Account Linking page in the developer console with the skill registered here.",
  redirect_uri_unregistered:
    "Alexa's redirect URI is not on this client's list. If it is one of Amazon's, set the skill's vendorId to the id at the end of it; all of Amazon's URIs follow from that.",
  redirect_uri_missing: "The request named no redirect URI. Alexa always sends one: the address was opened by hand.",
  parameter_repeated:
    "client_id or response_type came twice with the same value: the Authorization URI in the developer console contains a query. Remove everything from the question mark on; Alexa adds the parameters itself.",
  parameter_repeated_otherwise:
    "A parameter came twice, which Alexa never does: a proxy in front of this server, or a scanner.",
  state_too_long:
    "The state exceeds 8,192 bytes. Alexa's are far shorter: a proxy in front of this server, or a scanner.",
  state_not_printable: "The state contains raw control or non-ASCII bytes, which Alexa never sends.",
  // Token requests
  token_path_unknown:
    "A token request was sent to a path that does not exist. If it is Alexa's, correct the Access Token URI in the developer console: it must end with /token.",
  token_request_by_get:
    "A token request used GET. Alexa sends POST: this is a misconfigured client, or a redirect in front of this server that turned POST into GET.",
  urls_swapped:
    "The Authorization URI and the Access Token URI are swapped in the developer console: one ends with /authorize, the other with /token.",
  invalid_client:
    "Wrong client id or secret. If it is Alexa's, no customer can link: enter Client ID and Secret in the developer console again; rotate-secret generates a new secret.",
  code_malformed: "Not a code of this server. The two URLs in the developer console may name different servers.",
  code_unknown:
    "Alexa presented a code that was never issued here. Check that the skill's token URL and authorization URL name the same server.",
  code_expired: "Alexa redeemed the code after it had expired. Check CODE_TTL_SECONDS and this server's clock.",
  code_spent:
    "The code was redeemed twice, and the first redemption counts. If linking failed for the customer, our response was lost: link again.",
  code_voided: "The code was voided because the attempt ended before Alexa redeemed it.",
  code_of_another_client: "Another client's code: the credentials of two skills are swapped in the developer console.",
  redirect_uri_mismatch:
    "The code was issued for another redirect URI. Check the redirect URLs on the skill's Account Linking page.",
  verifier_missing:
    "The authorization request used PKCE and the token request did not. Switch PKCE off and on again in the developer console.",
  verifier_mismatch:
    "The PKCE verifier does not belong to the code's challenge: two attempts were mixed up. Link again.",
  verifier_unexpected:
    "A PKCE verifier was sent for a code without a challenge. Check the PKCE setting in the developer console.",
  resource_invalid: "A service client named a resource that is not registered: add it to the client's resources.",
  user_gone: "The user was deleted during the attempt.",
  grant_revoked: "The link was revoked earlier: unlinked, skill disabled, or user deleted. The customer links again.",
  grant_idle: "The link was not used for REFRESH_IDLE_DAYS. The customer links again.",
  grant_expired: "The link reached the maximum age of a public client. The customer links again.",
  refresh_token_unknown: "A refresh token that was never issued here, or whose link was deleted.",
  refresh_token_retired: "An old refresh token was used after its successor had been used.",
  // The relay
  relay_refused: "The old server has ended this link as well. The customer links again.",
  relay_overdue:
    "The old server takes longer than Alexa waits. The link is moved anyway; Alexa's next request finds it.",
  relay_limit_reached:
    "The old server is asked once a minute for each token, and the last time failed. The link is not lost.",
  relay_unreachable:
    "The old server did not respond, or responded with a redirect or too much data. Keep it running, and check relay.tokenUrl. No link is lost.",
  relay_server_error: "The old server responded with 5xx or 429. Alexa asks again; no link is lost.",
  relay_client_rejected:
    "The old server does not accept the client. Set relay.clientId and relay.clientSecret to the credentials registered there. No link is lost.",
  relay_response_unusable:
    "The old server did not respond as a token endpoint (the log has the status). Check relay.tokenUrl and relay.userinfoUrl.",
  relay_person_missing:
    "The old server's response does not have the claim that identifies the customer. Correct relay.person.claim, or set relay.userinfoUrl. No link is lost.",
  relay_person_unverified:
    "The old server does not return email_verified: true with the email address. Make it do so, or identify customers by another claim.",
  relay_person_unknown:
    "No account here, or more than one, belongs to the customer that the old server identifies. Create the account; Alexa asks again.",
  relay_person_shared:
    "The customer that the old server identifies has 100 links with this skill. If customers share the claim, correct relay.person.claim and erase that account; otherwise import the other links.",
  // Attempts from the app or website
  amazon_denied: "The customer declined at Amazon. No action needed.",
  amazon_error_invalid_request:
    "Amazon refused the request. Most often the redirect URI is not among the allowed return URLs of the skill's Amazon client.",
  amazon_error_invalid_scope:
    "The skill's Amazon client lacks the scope alexa::skills:account_linking: switch on app-to-app linking.",
  amazon_error_unauthorized_client:
    "Amazon does not allow this client to make the call. Check that app-to-app linking is switched on for the skill.",
  amazon_error_unsupported_response_type: "Amazon refused the request. Try again; the log has Amazon's message.",
  amazon_error_server_error: "Amazon had an error. Try again; check Amazon's status page if it persists.",
  amazon_error_temporarily_unavailable: "Amazon is overloaded. Try again later.",
  amazon_error_other: "Amazon returned an error that it does not document; see the log.",
  amazon_code_rejected_invalid_grant:
    "Amazon's code was used, expired (five minutes) or issued for another redirect URI. Start again, and complete without delay.",
  amazon_code_rejected_invalid_client:
    "Login with Amazon does not know this client id and secret. The skill's lwa must be the Alexa Client Id and Secret of the skill's Account Linking page, not our own client.",
  amazon_code_rejected_unauthorized_client:
    "Login with Amazon does not allow this client to exchange codes. Check that app-to-app linking is switched on for the skill.",
  amazon_unavailable:
    "Login with Amazon did not respond, or its response was not as documented. Try again; check Amazon's status page if it persists.",
  provider_unreachable: "The identity provider does not respond. Customers are told to try again.",
  provider_metadata_unusable: "There is no OpenID metadata at OIDC_ISSUER: correct it.",
  provider_issuer_differs: "Set OIDC_ISSUER to exactly the issuer that the provider names.",
  lwa_credentials_missing: "The skill has no Login with Amazon client id and secret: add lwa to its settings.",
  unlinked_meanwhile: "The customer unlinked while the attempt was running.",
  wrong_user:
    "Amazon's code was presented by a different user than the one who started the attempt: a shared device, or an attempt to link someone else's account.",
  expired: "The customer did not finish in time. No action needed.",
  code_not_redeemed:
    "The customer consented, and Alexa never redeemed the code. Check that the skill's token URL is this server's /token, reachable on port 443 without a bot challenge, and that its client id and secret are right.",
  not_completed:
    "The customer did not come back from Amazon. If this happens often, check the redirect URLs at Amazon.",
  left_before_sign_in: "The customer left without signing in. No action needed, unless this happens often.",
  left_before_consent: "The customer signed in and left without deciding. No action needed, unless this happens often.",
  // AcceptGrant and skill events
  accept_grant_failed:
    "Linking fails for these customers. The attempts show the reason; if none does, the service client that forwards AcceptGrant is not bound to the skill (skillIds).",
  code_rejected:
    "Login with Amazon refused AcceptGrant's code: the skill's eventGateway must be the client id and secret on the Permissions page of the developer console.",
  credentials_missing:
    "The skill has neither eventGateway nor lwa: add the client id and secret from the Permissions page of the developer console.",
  timestamp_outside_window:
    "The event was over an hour old. Forward it at once, and check the clock of the forwarding server.",
  signature_wrong: "The body was changed in transit: forward its bytes unchanged.",
  skill_unknown: "The skill of this event is not registered here, or the service client is not bound to it.",
  // Alerts
  signing_key_trouble:
    "Tokens cannot be signed, or the key is not replaced in time. If a value cannot be decrypted, set the right MASTER_KEY (and MASTER_KEY_PREVIOUS); the log names what failed. Then run the maintenance again.",
  invalid_client_burst:
    "Nobody can link or refresh with that secret. If it is Alexa's client, enter Client ID and Secret on the skill's Account Linking page again (rotate-secret generates a new secret). If it is one of your backends, correct its configuration. If all legitimate requests succeed, somebody is guessing secrets.",
  code_exchanges_refused:
    "Alexa redeems codes in a way that this server must refuse, so linking fails. The reasons show which setting is wrong: compare the URLs, the client and PKCE on the skill's Account Linking page with `skill account-linking-request`.",
  redirect_uri_refused:
    "No customer can link while Alexa sends this redirect URI. The refused requests show it exactly, and whose it is: set the skill's vendorId, or enter the right client id in the developer console.",
  client_id_unknown:
    "If it is Alexa, no customer can link: compare Your Client ID on the skill's Account Linking page with the skill registered here. If the ids look random, somebody is guessing.",
  authorize_requests_refused:
    "Alexa gets an error, and the customer sees that linking failed. The reasons show which setting is wrong: scopes, PKCE, the resource of an add-on, a query in the Authorization URI.",
  token_requests_misplaced:
    "If it is Alexa, no customer can link: correct the Access Token URI in the developer console: it must end with /token. If this server has moved, deploy add-ons again.",
  completion_rate_fell:
    "Fewer customers complete linking than before. Compare the attempts' reasons and the funnel with the week before. Possible causes: a page that does not work on phones, a sign-in that fails, or a change to the skill or at Amazon.",
  refresh_failures_rose:
    "Alexa drops a link when its refresh is refused. invalid_grant: links were revoked or tokens are unknown; check who was unlinked and why. temporarily_unavailable: the database or the relay's old server failed; no link is lost.",
  token_latency_high:
    "Alexa gives up after 4.5 seconds, and customers wait that long. Check the latency and region of the database in Cloudflare's dashboard, and the latency of the old server if a relay is set up.",
  skill_event_certificate_trouble:
    "Links ended in the Alexa app are not noticed. Forward the request's bytes and the headers Signature-256 and SignatureCertChainUrl unchanged; check this server's clock. If the certificate chain is refused, Amazon uses a new root certificate: update this server.",
  skill_events_refused:
    "Links ended in the Alexa app are not noticed. timestamp_outside_window: check the forwarding server's queue and clock. skill_unknown: register the skill, or bind the service client to it.",
  lwa_pair_refused:
    "Login with Amazon does not accept the skill's client id and secret. Set lwa to the Alexa Client Id and Secret of the skill's Account Linking page, and eventGateway to the client id and secret on its Permissions page. If the alert names no skill, the cause is the client for sign-in with Amazon, or the developer token.",
  amazon_refuses_linking:
    "Customers start linking in your app or on your website, and Login with Amazon refuses. Check that app-to-app linking is switched on for the skill and that its allowed return URLs name this server's callbacks.",
  enablement_refused:
    "Customers start linking in your app or on your website, and Alexa does not enable the skill for them. The failed attempts show the reason and what to do.",
  accept_grant_refused:
    "Alexa undoes these links, and the customer sees that linking failed. The message has the reasons. code_rejected: eventGateway must be the client id and secret on the skill's Permissions page.",
  provider_misconfigured:
    "No customer can sign in through the identity provider. Compare OIDC_ISSUER with the issuer that the provider names, and OIDC_CLIENT_ID and OIDC_CLIENT_SECRET with its client.",
  code_replayed: "A client presented a code again, late or altered, so its link was revoked. The customer links again.",
  retired_token_reused:
    "An old token of an app was presented: the app's storage was copied, or the token was stolen. The sign-in was ended.",
  linking_wrong_user:
    "One person started, another approved: a shared device, or an attempt to link someone else's account.",
  amazon_tokens_refused_often:
    "Login with Amazon refuses the stored tokens of several customers. Their links stay. Check the skill's client ids and secrets and the security profile at Amazon.",
  unlink_given_up:
    "The link is revoked here, but Amazon refused to disable the skill for 30 days: the Alexa app still shows the skill as enabled.",
  webhook_given_up:
    "Your server did not accept this message for five days. Compare its data with ours: GET /api/links.",
  // Pages
  throttled: "Too many wrong passwords for this account or from this network. The limit resets by itself.",
};
