// How fast passwords may be tried. An attack never slows down a browser that the account knows.
import { counterKey } from "../http/rate-limit.ts";
import type { Runtime } from "../runtime.ts";
import type { SignInThrottles, Throttle, ThrottleRule } from "../storage/users/throttles.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** One person who mistypes, or one guesser: five tries, then 2 s, 4 s, 8 s … */
const ONE_SOURCE: ThrottleRule = { free: 5, most: 15, baseMs: 2 * SECOND, capMs: 15 * MINUTE, drainMs: 10 * MINUTE };
/** All strangers together at one account: 110 at once and one each 40 s, so at most 200 guesses in any hour. */
const ONE_ACCOUNT: ThrottleRule = { free: 30, most: 110, baseMs: 2 * SECOND, capMs: 5 * MINUTE, drainMs: 40 * SECOND };
/** All accounts from one network: far more, because a whole mobile carrier may share one address. */
const ONE_NETWORK: ThrottleRule = {
  free: 300,
  most: 310,
  baseMs: 5 * SECOND,
  capMs: 5 * SECOND,
  drainMs: 5 * SECOND,
};

async function counter(rt: Runtime, rule: ThrottleRule, ...name: readonly string[]): Promise<Throttle> {
  return { ...rule, key: await counterKey(rt, ...name) };
}

/** The counters of a try to sign in as `subject`. */
export async function signInThrottles(
  rt: Runtime,
  subject: string,
  network: string,
  browserHash: string,
): Promise<SignInThrottles> {
  const [account, networkWide, pair, browser] = await Promise.all([
    counter(rt, ONE_ACCOUNT, "account", subject),
    counter(rt, ONE_NETWORK, "network", network),
    counter(rt, ONE_SOURCE, "pair", subject, network),
    counter(rt, ONE_SOURCE, "browser", subject, browserHash),
  ]);
  return { account, network: networkWide, pair, browser };
}
