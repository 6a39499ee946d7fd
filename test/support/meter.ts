// Bindings that count each trip, can delay it, and can fail it before or after it took effect.

export interface Trip {
  readonly store: "DB" | "CODES";
  /** Method called: `first`, `all`, `run`, `raw`, `batch`, `exec`, `get`, `put`, … */
  readonly call: string;
  /** The statement, or for a batch all of them joined by `;`. */
  readonly sql: string;
}

export interface Fault {
  readonly when: (trip: Trip, index: number) => boolean;
  readonly delayMs?: number;
  /** `after` does the work first, then throws: the case where a write was committed and nobody knows. */
  readonly throws?: "before" | "after";
  readonly message?: string;
  times?: number;
}

export interface Meter {
  readonly trips: Trip[];
  readonly faults: Fault[];
  /** `["CODES.get", "DB.batch"]`: what the budget tests compare. */
  calls(): string[];
  clear(): void;
}

export function createMeter(): Meter {
  const trips: Trip[] = [];
  const faults: Fault[] = [];
  return {
    trips,
    faults,
    calls: () => trips.map((trip) => `${trip.store}.${trip.call}`),
    clear() {
      trips.length = 0;
      faults.length = 0;
    },
  };
}

async function trip<T>(meter: Meter, what: Trip, go: () => Promise<T>): Promise<T> {
  const index = meter.trips.push(what) - 1;
  const fault = meter.faults.find((candidate) => candidate.times !== 0 && candidate.when(what, index));
  if (!fault) return go();
  if (fault.times !== undefined) fault.times--;
  if (fault.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  const failure = new Error(fault.message ?? "D1_ERROR: injected fault");
  if (fault.throws === "before") throw failure;
  const result = await go();
  if (fault.throws === "after") throw failure;
  return result;
}

const inner = new WeakMap<D1PreparedStatement, { real: D1PreparedStatement; sql: string }>();

function meterStatement(meter: Meter, real: D1PreparedStatement, sql: string): D1PreparedStatement {
  const counted = <T>(call: string, go: () => Promise<T>) => trip(meter, { store: "DB", call, sql }, go);
  const wrapped = {
    bind: (...values: unknown[]) => meterStatement(meter, real.bind(...values), sql),
    first: (column?: string) => counted("first", () => (column === undefined ? real.first() : real.first(column))),
    run: () => counted("run", () => real.run()),
    all: () => counted("all", () => real.all()),
    raw: (options?: { columnNames: true }) => counted("raw", () => (options ? real.raw(options) : real.raw())),
  } as unknown as D1PreparedStatement;
  inner.set(wrapped, { real, sql });
  return wrapped;
}

/** D1 through the meter. */
export function meterD1(real: D1Database, meter: Meter): D1Database {
  return {
    prepare: (sql: string) => meterStatement(meter, real.prepare(sql), sql),
    batch: (list: D1PreparedStatement[]) =>
      trip(meter, { store: "DB", call: "batch", sql: list.map((s) => inner.get(s)?.sql ?? "").join(";\n") }, () =>
        real.batch(list.map((statement) => inner.get(statement)?.real ?? statement)),
      ),
    exec: (sql: string) => trip(meter, { store: "DB", call: "exec", sql }, () => real.exec(sql)),
    withSession: () => {
      throw new Error("the service uses no D1 sessions (C5)");
    },
    dump: () => real.dump(),
  } as unknown as D1Database;
}

/** KV through the meter. */
export function meterKv(real: KVNamespace, meter: Meter): KVNamespace {
  return new Proxy(real, {
    get(target, property) {
      const member = Reflect.get(target, property) as unknown;
      if (typeof member !== "function") return member;
      return (...values: unknown[]) =>
        trip(meter, { store: "CODES", call: String(property), sql: "" }, () =>
          (member as (...args: unknown[]) => Promise<unknown>).apply(target, values),
        );
    },
  });
}
