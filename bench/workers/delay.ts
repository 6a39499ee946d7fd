// A delay in front of every storage call, the same for all Workers that are compared. A batch of D1 is one call.

let milliseconds = 0;

/** The delay in front of a storage call. Zero costs no timer. */
export async function storageDelay(): Promise<void> {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const realStatements = new WeakMap<D1PreparedStatement, D1PreparedStatement>();

async function later<T>(call: () => Promise<T>): Promise<T> {
  await storageDelay();
  return call();
}

function slowStatement(real: D1PreparedStatement): D1PreparedStatement {
  const slow = {
    bind: (...values: unknown[]) => slowStatement(real.bind(...values)),
    first: (column?: string) => later(() => (column === undefined ? real.first() : real.first(column))),
    run: () => later(() => real.run()),
    all: () => later(() => real.all()),
    raw: (options?: { columnNames: true }) => later(() => (options ? real.raw(options) : real.raw())),
  } as unknown as D1PreparedStatement;
  realStatements.set(slow, real);
  return slow;
}

function slowDatabase(real: D1Database): D1Database {
  return {
    prepare: (sql: string) => slowStatement(real.prepare(sql)),
    batch: (list: D1PreparedStatement[]) =>
      later(() => real.batch(list.map((statement) => realStatements.get(statement) ?? statement))),
    exec: (sql: string) => later(() => real.exec(sql)),
  } as unknown as D1Database;
}

/** The namespace with the delay, which applies from the next call when it changes. */
export function slowNamespace(real: KVNamespace): KVNamespace {
  return {
    get: (...given: Parameters<KVNamespace["get"]>) => later(() => real.get(...given)),
    getWithMetadata: (...given: Parameters<KVNamespace["getWithMetadata"]>) =>
      later(() => real.getWithMetadata(...given)),
    put: (...given: Parameters<KVNamespace["put"]>) => later(() => real.put(...given)),
    delete: (name: string) => later(() => real.delete(name)),
    list: (options?: KVNamespaceListOptions) => later(() => real.list(options)),
  } as unknown as KVNamespace;
}

/** The bindings that get the delay. */
interface Stores {
  readonly DB?: D1Database;
  readonly CODES?: KVNamespace;
  readonly OAUTH_KV?: KVNamespace;
}

type Handler<Bindings> = (request: Request, env: Bindings, context: ExecutionContext) => Response | Promise<Response>;

/**
 * The Worker with the delay in front of its storage. `PUT /bench/delay` sets the milliseconds; with 0 the Worker gets
 * the bindings themselves.
 */
export function withDelay<Bindings extends object>(fetch: Handler<Bindings>): ExportedHandler<Bindings> {
  let slow: Bindings | undefined;
  const slowed = (env: Bindings & Stores): Bindings => ({
    ...env,
    ...(env.DB ? { DB: slowDatabase(env.DB) } : {}),
    ...(env.CODES ? { CODES: slowNamespace(env.CODES) } : {}),
    ...(env.OAUTH_KV ? { OAUTH_KV: slowNamespace(env.OAUTH_KV) } : {}),
  });
  return {
    async fetch(request, env, context) {
      if (request.method === "PUT" && new URL(request.url).pathname === "/bench/delay") {
        milliseconds = Number(await request.text());
        return new Response(null, { status: 204 });
      }
      if (milliseconds === 0) return fetch(request, env, context);
      slow ??= slowed(env);
      return fetch(request, slow, context);
    },
  };
}
