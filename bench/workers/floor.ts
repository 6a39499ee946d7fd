// The floor: the storage calls, the cryptography and the response of one workload, and nothing else.
import { prepare, type Work } from "./floor-cryptography.ts";
import { type Bindings, type Call, type Recording, replay } from "./stored.ts";

/** The response that the service gave to the recorded request. */
export interface FloorResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

interface FloorEnv {
  readonly RECORDING: string;
  readonly RESPONSE: string;
  readonly WORKLOAD: string;
  /** `yes` or `no`. */
  readonly CRYPTOGRAPHY: string;
}

function repeat({ DB, CODES, USER_LIMIT }: Bindings, call: Call): Promise<unknown> {
  switch (call.kind) {
    case "get":
      return CODES.get(call.key);
    case "put":
      return CODES.put(call.key, call.value);
    case "limit":
      return USER_LIMIT.limit({ key: call.key });
    case "batch":
      return DB.batch(call.statements.map(({ text, values }) => DB.prepare(text).bind(...values)));
    default: {
      const { text, values } = call.statements[0]!;
      return DB.prepare(text)
        .bind(...values)
        [call.kind]();
    }
  }
}

interface Prepared {
  readonly bindings: Bindings;
  readonly calls: readonly Call[];
  readonly response: FloorResponse;
  readonly work: Work;
}

let prepared: Promise<Prepared> | undefined;

async function start(env: FloorEnv): Promise<Prepared> {
  const recording = JSON.parse(env.RECORDING) as Recording;
  const response = JSON.parse(env.RESPONSE) as FloorResponse;
  const work = env.CRYPTOGRAPHY === "yes" ? await prepare(env.WORKLOAD, response.body) : async () => response.body;
  return { bindings: replay(recording), calls: recording.calls, response, work };
}

export default {
  async fetch(request, env) {
    prepared ??= start(env);
    const { bindings, calls, response, work } = await prepared;
    await request.arrayBuffer();
    for (const call of calls) await repeat(bindings, call);
    const body = await work();
    return new Response(body === "" ? null : body, {
      status: response.status,
      headers: response.headers as [string, string][],
    });
  },
} satisfies ExportedHandler<FloorEnv>;
