// One thing that Alexa expects, and whether it was met.

export interface Check {
  /** Stable name, for programs. */
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, in words for people; never a secret. */
  readonly detail: string;
  /** `must`: linking breaks without it. `should`: a standard asks for it, or another client may trip over it. */
  readonly level: "must" | "should";
}

/** A check that linking depends on. */
export function must(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail, level: "must" };
}

/** A check that a careful server passes, without which Alexa still links. */
export function should(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail, level: "should" };
}

/** True when everything that linking depends on was met. */
export function passed(checks: readonly Check[]): boolean {
  return checks.every((check) => check.ok || check.level === "should");
}

/** The first unmet check that linking depends on. */
export function firstFailure(checks: readonly Check[]): Check | undefined {
  return checks.find((check) => !check.ok && check.level === "must");
}
