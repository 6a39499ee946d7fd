// Scenarios on Alexa's side: linking from the Alexa app, refreshing, events, disabling.
import { findAttempt, finishAuthorization, startAuthorization } from "../alexa/authorize.ts";
import { type EventFault, type EventName, sendEvent } from "../alexa/events.ts";
import { disableSkill } from "../alexa/link.ts";
import { tokenClientOf } from "../alexa/redeem.ts";
import { refreshLink } from "../alexa/refresh.ts";
import { speak } from "../alexa/speech.ts";
import { type Check, must, should } from "../library/checks.ts";
import { refreshTokens } from "../library/token.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { findSkill, type Link, linkKey } from "../state/store.ts";
import type { ScenarioRun, Verdict } from "./scenario.ts";

export async function runAuthorize(run: ScenarioRun): Promise<Verdict> {
  const { context, skill, account, options, browser } = run;
  const attempt = await startAuthorization(context, skill, account, false, options.person);
  const redirectUri = attempt.request?.redirectUri ?? "";
  const visit = await browser.visit(attempt.request?.url ?? "", {
    fields: options.signIn,
    decision: options.decision,
    until: (url) => url.split("?")[0] === redirectUri,
  });
  if (!visit.arrived) {
    attempt.outcome = "failed";
    attempt.reason = visit.why;
    return { linkId: attempt.linkId, checks: [must("returned_to_alexa", false, visit.why)] };
  }
  await finishAuthorization(context, skill, findAttempt(context.store, visit.url) ?? attempt, visit.url);
  const wanted = options.decision === "allow" ? "linked" : "cancelled";
  const outcome = must(
    "outcome",
    attempt.outcome === wanted,
    `${attempt.outcome}${attempt.reason ? `: ${attempt.reason}` : ""}`,
  );
  const checks =
    options.decision === "allow" ? attempt.checks : attempt.checks.filter((check) => check.name !== "response_code");
  return { linkId: attempt.linkId, checks: [...checks, outcome] };
}

export async function runRefresh({ context, options }: ScenarioRun): Promise<Verdict> {
  const checks: Check[] = [];
  for (const link of context.store.links.values()) {
    const skill = findSkill(context.store, link.skillId, link.stage);
    if (!skill) continue;
    if (options.count > 1)
      context.store.faults.refresh = { ...context.store.faults.refresh, parallel: options.count, times: 1 };
    checks.push(...(await refreshLink(context, skill, link)).checks);
  }
  return { checks: checks.length > 0 ? checks : [must("links", false, "no link is stored")] };
}

/** Simulates a spoken request. The service must return the speaker's own account, else the shared one, else none. */
export async function runSpeak({ context, skill, account, options }: ScenarioRun): Promise<Verdict> {
  return speak(context, skill, account, options.person);
}

function linkOf({ context, skill, account }: ScenarioRun): Link | undefined {
  return context.store.links.get(linkKey(account.id, skill.skillId, skill.stage));
}

const FORGERIES: readonly [name: string, fault: EventFault][] = [
  ["forged_signature", { signature: "wrong" }],
  ["missing_signature", { signature: "missing" }],
  ["signature_of_another_body", { signature: "other_body" }],
  ["expired_certificate", { certificate: "expired" }],
  ["certificate_of_another_host", { certificate: "wrong_host" }],
  ["unknown_root", { certificate: "other_root" }],
  ["incomplete_chain", { certificate: "missing_intermediate" }],
  [
    "certificate_from_elsewhere",
    { certificateUrl: "https://s3.amazonaws.com.evil.test/echo.api/echo-api-cert-good.pem" },
  ],
  ["too_old", { lateSeconds: 3700 }],
  ["another_skill", { skillId: "amzn1.ask.skill.of-somebody-else" }],
];

export async function runEvents(run: ScenarioRun): Promise<Verdict> {
  const { context, skill, options } = run;
  const link = linkOf(run);
  if (!skill.eventsUrl) return { checks: [must("events_url", false, "the skill has no eventsUrl")] };
  if (!link) return { checks: [must("links", false, "no link is stored for this account")] };
  const accepted = async (name: EventName, label: string, fault: EventFault = {}, requestId?: string) => {
    const response = await sendEvent(context, skill, link, name, fault, requestId);
    return {
      response,
      check: must("event_accepted", response.status === 200, `${label} returns ${response.status}`),
    };
  };
  const checks: Check[] = [];
  if (options.events) {
    for (const name of options.events) checks.push((await accepted(name, name)).check);
    return { linkId: link.linkId, checks };
  }
  for (const name of ["SkillEnabled", "SkillAccountLinked", "SkillPermissionAccepted"] as const) {
    checks.push((await accepted(name, name)).check);
  }
  for (const [name, fault] of FORGERIES) {
    const { status } = await sendEvent(context, skill, link, "SkillDisabled", fault);
    checks.push(must(`refuses_${name}`, status === 400, `${name.replaceAll("_", " ")} returns ${status}`));
  }
  const alive = await refreshLink(context, skill, link);
  checks.push(
    must(
      "forgeries_change_nothing",
      alive.ok,
      alive.ok ? "the link still refreshes" : "a forged event revoked the link",
    ),
  );
  const late = await accepted("SkillDisabled", "SkillDisabled, 50 minutes late", { lateSeconds: 3000 });
  const twice = await accepted("SkillDisabled", "the same event again", { lateSeconds: 3000 }, late.response.requestId);
  checks.push(late.check, twice.check, await checkRevoked(context, skill, link));
  return { linkId: link.linkId, checks };
}

async function checkRevoked(context: RequestContext, skill: Skill, link: Link): Promise<Check> {
  const outcome = await refreshTokens(context.send, tokenClientOf(skill), link.refreshToken);
  const ok = outcome.status === 400 && outcome.error === "invalid_grant";
  if (ok) link.alive = false;
  return must(
    "disabled_ends_the_grant",
    ok,
    `after SkillDisabled a refresh returns ${outcome.status} ${outcome.error ?? ""}`,
  );
}

export async function runDisable(run: ScenarioRun): Promise<Verdict> {
  const { context, skill } = run;
  const link = linkOf(run);
  if (!link) return { checks: [must("links", false, "no link is stored for this account")] };
  await disableSkill(context, skill, link);
  const reported = context.store.exchanges.filter((each) => each.linkId === link.linkId).at(-1);
  if (!skill.eventsUrl) {
    const detail = "the skill has no eventsUrl, so the company cannot be notified";
    return {
      linkId: link.linkId,
      checks: [must("disabled", true, "disabled at Amazon"), should("event_accepted", false, detail)],
    };
  }
  const status = reported?.response?.status ?? 0;
  const checks = [
    must("event_accepted", status === 200, `SkillDisabled returns ${status}`),
    await checkRevoked(context, skill, link),
  ];
  return { linkId: link.linkId, checks };
}
