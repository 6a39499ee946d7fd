// The floor: the storage calls that this service makes for each workload, with the simplest statements, and with
// `CRYPTOGRAPHY` also its cryptography. No parsing, no checks, no counters.
import { withDelay } from "./delay.ts";
import { prepare, type Work } from "./floor-cryptography.ts";

interface Bindings {
  readonly DB: D1Database;
  readonly CODES: KVNamespace;
  /** `yes` or `no`. */
  readonly CRYPTOGRAPHY: string;
}

type Storage = (env: Bindings, id: string) => Promise<unknown>;

const STORAGE: Readonly<Record<string, Storage>> = {
  authorize: async () => undefined,
  // A row for the attempt, one for the code, and the read of what was decided; the code's copy beside them.
  consent: ({ DB, CODES }, id) =>
    Promise.all([
      CODES.put(`code:${id}`, "x".repeat(450), { expirationTtl: 300 }),
      DB.batch([insert(DB, `attempt-${id}`), insert(DB, `code-${id}`), select(DB, `code-${id}`)]),
    ]),
  exchange: async ({ DB, CODES }, id) => {
    await CODES.get(`code:${id}`);
    await DB.batch([update(DB, `code-${id}`), insert(DB, `grant-${id}`), update(DB, `attempt-${id}`)]);
  },
  refresh: ({ DB }) => select(DB, "grant").first(),
  "rotating-refresh": ({ DB }) => select(DB, "grant").first(),
  introspection: ({ DB }) => select(DB, "grant").first(),
};

const CONTENT = "y".repeat(400);

/** The form of this service's responses. */
const TOKENS = JSON.stringify({
  access_token: `${btoa(JSON.stringify({ alg: "ES256", typ: "at+jwt", kid: "k".repeat(12) }))}.${btoa(JSON.stringify({ iss: CONTENT }))}`,
  token_type: "Bearer",
  expires_in: 3600,
  refresh_token: `rt_${"r".repeat(26)}_${"s".repeat(43)}`,
});
const BODIES: Readonly<Record<string, string>> = {
  exchange: TOKENS,
  refresh: TOKENS,
  "rotating-refresh": TOKENS,
  introspection: JSON.stringify({ active: true }),
};
const works = new Map<string, Promise<Work>>();

/** Does the cryptography of a workload. The body to respond with. */
async function cryptographyOf(workload: string): Promise<string> {
  const work = works.get(workload) ?? prepare(workload, BODIES[workload] ?? "{}");
  works.set(workload, work);
  return (await work)();
}

function insert(db: D1Database, id: string): D1PreparedStatement {
  return db.prepare("INSERT OR REPLACE INTO rows (id, content) VALUES (?, ?)").bind(id, CONTENT);
}

function select(db: D1Database, id: string): D1PreparedStatement {
  return db.prepare("SELECT content FROM rows WHERE id = ?").bind(id);
}

function update(db: D1Database, id: string): D1PreparedStatement {
  return db.prepare("UPDATE rows SET content = ? WHERE id = ?").bind(CONTENT, id);
}

export default withDelay<Bindings>(async (request, env, context) => {
  const [, workload = "", id = ""] = new URL(request.url).pathname.split("/");
  if (workload === "bench") {
    await env.DB.batch([
      env.DB.prepare("CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID"),
      insert(env.DB, "grant"),
    ]);
    return new Response(null, { status: 204 });
  }
  await request.arrayBuffer();
  await STORAGE[workload]?.(env, id);
  // As this service does after its response: the first use of a rotating token is noted.
  if (workload === "rotating-refresh") context.waitUntil(update(env.DB, "grant").run());
  const body = env.CRYPTOGRAPHY === "yes" ? await cryptographyOf(workload) : "{}";
  return new Response(body, { headers: { "content-type": "application/json" } });
});
