// German texts.
import type { Messages } from "./en.ts";

export const de: Messages = {
  privacy: "Datenschutz",
  terms: "Nutzungsbedingungen",
  support: "Hilfe",
  errorId: "Fehlernummer",
  back: "Zurück",
  cancel: "Abbrechen",

  notFoundTitle: "Hier ist nichts",
  notFoundMessage: "Diese Adresse führt nirgendwohin. Bitte in der Alexa-App oder in unserer App neu beginnen.",
  errorTitle: "Da ist etwas schiefgegangen",
  errorMessage: "Der Fehler liegt bei uns, nicht bei Ihnen. Bitte versuchen Sie es noch einmal.",
  unavailableTitle: "Gerade nicht erreichbar",
  unavailableMessage: "Bitte warten Sie ein paar Sekunden und versuchen Sie es noch einmal. Es ist nichts verloren.",
  consentExpiredTitle: "Diese Seite ist abgelaufen",
  consentExpiredMessage: "Sie war zu lange offen. Gehen Sie zurück zur Alexa-App und beginnen Sie die Verknüpfung neu.",
  consentDecidedTitle: "Bereits entschieden",
  consentDecidedMessage:
    "Jemand hat diese Anfrage mit einem anderen Konto beantwortet. Beginnen Sie in der Alexa-App neu.",
  formForgedTitle: "Dieses Formular kann nicht verwendet werden",
  formForgedMessage:
    "Es wurde nicht in diesem Browser geöffnet, oder Cookies sind blockiert. Beginnen Sie neu und erlauben Sie Cookies für diese Seite.",
  decisionMissingTitle: "Es wurde keine Entscheidung gesendet",
  decisionMissingMessage: "Gehen Sie zurück und wählen Sie eine der Schaltflächen.",
  wrongMethodTitle: "Falsche Art von Anfrage",
  wrongMethodMessage: "Diese Adresse wird in einem Browser geöffnet.",
  swappedUrlsMessage:
    "Dies ist die Autorisierungs-URL. Token-Anfragen gehen an /token: Die beiden URLs scheinen in den Einstellungen des Skills vertauscht.",
  authorizeRefusedTitle: "Dieser Link kann nicht verwendet werden",
  authorizeRefusedHint:
    "Beginnen Sie in der Alexa-App neu. Geschieht es wieder, nennen Sie dem Support die Fehlernummer.",
  authorizeRefusedVendorHint:
    "Die Adresse sieht nach Amazon aus: Der Betreiber dieses Dienstes muss die Vendor-ID des Skills eintragen.",
  authorizeRefused: {
    query_too_long: "Die Anfrage ist zu lang.",
    parameter_repeated: "Die Anfrage nennt etwas doppelt.",
    client_missing: "Die Anfrage sagt nicht, für welchen Skill sie ist (client_id fehlt).",
    client_unknown: "Der Skill ist hier nicht bekannt (unbekannte client_id).",
    redirect_uri_missing: "Die Anfrage sagt nicht, wohin es zurückgeht (redirect_uri fehlt).",
    redirect_uri_unregistered: "Die Rücksprungadresse ist für diesen Skill nicht eingetragen (redirect_uri).",
    state_too_long: "Die Anfrage trägt zu viel state.",
    state_not_printable: "Die Anfrage enthält unerlaubte Zeichen (state).",
  },

  remediesTitle: "Die Verknüpfung klappt immer noch nicht?",
  remedies: [
    "Aktualisieren Sie die Alexa-App auf Ihrem Telefon und beginnen Sie auf der Seite des Skills von vorn.",
    "Oder verknüpfen Sie am Computer: alexa.amazon.com im Browser öffnen und den Skill dort aktivieren.",
    "Erlauben Sie Pop-ups für diese Seite und schalten Sie Erweiterungen aus, die Links umschreiben.",
  ],

  consentTitleAlexa: (skill) => `${skill} mit Alexa verknüpfen`,
  consentTitleApp: (app) => `${app} darf Ihr Konto nutzen?`,
  consentLeadAlexa: (brand) => `Amazon Alexa bittet um Zugriff auf Ihr Konto bei ${brand}.`,
  consentLeadApp: (app, brand) => `${app} bittet um Zugriff auf Ihr Konto bei ${brand}.`,
  consentAccount: (brand) => `Angemeldet bei ${brand} als`,
  consentSwitch: "Nicht Sie?",
  consentScopesAlexa: "Alexa darf dann:",
  consentScopesApp: (app) => `${app} darf dann:`,
  consentAllowAlexa: "Erlauben und verknüpfen",
  consentAllowApp: "Erlauben",
  consentDeny: "Abbrechen",
  consentRevocable: "Sie können das jederzeit rückgängig machen, hier oder in der Alexa-App.",
  scopeLinks: "Ihr Konto mit Alexa verknüpfen und wieder trennen",

  linkSkillUnknownTitle: "Diesen Skill kennen wir nicht",
  linkSkillUnknownMessage:
    "Der Link führt zu einem Skill, den es nicht gibt. Bitte in unserer App oder auf unserer Website neu beginnen.",
  linkBadAddressMessage:
    "Die Adresse ist unvollständig oder nennt etwas doppelt. Bitte dort neu beginnen, wo Sie hergekommen sind.",
  linkReturnToMessage: "Die Adresse für den Rückweg ist für diesen Skill nicht hinterlegt (return_to).",
  linkNotOfferedMessage:
    "Dieser Skill lässt sich nur in der Alexa-App verknüpfen. Öffnen Sie ihn dort und aktivieren Sie ihn.",
  linkElsewhereTitle: "Bitte dort abschließen, wo Sie begonnen haben",
  linkElsewhereMessage:
    "Diese Verknüpfung wurde in einem anderen Browser oder mit einem anderen Konto begonnen. Hier wurde nichts verknüpft. Wenn Sie sie nicht selbst begonnen haben, schließen Sie diese Seite.",
  linkWaitingTitle: "Verknüpfung mit Alexa läuft…",
  linkWaitingMessage: "Amazon verbindet Ihr Konto. Das dauert einige Sekunden; die Seite geht von selbst weiter.",
  linkedTitle: "Mit Alexa verknüpft",
  linkedMessage: "Ihr Konto ist verknüpft. Sie können es jetzt mit Alexa benutzen.",
  linkCancelledTitle: "Nicht verknüpft",
  linkCancelledMessage: "Sie haben abgebrochen. Es wurde nichts verknüpft und nichts geändert.",
  linkFailedTitle: "Die Verknüpfung hat nicht geklappt",
  linkFailedMessage: "Es wurde nichts verknüpft. Bitte beginnen Sie neu.",
  linkExpiredMessage: "Diese Verknüpfung ist abgelaufen oder schon beendet. Bitte beginnen Sie neu.",
  linkFailedReasons: {
    amazon_code_rejected:
      "Amazon hat die Bestätigung nicht angenommen, oft weil es zu lange gedauert hat. Bitte beginnen Sie neu.",
    amazon_unavailable: "Amazon ist gerade nicht erreichbar. Bitte versuchen Sie es in einigen Minuten noch einmal.",
    enablement_unavailable: "Alexa ist gerade nicht erreichbar. Bitte versuchen Sie es in einigen Minuten noch einmal.",
    enablement_forbidden: "Alexa erlaubt diesen Skill für Ihr Amazon-Konto nicht.",
    enablement_rejected:
      "Alexa konnte den Skill nicht verknüpfen. Ist er in der Alexa-App schon aktiviert, deaktivieren Sie ihn dort und beginnen Sie neu.",
  },
  startAgain: "Neu beginnen",
  closePage: "Sie können diese Seite jetzt schließen.",
};
