// The doctor's results as one document, which every form of output shows.
import type { Target } from "../../doctor/examination.ts";
import type { Outcome, Result } from "../../doctor/report.ts";

/** The document that `--json` prints. */
export interface DoctorDocument {
  readonly target: string;
  readonly startedAt: string;
  readonly checks: readonly (Result & { readonly effect: string; readonly remedy: string })[];
  readonly summary: Readonly<Record<Outcome, number>>;
}

/** The document. `effect` and `remedy` are empty where nothing is wrong. */
export function documentOf(target: Target, startedAt: Date, results: readonly Result[]): DoctorDocument {
  const count = (outcome: Outcome) => results.filter((result) => result.outcome === outcome).length;
  return {
    target: target.issuer ?? target.authorizationUrl,
    startedAt: startedAt.toISOString(),
    checks: results.map(({ id, title, outcome, detail, effect = "", remedy = "", source }) => ({
      id,
      title,
      outcome,
      detail,
      effect,
      remedy,
      source,
    })),
    summary: { pass: count("pass"), warn: count("warn"), fail: count("fail"), skipped: count("skipped") },
  };
}
