// The record as an HTTP Archive (HAR 1.2), which browsers' developer tools and other programs open.
import type { Exchange, Message } from "./exchange.ts";

const HTTP_VERSION = "HTTP/1.1";

function headersOf(message: Message) {
  return Object.entries(message.headers).map(([name, value]) => ({ name, value }));
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

function requestOf({ request }: Exchange) {
  const mimeType = request.headers["content-type"] ?? "";
  // As written, without decoding: the record keeps the bytes of the query.
  const query = request.url.split("?").slice(1).join("?");
  const queryString = query === "" ? [] : query.split("&").map(pairOf);
  return {
    method: request.method,
    url: request.url,
    httpVersion: HTTP_VERSION,
    cookies: [],
    headers: headersOf(request),
    queryString,
    ...(request.body === "" ? {} : { postData: { mimeType, text: request.body } }),
    headersSize: -1,
    bodySize: bytesOf(request.body),
  };
}

function pairOf(pair: string): { name: string; value: string } {
  const [name = "", ...value] = pair.split("=");
  return { name, value: value.join("=") };
}

function responseOf({ response, error }: Exchange) {
  const { status = 0, headers = {}, body = "" } = response ?? {};
  return {
    status,
    statusText: "",
    httpVersion: HTTP_VERSION,
    cookies: [],
    headers: headersOf({ headers, body }),
    content: { size: bytesOf(body), mimeType: headers["content-type"] ?? "", text: body },
    redirectURL: headers.location ?? "",
    headersSize: -1,
    bodySize: bytesOf(body),
    ...(error === null ? {} : { _error: error }),
  };
}

/**
 * A HAR of these exchanges, one page for each attempt. Secrets are hidden as in the record, and values of names that
 * begin with `_` are the simulator's: who called whom, and why.
 */
export function harOf(exchanges: readonly Exchange[]): object {
  const pages = new Map<string, string>();
  for (const { linkId, at } of exchanges) if (linkId !== null && !pages.has(linkId)) pages.set(linkId, at);
  return {
    log: {
      version: "1.2",
      creator: { name: "Alexa simulator of alexa-link", version: "1" },
      pages: [...pages].map(([id, startedDateTime]) => ({
        id,
        startedDateTime,
        title: `Attempt ${id}`,
        pageTimings: {},
      })),
      entries: exchanges.map((exchange) => {
        const time = exchange.durationMs ?? 0;
        return {
          ...(exchange.linkId === null ? {} : { pageref: exchange.linkId }),
          startedDateTime: exchange.at,
          time,
          request: requestOf(exchange),
          response: responseOf(exchange),
          cache: {},
          timings: { send: 0, wait: time, receive: 0 },
          _from: exchange.from,
          _to: exchange.to,
          _title: exchange.title,
          _why: exchange.why,
          ...(exchange.note === null ? {} : { _note: exchange.note }),
        };
      }),
    },
  };
}
