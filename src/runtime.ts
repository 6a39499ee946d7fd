// What the handling of a request has at hand: configuration, clock, keys, storage, log and counters.
import type { Context } from "hono";
import type { Caches } from "./caches.ts";
import type { Keyring } from "./crypto/keyring.ts";
import type { Config } from "./env.ts";
import type { Metrics } from "./observability/counters.ts";
import type { Log } from "./observability/log.ts";

export interface Runtime {
  readonly config: Config;
  /** This server's origin, without trailing slash. */
  readonly issuer: string;
  /** Development defaults apply: the issuer is a loopback origin. */
  readonly development: boolean;
  /** Milliseconds since 1970; the only clock. */
  readonly now: () => number;
  /** Seconds that `now` is ahead of the machine's clock, for libraries that read that. Zero outside tests. */
  readonly clockSkewSeconds: () => number;
  readonly keyring: Keyring;
  readonly db: D1Database;
  readonly codes: KVNamespace;
  /** The static files of the build. */
  readonly assets: Fetcher;
  readonly caches: Caches;
  /** Short id of this request, quoted on error pages and in the log. */
  readonly requestId: () => string;
  readonly log: Log;
  /** Counting costs the request no round trip. */
  readonly metrics: Metrics;
  /** Lets work continue after the response. It may be lost, so it must not be required for correctness. */
  background(work: Promise<unknown>): void;
}

export interface AppEnv {
  Bindings: Env;
  /**
   * `browserHash` is what `browserOf` found or set, so that one request never sets two cookies. `operator` is set by the
   * guards of the console and the admin API.
   */
  Variables: {
    runtime: Runtime;
    browserHash?: string;
    operator?: { readonly name: string; readonly mayChange: boolean; readonly throughAccess?: true };
  };
}

export type AppContext = Context<AppEnv>;
