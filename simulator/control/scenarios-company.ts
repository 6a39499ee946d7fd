// Scenarios on the company's side: linking from its website, and everything its app does through the API.
import { startAuthorization } from "../alexa/authorize.ts";
import { completeFromApp, startFromApp } from "../company/app-linking.ts";
import { type ApiResponse, callApi, finishSignIn, signInUrl } from "../company/device.ts";
import { readAuthorizationResponse } from "../library/authorization-response.ts";
import { type Check, must } from "../library/checks.ts";
import { decodeParameter, rawParameter, rawQuery } from "../library/encoding.ts";
import { companyOrigin } from "../state/context.ts";
import { type Attempt, type Device, linkKey } from "../state/store.ts";
import type { ScenarioRun, Verdict } from "./scenario.ts";

/** Links from the company's website in one browser: signs in, allows the link there and at Amazon, and comes back. */
export async function runAppToApp(run: ScenarioRun): Promise<Verdict> {
  const { context, skill, account, options, browser } = run;
  context.store.currentAccountId = account.id;
  const returnTo = skill.company.returnUrl ?? `${context.origin}/company/done`;
  const via = options.via ? `&via=${options.via}` : "";
  const start = `${companyOrigin(skill)}/link/${encodeURIComponent(skill.skillId)}?return_to=${encodeURIComponent(returnTo)}${via}`;
  const until = (url: string) => url.startsWith(returnTo);
  const visit = await browser.visit(start, { fields: options.signIn, decision: options.decision, until });
  if (!visit.arrived) return { checks: [must("returned_to_company", false, visit.why)] };
  const attempt = [...context.store.attempts.values()].filter((each) => each.flow === "company").at(-1);
  const status = decodeParameter(rawParameter(rawQuery(visit.url), "status") ?? "");
  const reason = rawParameter(rawQuery(visit.url), "reason");
  const wanted = options.decision === "allow" ? "linked" : "cancelled";
  const stored = context.store.links.has(linkKey(account.id, skill.skillId, skill.stage));
  const checks: Check[] = [
    must("status", status === wanted, `came back with status=${status}${reason ? `, reason=${reason}` : ""}`),
    must("amazon_agrees", stored === (wanted === "linked"), stored ? "Alexa holds the link" : "Alexa holds no link"),
  ];
  return { checks, linkId: attempt?.linkId };
}

/**
 * Signs in as the app, links once with a claimed URL and once through a browser, unlinks, and responds to the Alexa
 * app.
 */
export async function runCompanyApp(run: ScenarioRun): Promise<Verdict> {
  const { context, account } = run;
  context.store.currentAccountId = account.id;
  const device: Device = {};
  const signedIn = await signInToApp(run, device);
  if (!signedIn.ok) return { checks: [signedIn] };
  const checks: Check[] = [signedIn];
  for (const caught of [false, true]) {
    checks.push(...(await linkAndUnlink(run, device, caught)));
  }
  checks.push(await respondToAlexa(run, device));
  return { checks, linkId: device.linkId };
}

/** Signs in to the company's app. */
export async function signInToApp({ c, skill, options, browser }: ScenarioRun, device: Device): Promise<Check> {
  const url = await signInUrl(c, skill, device, "/company/app");
  const callback = decodeParameter(rawParameter(rawQuery(url), "redirect_uri") ?? "") ?? "";
  const visit = await browser.visit(url, {
    fields: options.signIn,
    decision: "allow",
    until: (each) => each.startsWith(callback),
  });
  if (!visit.arrived) return must("app_signs_in", false, visit.why);
  const code = decodeParameter(rawParameter(rawQuery(visit.url), "code") ?? "") ?? "";
  const ok = await finishSignIn(c, skill, device, code);
  return must("app_signs_in", ok, ok ? "the app holds a token for the company’s API" : "the app got no token");
}

async function linkAndUnlink(run: ScenarioRun, device: Device, caught: boolean): Promise<Check[]> {
  const { c, skill, browser } = run;
  const name = caught ? "app_links_by_browser" : "app_links_by_claimed_address";
  const via = caught ? "lwa" : "alexa_app";
  const url = await startFromApp(c, skill, device, { platform: caught ? "ios" : "android", via });
  if (!url) return [must(name, false, device.message?.detail ?? "the start was refused")];
  const redirectUri = decodeParameter(rawParameter(rawQuery(url), "redirect_uri") ?? "") ?? "";
  const until = (each: string) => (caught ? /[?&]status=/.test(each) : each.startsWith(redirectUri));
  const visit = await browser.visit(new URL(url, run.context.origin).href, { fields: {}, decision: "allow", until });
  if (!visit.arrived) return [must(name, false, visit.why)];
  const names = caught ? ["state", "result"] : ["state", "code"];
  const response = Object.fromEntries(
    names.map((each) => [each, decodeParameter(rawParameter(rawQuery(visit.url), each) ?? "") ?? ""]),
  );
  await completeFromApp(c, skill, device, response);
  const checks = [must(name, device.message?.kind === "ok", device.message?.detail ?? "")];
  checks.push(await expectStatus(run, device, "linked"));
  const gone = await api(run, device, "DELETE");
  checks.push(must("app_unlinks", gone.status === 204, `unlinking returns ${gone.status}`));
  checks.push(await expectStatus(run, device, "not_linked"));
  return checks;
}

function api({ c, skill }: ScenarioRun, device: Device, method: "GET" | "DELETE"): Promise<ApiResponse> {
  const path = `/api/links/${encodeURIComponent(skill.skillId)}`;
  const title = method === "GET" ? "The app asks for the status" : "The app unlinks";
  return callApi(c, skill, device, {
    method,
    path,
    title,
    why: "A scenario of the simulator runs this.",
    linkId: device.linkId,
  });
}

async function expectStatus(run: ScenarioRun, device: Device, wanted: string): Promise<Check> {
  const response = await api(run, device, "GET");
  return must(
    "app_sees_status",
    response.body.status === wanted,
    `status is ${String(response.body.status)}, ${wanted} expected`,
  );
}

async function respondToAlexa(run: ScenarioRun, device: Device): Promise<Check> {
  const { context, skill, account } = run;
  if (!skill.appAuthorizationUrl) return must("app_responds_to_alexa", true, "not configured: no appAuthorizationUrl");
  return allowInApp(run, device, await startAuthorization(context, skill, account, true));
}

/** Allows the Alexa app's request in the company's app. */
export async function allowInApp({ c, skill, browser }: ScenarioRun, device: Device, attempt: Attempt): Promise<Check> {
  const request = attempt.request!;
  const call = (body: unknown) =>
    callApi(c, skill, device, {
      method: "POST",
      path: "/api/authorizations",
      body,
      linkId: attempt.linkId,
      title: "The app responds to the Alexa app",
      why: "Alexa opened the app with an authorization request.",
    });
  const asked = await call({ query: request.query });
  const decided = await call({ query: request.query, ticket: asked.body.ticket, decision: "allow" });
  const url = decided.body.redirectTo;
  if (typeof url !== "string")
    return must("app_responds_to_alexa", false, `returned ${asked.status}, then ${decided.status}`);
  const { checks } = readAuthorizationResponse(request, url, true);
  await browser.request(url, {});
  const bad = checks.find((check) => !check.ok);
  const ok = !bad && attempt.outcome === "linked";
  return must("app_responds_to_alexa", ok, bad?.detail ?? attempt.reason ?? attempt.outcome);
}
