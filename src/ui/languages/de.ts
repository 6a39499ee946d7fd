// German texts.
import type { Messages } from "./en.ts";

export const de: Messages = {
  privacy: "Datenschutz",
  terms: "Nutzungsbedingungen",
  support: "Hilfe",
  errorId: "Fehler-ID",
  cancel: "Abbrechen",

  notFoundTitle: "Seite nicht gefunden",
  notFoundMessage:
    "Unter dieser Adresse gibt es keine Seite. Gehen Sie zurück zur Alexa-App oder zu unserer App und beginnen Sie noch einmal.",
  errorTitle: "Etwas ist schiefgegangen",
  errorMessage: "Der Fehler liegt bei uns. Bitte versuchen Sie es noch einmal.",
  unavailableTitle: "Gerade nicht erreichbar",
  unavailableMessage:
    "Es ist nichts verloren gegangen. Bitte warten Sie ein paar Sekunden und versuchen Sie es noch einmal.",
  consentExpiredTitle: "Diese Seite ist abgelaufen",
  consentExpiredMessage:
    "Sie war zu lange geöffnet. Gehen Sie zurück zur Alexa-App und starten Sie die Verknüpfung noch einmal.",
  consentDecidedTitle: "Diese Anfrage wurde schon beantwortet",
  consentDecidedMessage:
    "Jemand hat sie mit einem anderen Konto beantwortet. Beginnen Sie in der Alexa-App noch einmal.",
  formForgedTitle: "Wir können dieses Formular nicht annehmen",
  formForgedMessage:
    "Es wurde in einem anderen Browser geöffnet, oder Ihr Browser blockiert Cookies. Erlauben Sie Cookies für diese Website und beginnen Sie noch einmal.",
  decisionMissingTitle: "Sie haben noch nichts ausgewählt",
  decisionMissingMessage: "Gehen Sie zurück und wählen Sie eine der Schaltflächen.",
  wrongMethodTitle: "Diese Adresse lässt sich so nicht verwenden",
  wrongMethodMessage: "Bitte öffnen Sie sie in einem Browser.",
  swappedUrlsMessage:
    "Dies ist die Autorisierungs-URL. Token-Anfragen gehen an /token. In den Einstellungen des Skills sind die beiden URLs offenbar vertauscht.",
  authorizeRefusedTitle: "Dieser Link funktioniert nicht",
  authorizeRefusedHint:
    "Beginnen Sie in der Alexa-App noch einmal. Wenn das wieder passiert, nennen Sie dem Support die Fehler-ID.",
  authorizeRefusedVendorHint:
    "Die Adresse scheint zu Amazon zu gehören. Der Betreiber dieses Dienstes muss die Vendor-ID des Skills eintragen.",
  authorizeRefused: {
    query_too_long: "Die Anfrage ist zu lang.",
    parameter_repeated: "Die Anfrage enthält denselben Parameter zweimal.",
    client_missing: "Die Anfrage sagt nicht, um welchen Skill es geht (client_id fehlt).",
    client_unknown: "Diesen Skill kennen wir nicht (unbekannte client_id).",
    redirect_uri_missing: "Die Anfrage sagt nicht, wohin es zurückgehen soll (redirect_uri fehlt).",
    redirect_uri_unregistered: "Die Rücksprungadresse ist für diesen Skill nicht eingetragen (redirect_uri).",
    state_too_long: "Der Parameter state der Anfrage ist zu lang.",
    state_not_printable: "Der Parameter state der Anfrage enthält unerlaubte Zeichen.",
  },

  remediesTitle: "Klappt die Verknüpfung immer noch nicht?",
  remedies: [
    "Aktualisieren Sie die Alexa-App auf Ihrem Telefon und beginnen Sie auf der Seite des Skills von vorn.",
    "Oder verknüpfen Sie am Computer: alexa.amazon.com im Browser öffnen und den Skill dort aktivieren.",
    "Schalten Sie Browser-Erweiterungen aus, die Links umschreiben.",
  ],

  consentTitleAlexa: (skill) => `${skill} mit Alexa verknüpfen`,
  consentTitleApp: (app) => `${app} Zugriff auf Ihr Konto erlauben`,
  consentLeadAlexa: (brand) => `Amazon Alexa bittet um Zugriff auf Ihr Konto bei ${brand}.`,
  consentLeadApp: (app, brand) => `${app} bittet um Zugriff auf Ihr Konto bei ${brand}.`,
  consentAccount: (brand) => `Angemeldet bei ${brand} als`,
  consentAccountUnnamed: (brand) => `Ihr Konto bei ${brand}`,
  consentSwitch: "Nicht Sie?",
  consentScopesAlexa: "Alexa darf dann:",
  consentScopesApp: (app) => `${app} darf dann:`,
  consentAllowAlexa: "Erlauben und verknüpfen",
  consentAllowAlexaApp: "In der Alexa-App verknüpfen",
  consentAllowApp: "Erlauben",
  consentDeny: "Abbrechen",
  consentRevocable: "Sie können das jederzeit rückgängig machen, hier oder in der Alexa-App.",
  scopeLinks: "Ihr Konto mit Alexa verknüpfen und die Verknüpfung aufheben",
  scopeProfile: "Ihren Namen sehen",
  scopeEmail: "Ihre E-Mail-Adresse sehen",

  linkSkillUnknownTitle: "Diesen Skill kennen wir nicht",
  linkSkillUnknownMessage:
    "Dieser Link gehört zu einem Skill, den es nicht gibt. Beginnen Sie in unserer App oder auf unserer Website noch einmal.",
  linkBadAddressMessage:
    "Diese Adresse ist unvollständig oder enthält etwas doppelt. Gehen Sie zurück und beginnen Sie noch einmal.",
  linkReturnToMessage: "Die Rücksprungadresse ist für diesen Skill nicht eingetragen (return_to).",
  linkNotOfferedMessage:
    "Dieser Skill lässt sich nur in der Alexa-App verknüpfen. Öffnen Sie ihn dort und aktivieren Sie ihn.",
  linkElsewhereTitle: "Schließen Sie dort ab, wo Sie begonnen haben",
  linkElsewhereMessage:
    "Sie haben die Verknüpfung in einem anderen Browser oder mit einem anderen Konto begonnen. Hier wurde nichts verknüpft. Wenn Sie das nicht selbst waren, schließen Sie diese Seite.",
  linkElsewhereHint:
    "Telefone öffnen manchmal einen anderen Browser als den, den Sie benutzt haben. Um stattdessen hier zu verknüpfen, beginnen Sie von vorn.",
  linkWaitingTitle: "Verknüpfung mit Alexa …",
  linkWaitingMessage: "Amazon verbindet Ihr Konto. Das dauert einige Sekunden. Danach geht es automatisch weiter.",
  linkedTitle: "Mit Alexa verknüpft",
  linkedMessage: "Ihr Konto ist verknüpft. Sie können es jetzt mit Alexa nutzen.",
  linkCancelledTitle: "Nicht verknüpft",
  linkCancelledMessage: "Sie haben abgebrochen. Es wurde nichts verknüpft oder geändert.",
  linkFailedTitle: "Die Verknüpfung hat nicht geklappt",
  linkFailedMessage: "Es wurde nichts verknüpft. Bitte beginnen Sie noch einmal.",
  linkExpiredMessage:
    "Diese Verknüpfungsanfrage ist abgelaufen oder schon abgeschlossen. Bitte beginnen Sie noch einmal.",
  linkFailedReasons: {
    amazon_code_rejected:
      "Amazon hat die Bestätigung nicht angenommen, oft weil es zu lange gedauert hat. Bitte beginnen Sie noch einmal.",
    amazon_unavailable: "Amazon ist gerade nicht erreichbar. Bitte versuchen Sie es in einigen Minuten noch einmal.",
    enablement_unavailable: "Alexa ist gerade nicht erreichbar. Bitte versuchen Sie es in einigen Minuten noch einmal.",
    enablement_forbidden: "Alexa erlaubt diesen Skill für Ihr Amazon-Konto nicht.",
    enablement_rejected:
      "Alexa konnte den Skill nicht verknüpfen. Wenn er in der Alexa-App schon aktiviert ist, deaktivieren Sie ihn dort und beginnen Sie noch einmal.",
  },
  startAgain: "Noch einmal beginnen",
  closePage: "Sie können diese Seite jetzt schließen.",
  openAppTitle: "Zurück zur App",
  openAppMessage: "Tippen Sie auf die Schaltfläche, um dort fortzufahren. Danach können Sie diese Seite schließen.",
  openApp: "App öffnen",

  signInTitle: (brand) => `Bei ${brand} anmelden`,
  signInTitleLinking: (brand, skill) => `Bei ${brand} anmelden und ${skill} verknüpfen`,
  signInTitleLinkingBrand: (brand) => `Anmelden und ${brand} verknüpfen`,
  signInLead: (brand) => `Melden Sie sich mit Ihrem Konto bei ${brand} an.`,
  signInLeadLinking: (brand) => `Verwenden Sie hier Ihr Konto bei ${brand}, nicht Ihr Amazon-Konto.`,
  signInLeadAmazon: (brand) => `${brand} meldet Sie mit Ihrem Amazon-Konto an.`,
  signInOtherAmazon: "Um ein anderes Amazon-Konto zu verwenden, melden Sie sich zuerst auf amazon.com ab.",
  signInCancelled: (provider) => `Die Anmeldung mit ${provider} wurde abgebrochen.`,
  providerMisconfigured: (provider, code) =>
    `Die Anmeldung mit ${provider} ist nicht richtig eingerichtet (${code}). Ein neuer Versuch hilft nicht. Bitte wenden Sie sich an den Support von ${provider}.`,
  providerUnavailable: (provider) =>
    `Die Anmeldung mit ${provider} ist gerade nicht möglich. Es ist nichts verloren gegangen. Bitte versuchen Sie es noch einmal.`,
  providerRefused: (provider) =>
    `Die Anmeldung mit ${provider} hat nicht geklappt. Bitte versuchen Sie es noch einmal.`,
  email: "E-Mail",
  password: "Passwort",
  signInButton: "Anmelden",
  signInWith: (provider) => `Weiter mit ${provider}`,
  or: "oder",
  forgotPassword: "Passwort vergessen?",
  noAccountYet: "Konto anlegen",
  signInWrong: "E-Mail-Adresse oder Passwort ist falsch.",
  signInIncomplete: "Bitte geben Sie E-Mail-Adresse und Passwort ein.",
  signInThrottled: (wait) => `Zu viele Versuche. Bitte warten Sie ${wait} und versuchen Sie es noch einmal.`,
  signedOut: "Sie sind abgemeldet.",

  passwordRule: "Mindestens 10 Zeichen. Alle Zeichen sind erlaubt.",
  passwordTooShort: "Das Passwort muss mindestens 10 Zeichen haben.",
  passwordTooLong: "Das Passwort ist zu lang.",

  formExpiredTitle: "Diese Seite war zu lange geöffnet",
  formExpiredMessage:
    "Zu Ihrer Sicherheit gilt sie nur eine Stunde. Beginnen Sie in der Alexa-App oder in unserer App noch einmal.",
  formBrokenTitle: "Beim Senden des Formulars ist etwas schiefgegangen",
  formBrokenMessage: "Bitte gehen Sie zurück, laden Sie die Seite neu und versuchen Sie es noch einmal.",

  accountTitle: "Ihr Konto",
  accountLinked: "Verknüpfte Assistenten",
  accountApps: "Apps, die Ihr Konto nutzen dürfen",
  accountNothingLinked:
    "Mit diesem Konto ist kein Assistent verknüpft. Aktivieren Sie dazu den Skill in der Alexa-App.",
  accountLinkedOn: "Verknüpft am",
  accountLastUsed: "Zuletzt genutzt",
  accountFlow: "Begonnen in",
  accountFlows: {
    alexa_app: "der Alexa-App",
    app_to_app: "unserer App",
    website: "unserer Website",
    app_authorize: "der Alexa-App, bestätigt in unserer App",
    oauth: "der App selbst",
  },
  accountLevel: "Wer sie nutzen kann",
  accountLevels: { person: "Nur Ihre Stimme", account: "Alle, die diese Geräte nutzen" },
  unlink: "Verknüpfung aufheben",
  unlinkTitle: (skill) => `Verknüpfung mit ${skill} aufheben?`,
  unlinkMessage: (skill) =>
    `Alexa kann dann nicht mehr über ${skill} auf Ihr Konto zugreifen. Sie können es jederzeit wieder verknüpfen.`,
  unlinkTitleApp: (app) => `${app} den Zugriff entziehen?`,
  unlinkMessageApp: (app) => `${app} kann dann nicht mehr auf Ihr Konto zugreifen, bis Sie es wieder erlauben.`,
  unlinkPending:
    "Die Verknüpfung ist aufgehoben. Amazon hat noch nicht geantwortet. Der Skill wird dort deaktiviert, sobald Amazon antwortet.",
  unlinked: "Die Verknüpfung ist aufgehoben.",
  alreadyUnlinked: "Diese Verknüpfung war schon aufgehoben.",
  changePassword: "Passwort ändern",
  currentPassword: "Aktuelles Passwort",
  newPassword: "Neues Passwort",
  currentPasswordWrong: "Das aktuelle Passwort ist falsch.",
  changePasswordHint:
    "Sie werden auf allen anderen Geräten und in unseren Apps abgemeldet. Verknüpfte Assistenten funktionieren weiter.",
  passwordChanged:
    "Ihr Passwort wurde geändert, und Sie wurden auf allen anderen Geräten abgemeldet. Verknüpfte Assistenten funktionieren weiter. Heben Sie unten Verknüpfungen auf, die Sie nicht kennen.",
  signOut: "Abmelden",
  accountData: "Kopie Ihrer Daten herunterladen",
  signOutEverywhere: "Überall abmelden",
  signOutEverywhereHint:
    "Meldet Sie auf allen Geräten und in unseren Apps ab. Verknüpfte Assistenten funktionieren weiter.",
};
