// What the page about one attempt says: of each step, of steps that did not happen, and what the customer saw. The
// build writes it to assets/, not to the bundle. `{name}` stands for a value of the attempt.

/** Of a step that happened: what was asked, and what the response was. A part in [brackets] stays out without its value. */
const HAPPENED = {
  "alexa_app.opened":
    "Alexa opened /authorize in the customer's browser, as {client}[, with the redirect URI {redirectUri}][, for the scopes {scope}][, {pkce}][, in the language {locale}]. The sign-in or consent page was shown.",
  "oauth.opened":
    "The app opened /authorize in the customer's browser, as {client}[, with the redirect URI {redirectUri}][, for the scopes {scope}][, {pkce}][, in the language {locale}]. The sign-in or consent page was shown.",
  "app_authorize.opened":
    "The Alexa app opened your app, which asked POST /api/authorizations what to show, for {client}[, with the redirect URI {redirectUri}][, for the scopes {scope}][, {pkce}].",
  "website.opened":
    "The customer opened /link/{skill}[, in the language {locale}]. The sign-in or consent page was shown.",
  "app_to_app.opened": "Your app asked POST /api/links to link {skill}, stage {stage}, on {platform}.",
  known: "The customer was signed in before. No sign-in was needed.",
  "app_authorize.known": "The customer was signed in to your app.",
  sign_in_failed: "Email address and password, or the identity provider, did not let the customer in.",
  signed_in: "The customer signed in.",
  consent_given: "The customer allowed access. We sent the browser back to the redirect URI with a code.",
  consent_denied: "The customer declined. Whoever had asked got access_denied, and no code.",
  linking_started: "The customer agreed to link. They were sent to Amazon, which asks for its own consent.",
  code_redeemed:
    "{client} redeemed the code at /token. The response was 200, with an access token and a refresh token: the grant {grant}.",
  token_refused: "A request to /token with this attempt's code was refused: {tag}.[ The response was {response}.]",
  amazon_code_received: "Amazon sent the customer back with its code. We ask Login with Amazon for tokens.",
  lwa_response: "Login with Amazon responded to its code: {tag}.",
  amazon_tokens_received: "Login with Amazon gave its tokens.",
  enablement:
    "We asked Alexa's API in the region {region} to enable the skill (stage {stage}) and to link it with a fresh code of ours.",
  enablement_response: "Alexa's API in the region {region} responded: {tag}.",
  enablement_look:
    "That left open whether Alexa had linked. We asked the region {region} for the state of the link: {tag}.",
  linked: "Alexa reported the skill as enabled and the account as linked.",
  event_gateway_response: "Login with Amazon responded to the code of AcceptGrant: {tag}.",
  event_gateway_granted:
    "AcceptGrant arrived, and Login with Amazon accepted its code. We hold a token for Alexa's event gateway.",
  event_gateway_refused: "AcceptGrant arrived, and we responded with an error: {tag}. Alexa undoes the link then.",
  reciprocal_response: "Login with Amazon responded to the code of the reciprocal authorization: {tag}.",
  reciprocal_granted: "Alexa's reciprocal authorization arrived, and Login with Amazon accepted its code.",
  reciprocal_refused: "Alexa's reciprocal authorization arrived, and was refused: {tag}.",
  grant_missing: "Alexa reports a link, but of a code that is not from this attempt.",
  storage_fault: "The database failed. The same call may be repeated.",
  failed: "The attempt ended without a link.",
  cancelled: "The attempt was cancelled.",
  abandoned: "The attempt was given up.",
};

/** Of a step that did not happen: for an attempt that is over, and for one that is still open. */
const MISSING: AttemptTexts["missing"] = {
  signed_in: ["The customer never signed in.", "The customer has not signed in yet."],
  decided: ["The customer never decided about the consent.", "The customer has not decided yet."],
  "app_authorize.decided": ["The customer never decided in your app.", "The customer has not decided in your app yet."],
  started: ["The customer never agreed to link.", "The customer has not agreed to link yet."],
  amazon_code: ["Amazon never sent the customer back with a code.", "Amazon has not sent the customer back yet."],
  amazon_tokens: ["Login with Amazon gave no tokens.", "Login with Amazon has given no tokens yet."],
  enablement: ["Alexa's enablement API was never called.", "Alexa's enablement API has not been called yet."],
  redeemed: ["Alexa never came to /token.", "Alexa has not come to /token yet."],
  "oauth.redeemed": ["The app never came to /token.", "The app has not come to /token yet."],
  refused: ["No request to /token succeeded.", "No request to /token has succeeded yet."],
  linked: ["Alexa never reported a link.", "Alexa has not reported a link yet."],
  accept_grant: [
    "AcceptGrant never arrived here. That is right if Send Alexa Events is off, or if the skill's backend responds to it without this server.",
    "AcceptGrant has not arrived here yet.",
  ],
  declined: ["Not reached: the customer declined.", "Not reached: the customer declined."],
};

const UNABLE = "The Alexa app said that it was unable to link the account, and not why.";
const WAITS =
  "They allowed access and went back to the Alexa app, which has not redeemed the code. It may have said already that it was unable to link the account.";
const YOUR_APP =
  "Your app got {public} from POST /api/links/complete and showed what it shows then. In the Alexa app the skill is not linked.";
const YOUR_SITE = "Your website, to which they came back with status={outcome} and reason={public}.";

/** What the customer saw: by reason, else by flow and outcome. */
const SEEN = {
  left_before_sign_in: "The sign-in page, until it was closed. The Alexa app shows the skill as not linked.",
  left_before_consent: "The consent page, until it was closed. The Alexa app shows the skill as not linked.",
  code_not_redeemed:
    "They allowed access and went back to the Alexa app. It waited, and then said that it was unable to link the account.",
  "oauth.code_not_redeemed": "They allowed access and went back to the app, which did not sign them in.",
  not_completed: "Amazon's page, or your app on the way back from it. Nothing said that the account was linked.",
  wrong_user:
    "Whoever came back from Amazon was signed in as somebody else. They saw that the link does not belong to them, and nothing was linked.",
  unlinked_meanwhile: "That linking failed: the account was unlinked, or the person erased, at the same moment.",
  denied_by_user: "They declined here. The Alexa app shows the skill as not linked.",
  "oauth.denied_by_user": "They declined here, and came back to the app without being signed in.",
  amazon_denied: "They declined at Amazon, and came back to your app or website with the link cancelled.",
  accept_grant_refused: UNABLE,
  "alexa_app.code_issued": WAITS,
  "app_authorize.code_issued": WAITS,
  "alexa_app.token_refused": UNABLE,
  "app_authorize.token_refused": `Your app sent them back to the Alexa app. ${UNABLE}`,
  "oauth.token_refused": "The app came back without being signed in, with an error of its own.",
  "app_to_app.linked": "Your app showed that the account is linked, and the Alexa app shows the skill as enabled.",
  "website.linked": "They came back to your website with status=linked, and the Alexa app shows the skill as enabled.",
  "alexa_app.linked": "The Alexa app said that the account has been linked.",
  "app_authorize.linked": "Your app sent them back to the Alexa app, which said that the account has been linked.",
  "oauth.linked": "The app was signed in.",
  "app_to_app.failed": YOUR_APP,
  "app_to_app.cancelled": YOUR_APP,
  "app_to_app.abandoned": "Amazon's page, or your app on the way back from it.",
  "website.failed": YOUR_SITE,
  "website.cancelled": "They declined, and came back to your website with status=cancelled.",
  "website.abandoned": "Amazon's page, until it was closed.",
  "alexa_app.failed": UNABLE,
  "app_authorize.failed": UNABLE,
  "alexa_app.abandoned": UNABLE,
  "app_authorize.abandoned": UNABLE,
  "oauth.failed": "The app was not signed in.",
  "oauth.abandoned": "The app was not signed in.",
  pending: "The attempt is still open: the page of its latest step, or a page that waits for it.",
};

/** All texts of the page. */
export const ATTEMPT_TEXTS = { happened: HAPPENED, missing: MISSING, seen: SEEN };
/** By key, as they are read from the asset. */
export interface AttemptTexts {
  readonly happened: Readonly<Record<string, string>>;
  readonly missing: Readonly<Record<string, readonly [over: string, open: string]>>;
  readonly seen: Readonly<Record<string, string>>;
}
