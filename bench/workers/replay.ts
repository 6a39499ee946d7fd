// The bundle that would be uploaded, over recorded storage. With a real DB it records; with RECORDING it replays.
// @ts-expect-error The bundle is built by wrangler and stands beside this module.
import bundle from "./index.js";
import { type Bindings, type Recording, record, replay } from "./stored.ts";

interface RecordedEnv extends Env {
  readonly RECORDING?: string;
}

const service = bundle as { fetch(request: Request, env: unknown, context: ExecutionContext): Promise<Response> };

let bindings: Bindings | undefined;
const recording: Recording = { rows: {}, codes: {}, calls: [] };

export default {
  fetch(request, env, context) {
    if (env.RECORDING !== undefined) {
      bindings ??= replay(JSON.parse(env.RECORDING) as Recording);
      return service.fetch(request, bindings, context);
    }
    if (request.url.endsWith("/recording")) return Response.json(recording);
    // Lines of the service would stand among those of the benchmark.
    console.log = () => undefined;
    recording.calls.length = 0;
    return service.fetch(request, { ...record(env, recording), ASSETS: env.ASSETS }, context);
  },
} satisfies ExportedHandler<RecordedEnv>;
