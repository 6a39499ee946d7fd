// Scenarios on the company's side: linking from its website, and everything its app does through the API.
import { startAuthorization } from "../alexa/authorize.ts";
import { completeFromApp, startFromApp } from "../company/app-linking.ts";
import { type ApiAnswer, callApi, type Device, finishSignIn, signInUrl } from "../company/device.ts";
import { companyOrigin } from "../company/website.tsx";
import { readAuthorizationAnswer } from "../library/authorization-answer.ts";
import { type Check, must } from "../library/checks.ts";
import { decodeParameter, rawParameter, rawQuery } from "../library/encoding.ts";
import { linkKey } from "../world.ts";
import type { Stage, Verdict } from "./scenarios.ts";

/** Links from the company's website in one browser: sign in, allow there, allow at Amazon, come back. */
export async function runAppToApp(stage: Stage): Promise<Verdict> {
  const { c, scene, skill, account, order, browser } = stage;
  scene.world.currentAccountId = account.id;
  const returnTo = skill.company.returnUrl ?? `${scene.origin}/company/done`;
  const via = order.via ? `&via=${order.via}` : "";
  const start = `${companyOrigin(c, skill)}/link/${encodeURIComponent(skill.skillId)}?return_to=${encodeURIComponent(returnTo)}&stage=${skill.stage}${via}`;
  const until = (url: string) => url.startsWith(returnTo);
  const visit = await browser.visit(start, { fields: order.signIn, decision: order.decision, until });
  if (!visit.arrived) return { checks: [must("returned_to_company", false, visit.why)] };
  const linking = [...scene.world.linkings.values()].filter((each) => each.flow === "company").at(-1);
  const status = decodeParameter(rawParameter(rawQuery(visit.url), "status") ?? "");
  const reason = rawParameter(rawQuery(visit.url), "reason");
  const wanted = order.decision === "allow" ? "linked" : "cancelled";
  const stored = scene.world.links.has(linkKey(account.id, skill.skillId, skill.stage));
  const checks: Check[] = [
    must("status", status === wanted, `came back with status=${status}${reason ? `, reason=${reason}` : ""}`),
    must("amazon_agrees", stored === (wanted === "linked"), stored ? "Alexa holds the link" : "Alexa holds no link"),
  ];
  return { checks, linkId: linking?.linkId };
}

/** Signs in as the app, links by a claimed address and by a caught one, unlinks, and answers the Alexa app. */
export async function runCompanyApp(stage: Stage): Promise<Verdict> {
  const { scene, account } = stage;
  scene.world.currentAccountId = account.id;
  const device: Device = {};
  const signedIn = await signIn(stage, device);
  if (!signedIn.ok) return { checks: [signedIn] };
  const checks: Check[] = [signedIn];
  for (const caught of [false, true]) {
    checks.push(...(await linkAndUnlink(stage, device, caught)));
  }
  checks.push(await answerAlexa(stage, device));
  return { checks, linkId: device.linkId };
}

async function signIn({ c, skill, order, browser }: Stage, device: Device): Promise<Check> {
  const url = await signInUrl(c, skill, device, "/company/app");
  const callback = decodeParameter(rawParameter(rawQuery(url), "redirect_uri") ?? "") ?? "";
  const visit = await browser.visit(url, {
    fields: order.signIn,
    decision: "allow",
    until: (each) => each.startsWith(callback),
  });
  if (!visit.arrived) return must("app_signs_in", false, visit.why);
  const code = decodeParameter(rawParameter(rawQuery(visit.url), "code") ?? "") ?? "";
  const ok = await finishSignIn(c, skill, device, code);
  return must("app_signs_in", ok, ok ? "the app holds a token for the company’s API" : "the app got no token");
}

async function linkAndUnlink(stage: Stage, device: Device, caught: boolean): Promise<Check[]> {
  const { c, skill, browser } = stage;
  const name = caught ? "app_links_by_browser" : "app_links_by_claimed_address";
  const via = caught ? "lwa" : "alexa_app";
  const url = await startFromApp(c, skill, device, { platform: caught ? "ios" : "android", via });
  if (!url) return [must(name, false, device.message?.detail ?? "the start was refused")];
  const redirectUri = decodeParameter(rawParameter(rawQuery(url), "redirect_uri") ?? "") ?? "";
  const until = (each: string) => (caught ? /[?&]status=/.test(each) : each.startsWith(redirectUri));
  const visit = await browser.visit(new URL(url, stage.scene.origin).href, { fields: {}, decision: "allow", until });
  if (!visit.arrived) return [must(name, false, visit.why)];
  const names = caught ? ["state", "result"] : ["state", "code"];
  const answer = Object.fromEntries(
    names.map((each) => [each, decodeParameter(rawParameter(rawQuery(visit.url), each) ?? "") ?? ""]),
  );
  await completeFromApp(c, skill, device, answer);
  const checks = [must(name, device.message?.kind === "ok", device.message?.detail ?? "")];
  checks.push(await expectStatus(stage, device, "linked"));
  const gone = await api(stage, device, "DELETE");
  checks.push(must("app_unlinks", gone.status === 204, `unlinking is answered ${gone.status}`));
  checks.push(await expectStatus(stage, device, "not_linked"));
  return checks;
}

function api({ c, skill }: Stage, device: Device, method: "GET" | "DELETE"): Promise<ApiAnswer> {
  const path = `/api/links/${encodeURIComponent(skill.skillId)}?stage=${skill.stage}`;
  const title = method === "GET" ? "The app asks for the status" : "The app unlinks";
  return callApi(c, skill, device, { method, path, title, why: "A scenario of the simulator.", linkId: device.linkId });
}

async function expectStatus(stage: Stage, device: Device, wanted: string): Promise<Check> {
  const answer = await api(stage, device, "GET");
  return must(
    "app_sees_status",
    answer.body.status === wanted,
    `status is ${String(answer.body.status)}, ${wanted} expected`,
  );
}

async function answerAlexa(stage: Stage, device: Device): Promise<Check> {
  const { c, scene, skill, account } = stage;
  if (!skill.appAuthorizationUrl) return must("app_answers_alexa", true, "not configured: no appAuthorizationUrl");
  const linking = await startAuthorization(scene, skill, account, true);
  const request = linking.request!;
  const call = (body: unknown) =>
    callApi(c, skill, device, {
      method: "POST",
      path: "/api/authorizations",
      body,
      linkId: linking.linkId,
      title: "The app answers the Alexa app",
      why: "Alexa opened the app with an authorization request.",
    });
  const asked = await call({ query: request.query });
  const decided = await call({ query: request.query, ticket: asked.body.ticket, decision: "allow" });
  const url = decided.body.redirectTo;
  if (typeof url !== "string")
    return must("app_answers_alexa", false, `answered ${asked.status}, then ${decided.status}`);
  const { checks } = readAuthorizationAnswer(request, url, true);
  await stage.browser.request(url, {});
  const bad = checks.find((check) => !check.ok);
  const ok = !bad && linking.outcome === "linked";
  return must("app_answers_alexa", ok, bad?.detail ?? linking.reason ?? linking.outcome);
}
