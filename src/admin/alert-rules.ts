// Alert rules: which counters count towards an alert, what they are compared with, and the thresholds.
import { BUCKETS_MS, readTokenCounter } from "../observability/token-counters.ts";
import type { RefusingEndpoint } from "../storage/attempts/refusals.ts";
import type { Alert } from "../storage/maintenance/alerts.ts";

/** A rule over the counters of the current and the previous hour. */
export interface AlertRule {
  readonly name: string;
  /** One alert for each skill or client, or one for this server. */
  readonly per: "skill" | "client" | "server";
  /** The reason that a counter of this name stands for, if it counts towards the alert. */
  readonly bad: (counter: string) => string | undefined;
  /** Whether a counter of this name counts successes. */
  readonly good?: (counter: string) => boolean;
  /** The count that raises the alert. It is cleared below half of that. */
  readonly least: number;
  /** The share of failures that raises the alert; 0: any. It is cleared below half of that. */
  readonly share: number;
  /** The text that follows the numbers in the message. */
  readonly what: string;
  /** The console's list that shows what was counted. */
  readonly list?: {
    readonly path: string;
    readonly label: string;
    readonly parameters?: Readonly<Record<string, string>>;
  };
  /** Alerts that explain this one. It is not raised while one of the same subject or of the server is open. */
  readonly causes?: readonly string[];
}

/** The result of a rule for one subject. */
export interface Finding {
  readonly alert: Alert;
  readonly causes: readonly string[];
  /** The thresholds for raising the alert are reached. */
  readonly raises: boolean;
  /** The thresholds for keeping the alert open are reached. */
  readonly holds: boolean;
}

/** The rest of a counter's name after `prefix`; with `reasons` only if it is one of them. */
function after(prefix: string, reasons?: readonly string[]): AlertRule["bad"] {
  return (counter) => {
    const rest = counter.startsWith(prefix) ? counter.slice(prefix.length) : undefined;
    return rest !== undefined && (reasons === undefined || reasons.includes(rest)) ? rest : undefined;
  };
}

/** The first of several reasons. */
function either(...rules: readonly AlertRule["bad"][]): AlertRule["bad"] {
  return (counter) => rules.map((rule) => rule(counter)).find((reason) => reason !== undefined);
}

/** Whether a counter of token requests counts those over a second; undefined for other counters. */
function slow(counter: string): boolean | undefined {
  const counted = readTokenCounter(counter);
  return counted && !((BUCKETS_MS[counted.bucket] ?? Number.POSITIVE_INFINITY) <= 1000);
}

/** Outcomes of refreshes that are not failures, have their own alert, or can be caused by anyone. */
const OTHER_THAN_FAILED = ["success", "invalid_client", "invalid_request"];
/** Reasons that a wrong setting can cause. A code that is presented twice is not among them. */
const WRONG_EXCHANGES = [
  "code_malformed",
  "code_unknown",
  "code_expired",
  "code_of_another_client",
  "redirect_uri_mismatch",
  "verifier_missing",
  "verifier_mismatch",
  "verifier_unexpected",
  "resource_mismatch",
  "resource_trailing_slash",
  "resource_unregistered",
];
const OF_THE_PAIR = ["invalid_client", "unauthorized_client"];
/** Failures of the enablement call that a retry does not fix. */
const ENABLEMENT_REFUSED = [
  "forbidden",
  "forbidden_stage",
  "unauthorized",
  "bad_request",
  "code_not_redeemed",
  "conflict",
  "not_linked",
  "unexpected_status",
  "not_found",
].map((reason) => `enablement_${reason}`);
const ENABLEMENT_UNAVAILABLE = ["server_error", "throttled", "malformed", "redirected", "timed_out", "unreachable"].map(
  (reason) => `enablement_${reason}`,
);
const UNTRUSTED_EVENTS = /^skill_event_refused_(certificate_\w+|signature_wrong)$/;

/** All rules over counters. */
export function alertRules(): readonly AlertRule[] {
  const eventsAccepted = (counter: string) => counter === "skill_event_accepted";
  const failed = { path: "/admin/attempts", label: "Failed attempts", parameters: { outcome: "failed" } };
  const refusedAt = (endpoint: RefusingEndpoint) => ({
    path: "/admin/refused",
    label: "Refused requests",
    parameters: { endpoint },
  });
  const overview = { path: "/admin", label: "Overview" };
  const keys = { path: "/admin/operations", label: "Signing keys" };
  const linked = (counter: string) => counter === "linking_linked";
  return [
    {
      name: "signing_key_trouble",
      per: "server",
      bad: after("signing_key_"),
      least: 1,
      share: 0,
      what: "problem(s) with the signing key",
      list: keys,
    },
    {
      name: "invalid_client_burst",
      per: "client",
      bad: after("refused_token_", ["invalid_client"]),
      least: 10,
      share: 0,
      what: "token requests had a wrong client secret",
      list: refusedAt("token"),
    },
    {
      name: "redirect_uri_refused",
      per: "client",
      bad: after("refused_authorize_", ["redirect_uri_unregistered", "redirect_uri_missing"]),
      least: 5,
      share: 0,
      what: "authorization requests had a redirect URI that is not registered",
      list: refusedAt("authorize"),
    },
    {
      name: "client_id_unknown",
      per: "server",
      bad: after("refused_authorize_", ["client_unknown"]),
      least: 10,
      share: 0,
      what: "authorization requests named a client that is not registered",
      list: refusedAt("authorize"),
    },
    {
      name: "authorize_requests_refused",
      per: "client",
      bad: (counter) =>
        /^refused_authorize_(?!redirect_uri_(?:unregistered|missing)$|client_unknown$)(.+)$/.exec(counter)?.[1],
      least: 5,
      share: 0,
      what: "authorization requests were refused",
      list: refusedAt("authorize"),
    },
    {
      name: "token_requests_misplaced",
      per: "server",
      bad: after("refused_wrong_address_"),
      least: 5,
      share: 0,
      what: "token requests were sent to a wrong address",
      list: refusedAt("wrong_address"),
    },
    {
      name: "code_exchanges_refused",
      per: "skill",
      bad: after("token_error_", WRONG_EXCHANGES),
      good: (counter) => {
        const counted = readTokenCounter(counter);
        return counted?.grant === "exchange" && counted.outcome === "success";
      },
      least: 5,
      share: 0.2,
      what: "code redemptions were refused",
      list: refusedAt("token"),
    },
    {
      name: "refresh_failures_rose",
      per: "skill",
      bad: (counter) => {
        const counted = readTokenCounter(counter);
        const failed = counted?.grant === "refresh" && !OTHER_THAN_FAILED.includes(counted.outcome);
        return failed ? counted.outcome : undefined;
      },
      good: (counter) => {
        const counted = readTokenCounter(counter);
        return counted?.grant === "refresh" && counted.outcome === "success";
      },
      least: 10,
      share: 0.1,
      what: "refreshes failed",
      list: refusedAt("token"),
    },
    {
      name: "token_latency_high",
      per: "server",
      bad: (counter) => (slow(counter) ? "over 1 s" : undefined),
      good: (counter) => slow(counter) === false,
      least: 10,
      share: 0.05,
      what: "token requests took longer than one second",
      list: overview,
    },
    {
      name: "skill_event_certificate_trouble",
      per: "server",
      bad: (counter) => UNTRUSTED_EVENTS.exec(counter)?.[1],
      good: eventsAccepted,
      least: 5,
      share: 0.5,
      what: "skill events were refused because of their signature or certificate",
      list: refusedAt("events"),
    },
    {
      name: "skill_events_refused",
      per: "server",
      bad: after("skill_event_refused_", ["timestamp_outside_window", "skill_unknown", "body_malformed"]),
      good: eventsAccepted,
      least: 5,
      share: 0.5,
      what: "skill events were refused for other reasons than their signature",
      list: refusedAt("events"),
    },
    {
      name: "lwa_pair_refused",
      per: "skill",
      bad: after("lwa_refused_", OF_THE_PAIR),
      good: (counter) => counter === "lwa_accepted",
      least: 3,
      share: 0.5,
      what: "calls to Login with Amazon were refused because of the client id and secret",
      list: failed,
    },
    {
      name: "amazon_unavailable",
      per: "server",
      bad: either(
        after("lwa_unavailable_"),
        after("linking_failed_", ENABLEMENT_UNAVAILABLE),
        after("amazon_profile_"),
      ),
      good: (counter) => counter === "lwa_accepted" || counter.startsWith("lwa_refused_") || linked(counter),
      least: 5,
      share: 0.2,
      what: "calls to Amazon had no usable response",
      list: failed,
    },
    {
      name: "amazon_refuses_linking",
      per: "skill",
      bad: (counter) => /^linking_failed_(amazon_(?:error|code_rejected)_\w+)$/.exec(counter)?.[1],
      good: linked,
      least: 5,
      share: 0.3,
      what: "attempts from your app or site were refused by Login with Amazon",
      list: failed,
      causes: ["lwa_pair_refused"],
    },
    {
      name: "enablement_refused",
      per: "skill",
      bad: after("linking_failed_", ENABLEMENT_REFUSED),
      good: linked,
      least: 5,
      share: 0.3,
      what: "attempts from your app or site were refused by Alexa's enablement API",
      list: failed,
      causes: ["invalid_client_burst", "code_exchanges_refused", "accept_grant_refused", "token_latency_high"],
    },
    {
      name: "accept_grant_refused",
      per: "skill",
      bad: after("accept_grant_refused_"),
      good: (counter) => counter === "accept_grant_ok",
      least: 5,
      share: 0.3,
      what: "AcceptGrant directives were refused",
      list: failed,
      causes: ["lwa_pair_refused", "amazon_unavailable"],
    },
    {
      name: "provider_misconfigured",
      per: "server",
      bad: after("provider_", ["metadata_unusable", "issuer_differs", "client_refused"]),
      least: 3,
      share: 0,
      what: "sign-ins failed because of the settings of the identity provider",
    },
    {
      name: "provider_unreachable",
      per: "server",
      bad: after("provider_", ["unreachable"]),
      least: 5,
      share: 0,
      what: "sign-ins failed because the identity provider did not respond",
    },
  ];
}
