// Records initiations, the first page or call of a link attempt with Alexa, in the background of the request.
import { toBase64Url } from "../crypto/encoding.ts";
import { networkOf } from "../http/network.ts";
import { counterKey, isWithinRateLimit } from "../http/rate-limit.ts";
import type { AppContext } from "../runtime.ts";
import type { Initiation } from "../storage/attempts/initiations.ts";
import { languageOf } from "../ui/messages.ts";

/** A page or call. Missing values are unknown. */
export interface Initiated extends Pick<Initiation, "flow" | "skillId" | "userId"> {
  /** What identifies the attempt. */
  readonly of: readonly string[];
  readonly platform?: Initiation["platform"];
  readonly stage?: Initiation["stage"];
  readonly browserHash?: string;
}

const KEY_BYTES = 16;

/** Whether the browser prefetches the page. */
function isPrefetch(c: AppContext): boolean {
  return ["sec-purpose", "purpose", "x-moz"].some((name) => /prefetch|preview/i.test(c.req.header(name) ?? ""));
}

/**
 * Records an initiation after the response. HEAD requests and prefetches are not counted. `USER_LIMIT` limits how many
 * a person has per minute, and `PAGE_LIMIT` how many a network has of people who have not signed in.
 */
export function noteInitiation(c: AppContext, { of, ...initiated }: Initiated): void {
  if (c.req.method === "HEAD" || isPrefetch(c)) return;
  const rt = c.var.runtime;
  const note = async () => {
    const { userId } = initiated;
    const limiter = userId === null ? c.env.PAGE_LIMIT : c.env.USER_LIMIT;
    if (!(await isWithinRateLimit(limiter, await counterKey(rt, "initiation", userId ?? networkOf(c))))) return;
    const hash = await rt.keyring.derive("initiation", JSON.stringify(of));
    rt.metrics.initiated({
      platform: null,
      stage: null,
      browserHash: null,
      ...initiated,
      key: toBase64Url(hash.slice(0, KEY_BYTES)),
      at: rt.now(),
      locale: languageOf(c),
    });
  };
  rt.background(note());
}
