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
  name: "Name",
  signInButton: "Anmelden",
  signInWith: (provider) => `Weiter mit ${provider}`,
  or: "oder",
  forgotPassword: "Passwort vergessen?",
  noAccountYet: "Konto anlegen",
  haveAccount: "Ich habe schon ein Konto",
  signInWrong: "E-Mail-Adresse oder Passwort stimmt nicht.",
  signInIncomplete: "Bitte geben Sie E-Mail-Adresse und Passwort ein.",
  signInThrottled: (seconds) =>
    seconds < 90
      ? `Zu viele Versuche. Bitte warten Sie ${seconds} ${seconds === 1 ? "Sekunde" : "Sekunden"}.`
      : `Zu viele Versuche. Bitte warten Sie ${Math.ceil(seconds / 60)} Minuten.`,
  signedOut: "Sie sind abgemeldet.",

  signUpTitle: (brand) => `Konto bei ${brand} anlegen`,
  signUpButton: "Konto anlegen",
  signUpClosedTitle: "Hier gibt es keine neuen Konten",
  signUpClosedMessage: (brand) => `Konten bei ${brand} werden nicht auf dieser Seite angelegt.`,
  signUpElsewhere: (brand) => `Konto bei ${brand} anlegen`,
  passwordRule: "Mindestens 10 Zeichen, beliebige.",
  passwordTooShort: "Das Passwort braucht mindestens 10 Zeichen.",
  passwordTooLong: "Das Passwort ist zu lang.",
  emailInvalid: "Bitte geben Sie eine E-Mail-Adresse ein, etwa name@example.com.",
  nameInvalid: "Bitte geben Sie Ihren Namen ein, höchstens 100 Zeichen.",

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
  stageDevelopment: "Testversion",
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
  passkeys: "Passkeys",
  passkeySignIn: "Mit Passkey anmelden",
  passkeyNone:
    "Mit einem Passkey melden Sie sich mit Fingerabdruck, Gesicht oder Displaysperre an statt mit dem Passwort.",
  passkeyAddedOn: "Hinzugefügt",
  passkeyNeverUsed: "noch nie",
  passkeyName: "Name des neuen Passkeys",
  passkeyNameHint: "Nur für Sie, zum Unterscheiden. Darf leer bleiben.",
  passkeyUnnamed: "Passkey",
  passkeyAdd: "Passkey hinzufügen",
  passkeySignInAgain: "Neu anmelden, um einen Passkey hinzuzufügen",
  passkeyNeedsScript: "Um einen Passkey hinzuzufügen, erlauben Sie JavaScript auf dieser Seite.",
  passkeyAdded: "Ihr Passkey ist bereit. Ab jetzt können Sie sich damit anmelden.",
  passkeyKnown: "Dieses Gerät hat schon einen Passkey für Ihr Konto.",
  passkeyCancelled: "Es wurde kein Passkey benutzt. Sie können es noch einmal versuchen.",
  passkeyFailed: "Das hat nicht geklappt. Bitte versuchen Sie es noch einmal, oder nehmen Sie Ihr Passwort.",
  passkeyRemove: "Entfernen",
  passkeyRemoveTitle: (name) => `Passkey „${name}“ entfernen?`,
  passkeyRemoveMessage:
    "Niemand kann sich mehr damit anmelden. Löschen Sie ihn auch auf Ihrem Gerät, sonst wird er dort weiter angeboten.",
  passkeyRemoved: "Der Passkey ist entfernt.",
  signOut: "Abmelden",
  accountData: "Eine Kopie Ihrer Daten herunterladen",
  signOutEverywhere: "Überall abmelden",
  signOutEverywhereHint: "Beendet jede Anmeldung auf jedem Gerät. Verknüpfte Assistenten laufen weiter.",
};
