// Which language a page speaks: the visitor's `Accept-Language` decides; English is the fallback.
import type { AppContext } from "../runtime.ts";
import { de } from "./languages/de.ts";
import { type Messages as CommonMessages, en } from "./languages/en.ts";
import { es } from "./languages/es.ts";
import { fr } from "./languages/fr.ts";
import { it } from "./languages/it.ts";
import { ja } from "./languages/ja.ts";
import { pt } from "./languages/pt.ts";
import { signInDe } from "./languages/sign-in-de.ts";
import { type SignInMessages, signInEn } from "./languages/sign-in-en.ts";

export type Messages = CommonMessages & SignInMessages;

const ENGLISH: Messages = { ...en, ...signInEn };
/** Every language we speak, by its code. */
export const LANGUAGES: ReadonlyMap<string, Messages> = new Map([
  ["en", ENGLISH],
  ["de", { ...de, ...signInDe }],
  ["es", es],
  ["fr", fr],
  ["it", it],
  ["ja", ja],
  ["pt", pt],
]);
/** More than any browser sends; what follows is not read. */
const MAX_RANGES = 30;

/** Language ranges of an `Accept-Language` header, the most wanted first (RFC 9110 §12.5.4). Refused ones (`q=0`) are left out. */
export function wantedLanguages(header: string): string[] {
  return header
    .split(",", MAX_RANGES)
    .map((entry) => {
      const [range = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
      const q = parameters.find((parameter) => parameter.startsWith("q="));
      const weight = q === undefined ? 1 : Number(q.slice(2));
      return { range, weight: Number.isNaN(weight) ? 0 : weight };
    })
    .filter(({ range, weight }) => range !== "" && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ range }) => range);
}

/** The visitor's language among those we speak, and its texts. */
export function messagesFor(c: AppContext): { language: string; text: Messages } {
  for (const range of wantedLanguages(c.req.header("accept-language") ?? "")) {
    const language = range.split("-")[0] ?? "";
    const text = LANGUAGES.get(language);
    if (text) return { language, text };
  }
  return { language: "en", text: ENGLISH };
}
