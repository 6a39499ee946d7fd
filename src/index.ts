// Worker entry. Configuration is read here, once: a wrong value stops the start.
import { env } from "cloudflare:workers";
import { createService } from "./app.ts";
import { parseConfig } from "./env.ts";

const service = createService(parseConfig(env));

export default {
  fetch: service.app.fetch,
  async scheduled(_controller, env, context) {
    await service.scheduled(env, (work) => context.waitUntil(work));
  },
} satisfies ExportedHandler<Env>;
