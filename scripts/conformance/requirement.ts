// One requirement, how its tests are found, and what is said when there are none.

export interface Requirement {
  readonly id: string;
  readonly text: string;
  /**
   * Tests beside those that carry the id in their name: a part of a test's name as it stands in the source, or `@ID` for the tests of
   * another id. Each must match at least one test.
   */
  readonly tests?: readonly string[];
  /** What the tests leave open. */
  readonly missing?: string;
  /** Why there is no test at all. */
  readonly untested?: { readonly why: "does not apply" | "documented only" | "not yet"; readonly reason: string };
}

export interface Source {
  readonly title: string;
  /** One sentence on where the requirements come from. */
  readonly about: string;
  readonly requirements: readonly Requirement[];
}

/** A requirement that tests prove. */
export function proven(id: string, text: string, ...tests: string[]): Requirement {
  return { id, text, tests };
}

/** A requirement that tests prove in part; `missing` says what they leave open. */
export function partly(id: string, text: string, missing: string, ...tests: string[]): Requirement {
  return { id, text, missing, tests };
}

/** A requirement that speaks of what this server does not do. */
export function doesNotApply(id: string, text: string, reason: string): Requirement {
  return { id, text, untested: { why: "does not apply", reason } };
}

/** A requirement that is met by what the documentation says. */
export function documentedOnly(id: string, text: string, reason: string): Requirement {
  return { id, text, untested: { why: "documented only", reason } };
}

/** A requirement that is not met yet, and why. */
export function notYet(id: string, text: string, reason: string): Requirement {
  return { id, text, untested: { why: "not yet", reason } };
}
