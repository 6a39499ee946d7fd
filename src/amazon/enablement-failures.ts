// Failures of the Skill Enablement API: for each a tagged reason and its public code.

export type EnablementFailureCode = "enablement_rejected" | "enablement_forbidden" | "enablement_unavailable";

interface FailureRule {
  /** For the JSON API and the return URL. */
  readonly code: EnablementFailureCode;
  /** Of several hosts' failures the highest is reported. 404 is the lowest: a wrong region responds with it too. */
  readonly specificity: number;
  /** No other host would respond differently. */
  readonly stop: boolean;
  /** Alexa may have linked nevertheless: GET decides. */
  readonly undecided: boolean;
}

const rejected = { code: "enablement_rejected", stop: false } as const;
const forbidden = { code: "enablement_forbidden", stop: true, undecided: false } as const;
const unavailable = { code: "enablement_unavailable", stop: false } as const;

export const ENABLEMENT_FAILURES = {
  enablement_forbidden: {
    ...forbidden,
    specificity: 100,
  },
  enablement_forbidden_stage: {
    ...forbidden,
    specificity: 100,
  },
  enablement_unauthorized: {
    ...forbidden,
    specificity: 90,
  },
  enablement_bad_request: {
    ...rejected,
    specificity: 80,
    undecided: false,
  },
  enablement_code_not_redeemed: {
    ...rejected,
    specificity: 75,
    undecided: false,
  },
  enablement_conflict: {
    ...rejected,
    specificity: 70,
    undecided: true,
  },
  enablement_not_linked: {
    ...rejected,
    specificity: 65,
    undecided: true,
  },
  enablement_unexpected_status: {
    ...rejected,
    specificity: 60,
    undecided: true,
  },
  enablement_server_error: {
    ...unavailable,
    specificity: 50,
    undecided: true,
  },
  enablement_throttled: {
    ...unavailable,
    specificity: 45,
    undecided: false,
  },
  enablement_malformed: {
    ...unavailable,
    specificity: 42,
    undecided: true,
  },
  enablement_redirected: {
    ...unavailable,
    specificity: 41,
    undecided: true,
  },
  enablement_timed_out: {
    ...unavailable,
    specificity: 40,
    undecided: true,
  },
  enablement_unreachable: {
    ...unavailable,
    specificity: 40,
    undecided: true,
  },
  enablement_not_found: {
    ...rejected,
    specificity: 10,
    undecided: false,
  },
} as const satisfies Record<string, FailureRule>;

export type EnablementFailureReason = keyof typeof ENABLEMENT_FAILURES;

/** How a failure of the enablement call is reported, and whether another host may still succeed. */
export function failureRule(reason: EnablementFailureReason): FailureRule {
  return ENABLEMENT_FAILURES[reason];
}

/** The most specific failure; the first of equals. */
export function mostSpecific(reasons: readonly EnablementFailureReason[]): EnablementFailureReason | undefined {
  return reasons.toSorted((a, b) => failureRule(b).specificity - failureRule(a).specificity)[0];
}
