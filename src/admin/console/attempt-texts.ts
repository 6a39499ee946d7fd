// Texts of the page about one attempt: the steps, the steps that did not happen, and what the customer saw. The build
// writes them to assets/, not to the bundle. `{name}` stands for a value of the attempt.

/** Steps that happened: request and response. A part in [brackets] is left out if its value is missing. */
const HAPPENED = {
  "alexa_app.opened":
    "Alexa opened /authorize in the customer's browser: client {client}[, redirect URI {redirectUri}][, scopes {scope}][, {pkce}][, language {locale}]. The sign-in or consent page was shown.",
  "oauth.opened":
    "The app opened /authorize in the customer's browser: client {client}[, redirect URI {redirectUri}][, scopes {scope}][, {pkce}][, language {locale}]. The sign-in or consent page was shown.",
  "app_authorize.opened":
    "The Alexa app opened your app, which called POST /api/authorizations: client {client}[, redirect URI {redirectUri}][, scopes {scope}][, {pkce}].",
  "website.opened":
    "The customer opened the link page of {skill}[ (language {locale})]. It asked for sign-in or consent.",
  "app_to_app.opened": "Your app called POST /api/links: skill {skill}, {stage} stage, platform {platform}.",
  known: "The customer was already signed in.",
  "app_authorize.known": "The customer was signed in to your app.",
  sign_in_failed: "The sign-in failed: wrong email address or password, or the identity provider refused it.",
  signed_in: "The customer signed in.",
  consent_given: "The customer allowed access. We sent the browser back to the redirect URI with a code.",
  consent_denied: "The customer declined. The response was access_denied, without a code.",
  linking_started: "The customer agreed to link, and was sent to Amazon, which asks for consent as well.",
  code_redeemed:
    "{client} redeemed the code at /token. The response was 200 with an access token and a refresh token (grant {grant}).",
  token_refused: "A request to /token with this attempt's code was refused: {tag}.[ The response was {response}.]",
  amazon_code_received: "Amazon sent the customer back with a code, which we exchange at Login with Amazon.",
  lwa_response: "Login with Amazon's response to the code: {tag}.",
  amazon_tokens_received: "Login with Amazon issued tokens.",
  enablement:
    "We called Alexa's enablement API (region {region}) to enable the skill ({stage} stage) and to link the account with a new code from this server.",
  enablement_response: "Alexa's enablement API (region {region}) responded: {tag}.",
  enablement_look:
    "The response did not show whether Alexa had linked the account. We asked the enablement API (region {region}) for the link's status: {tag}.",
  linked: "Alexa reported the skill as enabled and the account as linked.",
  event_gateway_response: "Login with Amazon's response to the code in AcceptGrant: {tag}.",
  event_gateway_granted:
    "AcceptGrant arrived, and Login with Amazon accepted its code. We hold a token for Alexa's event gateway.",
  event_gateway_refused: "AcceptGrant arrived, and we responded with an error: {tag}. Alexa then undoes the link.",
  reciprocal_response: "Login with Amazon's response to the code in the reciprocal authorization: {tag}.",
  reciprocal_granted: "Alexa's reciprocal authorization arrived, and Login with Amazon accepted its code.",
  reciprocal_refused: "Alexa's reciprocal authorization arrived, and was refused: {tag}.",
  grant_missing: "Alexa reports a link, but it was not made with this attempt's code.",
  storage_fault: "The database failed. The call can be repeated.",
  failed: "The attempt ended without a link.",
  cancelled: "The attempt was cancelled.",
  abandoned: "The attempt was abandoned.",
};

/** Steps that did not happen: in an attempt that is over, and in one that is still open. */
const MISSING: AttemptTexts["missing"] = {
  signed_in: ["The customer never signed in.", "The customer has not signed in yet."],
  decided: ["The customer did not decide.", "The customer has not decided yet."],
  "app_authorize.decided": [
    "The customer did not decide in your app.",
    "The customer has not decided in your app yet.",
  ],
  started: ["The customer never agreed to link.", "The customer has not agreed to link yet."],
  amazon_code: ["Amazon never sent the customer back with a code.", "Amazon has not sent the customer back yet."],
  amazon_tokens: ["Login with Amazon issued no tokens.", "Login with Amazon has issued no tokens yet."],
  enablement: ["Alexa's enablement API was never called.", "Alexa's enablement API has not been called yet."],
  redeemed: ["Alexa never came to /token.", "Alexa has not come to /token yet."],
  "oauth.redeemed": ["The app never came to /token.", "The app has not come to /token yet."],
  refused: ["No request to /token succeeded.", "No request to /token has succeeded yet."],
  linked: ["Alexa never reported a link.", "Alexa has not reported a link yet."],
  accept_grant: [
    "AcceptGrant never arrived here. That is expected if Send Alexa Events is off, or if the skill's backend handles AcceptGrant without this server.",
    "AcceptGrant has not arrived here yet.",
  ],
  declined: ["Not reached: the customer declined.", "Not reached: the customer declined."],
};

const UNABLE = "The Alexa app said that it was unable to link the account, without giving a reason.";
const WAITS =
  "They allowed access and went back to the Alexa app, which has not redeemed the code. It may already have said that it was unable to link the account.";
const YOUR_APP =
  "Your app received {public} from POST /api/links/complete and decided what to show. The Alexa app shows the skill as not linked.";
const YOUR_SITE = "Your website, to which they were sent back with status={outcome} and reason={public}.";

/** What the customer saw: by reason, otherwise by flow and outcome. */
const SEEN = {
  left_before_sign_in: "The sign-in page, until they left it. The Alexa app shows the skill as not linked.",
  left_before_consent: "The consent page, until they left it. The Alexa app shows the skill as not linked.",
  code_not_redeemed:
    "They allowed access and went back to the Alexa app. It waited, and then said that it was unable to link the account.",
  "oauth.code_not_redeemed": "They allowed access and went back to the app, which did not sign them in.",
  not_completed: "Amazon's page, or your app after returning from it. No page said that the account was linked.",
  wrong_user:
    "The person who came back from Amazon was signed in to another account. They saw that the link request is not theirs, and nothing was linked.",
  unlinked_meanwhile: "Linking failed: the account was unlinked, or the customer erased, during the attempt.",
  denied_by_user: "They declined here. The Alexa app shows the skill as not linked.",
  "oauth.denied_by_user": "They declined here, and returned to the app without being signed in.",
  amazon_denied: "They declined at Amazon, and returned to your app or website with the attempt cancelled.",
  accept_grant_refused: UNABLE,
  "alexa_app.code_issued": WAITS,
  "app_authorize.code_issued": WAITS,
  "alexa_app.token_refused": UNABLE,
  "app_authorize.token_refused": `Your app sent them back to the Alexa app. ${UNABLE}`,
  "oauth.token_refused": "They returned to the app without being signed in. The app showed its own error.",
  "app_to_app.linked": "Your app showed that the account is linked, and the Alexa app shows the skill as enabled.",
  "website.linked": "They returned to your website with status=linked, and the Alexa app shows the skill as enabled.",
  "alexa_app.linked": "The Alexa app said that the account has been linked.",
  "app_authorize.linked": "Your app sent them back to the Alexa app, which said that the account has been linked.",
  "oauth.linked": "They were signed in to the app.",
  "app_to_app.failed": YOUR_APP,
  "app_to_app.cancelled": YOUR_APP,
  "app_to_app.abandoned": "Amazon's page, or your app after returning from it.",
  "website.failed": YOUR_SITE,
  "website.cancelled": "They declined, and were sent back to your website with status=cancelled.",
  "website.abandoned": "Amazon's page, until they left it.",
  "alexa_app.failed": UNABLE,
  "app_authorize.failed": UNABLE,
  "alexa_app.abandoned": UNABLE,
  "app_authorize.abandoned": UNABLE,
  "oauth.failed": "They were not signed in to the app.",
  "oauth.abandoned": "They were not signed in to the app.",
  pending: "The attempt is still open. They see the page of its latest step, or a page that waits for the result.",
};

/** All texts of the page. */
export const ATTEMPT_TEXTS = { happened: HAPPENED, missing: MISSING, seen: SEEN };
/** By key, as they are read from the asset. */
export interface AttemptTexts {
  readonly happened: Readonly<Record<string, string>>;
  readonly missing: Readonly<Record<string, readonly [over: string, open: string]>>;
  readonly seen: Readonly<Record<string, string>>;
}
