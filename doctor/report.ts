// The checks and their results.

export type Outcome = "pass" | "warn" | "fail" | "skipped";

/** One check: what it looks at, and what a failure means. The document docs/doctor.md lists all of them. */
export interface Check {
  /** Stable, for programs and `--only`: lower case words joined by `_`. */
  readonly id: string;
  readonly title: string;
  /** What a failure is by default: `fail` if Alexa could not link, would lose the link, or a security rule is broken. */
  readonly severity: "fail" | "warn";
  /** What Alexa does, or what the customer sees, when the check fails. */
  readonly effect: string;
  readonly remedy: string;
  /** The page of Amazon, or the section of an RFC, that asks for it. */
  readonly source: string;
}

export interface Result {
  readonly id: string;
  readonly title: string;
  readonly outcome: Outcome;
  /** What was found, in plain words; never a secret. */
  readonly detail: string;
  /** With `warn` and `fail` always. */
  readonly effect?: string;
  readonly remedy?: string;
  readonly source: string;
}

/** What is special about one finding. By default its outcome, effect and remedy are those of the check. */
export interface Finding {
  readonly outcome?: "fail" | "warn";
  readonly effect?: string;
  readonly remedy?: string;
}

/** The longest detail, in characters. What servers send has no limit. */
const LONGEST_DETAIL = 4_000;

function shortened(detail: string): string {
  return detail.length > LONGEST_DETAIL ? `${detail.slice(0, LONGEST_DETAIL - 2)} …` : detail;
}

const RANK: Readonly<Record<Outcome, number>> = { skipped: 0, pass: 1, warn: 2, fail: 3 };

/**
 * Collects one result for each check. A check that is noted several times keeps the worst outcome, with the details of
 * that outcome.
 */
export class Report {
  readonly #results = new Map<string, Result>();

  pass(check: Check, detail: string): void {
    this.#note(check, "pass", detail);
  }

  /** The check found something wrong. */
  problem(check: Check, detail: string, finding: Finding = {}): void {
    this.#note(check, finding.outcome ?? check.severity, detail, {
      effect: finding.effect ?? check.effect,
      remedy: finding.remedy ?? check.remedy,
    });
  }

  /** The server does not offer what the check is about, or the check could not be reached. */
  skip(check: Check, detail: string): void {
    this.#note(check, "skipped", detail);
  }

  /** Skips those of the checks that have no result yet. */
  skipRest(checks: readonly Check[], detail: string): void {
    for (const check of checks) if (this.outcomeOf(check) === undefined) this.skip(check, detail);
  }

  /** Passes if `ok`, with `good` as its detail; else it is a problem, with `bad`. */
  expect(check: Check, ok: boolean, good: string, bad: string, finding?: Finding): void {
    if (ok) this.pass(check, good);
    else this.problem(check, bad, finding);
  }

  outcomeOf(check: Pick<Check, "id">): Outcome | undefined {
    return this.#results.get(check.id)?.outcome;
  }

  /** In the order in which the checks were first noted. */
  results(): readonly Result[] {
    return [...this.#results.values()];
  }

  #note({ id, title, source }: Check, outcome: Outcome, detail: string, advice: Partial<Result> = {}): void {
    const before = this.#results.get(id);
    if (before && RANK[before.outcome] > RANK[outcome]) return;
    const same = before?.outcome === outcome && before.detail !== detail;
    this.#results.set(id, {
      ...(same ? before : advice),
      id,
      title,
      outcome,
      detail: shortened(same ? `${before.detail}; ${detail}` : detail),
      source,
    });
  }
}
