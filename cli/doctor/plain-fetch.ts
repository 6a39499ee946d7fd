// Requests with exactly the headers that they were given. The built-in `fetch` adds those of browsers, such as
// `accept-language` and `sec-fetch-mode`, which firewalls look at; Alexa's Java client sends none of them.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";

const MOST_BYTES = 5_000_000;

/** Sends a request by HTTP/1.1 without following redirects. Throws when there is no response. */
export async function plainFetch(request: Request, options: RequestOptions = {}): Promise<Response> {
  const url = new URL(request.url);
  const body = request.body ? Buffer.from(await request.arrayBuffer()) : undefined;
  const headers: Record<string, string | number> = { ...Object.fromEntries(request.headers), connection: "close" };
  headers["accept-encoding"] ??= "gzip,deflate";
  if (body) headers["content-length"] = body.length;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = send(url, { method: request.method, headers, signal: request.signal, ...options }, (incoming) => {
      readResponse(incoming, request.method).then(resolve, reject);
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

async function readResponse(incoming: IncomingMessage, method: string): Promise<Response> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new Error(`the response has more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  const status = incoming.statusCode ?? 0;
  const headers = new Headers();
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
    headers.append(incoming.rawHeaders[index]!, incoming.rawHeaders[index + 1]!);
  }
  const empty = method === "HEAD" || [101, 204, 205, 304].includes(status);
  const body = empty ? null : decompress(Buffer.concat(chunks), headers.get("content-encoding"));
  return new Response(body, { status, headers });
}

function decompress(bytes: Buffer, encoding: string | null): Uint8Array<ArrayBuffer> {
  const limit = { maxOutputLength: MOST_BYTES };
  if (bytes.length === 0) return new Uint8Array();
  if (encoding === "gzip" || encoding === "x-gzip") return new Uint8Array(gunzipSync(bytes, limit));
  if (encoding === "deflate") return new Uint8Array(inflateSync(bytes, limit));
  if (encoding === "br") return new Uint8Array(brotliDecompressSync(bytes, limit));
  return new Uint8Array(bytes);
}
