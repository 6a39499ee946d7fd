// The example on Node: `ISSUER=https://… RESOURCE=https://… PORT=8080 node examples/mcp/node.ts`.
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { notesInMemory } from "./notes.ts";
import { createExample } from "./server.ts";

export interface Listening {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  close(): Promise<void>;
}

/** Starts the example on 127.0.0.1; port 0 chooses a free one. `resource` defaults to `/mcp` at that address. */
export async function startExample(issuer: string, port: number, resource?: string): Promise<Listening> {
  let handler: ((request: Request) => Promise<Response>) | undefined;
  return new Promise((resolve, reject) => {
    const server = serve(
      { fetch: (request) => handler!(request), hostname: "127.0.0.1", port },
      (address: AddressInfo) => {
        const origin = `http://127.0.0.1:${address.port}`;
        handler = createExample({ issuer, resource: resource ?? `${origin}/mcp`, notes: notesInMemory() });
        resolve({ origin, close: () => new Promise((closed) => server.close(() => closed())) });
      },
    );
    server.once("error", reject);
  });
}

if (process.argv[1] === import.meta.filename) {
  const { ISSUER, RESOURCE, PORT = "8080" } = process.env;
  if (!ISSUER || !RESOURCE) throw new Error("Set ISSUER and RESOURCE.");
  const { origin } = await startExample(ISSUER, Number(PORT), RESOURCE);
  process.stdout.write(`Listening on ${origin}\n`);
}
