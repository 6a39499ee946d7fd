// The bindings DB, CODES and the rate limiters, recorded from real ones, then played back from memory without any I/O.

interface Rows {
  readonly results: readonly Record<string, unknown>[];
  readonly changes: number;
}

interface BoundStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** One storage call, as a floor repeats it. */
export type Call =
  | { readonly kind: "first" | "all" | "run" | "batch"; readonly statements: readonly BoundStatement[] }
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "put"; readonly key: string; readonly value: string }
  | { readonly kind: "limit"; readonly key: string };

/** What storage returned: rows by statement, values of CODES by key, and the calls of the last request. */
export interface Recording {
  readonly rows: Record<string, Rows>;
  readonly codes: Record<string, string | null>;
  readonly calls: Call[];
}

export type Bindings = Pick<Env, "DB" | "CODES" | "PAGE_LIMIT" | "ADMIN_LIMIT" | "USER_LIMIT">;

/** Finds the result of each statement by its text alone: one workload never reads two rows with the same statement. */
class ReplayedStatement {
  readonly #rows: Rows;

  constructor(rows: Rows = { results: [], changes: 1 }) {
    this.#rows = rows;
  }

  bind(): this {
    return this;
  }

  result() {
    return { results: this.#rows.results, success: true, meta: { changes: this.#rows.changes } };
  }

  async first() {
    return this.#rows.results[0] ?? null;
  }

  async all() {
    return this.result();
  }

  async run() {
    return this.result();
  }
}

const unlimited = { limit: async () => ({ success: true }) };

/** The bindings as recorded. */
export function replay({ rows, codes }: Recording): Bindings {
  const byText = new Map(Object.entries(rows));
  const byKey = new Map(Object.entries(codes));
  const DB = {
    prepare: (text: string) => new ReplayedStatement(byText.get(text)),
    batch: async (statements: readonly ReplayedStatement[]) => statements.map((statement) => statement.result()),
  };
  const CODES = { get: async (key: string) => byKey.get(key) ?? null, put: async () => undefined };
  return { DB, CODES, PAGE_LIMIT: unlimited, ADMIN_LIMIT: unlimited, USER_LIMIT: unlimited } as unknown as Bindings;
}

class RecordedStatement implements BoundStatement {
  readonly real: D1PreparedStatement;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly #recording: Recording;

  constructor(real: D1PreparedStatement, text: string, values: readonly unknown[], recording: Recording) {
    this.real = real;
    this.text = text;
    this.values = values;
    this.#recording = recording;
  }

  bind(...values: unknown[]) {
    return new RecordedStatement(this.real.bind(...values), this.text, values, this.#recording);
  }

  async #call(kind: "first" | "all" | "run") {
    this.#recording.calls.push({ kind, statements: [{ text: this.text, values: this.values }] });
    const { results, meta } = await this.real.all<Record<string, unknown>>();
    this.#recording.rows[this.text] = { results, changes: meta.changes };
    return { results, meta, success: true };
  }

  async first() {
    return (await this.#call("first")).results[0] ?? null;
  }

  all() {
    return this.#call("all");
  }

  run() {
    return this.#call("run");
  }
}

/** Real bindings whose results are noted in `recording`. */
export function record(env: Pick<Env, "DB" | "CODES">, recording: Recording): Bindings {
  const DB = {
    prepare: (text: string) => new RecordedStatement(env.DB.prepare(text), text, [], recording),
    async batch(statements: readonly RecordedStatement[]) {
      recording.calls.push({ kind: "batch", statements: statements.map(({ text, values }) => ({ text, values })) });
      const all = await env.DB.batch<Record<string, unknown>>(statements.map(({ real }) => real));
      all.forEach(({ results, meta }, index) => {
        recording.rows[statements[index]!.text] = { results, changes: meta.changes };
      });
      return all;
    },
  };
  const CODES = {
    async get(key: string) {
      recording.calls.push({ kind: "get", key });
      const value = await env.CODES.get(key);
      recording.codes[key] = value;
      return value;
    },
    put(key: string, value: string, options: KVNamespacePutOptions) {
      recording.calls.push({ kind: "put", key, value });
      return env.CODES.put(key, value, options);
    },
  };
  const limiter = {
    async limit({ key }: { readonly key: string }) {
      recording.calls.push({ kind: "limit", key });
      return { success: true };
    },
  };
  return { DB, CODES, PAGE_LIMIT: limiter, ADMIN_LIMIT: limiter, USER_LIMIT: limiter } as unknown as Bindings;
}
