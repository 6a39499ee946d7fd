// The language of a page: the visitor's `Accept-Language` decides; English is the fallback.
import { readAsset } from "../http/assets.ts";
import type { AppContext } from "../runtime.ts";
import { en, type Messages } from "./languages/en.ts";

export type { Messages };

/** The languages in assets/languages, which the build writes. English is in the bundle, as the fallback. */
const TRANSLATIONS: readonly string[] = ["de", "es", "fr", "it", "ja", "pt"];

/** More language ranges than any browser sends; the rest is ignored. */
const MAX_RANGES = 30;

/** Ranges of an `Accept-Language` header, the most preferred first, without `q=0` (RFC 9110 §12.5.4). */
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

/** A translation's texts from the build's JSON, where functions are templates: `{0}` is the first parameter. */
export function textsFrom(json: unknown): Messages {
  return revive(en, json) as Messages;
}

function revive(english: unknown, built: unknown): unknown {
  if (typeof english === "function") {
    const template = String(built);
    return (...values: string[]) => template.replace(/\{(\d)\}/g, (_, index: string) => values[Number(index)] ?? "");
  }
  if (typeof english !== "object" || english === null || Array.isArray(english)) return built;
  const texts = built as Record<string, unknown>;
  return Object.fromEntries(Object.entries(english).map(([name, text]) => [name, revive(text, texts[name])]));
}

/** The translations that this isolate has loaded, by language code. A deployment starts new isolates. */
export const loaded = new Map<string, Messages>();

/** Loads the texts of the visitor's language, once per isolate. If that fails, the page is in English. */
export async function loadMessages(c: AppContext): Promise<void> {
  const language = languageOf(c);
  if (language === "en" || loaded.has(language)) return;
  const path = `languages/${language}.json`;
  const texts = await readAsset(c.var.runtime, path, (json) => textsFrom(JSON.parse(json)));
  if (texts) loaded.set(language, texts);
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
  const words = new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
  // Intl puts a space before Japanese units; the texts have none.
  return language === "ja" ? words.replace(" ", "") : words;
}
