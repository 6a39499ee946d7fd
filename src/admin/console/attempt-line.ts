// The timeline of one attempt: the steps that happened and, in their places, those that did not.
import type { OAuthError } from "../../http/oauth-error.ts";
import { publicReason } from "../../linking/reasons.ts";
import { type TokenFailure, tokenFailureError } from "../../oauth/token-failure.ts";
import type { AttemptDetail } from "../../storage/maintenance/attempt-detail.ts";
import type { AttemptTexts } from "./attempt-texts.ts";
import { words } from "./parts.tsx";

export interface LineEntry {
  /** `waiting`: it may still happen. */
  readonly is: "done" | "missing" | "waiting";
  /** The step's name as in rows and logs; empty if the step is not stored. */
  readonly name: string;
  readonly text: string;
  /** Milliseconds since 1970; undefined: not known, or it did not happen. */
  readonly at?: number;
  /** Milliseconds since the previous step. */
  readonly after?: number;
}

/** The stages of a successful attempt, in order, by flow. */
const STAGES: Readonly<Record<AttemptDetail["flow"], readonly string[]>> = {
  alexa_app: ["signed_in", "decided", "redeemed", "accept_grant"],
  app_authorize: ["signed_in", "decided", "redeemed", "accept_grant"],
  oauth: ["signed_in", "decided", "redeemed"],
  app_to_app: ["started", "amazon_code", "amazon_tokens", "enablement", "redeemed", "linked", "accept_grant"],
  website: ["signed_in", "started", "amazon_code", "amazon_tokens", "enablement", "redeemed", "linked", "accept_grant"],
};

/** The stage that a step completes. A refused AcceptGrant has arrived as well. */
const COMPLETES: Readonly<Record<string, string>> = {
  signed_in: "signed_in",
  consent_given: "decided",
  linking_started: "started",
  amazon_code_received: "amazon_code",
  amazon_tokens_received: "amazon_tokens",
  enablement: "enablement",
  code_redeemed: "redeemed",
  linked: "linked",
  event_gateway_granted: "accept_grant",
  event_gateway_refused: "accept_grant",
};

/** `enablement_eu_response:404` is `enablement_response` with the region EU and the tag 404. */
function partsOf(step: string): { readonly key: string; readonly region?: string; readonly tag?: string } {
  const [name = "", tag] = step.split(":");
  const [, region, rest = ""] = /^enablement_(na|eu|fe)(_response|_look)?$/.exec(name) ?? [];
  return {
    key: region === undefined ? name : `enablement${rest}`,
    ...(region === undefined ? {} : { region: region.toUpperCase() }),
    ...(tag === undefined ? {} : { tag: name.endsWith("_response") ? tag : words(tag) }),
  };
}

/** The response of `/token` for a known reason of a refused code; undefined for any other text. */
function refusalOf(reason: string | undefined): string | undefined {
  const response: OAuthError | undefined = tokenFailureError({ reason } as TokenFailure);
  return response && `${response.status} ${response.error}`;
}

/** Replaces `{name}`. A part in [brackets] is left out if one of its values is missing. */
function fill(text: string, values: Readonly<Record<string, string | undefined>>): string {
  return text
    .replace(/\[([^[\]]*)\]/g, (_, part: string) =>
      [...part.matchAll(/\{(\w+)\}/g)].every(([, name = ""]) => values[name] !== undefined) ? part : "",
    )
    .replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "unknown");
}

function valuesOf(attempt: AttemptDetail): Readonly<Record<string, string | undefined>> {
  return {
    client: attempt.clientId ?? undefined,
    skill: attempt.skillName ?? attempt.skillId ?? undefined,
    stage: attempt.stage ?? undefined,
    platform: attempt.platform ?? undefined,
    redirectUri: attempt.redirectUri ?? undefined,
    scope: attempt.scope ?? undefined,
    locale: attempt.locale ?? undefined,
    pkce: attempt.pkce === null ? undefined : attempt.pkce === 1 ? "with PKCE" : "without PKCE",
    grant: attempt.grantId ?? undefined,
    outcome: attempt.outcome,
    public: publicReason(attempt.reason ?? ""),
  };
}

/** The value of the first key that is an own property of the record: a step name can be any string. */
function ownOf<T>(record: Readonly<Record<string, T>>, ...keys: readonly (string | false | null)[]): T | undefined {
  const key = keys.find((one) => typeof one === "string" && Object.hasOwn(record, one));
  return typeof key === "string" ? record[key] : undefined;
}

/** The timeline, earliest first. */
export function lineOf(attempt: AttemptDetail, texts: AttemptTexts, now: number): LineEntry[] {
  const { flow } = attempt;
  const values = valuesOf(attempt);
  const stages = STAGES[flow];
  const isOpen = attempt.outcome === "pending" && attempt.expiresAt > now;
  const textOf = (key: string, more: Readonly<Record<string, string | undefined>> = {}) =>
    fill(ownOf(texts.happened, `${flow}.${key}`, key) ?? `${words(key)}.`, { ...values, ...more });
  const steps = attempt.steps.map((step) => {
    const parts = partsOf(step.name);
    return { ...step, ...parts, completes: ownOf(COMPLETES, parts.key) };
  });
  const refused = steps.some(({ key }) => key === "token_refused");
  const decision = attempt.decision === "deny" ? stages.findIndex((one) => one === "decided" || one === "started") : -1;
  const passed = Math.max(decision, ...steps.map(({ completes = "" }) => stages.indexOf(completes)));

  const line: { readonly entry: LineEntry; readonly stage: number }[] = [
    { entry: { is: "done", name: "", text: textOf("opened") }, stage: -1 },
  ];
  let before = { at: attempt.createdAt, stage: -1 };
  for (const { name, at, key, tag, region, completes = "" } of steps) {
    const own = stages.indexOf(key === "token_refused" ? "redeemed" : completes);
    // A step that completes no stage, or is out of order, keeps its place by time.
    const stage = Math.max(before.stage, key === "consent_denied" ? decision : own);
    const response = key === "token_refused" ? refusalOf(name.split(":")[1]) : undefined;
    const text = textOf(key, { tag, region, response });
    line.push({ entry: { is: "done", name, text, at, after: at - before.at }, stage });
    before = { at, stage };
  }
  for (const [index, stage] of stages.entries()) {
    if (index === decision || steps.some(({ completes }) => completes === stage)) continue;
    const isDeclined = decision >= 0 && index > decision && "declined";
    const isRefused = stage === "redeemed" && refused && "refused";
    const [over = words(stage), open = over] =
      ownOf(texts.missing, isDeclined, isRefused, `${flow}.${stage}`, stage) ?? [];
    const entry: LineEntry =
      // A customer who decided was signed in, here or in the company's app.
      stage === "signed_in" && passed > index
        ? { is: "done", name: "", text: textOf("known") }
        : { is: isOpen ? "waiting" : "missing", name: "", text: isOpen ? open : over };
    const place = line.findLastIndex((one) => one.stage < index || (one.stage === index && one.entry.is === "done"));
    line.splice(place + 1, 0, { entry, stage: index });
  }
  return line.map(({ entry }) => entry);
}

/** What the customer saw at the end. */
export function seenBy(attempt: AttemptDetail, texts: AttemptTexts): string {
  const { flow, outcome, reason, steps } = attempt;
  const has = (start: string) => steps.some(({ name }) => name.startsWith(start));
  const text = ownOf(
    texts.seen,
    outcome === "linked" && has("event_gateway_refused:") && "accept_grant_refused",
    outcome === "pending" && !has("token_refused:") && (has("consent_given") ? `${flow}.code_issued` : "pending"),
    outcome === "pending" && !has("token_refused:") && "pending",
    `${flow}.${reason}`,
    reason,
    outcome !== "linked" && has("token_refused:") && `${flow}.token_refused`,
    `${flow}.${outcome}`,
  );
  return text === undefined ? "Unknown." : fill(text, valuesOf(attempt));
}
