// One recorded request with its response, and how secrets in it are hidden.

/**
 * The parties: the customer's browser, Alexa, Login with Amazon, the company's server, its website or app, and its MCP
 * server.
 */
export type Actor = "browser" | "alexa" | "amazon" | "company" | "app" | "mcp";

export interface Message {
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface Exchange {
  readonly id: number;
  linkId: string | null;
  /** The exchange inside which this one took place. */
  readonly parentId: number | null;
  readonly at: string;
  durationMs: number | null;
  readonly from: Actor;
  readonly to: Actor;
  /** What happens, in plain words. */
  readonly title: string;
  /** Why it happens. */
  readonly why: string;
  readonly request: Message & { readonly method: string; readonly url: string };
  response: (Message & { readonly status: number }) | null;
  /** Why there is no response. */
  error: string | null;
  /** What the reader should notice. */
  note: string | null;
}

const SHORTENED =
  /^(code|access_token|refresh_token|code_verifier|authCode|accessToken|refreshToken|token|result|ticket|id_token|apiAccessToken)$/;
const HIDDEN = /^(client_secret|clientSecret|password|form_token)$/;

/** Keeps the beginning and the length of a value, so that it can be recognised but not used. */
function shorten(value: string): string {
  return value.length <= 14 ? value : `${value.slice(0, 10)}…(${value.length})`;
}

function maskPair(name: string, value: string): string {
  if (HIDDEN.test(name)) return "(hidden)";
  return SHORTENED.test(name) ? shorten(value) : value;
}

function maskQuery(query: string): string {
  return query
    .split("&")
    .map((pair) => {
      const split = pair.indexOf("=");
      return split < 0 ? pair : `${pair.slice(0, split)}=${maskPair(pair.slice(0, split), pair.slice(split + 1))}`;
    })
    .join("&");
}

/** Shortens the codes and tokens in a URL and leaves everything else as it was sent. */
export function maskUrl(url: string): string {
  const split = url.indexOf("?");
  return split < 0 ? url : `${url.slice(0, split)}?${maskQuery(url.slice(split + 1))}`;
}

export function maskHeaders(headers: Headers): Record<string, string> {
  const masked: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (/^(cf-|x-forwarded|x-real|accept-encoding|connection|host$|mf-)/.test(name)) continue;
    masked[name] = maskHeader(name, value);
  }
  return masked;
}

function maskHeader(name: string, value: string): string {
  if (name === "cookie" || name === "set-cookie") return "(hidden)";
  if (name === "location") return maskUrl(value);
  if (name === "mcp-session-id") return shorten(value);
  if (name !== "authorization") return value;
  const [scheme = "", credentials = ""] = value.split(" ");
  return scheme.toLowerCase() === "basic"
    ? `${scheme} (client id and secret, hidden)`
    : `${scheme} ${shorten(credentials)}`;
}

export function maskBody(body: string, type: string | null): string {
  if (/x-www-form-urlencoded/i.test(type ?? "")) return maskQuery(body);
  if (/json/i.test(type ?? "") || /^\s*[[{]/.test(body)) {
    try {
      const mask = (name: string, value: unknown) => (typeof value === "string" ? maskPair(name, value) : value);
      return JSON.stringify(JSON.parse(body, mask), null, 2);
    } catch {
      return body.slice(0, 2000);
    }
  }
  return /html/i.test(type ?? "") ? `(a page of ${body.length} characters)` : body.slice(0, 2000);
}

/** Whether `text` occurs in an exchange as the record shows it: in its title, addresses, headers, bodies or notes. */
export function mentions(exchange: Exchange, text: string): boolean {
  const { request, response, title, why, note, error, linkId } = exchange;
  const parts = [
    linkId,
    title,
    why,
    note,
    error,
    request.method,
    request.url,
    request.body,
    response?.status,
    response?.body,
  ];
  const headers = [request, response].flatMap((message) => Object.entries(message?.headers ?? {}).flat());
  return [...parts, ...headers].some((part) =>
    String(part ?? "")
      .toLowerCase()
      .includes(text.toLowerCase()),
  );
}
