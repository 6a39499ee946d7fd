// Limits on what a server under examination can make the doctor wait for or hold in memory.
import type { Fetch } from "../simulator/library/token.ts";

/** A response body longer than this is cut off, in bytes. */
const MOST_BYTES = 4_000_000;

/** A `fetch` that gives up after `timeoutMs`, body included, and cuts off endless bodies with an error. */
export function limitedFetch(fetch: Fetch, timeoutMs: number): Fetch {
  return async (request) => {
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(new Request(request, { signal: AbortSignal.any([request.signal, late]) }));
      return withLimitedBody(response);
    } catch (error) {
      if (late.aborted) throw new Error(`no response within ${timeoutMs / 1000} s`);
      throw error;
    }
  };
}

/** The response has a longer body than the limit. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

/** The response with a body that ends with the error `TooLarge` after `mostBytes`. */
export function withLimitedBody(response: Response, mostBytes = MOST_BYTES): Response {
  if (!response.body || response.status < 200 || [204, 205, 304].includes(response.status)) return response;
  let bytes = 0;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > mostBytes) controller.error(new TooLarge(`a response of more than ${mostBytes / 1e6} MB`));
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(limit), { status, statusText, headers });
}
