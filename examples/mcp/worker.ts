// The example as a Worker. ISSUER and RESOURCE are set in wrangler.toml.
import { type KeyValueStore, notesInKv } from "./notes.ts";
import { createExample } from "./server.ts";

interface Env {
  readonly ISSUER: string;
  readonly RESOURCE: string;
  readonly NOTES: KeyValueStore;
}

/** Made once for each isolate, because it holds the cached keys. */
let handler: ((request: Request) => Promise<Response>) | undefined;

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    handler ??= createExample({ issuer: env.ISSUER, resource: env.RESOURCE, notes: notesInKv(env.NOTES) });
    return handler(request);
  },
};
