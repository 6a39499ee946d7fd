// How `npm run dev` waits for a service that cannot be used.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { type Child, untilReady } from "../../scripts/children.ts";

const child = { name: "service", ended: new Promise<number>(() => {}), output: () => "the output" } as unknown as Child;
let server: Server;

async function listen(...responses: readonly [number, unknown][]): Promise<string> {
  let asked = 0;
  server = createServer((_, response) => {
    const [status, body] = responses[Math.min(asked++, responses.length - 1)]!;
    response.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/healthz`;
}

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it("O10: the dev command says at once why the service is not set up", async () => {
  const detail = "The database was sealed with another MASTER_KEY (signing_keys.private_jwk).";
  const url = await listen([503, { code: "not_configured", detail }]);
  await expect(untilReady(child, url)).rejects.toThrow(detail);
});

it("O10: the dev command waits while the service does not respond properly yet", async () => {
  const url = await listen([503, { code: "temporarily_unavailable", detail: "x" }], [500, "starting"], [200, {}]);
  await expect(untilReady(child, url)).resolves.toBeUndefined();
});
