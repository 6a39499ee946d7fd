// Failures of the Skill Enablement API: for each a tagged reason, its public code, and advice for the operator.

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
  /** For the operator. */
  readonly remedy: string;
}

const rejected = { code: "enablement_rejected", stop: false } as const;
const forbidden = { code: "enablement_forbidden", stop: true, undecided: false } as const;
const unavailable = { code: "enablement_unavailable", stop: false } as const;

export const ENABLEMENT_FAILURES = {
  enablement_forbidden: {
    ...forbidden,
    specificity: 100,
    remedy:
      "Alexa responded with 403. Check that the skill's LWA client has the scope alexa::skills:account_linking, that linking from the app is switched on in the console, and that the stage exists.",
  },
  enablement_forbidden_stage: {
    ...forbidden,
    specificity: 100,
    remedy:
      "Alexa responded with 403 for the development stage: only the developer's own Amazon account and beta testers may link there. If the account is one of these, the skill's LWA client lacks the scope alexa::skills:account_linking: switch on linking from the app in the console. Customers of the store need the stage live.",
  },
  enablement_unauthorized: {
    ...forbidden,
    specificity: 90,
    remedy:
      "Alexa responded with 401: Amazon's token is no longer valid, most often because the skill was disabled. Start linking again.",
  },
  enablement_bad_request: {
    ...rejected,
    specificity: 80,
    undecided: false,
    remedy:
      "Alexa responded with 400: it could not redeem our code at the token URL. Check that the console names this server's /token with this client's id and secret, and that the redirect URI is among the skill's redirect URLs.",
  },
  enablement_code_not_redeemed: {
    ...rejected,
    specificity: 75,
    undecided: false,
    remedy:
      "Alexa reports a link but never redeemed our code: the skill is linked with another account or server. Disable the skill in the Alexa app and link again.",
  },
  enablement_conflict: {
    ...rejected,
    specificity: 70,
    undecided: true,
    remedy:
      "Alexa responded with 409 and the skill is not linked. Disable the skill in the Alexa app and link again; with Send Alexa Events on, check that AcceptGrant gets a response.",
  },
  enablement_not_linked: {
    ...rejected,
    specificity: 65,
    undecided: true,
    remedy:
      "Alexa took the call but reports no link. With Send Alexa Events on, check that the skill responds to AcceptGrant.",
  },
  enablement_unexpected_status: {
    ...rejected,
    specificity: 60,
    undecided: true,
    remedy: "Alexa responded with a status that its pages do not name; see the log for it.",
  },
  enablement_server_error: {
    ...unavailable,
    specificity: 50,
    undecided: true,
    remedy: "Alexa responded with 5xx. Try again; check Amazon's status page when it lasts.",
  },
  enablement_throttled: {
    ...unavailable,
    specificity: 45,
    undecided: false,
    remedy: "Alexa responded with 429: too many calls. Try again after the time that Retry-After names.",
  },
  enablement_malformed: {
    ...unavailable,
    specificity: 42,
    undecided: true,
    remedy: "Alexa's response was not valid JSON. Try again.",
  },
  enablement_redirected: {
    ...unavailable,
    specificity: 41,
    undecided: true,
    remedy: "Alexa's host responded with a redirect, which is never followed. Check ALEXA_API_HOSTS.",
  },
  enablement_timed_out: {
    ...unavailable,
    specificity: 40,
    undecided: true,
    remedy: "Alexa did not respond in time. Check that /token responds within 4.5 seconds; then try again.",
  },
  enablement_unreachable: {
    ...unavailable,
    specificity: 40,
    undecided: true,
    remedy: "The connection to Alexa failed. Try again; check ALEXA_API_HOSTS when it lasts.",
  },
  enablement_not_found: {
    ...rejected,
    specificity: 10,
    undecided: false,
    remedy:
      "404 from each host that was asked: the customer's Amazon account sees no skill with this id and stage. Check the skill id, and that the stage fits: live exists only after the skill was published, and only where it is offered.",
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
