// The service under test: an app of its own per test, with a clock that tests move and metered bindings.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { createApp } from "../../src/app.ts";
import { createKeyring, type Keyring } from "../../src/crypto/keyring.ts";
import { parseConfig } from "../../src/env.ts";
import { Counters } from "../../src/observability/counters.ts";
import { START } from "./constants.ts";
import { ISSUER } from "./issuer.ts";
import { createMeter, type Meter, meterD1, meterKv } from "./meter.ts";

export { ISSUER, START };
export const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const MASTER_KEY = "A".repeat(43);

export interface Service {
  /** Sends a request to a path (or absolute URL) of the service and waits for its background work. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** The same without waiting for background work: for races. */
  requestOnly(path: string, init?: RequestInit): Promise<Response>;
  /** Waits for the background work of all requests so far. */
  settled(): Promise<void>;
  /** The same work, for tests in which part of it never ends. */
  readonly background: Promise<unknown>[];
  readonly meter: Meter;
  readonly clock: { now: number; advance(ms: number): void };
  readonly env: Env;
  keyring(): Promise<Keyring>;
}

const unlimited: RateLimit = { limit: async () => ({ success: true }) };

/** A new service; `variables` override the test configuration, `bindings` the bindings (for instance a KV double). */
export function startService(
  variables: Readonly<Record<string, string>> = {},
  bindings: Partial<Pick<Env, "DB" | "CODES">> = {},
): Service {
  const meter = createMeter();
  const clock = {
    now: START,
    advance(ms: number) {
      this.now += ms;
    },
  };
  const config = parseConfig({
    ISSUER,
    MASTER_KEY,
    ADMIN_TOKEN,
    PASSWORD_ITERATIONS: "1000",
    ...variables,
  });
  const app = createApp(config, () => clock.now, new Counters(null));
  const metered = {
    ...env,
    // The local rate limiters count in real time and across tests. A test of a limit sets one of its own.
    PAGE_LIMIT: unlimited,
    ADMIN_LIMIT: unlimited,
    USER_LIMIT: unlimited,
    DB: meterD1(bindings.DB ?? env.DB, meter),
    CODES: meterKv(bindings.CODES ?? env.CODES, meter),
  } as Env;
  const contexts: ExecutionContext[] = [];
  const background: Promise<unknown>[] = [];
  const send = (path: string, init?: RequestInit) => {
    const context = createExecutionContext();
    contexts.push(context);
    const watched = Object.create(context, {
      waitUntil: {
        value: (work: Promise<unknown>) => {
          background.push(work);
          context.waitUntil(work);
        },
      },
    }) as ExecutionContext;
    const url = path.startsWith("http") ? path : `${config.issuer ?? "http://localhost:8787"}${path}`;
    return Promise.resolve(app.fetch(new Request(url, { redirect: "manual", ...init }), metered, watched));
  };
  const settled = async () => {
    for (const context of contexts.splice(0)) await waitOnExecutionContext(context);
  };
  return {
    requestOnly: send,
    async request(path, init) {
      const response = await send(path, init);
      await settled();
      return response;
    },
    settled,
    background,
    meter,
    clock,
    env: metered,
    keyring: () => createKeyring(config.masterKey, config.previousMasterKey),
  };
}
