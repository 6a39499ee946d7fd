// The record of every request and answer, with secrets masked, in the order in which they began.
import type { Fetch } from "./library/token.ts";
import { now, type World } from "./world.ts";

/** Who takes part: the customer's browser, Alexa, Login with Amazon, the company's server, its website or app. */
export type Actor = "browser" | "alexa" | "amazon" | "company" | "app";

export interface Message {
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface Exchange {
  readonly id: number;
  linkId: string | null;
  /** The exchange during which this one took place. */
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
  answer: (Message & { readonly status: number }) | null;
  /** Why there was no answer. */
  error: string | null;
  /** What a reader should notice. */
  note: string | null;
}

export interface About {
  readonly linkId?: string | null | undefined;
  readonly parentId?: number | undefined;
  readonly from: Actor;
  readonly to: Actor;
  readonly title: string;
  readonly why: string;
}

const KEPT = 500;

/** Notes the beginning of an exchange. */
export function beginExchange(world: World, about: About, request: Request, body: string): Exchange {
  const exchange: Exchange = {
    id: world.nextExchange++,
    linkId: about.linkId ?? null,
    parentId: about.parentId ?? null,
    at: new Date(now(world)).toISOString(),
    durationMs: null,
    from: about.from,
    to: about.to,
    title: about.title,
    why: about.why,
    request: {
      method: request.method,
      url: maskUrl(request.url),
      headers: maskHeaders(request.headers),
      body: maskBody(body, request.headers.get("content-type")),
    },
    answer: null,
    error: null,
    note: null,
  };
  world.exchanges.push(exchange);
  if (world.exchanges.length > KEPT) world.exchanges.splice(0, world.exchanges.length - KEPT);
  return exchange;
}

/** Notes the answer of an exchange. */
export function endExchange(exchange: Exchange, answer: Response, body: string, durationMs: number): void {
  exchange.durationMs = Math.round(durationMs);
  exchange.answer = {
    status: answer.status,
    headers: maskHeaders(answer.headers),
    body: maskBody(body, answer.headers.get("content-type")),
  };
}

/** A `fetch` that records what it sends and gets. Never follows redirects. */
export function recordingFetch(world: World, send: Fetch, about: About, begun?: (exchange: Exchange) => void): Fetch {
  return async (request) => {
    const body = request.body ? await readText(request.clone()) : "";
    const exchange = beginExchange(world, about, request, body);
    begun?.(exchange);
    const start = performance.now();
    try {
      const response = await send(request);
      const bytes = await response.arrayBuffer();
      endExchange(exchange, response, new TextDecoder().decode(bytes), performance.now() - start);
      const empty = bytes.byteLength === 0 || [204, 205, 304].includes(response.status);
      return new Response(empty ? null : bytes, { status: response.status, headers: response.headers });
    } catch (error) {
      exchange.durationMs = Math.round(performance.now() - start);
      exchange.error = error instanceof Error && error.name === "TimeoutError" ? "no answer in time" : String(error);
      throw error;
    }
  };
}

/** Records a step that the customer's browser or phone takes by itself: opening an address. */
export function recordStep(world: World, about: About, url: string, note?: string): Exchange {
  const exchange = beginExchange(world, about, new Request("http://localhost/"), "");
  const step = {
    ...exchange,
    request: { method: "GET", url: maskUrl(url), headers: {}, body: "" },
    note: note ?? null,
  };
  world.exchanges[world.exchanges.length - 1] = step;
  return step;
}

/** The body as UTF-8, whatever its content type. */
export async function readText(message: Request | Response): Promise<string> {
  return new TextDecoder().decode(await message.arrayBuffer());
}

const SHORTENED =
  /^(code|access_token|refresh_token|code_verifier|authCode|accessToken|refreshToken|token|result|ticket|id_token|apiAccessToken)$/;
const HIDDEN = /^(client_secret|clientSecret|password|form_token)$/;

/** The beginning and length of a value that should be recognised, not read. */
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

/** A URL whose codes and tokens are shortened; everything else stands as it was sent. */
function maskUrl(url: string): string {
  const split = url.indexOf("?");
  return split < 0 ? url : `${url.slice(0, split)}?${maskQuery(url.slice(split + 1))}`;
}

function maskHeaders(headers: Headers): Record<string, string> {
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
  if (name !== "authorization") return value;
  const [scheme = "", credentials = ""] = value.split(" ");
  return scheme.toLowerCase() === "basic"
    ? `${scheme} (client id and secret, hidden)`
    : `${scheme} ${shorten(credentials)}`;
}

function maskBody(body: string, type: string | null): string {
  if (/x-www-form-urlencoded/i.test(type ?? "")) return maskQuery(body);
  if (/json/i.test(type ?? "")) {
    try {
      const mask = (name: string, value: unknown) => (typeof value === "string" ? maskPair(name, value) : value);
      return JSON.stringify(JSON.parse(body, mask), null, 2);
    } catch {
      return body.slice(0, 2000);
    }
  }
  return /html/i.test(type ?? "") ? `(a page of ${body.length} characters)` : body.slice(0, 2000);
}
