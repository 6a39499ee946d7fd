// Records every request with its response, in the order in which the requests began.
import type { Fetch } from "../library/token.ts";
import { type Actor, type Exchange, maskBody, maskHeaders, maskUrl } from "./exchange.ts";
import { now, type Store } from "./store.ts";

export interface About {
  readonly linkId?: string | null | undefined;
  readonly parentId?: number | undefined;
  readonly from: Actor;
  readonly to: Actor;
  readonly title: string;
  readonly why: string;
}

const KEPT = 500;
const LONGEST_BODY = 2_000_000;

/** Records the request of an exchange. */
export function beginExchange(store: Store, about: About, request: Request, body: string): Exchange {
  const exchange: Exchange = {
    id: store.nextExchange++,
    linkId: about.linkId ?? null,
    parentId: about.parentId ?? null,
    at: new Date(now(store)).toISOString(),
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
    response: null,
    error: null,
    note: null,
  };
  store.exchanges.push(exchange);
  if (store.exchanges.length > KEPT) store.exchanges.splice(0, store.exchanges.length - KEPT);
  return exchange;
}

/** Records the response of an exchange. */
export function endExchange(exchange: Exchange, response: Response, body: string, durationMs: number): void {
  exchange.durationMs = Math.round(durationMs);
  exchange.response = {
    status: response.status,
    headers: maskHeaders(response.headers),
    body: maskBody(body, response.headers.get("content-type")),
  };
}

/** A `fetch` that records requests and responses. It never follows redirects. */
export function recordingFetch(store: Store, send: Fetch, about: About, begun?: (exchange: Exchange) => void): Fetch {
  return async (request) => {
    const body = request.body ? await readText(request.clone()) : "";
    const exchange = beginExchange(store, about, request, body);
    begun?.(exchange);
    const start = performance.now();
    try {
      const response = await send(request);
      const bytes = await readBytes(response);
      endExchange(exchange, response, new TextDecoder().decode(bytes), performance.now() - start);
      const empty = bytes.byteLength === 0 || [204, 205, 304].includes(response.status);
      return new Response(empty ? null : bytes, { status: response.status, headers: response.headers });
    } catch (error) {
      exchange.durationMs = Math.round(performance.now() - start);
      exchange.error = error instanceof Error && error.name === "TimeoutError" ? "no response in time" : String(error);
      throw error;
    }
  };
}

/** The body; throws once it is too long. */
async function readBytes(response: Response): Promise<ArrayBuffer> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > LONGEST_BODY) throw new Error(`the response has more than ${LONGEST_BODY} bytes`);
    chunks.push(chunk);
  }
  return new Blob(chunks).arrayBuffer();
}

/** Records a step that the customer's browser or phone takes: opening a URL. */
export function recordStep(store: Store, about: About, url: string, note?: string): Exchange {
  const exchange = beginExchange(store, about, new Request("http://localhost/"), "");
  const step = {
    ...exchange,
    request: { method: "GET", url: maskUrl(url), headers: {}, body: "" },
    note: note ?? null,
  };
  store.exchanges[store.exchanges.length - 1] = step;
  return step;
}

/** The body as UTF-8, whatever its content type. */
export async function readText(message: Request | Response): Promise<string> {
  return new TextDecoder().decode(await message.arrayBuffer());
}
