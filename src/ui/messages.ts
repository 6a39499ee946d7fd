// What pages say, per language. The visitor's `Accept-Language` decides; English is the fallback.
import type { AppContext } from "../runtime.ts";

const en = {
  privacy: "Privacy",
  terms: "Terms",
  support: "Help",
  errorId: "Error id",
  notFoundTitle: "Nothing here",
  notFoundMessage: "This address leads nowhere. Start again from the Alexa app or from our app.",
  errorTitle: "Something went wrong",
  errorMessage: "This is our fault, not yours. Please try again.",
  unavailableTitle: "Not available right now",
  unavailableMessage: "Please wait a few seconds and try again. Nothing was lost.",
};

export type Messages = typeof en;

const LANGUAGES: Readonly<Record<string, Messages>> = { en };

/** The visitor's language among those we speak, and its texts. */
export function messagesFor(c: AppContext): { language: string; text: Messages } {
  for (const entry of (c.req.header("accept-language") ?? "").split(",")) {
    const language = entry.trim().slice(0, 2).toLowerCase();
    const text = LANGUAGES[language];
    if (text) return { language, text };
  }
  return { language: "en", text: en };
}
