// Calls to other servers. All of them have a time limit, follow no redirect and send no cookie.
import { utf8Decode } from "../crypto/encoding.ts";
import { parseJson, readBytes } from "./read.ts";

export type OutboundErrorReason =
  /** No complete response within the time limit. */
  | "timed_out"
  /** Name, connection or TLS failed; or no request could be made of what a caller or server gave us. */
  | "unreachable"
  /** A 3xx response. Following it could send credentials to another origin. */
  | "redirected"
  /** The response is too large. */
  | "too_large";

/** A call without a usable response. The message names only the host, because URLs and bodies may contain secrets. */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly reason: OutboundErrorReason;

  constructor(reason: OutboundErrorReason, url: string) {
    super(`${reason}: ${URL.canParse(url) ? new URL(url).host : "invalid URL"}`);
    this.reason = reason;
  }
}

export interface OutboundLimits {
  /** Milliseconds for the whole exchange, body included. */
  readonly timeoutMs: number;
  /** Bytes of the response body. Default: 64 KB. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 64 * 1024;
const LONGEST_RETRY_AFTER = 3600;

/**
 * `fetch` with limits, for our own calls and as the `fetch` of libraries. Resolves with a complete response of any
 * status except 3xx; otherwise rejects with `OutboundError`.
 */
export async function fetchOut(
  input: string | URL | Request,
  init: RequestInit,
  limits: OutboundLimits,
): Promise<Response> {
  const request = requestFor(input, init);
  const time = AbortSignal.timeout(limits.timeoutMs);
  const timedOut = new Promise<never>((_, reject) => {
    time.addEventListener("abort", () => reject(new OutboundError("timed_out", request.url)), { once: true });
  });
  // If the exchange wins the race, the later rejection must not count as unhandled.
  timedOut.catch(() => {});
  try {
    return await Promise.race([exchange(request, time, limits.maxBytes ?? DEFAULT_MAX_BYTES), timedOut]);
  } catch (error) {
    if (error instanceof OutboundError) throw error;
    const late = error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
    throw new OutboundError(late ? "timed_out" : "unreachable", request.url);
  }
}

/** A header value with control characters makes no request. */
function requestFor(input: string | URL | Request, init: RequestInit): Request {
  try {
    const request = new Request(input, { ...init, redirect: "manual" });
    request.headers.delete("cookie");
    return request;
  } catch {
    throw new OutboundError("unreachable", input instanceof Request ? input.url : String(input));
  }
}

async function exchange(request: Request, signal: AbortSignal, maxBytes: number): Promise<Response> {
  const response = await fetch(request, { signal });
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    throw new OutboundError("redirected", request.url);
  }
  const body = await readBytes(response, maxBytes);
  if (body === undefined) throw new OutboundError("too_large", request.url);
  const bodyless = response.status === 204 || response.status === 205;
  return new Response(bodyless ? null : body, { status: response.status, headers: response.headers });
}

/** A response of another server. `json` is undefined if the body is not JSON. */
export interface OutboundResponse {
  readonly responded: true;
  readonly status: number;
  readonly json: unknown;
  /** Seconds of a `Retry-After` header, at most an hour. Dates are ignored: Amazon does not send them. */
  readonly retryAfter: number | undefined;
}
export interface NoResponse {
  readonly responded: false;
  readonly reason: OutboundErrorReason;
}

/** What a call was responded, for a log or a time line: `403`, `400 invalid_grant`, or `none (timed_out)`. */
export function responseTag(response: OutboundResponse | NoResponse, detail?: string): string {
  if (!response.responded) return `none (${response.reason})`;
  return detail === undefined ? String(response.status) : `${response.status} ${detail}`;
}

/** One call whose response should be JSON. Does not throw on failure: the result has the reason. */
export async function callForJson(
  url: string,
  init: RequestInit,
  limits: OutboundLimits,
): Promise<OutboundResponse | NoResponse> {
  try {
    const response = await fetchOut(url, init, limits);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const wait = response.headers.get("retry-after") ?? "";
    return {
      responded: true,
      status: response.status,
      json: parseJson(utf8Decode(bytes)),
      retryAfter: /^\d{1,9}$/.test(wait) ? Math.min(Number(wait), LONGEST_RETRY_AFTER) : undefined,
    };
  } catch (error) {
    if (error instanceof OutboundError) return { responded: false, reason: error.reason };
    throw error;
  }
}
