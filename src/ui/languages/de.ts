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
};
