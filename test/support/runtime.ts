// A runtime around a service's clock and bindings, for calling the parts directly. Each one is an isolate: it has
// caches of its own.
import { createExecutionContext } from "cloudflare:test";
import { Caches } from "../../src/caches.ts";
import { parseConfig } from "../../src/env.ts";
import { Counters } from "../../src/observability/counters.ts";
import { createLog } from "../../src/observability/log.ts";
import type { Runtime } from "../../src/runtime.ts";
import { ADMIN_TOKEN, ISSUER, type Service } from "./service.ts";

/** A runtime with the clock and bindings of `service`. `variables`: those that the service was started with. */
export async function runtimeOf(
  service: Service,
  variables: Readonly<Record<string, string>> = {},
): Promise<Runtime & { readonly caches: Caches }> {
  const context = createExecutionContext();
  const now = () => service.clock.now;
  const log = createLog();
  const background = (work: Promise<unknown>) => context.waitUntil(work);
  return {
    config: parseConfig({ ISSUER, MASTER_KEY: "A".repeat(43), ADMIN_TOKEN, ...variables }),
    issuer: ISSUER,
    development: false,
    now,
    clockSkewSeconds: () => Math.round((now() - Date.now()) / 1000),
    keyring: await service.keyring(),
    db: service.env.DB,
    codes: service.env.CODES,
    assets: service.env.ASSETS,
    caches: new Caches(),
    requestId: () => "test",
    log,
    metrics: new Counters(null).of({ db: service.env.DB, log, now, requestId: () => "test", background }),
    background,
  };
}
