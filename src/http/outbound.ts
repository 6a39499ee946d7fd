// The only way out: every call to another server goes through here, with a time limit, without redirects and cookies (F2).
import { utf8Decode } from "../crypto/encoding.ts";
import { parseJson, readBytes } from "./read.ts";

export type OutboundFaultReason =
  /** No complete answer within the time limit. */
  | "timed_out"
  /** Name, connection or TLS failed. */
  | "unreachable"
  /** A 3xx: following it could hand a credential to another origin. */
  | "redirected"
  /** The answer is larger than expected. */
  | "too_large";

/** A call that brought no usable answer. Its message names the host only: URLs and bodies may carry secrets. */
export class OutboundFault extends Error {
  override readonly name = "OutboundFault";
  readonly reason: OutboundFaultReason;

  constructor(reason: OutboundFaultReason, url: string) {
    super(`${reason}: ${URL.canParse(url) ? new URL(url).host : "invalid URL"}`);
    this.reason = reason;
  }
}

export interface OutboundLimits {
  /** Milliseconds for the whole exchange, body included. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body; 64 KB unless told. */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 64 * 1024;
const LONGEST_RETRY_AFTER = 3600;

/**
 * `fetch` with limits, for our own calls and as the `fetch` of libraries. Resolves with a complete answer of any status but 3xx;
 * rejects with `OutboundFault` for everything else. Never follows a redirect, never sends a cookie.
 */
export async function fetchOut(
  input: string | URL | Request,
  init: RequestInit,
  limits: OutboundLimits,
): Promise<Response> {
  const request = new Request(input, { ...init, redirect: "manual" });
  request.headers.delete("cookie");
  const time = AbortSignal.timeout(limits.timeoutMs);
  const timedOut = new Promise<never>((_, reject) => {
    time.addEventListener("abort", () => reject(new OutboundFault("timed_out", request.url)), { once: true });
  });
  // Lost races must not surface as unhandled rejections when the signal fires later.
  timedOut.catch(() => {});
  try {
    return await Promise.race([exchange(request, time, limits.maxBytes ?? DEFAULT_MAX_BYTES), timedOut]);
  } catch (error) {
    if (error instanceof OutboundFault) throw error;
    const late = error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
    throw new OutboundFault(late ? "timed_out" : "unreachable", request.url);
  }
}

async function exchange(request: Request, signal: AbortSignal, maxBytes: number): Promise<Response> {
  const response = await fetch(request, { signal });
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    throw new OutboundFault("redirected", request.url);
  }
  const body = await readBytes(response, maxBytes);
  if (body === undefined) throw new OutboundFault("too_large", request.url);
  const bodyless = response.status === 204 || response.status === 205;
  return new Response(bodyless ? null : body, { status: response.status, headers: response.headers });
}

/** What a foreign server answered. `json` is undefined when the body is empty, HTML or otherwise no JSON. */
export interface OutboundAnswer {
  readonly answered: true;
  readonly status: number;
  readonly json: unknown;
  /** Seconds of a `Retry-After` header, at most an hour. Dates, which Amazon does not send, are not read. */
  readonly retryAfter: number | undefined;
}
export interface NoAnswer {
  readonly answered: false;
  readonly reason: OutboundFaultReason;
}

/** One call whose answer should be JSON. Never throws: what went wrong is in the result. */
export async function callForJson(
  url: string,
  init: RequestInit,
  limits: OutboundLimits,
): Promise<OutboundAnswer | NoAnswer> {
  try {
    const response = await fetchOut(url, init, limits);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const wait = response.headers.get("retry-after") ?? "";
    return {
      answered: true,
      status: response.status,
      json: parseJson(utf8Decode(bytes)),
      retryAfter: /^\d{1,9}$/.test(wait) ? Math.min(Number(wait), LONGEST_RETRY_AFTER) : undefined,
    };
  } catch (error) {
    if (error instanceof OutboundFault) return { answered: false, reason: error.reason };
    throw error;
  }
}
