// What a variable may hold: values of every TOML type read as text, and how that text is read.

const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Whether a URL's host is this machine: the only host for which http and the development defaults are allowed. */
export function isLoopback(url: string | URL): boolean {
  const parsed = typeof url === "string" && !URL.canParse(url) ? undefined : new URL(url);
  return parsed !== undefined && LOOPBACK_HOST.test(parsed.hostname);
}

/** Variables that hold several values, and what separates these. */
const SEPARATORS: Readonly<Record<string, string>> = {
  SIGN_IN_METHODS: ",",
  OIDC_SCOPES: " ",
  OIDC_CLIENTS: ",",
  ACCESS_ADMINS: ",",
  APPLE_APP_IDS: ",",
  ANDROID_APPS: ",",
  ALEXA_API_HOSTS: ",",
  WEBHOOK_SECRET: " ",
};
/** Variables whose text has several lines. */
const MULTILINE = [...Object.keys(SEPARATORS), "ALEXA_CERT_ROOTS"];

/** A string, a whole number that JavaScript holds exactly, or a boolean, as text; undefined for any other value. */
function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim();
  return Number.isSafeInteger(value) || typeof value === "boolean" ? String(value) : undefined;
}

/**
 * A variable's value as text without white space around it; neither `text` nor `rule` when it is not set. `rule` says
 * what the value must be. Only values with one plain meaning are converted: 1.10 has lost its zero, and 1e21 its digits.
 */
export function readText(name: string, value: unknown): { readonly text?: string; readonly rule?: string } {
  if (value === undefined || value === null || value === "") return {};
  const separator = SEPARATORS[name];
  if (Array.isArray(value)) {
    const entries = value.map(scalarText);
    if (separator === undefined) return { rule: "must be one value, not a list" };
    if (entries.some((entry) => !entry)) {
      return { rule: "must be a list of non-empty strings, whole numbers, true or false" };
    }
    // A separator alone is a list without entries, not an unset variable.
    return { text: entries.join(separator) || separator };
  }
  const text = scalarText(value);
  if (text === undefined) {
    return {
      rule: `must be text, a whole number, true or false${separator === undefined ? "" : ", or a list of these"}`,
    };
  }
  if (text === "") return { rule: "must not be white space only" };
  return /\p{Cc}/u.test(text) && !MULTILINE.includes(name) ? { rule: "must be one line of text" } : { text };
}

/** Thrown when a variable does not have the form that `message` asks for. */
export class BrokenRule extends Error {}

/** The value of a variable's text. Throws `BrokenRule`. Schemas of zod would take half of the Worker's start. */
type Reader<T> = (text: string) => T;

/** A text with one rule and its message. */
export function text(rule: (value: string) => boolean, message: string): Reader<string> {
  return (value) => {
    if (!rule(value)) throw new BrokenRule(message);
    return value;
  };
}

/** A variable that must be set. */
export function required<T>(read: Reader<T>): (text: string | undefined) => T {
  return (value) => {
    if (value === undefined) throw new BrokenRule("is required");
    return read(value);
  };
}

/** A variable that is undefined when it is not set. */
export function optional<T>(read: Reader<T>): (text: string | undefined) => T | undefined {
  return (value) => (value === undefined ? undefined : read(value));
}

/** A variable that has a value when it is not set. */
export function withDefault<T>(read: Reader<T>, fallback: T): (text: string | undefined) => T {
  return (value) => (value === undefined ? fallback : read(value));
}

/** An https URL, or an http one on this machine. */
export const httpsOrLoopbackUrl = text(
  (value) =>
    URL.canParse(value) &&
    // `fetch` refuses URLs with a user or password, and quotes them in its error.
    new URL(value).username + new URL(value).password === "" &&
    !/\s/.test(value) &&
    (new URL(value).protocol === "https:" || (new URL(value).protocol === "http:" && isLoopback(value))),
  "must be an https URL without white space, user and password (http only on a loopback host, in development)",
);

/** A whole number within bounds. */
export function integer(minimum: number, maximum: number, fallback: number): (text: string | undefined) => number {
  const isWhole = text((value) => /^\d{1,9}$/.test(value), "must be a whole number");
  const isWithin = text(
    (value) => Number(value) >= minimum && Number(value) <= maximum,
    `must be between ${minimum} and ${maximum}`,
  );
  return withDefault((value) => Number(isWithin(isWhole(value))), fallback);
}

/** The entries of a comma list, and then a rule for the whole list. */
export function list<T extends string>(
  entry: (text: string) => T,
  rule: (entries: readonly T[]) => boolean = () => true,
  message = "",
): Reader<readonly T[]> {
  return (value) => {
    const entries = value
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== "")
      .map(entry);
    if (!rule(entries)) throw new BrokenRule(message);
    return entries;
  };
}

/** The keys of `whsec_…` values; an empty key for a malformed value. */
export function webhookSecrets(value: string): Uint8Array<ArrayBuffer>[] {
  const parts = value.split(/\s+/);
  return (parts.length > 2 ? [""] : parts).map((part) =>
    Uint8Array.from(Buffer.from(/^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(part)?.[1] ?? "", "base64")),
  );
}
