// Bindings that count each round trip, can delay it, fail it before or after it took effect, or stop for good at it.

export interface RoundTrip {
  /** `OUT`: a request to another server, in tests that count them. */
  readonly store: "DB" | "CODES" | "OUT";
  /**
   * Method called: `first`, `all`, `run`, `raw`, `batch`, `exec`, `get`, `put`, …; of a request, method and address.
   */
  readonly call: string;
  /** The statement, or for a batch all of them joined by `;`. */
  readonly sql: string;
}

export interface Fault {
  readonly when: (roundTrip: RoundTrip, index: number) => boolean;
  readonly delayMs?: number;
  /** Done before the round trip takes effect: what another request does meanwhile. */
  readonly meanwhile?: () => Promise<unknown>;
  /** `after` does the work first, then throws: a write that was committed although its caller got an error. */
  readonly throws?: "before" | "after";
  readonly message?: string;
  /** The test tries more round trips than there may be. Any other fault that never takes effect fails its test. */
  readonly mayMiss?: boolean;
  times?: number;
}

/**
 * The isolate dies with its round trip number `at`: `before` it took effect, `after` it did, or `beside`: it never
 * left,
 * while others that were under way together with it arrived. No round trip is ever answered from then on, and none
 * takes
 * effect.
 */
export interface Death {
  readonly at: number;
  readonly how: "before" | "after" | "beside";
  /** Called when the isolate has stopped. */
  readonly onDeath: () => void;
  /** Set by the meter. */
  dead?: boolean;
  /** Round trips still arrive after a death `beside`, until the test sets this to false. */
  stragglersArrive?: boolean;
  /** How many round trips began after the isolate had stopped; set by the meter. */
  beside?: number;
}

export interface Written {
  readonly sql: string;
  readonly rows: number;
}

export interface Meter {
  readonly roundTrips: RoundTrip[];
  /** The statements that wrote rows, with the count that D1 bills: entries of indexes are rows too. */
  readonly writes: Written[];
  readonly faults: Fault[];
  death: Death | undefined;
  /** `["CODES.get", "DB.batch"]`: what the budget tests compare. */
  calls(): string[];
  clear(): void;
}

/** Faults that a test has configured and that have not taken effect yet. */
const outstanding = new Set<Fault>();

/** The faults of the test so far that never took effect, by their condition. Forgets them. */
export function takeFaultsThatNeverFired(): string[] {
  const conditions = [...outstanding].map(({ when }) => String(when));
  outstanding.clear();
  return conditions;
}

class Faults extends Array<Fault> {
  override push(...faults: Fault[]): number {
    for (const fault of faults) if (!fault.mayMiss) outstanding.add(fault);
    return super.push(...faults);
  }
}

export function createMeter(): Meter {
  const roundTrips: RoundTrip[] = [];
  const writes: Written[] = [];
  const faults = new Faults();
  return {
    roundTrips,
    writes,
    faults,
    death: undefined,
    calls: () => roundTrips.map((roundTrip) => `${roundTrip.store}.${roundTrip.call}`),
    clear() {
      roundTrips.length = 0;
      writes.length = 0;
      faults.length = 0;
    },
  };
}

const NEVER = new Promise<never>(() => {});

function die(death: Death): Promise<never> {
  death.dead = true;
  death.onDeath();
  return NEVER;
}

/** One round trip: counted, and subject to the faults and the death that the test has configured. */
export async function roundTrip<T>(meter: Meter, what: RoundTrip, go: () => Promise<T>): Promise<T> {
  const { death } = meter;
  if (death?.dead) {
    death.beside = (death.beside ?? 0) + 1;
    if (death.stragglersArrive) await go().catch(() => undefined);
    return NEVER;
  }
  const index = meter.roundTrips.push(what) - 1;
  if (death && index === death.at) {
    if (death.how === "after") await go().catch(() => undefined);
    else death.stragglersArrive = death.how === "beside";
    return die(death);
  }
  const fault = meter.faults.find((candidate) => candidate.times !== 0 && candidate.when(what, index));
  if (!fault) {
    const result = await go();
    return death?.dead ? NEVER : result;
  }
  outstanding.delete(fault);
  if (fault.times !== undefined) fault.times--;
  if (fault.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  await fault.meanwhile?.();
  const failure = new Error(fault.message ?? "D1_ERROR: injected fault");
  if (fault.throws === "before") throw failure;
  const result = await go();
  if (fault.throws === "after") throw failure;
  return result;
}

function noteWrites(meter: Meter, sql: string, { meta }: D1Result): void {
  if (meta.rows_written > 0) meter.writes.push({ sql, rows: meta.rows_written });
}

const inner = new WeakMap<D1PreparedStatement, { real: D1PreparedStatement; sql: string }>();

function meterStatement(meter: Meter, real: D1PreparedStatement, sql: string): D1PreparedStatement {
  const counted = <T>(call: string, go: () => Promise<T>) => roundTrip(meter, { store: "DB", call, sql }, go);
  const noted = async <T extends D1Result>(running: Promise<T>) => {
    const result = await running;
    noteWrites(meter, sql, result);
    return result;
  };
  const wrapped = {
    bind: (...values: unknown[]) => meterStatement(meter, real.bind(...values), sql),
    first: (column?: string) => counted("first", () => (column === undefined ? real.first() : real.first(column))),
    run: () => counted("run", () => noted(real.run())),
    all: () => counted("all", () => noted(real.all())),
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
      roundTrip(
        meter,
        { store: "DB", call: "batch", sql: list.map((s) => inner.get(s)?.sql ?? "").join(";\n") },
        async () => {
          const results = await real.batch(list.map((statement) => inner.get(statement)?.real ?? statement));
          results.forEach((result, index) => {
            const statement = list[index];
            noteWrites(meter, (statement && inner.get(statement)?.sql) ?? "", result);
          });
          return results;
        },
      ),
    exec: (sql: string) => roundTrip(meter, { store: "DB", call: "exec", sql }, () => real.exec(sql)),
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
        roundTrip(meter, { store: "CODES", call: String(property), sql: "" }, () =>
          (member as (...args: unknown[]) => Promise<unknown>).apply(target, values),
        );
    },
  });
}
