// The bundle with its D1 statements recorded: the rows that each one read and wrote, and its plan.

// @ts-expect-error The bundle. Miniflare puts it beside this module.
import bundle from "./index.js";

const service = bundle as Required<Pick<ExportedHandler<Env>, "fetch">>;

// Lines of the service would stand among those of the benchmark.
console.log = () => undefined;

export interface RecordedStatement {
  readonly sql: string;
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** The steps of EXPLAIN QUERY PLAN. */
  readonly plan: readonly string[];
}

interface Executed {
  readonly sql: string;
  readonly values: readonly unknown[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

let recorded: RecordedStatement[] = [];

/** Counters are written after this time. Recorded requests write theirs at once. */
const COUNTER_DELAY_MS = 2000;
let recordings = 0;
const realSetTimeout = globalThis.setTimeout;
globalThis.setTimeout = ((work: () => void, ms?: number) =>
  realSetTimeout(work, recordings > 0 && ms === COUNTER_DELAY_MS ? 0 : ms)) as typeof setTimeout;

const wrapped = new WeakMap<object, { real: D1PreparedStatement; sql: string; values: readonly unknown[] }>();

function recordingStatement(
  real: D1PreparedStatement,
  sql: string,
  values: readonly unknown[],
  executed: Executed[],
): D1PreparedStatement {
  const all = async () => {
    const result = await real.all();
    executed.push({ sql, values, rowsRead: result.meta.rows_read, rowsWritten: result.meta.rows_written });
    return result;
  };
  const statement = {
    bind: (...bound: unknown[]) => recordingStatement(real.bind(...bound), sql, bound, executed),
    all,
    run: all,
    first: async (column?: string) => {
      const [row] = (await all()).results;
      return (column === undefined ? row : row?.[column]) ?? null;
    },
  } as unknown as D1PreparedStatement;
  wrapped.set(statement, { real, sql, values });
  return statement;
}

function recordingDatabase(real: D1Database, executed: Executed[]): D1Database {
  return {
    prepare: (sql: string) => recordingStatement(real.prepare(sql), sql, [], executed),
    batch: async (statements: D1PreparedStatement[]) => {
      const parts = statements.map((statement) => wrapped.get(statement)!);
      const results = await real.batch(parts.map((part) => part.real));
      results.forEach(({ meta }, index) => {
        const { sql = "", values = [] } = parts[index] ?? {};
        executed.push({ sql, values, rowsRead: meta.rows_read, rowsWritten: meta.rows_written });
      });
      return results;
    },
  } as unknown as D1Database;
}

async function planOf(db: D1Database, { sql, values }: Executed): Promise<string[]> {
  const { results } = await db
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...values)
    .all<{ detail: string }>();
  return results.map(({ detail }) => detail);
}

/** The response, once the work that outlives it is done too. */
async function record(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
  const executed: Executed[] = [];
  const work: Promise<unknown>[] = [];
  const waiting = new Proxy(context, {
    get: (target, name) =>
      name === "waitUntil" ? (promise: Promise<unknown>) => work.push(promise) : Reflect.get(target, name),
  });
  recordings++;
  try {
    const recordingEnv = { ...env, DB: recordingDatabase(env.DB, executed) };
    const response = await service.fetch(request as Parameters<typeof service.fetch>[0], recordingEnv, waiting);
    const body = response.body === null ? null : await response.arrayBuffer();
    for (let next = work.shift(); next; next = work.shift()) await next;
    recorded = [];
    for (const one of executed) {
      const { sql, rowsRead, rowsWritten } = one;
      recorded.push({ sql, rowsRead, rowsWritten, plan: await planOf(env.DB, one) });
    }
    return new Response(body, response);
  } finally {
    recordings--;
  }
}

export default {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === "/__recorded") return Response.json(recorded);
    if (request.headers.has("x-record")) return record(request as unknown as Request, env, context);
    return service.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
