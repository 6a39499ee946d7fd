// German texts of the pages about signing in and the account.
import type { SignInMessages } from "./sign-in-en.ts";

export const signInDe: SignInMessages = {
  signInTitle: (brand) => `Bei ${brand} anmelden`,
  signInTitleLinking: (brand, skill) =>
    brand === skill ? `Anmelden und ${skill} verknüpfen` : `Bei ${brand} anmelden und ${skill} verknüpfen`,
  signInLead: (brand) => `Mit Ihrem Konto bei ${brand}.`,
  signInLeadLinking: (brand) => `Hier gilt Ihr Konto bei ${brand}, nicht Ihr Amazon-Konto.`,
  signInLeadAmazon: (brand) => `${brand} meldet Sie mit Ihrem Amazon-Konto an.`,
  signInCancelled: (provider) => `Die Anmeldung mit ${provider} wurde abgebrochen.`,
  providerUnavailable: (provider) =>
    `Die Anmeldung mit ${provider} antwortet gerade nicht. Es ist nichts verloren: bitte versuchen Sie es noch einmal.`,
  providerRefused: (provider) =>
    `Die Anmeldung mit ${provider} hat nicht geklappt. Bitte versuchen Sie es noch einmal.`,
  email: "E-Mail",
  password: "Passwort",
  signInButton: "Anmelden",
  signInWith: (provider) => `Weiter mit ${provider}`,
  or: "oder",
  forgotPassword: "Passwort vergessen?",
  noAccountYet: "Konto anlegen",
  signInWrong: "E-Mail-Adresse oder Passwort stimmt nicht.",
  signInIncomplete: "Bitte geben Sie E-Mail-Adresse und Passwort ein.",
  signInThrottled: (seconds) =>
    seconds < 90
      ? `Zu viele Versuche. Bitte warten Sie ${seconds} ${seconds === 1 ? "Sekunde" : "Sekunden"}.`
      : `Zu viele Versuche. Bitte warten Sie ${Math.ceil(seconds / 60)} Minuten.`,
  signedOut: "Sie sind abgemeldet.",

  passwordRule: "Mindestens 10 Zeichen, beliebige.",
  passwordTooShort: "Das Passwort braucht mindestens 10 Zeichen.",
  passwordTooLong: "Das Passwort ist zu lang.",

  formExpiredTitle: "Diese Seite war zu lange offen",
  formExpiredMessage:
    "Zu Ihrer Sicherheit gilt sie eine Stunde. Bitte beginnen Sie in der Alexa-App oder in unserer App von vorn.",
  formBrokenTitle: "Dieses Formular kam nicht ganz an",
  formBrokenMessage: "Bitte gehen Sie zurück, laden Sie die Seite neu und wiederholen Sie die Eingabe.",

  accountTitle: "Ihr Konto",
  accountLinked: "Verknüpfte Assistenten",
  accountApps: "Apps mit Zugriff auf Ihr Konto",
  accountNothingLinked:
    "Mit diesem Konto ist kein Assistent verknüpft. Aktivieren Sie dazu den Skill in der Alexa-App.",
  accountLinkedOn: "Verknüpft am",
  accountLastUsed: "Zuletzt benutzt",
  accountFlow: "Begonnen in",
  accountFlows: {
    alexa_app: "der Alexa-App",
    app_to_app: "unserer App",
    website: "unserer Website",
    app_authorize: "der Alexa-App, bestätigt in unserer App",
    oauth: "der App selbst",
  },
  accountLevel: "Wer sie nutzen kann",
  accountLevels: { person: "Nur Ihre Stimme", account: "Alle, die diese Geräte benutzen" },
  unlink: "Trennen",
  unlinkTitle: (skill) => `${skill} trennen?`,
  unlinkMessage: (skill) =>
    `Alexa erreicht Ihr Konto dann nicht mehr über ${skill}. Sie können jederzeit neu verknüpfen.`,
  unlinkTitleApp: (app) => `Zugriff von ${app} beenden?`,
  unlinkMessageApp: (app) => `${app} erreicht Ihr Konto dann nicht mehr, bis Sie es wieder erlauben.`,
  unlinkPending: "Getrennt. Amazon hat noch nicht geantwortet; der Skill wird dort ausgeschaltet, sobald es das tut.",
  unlinked: "Getrennt.",
  alreadyUnlinked: "Diese Verknüpfung gibt es schon nicht mehr.",
  changePassword: "Passwort ändern",
  currentPassword: "Bisheriges Passwort",
  newPassword: "Neues Passwort",
  currentPasswordWrong: "Das bisherige Passwort stimmt nicht.",
  changePasswordHint: "Auf allen anderen Geräten werden Sie abgemeldet. Verknüpfte Assistenten laufen weiter.",
  passwordChanged:
    "Ihr Passwort ist geändert, alle anderen Geräte sind abgemeldet. Verknüpfte Assistenten laufen weiter: Trennen Sie unten, was Sie nicht kennen.",
  signOut: "Abmelden",
  accountData: "Eine Kopie Ihrer Daten herunterladen",
  signOutEverywhere: "Überall abmelden",
  signOutEverywhereHint: "Beendet jede Anmeldung auf jedem Gerät. Verknüpfte Assistenten laufen weiter.",
};
