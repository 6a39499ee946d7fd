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
};

export type Messages = typeof en;
