// Service and simulator as deploy builds them, each on its own origin, with the demo registered.
import { createTestHarness } from "wrangler";
import { registerDemo, simulatedAmazon } from "../../scripts/demo.ts";

export const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
export const DEMO_SECRETS = {
  alexaClient: "obviously-fake-secret-of-the-demo-alexa-client",
  serviceClient: "obviously-fake-secret-of-the-demo-backend",
  lwa: "obviously-fake-secret-of-the-demo-lwa-client",
  eventGateway: "obviously-fake-secret-of-the-demo-events",
};

export interface Servers {
  /** Origin of the service, on the host name `localhost`. */
  readonly service: string;
  /** Origin of the simulator, on `127.0.0.1`: cookies do not separate ports. */
  readonly simulator: string;
  scheduled(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The harness sends the requests of its Workers through Node's `fetch`, which would follow redirects that the Worker
 * wants to see: it follows them itself where it asked for that. Returns what restores `fetch`.
 */
function letWorkersSeeRedirects(): () => void {
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) => {
    // Of a Worker: the whole request is given as options.
    if (init === undefined || !("url" in init)) return fetch(input, init);
    const { method, headers, body } = init;
    return fetch(input, { method, headers, body, redirect: "manual", ...(body && { duplex: "half" }) } as RequestInit);
  };
  return () => {
    globalThis.fetch = fetch;
  };
}

/** Starts both. `variables` override the service's. */
export async function startServers(variables: Readonly<Record<string, string>> = {}): Promise<Servers> {
  const restoreFetch = letWorkersSeeRedirects();
  const simulatorHarness = createTestHarness({ workers: [{ configPath: "simulator/wrangler.toml" }] });
  const simulator = (await simulatorHarness.listen()).url.origin;
  const worker = (given: Readonly<Record<string, string>>) => ({
    configPath: "wrangler.toml",
    env: "test",
    vars: { BRAND_NAME: "Acme", PASSWORD_ITERATIONS: "1000", ...given },
    secrets: { MASTER_KEY: "A".repeat(43), ADMIN_TOKEN },
  });
  const serviceHarness = createTestHarness({ workers: [worker({})] });
  const serviceUrl = (await serviceHarness.listen()).url;
  serviceUrl.hostname = "localhost";
  const service = serviceUrl.origin;
  const certRoot = await (await fetch(`${simulator}/simulator/certificate-root`)).text();
  await serviceHarness.update({ workers: [worker({ ...simulatedAmazon(simulator, certRoot), ...variables })] });
  await serviceHarness.getWorker("alexa-link-test").applyD1Migrations("DB");
  await registerDemo({ service, simulator, adminToken: ADMIN_TOKEN, secrets: DEMO_SECRETS });
  return {
    service,
    simulator,
    async scheduled() {
      await serviceHarness.getWorker("alexa-link-test").scheduled({ cron: "*/5 * * * *" });
    },
    async close() {
      await Promise.all([serviceHarness.close(), simulatorHarness.close()]);
      restoreFetch();
    },
  };
}
