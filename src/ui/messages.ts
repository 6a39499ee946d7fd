// The language of a page: the visitor's `Accept-Language` decides; English is the fallback.
import type { AppContext } from "../runtime.ts";
import { en, type Messages } from "./languages/en.ts";

export type { Messages };

/** Languages that the build writes to assets/languages, so that the Worker does not carry them. English is in the Worker. */
const TRANSLATIONS: readonly string[] = ["de", "es", "fr", "it", "ja", "pt"];

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

/** The visitor's language, among those we have texts for. */
export function languageOf(c: AppContext): string {
  const wanted = wantedLanguages(c.req.header("accept-language") ?? "").map((range) => range.split("-")[0] ?? "");
  return wanted.find((language) => language === "en" || TRANSLATIONS.includes(language)) ?? "en";
}

/** Per isolate. */
const loaded = new Map<string, Messages>([["en", en]]);

/**
 * Texts as the build wrote them, with their functions: a text that is a function in English has become a template, with
 * `{0}` for the first parameter.
 */
function revive(english: unknown, built: unknown): unknown {
  if (typeof english === "function") {
    const template = String(built);
    return (...values: string[]) => template.replace(/\{(\d)\}/g, (_, index: string) => values[Number(index)] ?? "");
  }
  if (typeof english !== "object" || english === null || Array.isArray(english)) return built;
  const texts = built as Record<string, unknown>;
  return Object.fromEntries(Object.entries(english).map(([name, text]) => [name, revive(text, texts[name])]));
}

/** Loads the texts of the visitor's language before a page is rendered. If that fails, the page is in English. */
export async function loadMessages(c: AppContext): Promise<void> {
  const language = languageOf(c);
  if (loaded.has(language)) return;
  try {
    const asset = await c.env.ASSETS.fetch(`https://assets.invalid/languages/${language}.json`);
    loaded.set(language, revive(en, await asset.json()) as Messages);
  } catch (error) {
    c.var.runtime.log.warn("language_unavailable", { language, message: String(error).slice(0, 300) });
  }
}

/** The visitor's language and its texts; English if they are not loaded. */
export function messagesFor(c: AppContext): { language: string; text: Messages } {
  const language = languageOf(c);
  const text = loaded.get(language);
  return text ? { language, text } : { language: "en", text: en };
}

/** A waiting time in words: `45 seconds`, `2 minutes`. */
export function waitInWords(language: string, seconds: number): string {
  const [value, unit] = seconds < 90 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}
