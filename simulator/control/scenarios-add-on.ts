// Scenarios of Alexa+: the deploy check, linking after a refused tool call, and relinking.
import { findAttempt, finishAuthorization, startAuthorization } from "../alexa/authorize.ts";
import { refreshLink } from "../alexa/refresh.ts";
import { simplestTool } from "../alexa-plus/checklist.ts";
import { addOnLink, ask, checkUserToken, unlinkAddOn } from "../alexa-plus/conversation.ts";
import { deployAddOn } from "../alexa-plus/deploy.ts";
import { type Check, must, passed, should } from "../library/checks.ts";
import { ADD_ON_STAGE, type AddOnState, type Turn } from "../state/add-on.ts";
import type { Skill } from "../state/configuration.ts";
import { type Attempt, linkKey } from "../state/store.ts";
import type { ScenarioRun, Verdict } from "./scenario.ts";
import { allowInApp, signInToApp } from "./scenarios-company.ts";

export interface AddOnRun extends Omit<ScenarioRun, "skill"> {
  readonly addOn: AddOnState;
}

export async function runAddOnDeploy({ context, addOn, options }: AddOnRun): Promise<Verdict> {
  const report = await deployAddOn(context, addOn, options.protocolVersion);
  return { checks: [...report.deploy, ...report.checklist], linkId: report.id };
}

export async function runAddOn(run: AddOnRun): Promise<Verdict> {
  const { context, addOn, account } = run;
  const deployed = await runAddOnDeploy(run);
  const skill = addOn.deployment?.skill;
  if (!skill || !addOn.report || !passed(addOn.report.deploy)) return deployed;
  // The checks say why no tool is listed.
  if (run.options.tool === undefined && addOn.tools.length === 0) return deployed;
  await unlinkAddOn(context, addOn, account);
  const linked = await linkByAsking(run, skill, run.options.signIn);
  const checks = [...deployed.checks, ...linked.checks];
  const link = addOnLink(context, addOn, account);
  if (!link) return { checks, linkId: linked.linkId };
  checks.push(...checkUserToken(addOn, link));
  const first = await askAgain(run, "tool_with_user_token");
  const refreshed = await refreshLink(context, skill, link);
  const second = await askAgain(run, "tool_after_refresh");
  checks.push(first.check, ...refreshed.checks, ...checkUserToken(addOn, link), second.check);
  return { checks, linkId: linked.linkId, results: [first.turn.text, second.turn.text] };
}

export async function runAddOnRelink(run: AddOnRun): Promise<Verdict> {
  const { context, addOn, account, options } = run;
  const first = await runAddOn(run);
  const skill = addOn.deployment?.skill;
  if (!skill || !addOnLink(context, addOn, account)) return first;
  if (!options.signInAgain) {
    return { ...first, checks: [...first.checks, must("relinked", false, "signInAgain names no other customer")] };
  }
  await unlinkAddOn(context, addOn, account);
  run.browser.forgetCookies();
  const linked = await linkByAsking(run, skill, options.signInAgain);
  const checks = [...first.checks, ...linked.checks];
  if (!addOnLink(context, addOn, account)) return { checks, linkId: linked.linkId };
  const again = await askAgain(run, "tool_after_relinking");
  const [before = ""] = first.results ?? [];
  const different = again.turn.text !== before;
  const detail = different
    ? "the tool returns other data"
    : "the tool returns the same as for the previous customer: correct only if both have the same data";
  checks.push(again.check, {
    ...should("nothing_of_the_previous_link", different, detail),
    rule: "Amazon, certification: no data of a previously linked account is shown after relinking.",
  });
  return { checks, linkId: linked.linkId, results: [...(first.results ?? []), again.turn.text] };
}

/** Asks without a link, which the MCP server refuses, and links. */
async function linkByAsking(
  run: AddOnRun,
  skill: Skill,
  signIn: AddOnRun["options"]["signIn"],
): Promise<{ checks: Check[]; linkId?: string | undefined }> {
  const { context, addOn, account, options } = run;
  context.store.currentAccountId = account.id;
  const refused = await ask(context, addOn, account, askingOf(run));
  const asked = refused.outcome === "needs_link";
  const checks = [must("tool_asks_to_link", asked, refused.text)];
  const attempt = context.store.attempts.get(refused.attemptIds?.[0] ?? "");
  if (!asked || !attempt) return { checks };
  if (options.pattern === "app") {
    const inApp = await startAuthorization(context, skill, account, true);
    checks.push(...(await linkInApp({ ...run, skill, options: { ...options, signIn } }, inApp)));
    return { checks, linkId: inApp.linkId };
  }
  checks.push(...(await linkOnPhone(run, skill, attempt, signIn)));
  return { checks, linkId: attempt.linkId };
}

async function linkOnPhone(
  { context, browser, options }: AddOnRun,
  skill: Skill,
  attempt: Attempt,
  signIn: AddOnRun["options"]["signIn"],
): Promise<Check[]> {
  const { request } = attempt;
  const until = (url: string) => url.split("?")[0] === request?.redirectUri;
  const visit = await browser.visit(request?.url ?? "", { fields: signIn, decision: options.decision, until });
  if (!visit.arrived) {
    attempt.outcome = "failed";
    attempt.reason = visit.why;
    return [must("returned_to_alexa", false, visit.why)];
  }
  await finishAuthorization(context, skill, findAttempt(context.store, visit.url) ?? attempt, visit.url);
  const wanted = options.decision === "allow" ? "linked" : "cancelled";
  const detail = `${attempt.outcome}${attempt.reason ? `: ${attempt.reason}` : ""}`;
  const expected = attempt.checks.filter(({ name }) => options.decision === "allow" || name !== "response_code");
  return [...expected, must("outcome", attempt.outcome === wanted, detail)];
}

async function linkInApp(run: ScenarioRun, attempt: Attempt): Promise<Check[]> {
  const device = {};
  const signedIn = await signInToApp(run, device);
  return signedIn.ok ? [signedIn, await allowInApp(run, device, attempt)] : [signedIn];
}

function askingOf({ addOn, options }: AddOnRun) {
  return { tool: options.tool ?? simplestTool(addOn.tools)?.name ?? "", arguments: options.arguments };
}

async function askAgain(run: AddOnRun, name: string): Promise<{ check: Check; turn: Turn }> {
  const turn = await ask(run.context, run.addOn, run.account, askingOf(run));
  const linked = run.context.store.links.has(linkKey(run.account.id, run.addOn.addOn.addOnId, ADD_ON_STAGE));
  const detail = turn.outcome === "result" ? "the tool returned a result" : turn.text;
  return { turn, check: must(name, turn.outcome === "result" && linked, detail) };
}
