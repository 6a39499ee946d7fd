// Scenarios on Alexa's side: linking from the Alexa app, refreshing, events, disabling, conformance.
import { findLinking, finishAuthorization, redirectUriOf, startAuthorization } from "../alexa/authorize.ts";
import { type EventFault, type EventName, sendEvent } from "../alexa/events.ts";
import { disableSkill } from "../alexa/link.ts";
import { tokenClientOf } from "../alexa/redeem.ts";
import { refreshLink } from "../alexa/refresh.ts";
import { speak } from "../alexa/speech.ts";
import type { AmazonAccount, Skill } from "../configuration.ts";
import type { createBrowser } from "../library/browser.ts";
import { type Check, must, should } from "../library/checks.ts";
import { checkConformance } from "../library/conformance.ts";
import { refreshTokens } from "../library/token.ts";
import type { Scene, SimulatorContext } from "../scene.ts";
import { type Link, linkKey } from "../world.ts";
import type { RunOrder } from "./run.ts";

export interface Stage {
  readonly c: SimulatorContext;
  readonly scene: Scene;
  readonly skill: Skill;
  readonly account: AmazonAccount;
  readonly order: RunOrder;
  readonly browser: ReturnType<typeof createBrowser>;
}

export interface Verdict {
  readonly checks: readonly Check[];
  readonly linkId?: string | undefined;
}

export async function runAuthorize(stage: Stage): Promise<Verdict> {
  const { scene, skill, account, order, browser } = stage;
  const linking = await startAuthorization(scene, skill, account, false, order.person);
  const redirectUri = linking.request?.redirectUri ?? "";
  const visit = await browser.visit(linking.request?.url ?? "", {
    fields: order.signIn,
    decision: order.decision,
    until: (url) => url.split("?")[0] === redirectUri,
  });
  if (!visit.arrived) {
    linking.outcome = "failed";
    linking.reason = visit.why;
    return { linkId: linking.linkId, checks: [must("returned_to_alexa", false, visit.why)] };
  }
  await finishAuthorization(scene, skill, findLinking(scene.world, visit.url) ?? linking, visit.url);
  const wanted = order.decision === "allow" ? "linked" : "cancelled";
  const outcome = must(
    "outcome",
    linking.outcome === wanted,
    `${linking.outcome}${linking.reason ? `: ${linking.reason}` : ""}`,
  );
  const checks =
    order.decision === "allow" ? linking.checks : linking.checks.filter((check) => check.name !== "answer_code");
  return { linkId: linking.linkId, checks: [...checks, outcome] };
}

export async function runRefresh({ scene, order }: Stage): Promise<Verdict> {
  const checks: Check[] = [];
  for (const link of scene.world.links.values()) {
    const skill = scene.world.skills.get(`${link.skillId}/${link.stage}`);
    if (!skill) continue;
    if (order.count > 1)
      scene.world.faults.refresh = { ...scene.world.faults.refresh, parallel: order.count, times: 1 };
    checks.push(...(await refreshLink(scene, skill, link)).checks);
  }
  return { checks: checks.length > 0 ? checks : [must("links", false, "no link is stored")] };
}

/** Something is said to the skill; its backend must be told the speaker's own account, else the shared one, else none. */
export async function runSpeak({ scene, skill, account, order }: Stage): Promise<Verdict> {
  return speak(scene, skill, account, order.person);
}

function linkOf({ scene, skill, account }: Stage): Link | undefined {
  return scene.world.links.get(linkKey(account.id, skill.skillId, skill.stage));
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

export async function runEvents(stage: Stage): Promise<Verdict> {
  const { scene, skill, order } = stage;
  const link = linkOf(stage);
  if (!skill.eventsUrl) return { checks: [must("events_url", false, "the skill has no eventsUrl")] };
  if (!link) return { checks: [must("links", false, "no link is stored for this account")] };
  const accepted = async (name: EventName, label: string, fault: EventFault = {}, requestId?: string) => {
    const answer = await sendEvent(scene, skill, link, name, fault, requestId);
    return { answer, check: must("event_accepted", answer.status === 200, `${label} is answered ${answer.status}`) };
  };
  const checks: Check[] = [];
  if (order.events) {
    for (const name of order.events) checks.push((await accepted(name, name)).check);
    return { linkId: link.linkId, checks };
  }
  for (const name of ["SkillEnabled", "SkillAccountLinked", "SkillPermissionAccepted"] as const) {
    checks.push((await accepted(name, name)).check);
  }
  for (const [name, fault] of FORGERIES) {
    const { status } = await sendEvent(scene, skill, link, "SkillDisabled", fault);
    checks.push(must(`refuses_${name}`, status === 400, `${name.replaceAll("_", " ")} is answered ${status}`));
  }
  const alive = await refreshLink(scene, skill, link);
  checks.push(
    must("forgeries_change_nothing", alive.ok, alive.ok ? "the link still refreshes" : "a forged event ended the link"),
  );
  const late = await accepted("SkillDisabled", "SkillDisabled, 50 minutes late", { lateSeconds: 3000 });
  const twice = await accepted("SkillDisabled", "the same event again", { lateSeconds: 3000 }, late.answer.requestId);
  checks.push(late.check, twice.check, await checkRevoked(scene, skill, link));
  return { linkId: link.linkId, checks };
}

async function checkRevoked(scene: Scene, skill: Skill, link: Link): Promise<Check> {
  const outcome = await refreshTokens(scene.send, tokenClientOf(skill), link.refreshToken);
  const ok = outcome.status === 400 && outcome.error === "invalid_grant";
  if (ok) link.alive = false;
  return must(
    "disabled_ends_the_grant",
    ok,
    `after SkillDisabled a refresh is answered ${outcome.status} ${outcome.error ?? ""}`,
  );
}

export async function runDisable(stage: Stage): Promise<Verdict> {
  const { scene, skill } = stage;
  const link = linkOf(stage);
  if (!link) return { checks: [must("links", false, "no link is stored for this account")] };
  await disableSkill(scene, skill, link);
  const told = scene.world.exchanges.filter((each) => each.linkId === link.linkId).at(-1);
  if (!skill.eventsUrl) {
    const detail = "the skill has no eventsUrl, so the company cannot know";
    return {
      linkId: link.linkId,
      checks: [must("disabled", true, "disabled at Amazon"), should("event_accepted", false, detail)],
    };
  }
  const status = told?.answer?.status ?? 0;
  const checks = [
    must("event_accepted", status === 200, `SkillDisabled is answered ${status}`),
    await checkRevoked(scene, skill, link),
  ];
  return { linkId: link.linkId, checks };
}

export async function runConformance(stage: Stage): Promise<Verdict> {
  const { scene, skill, order, browser } = stage;
  const redirectUris = (["pitangui", "layla", "japan"] as const).map((host) => redirectUriOf(scene, skill, host));
  const checks = await checkConformance({
    fetch: scene.send,
    authorizationUrl: skill.authorizationUrl,
    client: tokenClientOf(skill),
    scopes: skill.scopes,
    pkce: skill.pkce,
    redirectUris,
    ...(scene.world.faults.tokenClient?.limitMs && { limitMs: scene.world.faults.tokenClient.limitMs }),
    decide: async (request, decision) => {
      const until = (url: string) => url.split("?")[0] === request.redirectUri.split("?")[0];
      const visit = await browser.visit(request.url, { fields: order.signIn, decision, until });
      return visit.arrived ? visit.url : undefined;
    },
  });
  return { checks };
}
