// English texts. The other languages must have exactly these: a missing one does not compile.

export const en = {
  privacy: "Privacy",
  terms: "Terms",
  support: "Help",
  errorId: "Error id",
  back: "Back",
  cancel: "Cancel",

  notFoundTitle: "Nothing here",
  notFoundMessage: "This address leads nowhere. Start again from the Alexa app or from our app.",
  errorTitle: "Something went wrong",
  errorMessage: "This is our fault, not yours. Please try again.",
  unavailableTitle: "Not available right now",
  unavailableMessage: "Please wait a few seconds and try again. Nothing was lost.",
  consentExpiredTitle: "This page has expired",
  consentExpiredMessage: "It was open for too long. Go back to the Alexa app and start linking again.",
  consentDecidedTitle: "Already decided",
  consentDecidedMessage: "Someone else answered this request with another account. Start again in the Alexa app.",
  formForgedTitle: "This form cannot be used",
  formForgedMessage:
    "It was not opened in this browser, or cookies are blocked. Start again and allow cookies for this site.",
  decisionMissingTitle: "No decision was sent",
  decisionMissingMessage: "Go back and choose one of the buttons.",
  wrongMethodTitle: "Wrong kind of request",
  wrongMethodMessage: "This address is opened in a browser.",
  swappedUrlsMessage:
    "This is the authorization URL. Token requests go to /token: the two URLs look swapped in the skill's settings.",
  authorizeRefusedTitle: "This link cannot be used",
  authorizeRefusedHint: "Start again in the Alexa app. If it happens again, tell support the error id.",
  authorizeRefusedVendorHint:
    "The address looks like one of Amazon's: the operator of this service has to register the skill's vendor id.",
  authorizeRefused: {
    query_too_long: "The request is too long.",
    parameter_repeated: "The request names something twice.",
    client_missing: "The request does not say which skill it is for (client_id is missing).",
    client_unknown: "The skill is not known here (unknown client_id).",
    redirect_uri_missing: "The request does not say where to go back to (redirect_uri is missing).",
    redirect_uri_unregistered: "The address to go back to is not registered for this skill (redirect_uri).",
    state_too_long: "The request carries too much state.",
    state_not_printable: "The request carries characters that are not allowed (state).",
  },

  remediesTitle: "Linking still fails?",
  remedies: [
    "Update the Alexa app on your phone, then start again from the skill's page.",
    "Or link on a computer: open alexa.amazon.com in a browser and enable the skill there.",
    "Allow pop-ups for this page and turn off extensions that rewrite links.",
  ],

  consentTitleAlexa: (skill: string) => `Link ${skill} with Alexa`,
  consentTitleApp: (app: string) => `Allow ${app} to use your account`,
  consentLeadAlexa: (brand: string) => `Amazon Alexa asks for permission to use your ${brand} account.`,
  consentLeadApp: (app: string, brand: string) => `${app} asks for permission to use your ${brand} account.`,
  consentAccount: (brand: string) => `Signed in to ${brand} as`,
  consentSwitch: "Not you?",
  consentScopesAlexa: "Alexa will be able to:",
  consentScopesApp: (app: string) => `${app} will be able to:`,
  consentAllowAlexa: "Allow and link",
  consentAllowApp: "Allow",
  consentDeny: "Cancel",
  consentRevocable: "You can undo this at any time, here or in the Alexa app.",

  linkSkillUnknownTitle: "This skill is not known here",
  linkSkillUnknownMessage: "The link leads to a skill that does not exist. Start again in our app or on our site.",
  linkBadAddressMessage: "The address is incomplete, or names something twice. Start again where you came from.",
  linkReturnToMessage: "The address to go back to is not registered for this skill (return_to).",
  linkNotOfferedMessage: "This skill can be linked from the Alexa app only. Open it there and choose “Enable to use”.",
  linkElsewhereTitle: "Finish where you started",
  linkElsewhereMessage:
    "This linking was started in another browser, or with another account. Nothing was linked here. If you did not start it yourself, close this page.",
  linkWaitingTitle: "Linking with Alexa…",
  linkWaitingMessage: "Amazon is connecting your account. This takes a few seconds; the page goes on by itself.",
  linkedTitle: "Linked with Alexa",
  linkedMessage: "Your account is linked. You can use it with Alexa now.",
  linkCancelledTitle: "Not linked",
  linkCancelledMessage: "You cancelled. Nothing was linked, and nothing was changed.",
  linkFailedTitle: "Linking did not work",
  linkFailedMessage: "Nothing was linked. Please start again.",
  linkExpiredMessage: "This linking has expired or was finished before. Please start again.",
  linkFailedReasons: {
    amazon_code_rejected: "Amazon did not accept the confirmation, often because it took too long. Please start again.",
    amazon_unavailable: "Amazon cannot be reached right now. Please try again in a few minutes.",
    enablement_unavailable: "Alexa cannot be reached right now. Please try again in a few minutes.",
    enablement_forbidden: "Alexa does not allow this skill for your Amazon account.",
    enablement_rejected:
      "Alexa could not link the skill. If it is enabled in the Alexa app already, disable it there and start again.",
  },
  closePage: "You can close this page now.",
};

export type Messages = typeof en;
