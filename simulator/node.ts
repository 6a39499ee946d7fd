// The simulator on Node, for the command-line program.
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { createSimulator } from "./app.ts";

/** Starts a simulator with a memory of its own. Rejects if the port cannot be had. Port 0 takes a free one. */
export function serveSimulator(hostname: string, port: number): Promise<{ readonly port: number; close(): void }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: createSimulator().fetch, hostname, port }, (info: AddressInfo) => {
      resolve({ port: info.port, close: () => void server.close() });
    });
    server.on("error", reject);
  });
}
