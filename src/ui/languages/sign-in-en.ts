// English texts of the pages about signing in and the account.

export const signInEn = {
  signInTitle: (brand: string) => `Sign in to ${brand}`,
  signInTitleLinking: (brand: string, skill: string) =>
    brand === skill ? `Sign in to link ${skill}` : `Sign in to ${brand} to link ${skill}`,
  signInLead: (brand: string) => `Use your ${brand} account.`,
  signInLeadLinking: (brand: string) => `Use your ${brand} account here, not your Amazon account.`,
  signInLeadAmazon: (brand: string) => `${brand} uses your Amazon account to sign you in.`,
  signInCancelled: (provider: string) => `Signing in with ${provider} was cancelled.`,
  providerUnavailable: (provider: string) =>
    `Signing in with ${provider} does not answer right now. Nothing was lost: please try again.`,
  providerRefused: (provider: string) => `Signing in with ${provider} did not work. Please try again.`,
  email: "E-mail",
  password: "Password",
  signInButton: "Sign in",
  signInWith: (provider: string) => `Continue with ${provider}`,
  or: "or",
  forgotPassword: "Forgot password?",
  noAccountYet: "Create an account",
  signInWrong: "E-mail or password is wrong.",
  signInIncomplete: "Please enter your e-mail address and your password.",
  signInThrottled: (seconds: number) =>
    seconds < 90
      ? `Too many tries. Please wait ${seconds} ${seconds === 1 ? "second" : "seconds"} and try again.`
      : `Too many tries. Please wait ${Math.ceil(seconds / 60)} minutes and try again.`,
  signedOut: "You are signed out.",

  passwordRule: "At least 10 characters. Any characters will do.",
  passwordTooShort: "The password needs at least 10 characters.",
  passwordTooLong: "The password is too long.",

  formExpiredTitle: "This page was open too long",
  formExpiredMessage: "For your safety it works for one hour. Please start again from the Alexa app or from our app.",
  formBrokenTitle: "This form did not arrive whole",
  formBrokenMessage: "Please go back, load the page again and repeat what you did.",

  accountTitle: "Your account",
  accountLinked: "Linked assistants",
  accountApps: "Apps that may use your account",
  accountNothingLinked: "No assistant is linked to this account. To link one, enable the skill in the Alexa app.",
  accountLinkedOn: "Linked",
  accountLastUsed: "Last used",
  accountFlow: "Started in",
  accountFlows: {
    alexa_app: "the Alexa app",
    app_to_app: "our app",
    website: "our website",
    app_authorize: "the Alexa app, approved in our app",
    oauth: "the app itself",
  },
  accountLevel: "Who can use it",
  accountLevels: { person: "Your voice only", account: "Everyone who uses these devices" },
  unlink: "Unlink",
  unlinkTitle: (skill: string) => `Unlink ${skill}?`,
  unlinkMessage: (skill: string) =>
    `Alexa will no longer reach your account through ${skill}. You can link again at any time.`,
  unlinkTitleApp: (app: string) => `Remove access of ${app}?`,
  unlinkMessageApp: (app: string) => `${app} will no longer reach your account until you allow it again.`,
  unlinkPending: "Unlinked. Amazon did not answer yet; the skill will be turned off there as soon as it does.",
  unlinked: "Unlinked.",
  alreadyUnlinked: "This link is gone already.",
  changePassword: "Change password",
  currentPassword: "Current password",
  newPassword: "New password",
  currentPasswordWrong: "The current password is wrong.",
  changePasswordHint: "You will be signed out on all other devices. Linked assistants go on working.",
  passwordChanged:
    "Your password is changed, and all other devices are signed out. Linked assistants go on working: unlink below what you do not know.",
  signOut: "Sign out",
  accountData: "Download a copy of your data",
  signOutEverywhere: "Sign out everywhere",
  signOutEverywhereHint: "Ends every sign-in on every device. Linked assistants go on working.",
};

export type SignInMessages = typeof signInEn;
