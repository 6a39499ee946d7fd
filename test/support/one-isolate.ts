// The simulator as Amazon in the isolate of the tests, beside the real service: both share a clock, and the service
// trusts the simulator's certificates.
import { vi } from "vitest";
import { createSimulator } from "../../simulator/app.ts";
import { type Service, START, startService } from "./service.ts";

export const SERVICE = "http://localhost:8787";
export const SIMULATOR = "http://127.0.0.1:8788";

/**
 * One simulator for a whole file, since its certificates take a while to generate; `start` resets it. `instead`: a
 * response in place of the simulator's to a request of the service. `elsewhere`: one in place of the service's to a
 * request of the simulator.
 */
export function oneIsolate(
  instead: (request: Request) => Response | undefined = () => undefined,
  elsewhere: (request: Request) => Promise<Response> | undefined = () => undefined,
) {
  const simulator = createSimulator();
  let service: Service;
  const bindings = () => ({
    SERVICE: {
      async fetch(request: Request): Promise<Response> {
        const body = request.body ? await request.arrayBuffer() : undefined;
        const { url, method, headers } = request;
        const init = { method, headers, ...(body && { body }) };
        return elsewhere(new Request(url, init)) ?? service.requestOnly(url, init);
      },
    } as unknown as Fetcher,
  });

  /** Calls the simulator; its JSON, or its text. Throws when it refuses. */
  async function drive<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await simulator.request(SIMULATOR + path, init, bindings());
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return (text.startsWith("{") ? JSON.parse(text) : text) as T;
  }

  return {
    simulator,
    bindings,
    drive,
    /** A new service, before each test. */
    async start(variables: Readonly<Record<string, string>> = {}): Promise<Service> {
      await drive("POST", "/simulator/reset", { skills: true });
      await drive("POST", "/simulator/clock", { advanceSeconds: (START - Date.now()) / 1000 });
      service = startService({
        ISSUER: SERVICE,
        ALEXA_CERT_ORIGIN: SIMULATOR,
        ALEXA_CERT_ROOTS: await drive<string>("GET", "/simulator/certificate-root"),
        AMAZON_AUTHORIZE_URL: `${SIMULATOR}/ap/oa`,
        AMAZON_TOKEN_URL: `${SIMULATOR}/auth/o2/token`,
        AMAZON_PROFILE_URL: `${SIMULATOR}/user/profile`,
        ALEXA_APP_URL: `${SIMULATOR}/spa/skill-account-linking-consent`,
        ALEXA_API_URL: SIMULATOR,
        ALEXA_API_HOSTS: ["na", "eu", "fe"].map((region) => `${SIMULATOR}/${region}`).join(","),
        ...variables,
      });
      vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
        const request = new Request(input, init);
        return instead(request) ?? simulator.fetch(request, bindings());
      });
      return service;
    },
  };
}

/** Amazon's redirect URIs of a vendor id, at the simulator. */
export function simulatedRedirectUris(vendorId: string): string[] {
  return ["pitangui", "layla", "japan"].map((host) => `${SIMULATOR}/${host}/api/skill/link/${vendorId}`);
}
