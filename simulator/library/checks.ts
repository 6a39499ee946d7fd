// A check: one thing that Alexa expects, and whether it holds.

export interface Check {
  /** Stable name, for programs. */
  readonly name: string;
  readonly ok: boolean;
  /** What was found, in plain words; never a secret. */
  readonly detail: string;
  /** `must`: linking fails without it. `should`: a standard requires it, or another client may depend on it. */
  readonly level: "must" | "should";
  /** The rule of Amazon's or of a standard that this checks. */
  readonly rule?: string;
}

/** A check that linking depends on. */
export function must(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail, level: "must" };
}

/** A check that a good server passes, but without which Alexa still links. */
export function should(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail, level: "should" };
}

/** True if every check that linking depends on has passed. */
export function passed(checks: readonly Check[]): boolean {
  return checks.every((check) => check.ok || check.level === "should");
}

/** The first failed check that linking depends on. */
export function firstFailure(checks: readonly Check[]): Check | undefined {
  return checks.find((check) => !check.ok && check.level === "must");
}
