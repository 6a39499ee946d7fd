// The language of a page: the visitor's `Accept-Language` decides; English is the fallback.
import type { AppContext } from "../runtime.ts";
import { de } from "./languages/de.ts";
import { en, type Messages } from "./languages/en.ts";
import { es } from "./languages/es.ts";
import { fr } from "./languages/fr.ts";
import { it } from "./languages/it.ts";
import { ja } from "./languages/ja.ts";
import { pt } from "./languages/pt.ts";

export type { Messages };

/** The texts of every language, by its code. */
export const LANGUAGES: ReadonlyMap<string, Messages> = new Map(Object.entries({ en, de, es, fr, it, ja, pt }));
/** More language ranges than any browser sends; the rest is ignored. */
const MAX_RANGES = 30;

/** Language ranges of an `Accept-Language` header, the most preferred first (RFC 9110 §12.5.4). Those with `q=0` are left out. */
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

/** The visitor's language, among those we have texts for, and its texts. */
export function messagesFor(c: AppContext): { language: string; text: Messages } {
  for (const range of wantedLanguages(c.req.header("accept-language") ?? "")) {
    const language = range.split("-")[0] ?? "";
    const text = LANGUAGES.get(language);
    if (text) return { language, text };
  }
  return { language: "en", text: en };
}
