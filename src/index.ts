// Worker entry. Configuration is read here, once: a wrong value stops the start.
import { env } from "cloudflare:workers";
import { createApp } from "./app.ts";
import { parseConfig } from "./env.ts";

const app = createApp(parseConfig(env));

export default {
  fetch: app.fetch,
} satisfies ExportedHandler<Env>;
