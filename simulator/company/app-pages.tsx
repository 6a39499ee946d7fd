// The company's simulated mobile app: its home screen, and its consent screen for the Alexa app.
import type { Hono } from "hono";
import { findAttempt } from "../alexa/authorize.ts";
import { rawQuery } from "../library/encoding.ts";
import { Exchanges } from "../pages/exchanges.tsx";
import { ActionButton, Outcome, Phone, showPage } from "../pages/layout.tsx";
import type { Skill } from "../state/configuration.ts";
import { type SimulatorContext, type SimulatorEnv, skillOf } from "../state/context.ts";
import { type Device, findSkill } from "../state/store.ts";
import { completeFromApp, type Platform, problem, startFromApp, unlinkFromApp } from "./app-linking.ts";
import { type ApiResponse, callApi, deviceOf, finishSignIn, signInUrl } from "./device.ts";

type Step = (c: SimulatorContext, skill: Skill, device: Device) => Promise<Response>;

export function addCompanyApp(app: Hono<SimulatorEnv>): void {
  const home = "/company/app";
  const on = (step: Step) => async (c: SimulatorContext) => {
    // The Alexa app's request names no skill; its state does.
    const attempt = c.req.path === `${home}/authorize` ? findAttempt(c.var.store, c.req.url) : undefined;
    const skill = (attempt && findSkill(c.var.store, attempt.skillId, attempt.stage)) ?? skillOf(c);
    return skill ? step(c, skill, deviceOf(c)) : c.redirect("/", 303);
  };
  app.get(home, on(showHome));
  app.post(
    `${home}/sign-in`,
    on(async (c, skill, device) => c.redirect(await signInUrl(c, skill, device, home), 303)),
  );
  app.post(
    `${home}/sign-out`,
    on(async (c, _, device) => {
      for (const key of Object.keys(device) as (keyof Device)[]) delete device[key];
      return c.redirect(home, 303);
    }),
  );
  app.get(`${home}/callback`, on(receiveSignIn));
  app.post(
    `${home}/link`,
    on(async (c, skill, device) => {
      const form = await c.req.parseBody();
      const platform = (["ios", "android", "web"] as const).find((each) => each === form.platform) ?? "android";
      const via = form.via === "lwa" ? "lwa" : "alexa_app";
      return c.redirect((await startFromApp(c, skill, device, { platform, via })) ?? home, 303);
    }),
  );
  app.post(
    `${home}/unlink`,
    on(async (c, skill, device) => {
      await unlinkFromApp(c, skill, device);
      return c.redirect(home, 303);
    }),
  );
  // The phone opens the app for the redirect URI that it claims: Amazon's response does not reach a browser.
  app.get(
    `${home}/opened`,
    on((c, skill, device) => receiveRedirect(c, skill, device, ["state", "code", "error"])),
  );
  // Amazon's response reached a browser; the server forwarded it, sealed.
  app.get(
    `${home}/return`,
    on((c, skill, device) => receiveRedirect(c, skill, device, ["state", "result", "status", "reason"])),
  );
  app.get(
    `${home}/authorize`,
    on((c, skill, device) => showRequest(c, skill, device)),
  );
  app.post(
    `${home}/authorize`,
    on((c, skill, device) => decideRequest(c, skill, device)),
  );
}

async function receiveSignIn(c: SimulatorContext, skill: Skill, device: Device): Promise<Response> {
  const { state, code = "", error } = c.req.query();
  const expected = device.signIn;
  if (error || !expected || expected.state !== state || !(await finishSignIn(c, skill, device, code))) {
    const detail = error ?? (expected?.state === state ? "the server refused the code" : "the state does not match");
    device.message = { kind: "bad", title: "Signing in failed", detail };
    return c.redirect("/company/app", 303);
  }
  return c.redirect(expected.then, 303);
}

async function receiveRedirect(
  c: SimulatorContext,
  skill: Skill,
  device: Device,
  names: readonly string[],
): Promise<Response> {
  const query = Object.fromEntries(names.flatMap((name) => (c.req.query(name) ? [[name, c.req.query(name)!]] : [])));
  const { status, reason, ...response } = query;
  if (status && status !== "parked") {
    const titles: Record<string, string> = { linked: `${skill.name} is linked`, cancelled: "Linking was cancelled" };
    const kind = status === "linked" ? "ok" : status === "cancelled" ? "warn" : "bad";
    device.message = { kind, title: titles[status] ?? "Linking failed", detail: reason ?? `status=${status}` };
  } else {
    await completeFromApp(c, skill, device, response);
  }
  return c.redirect("/company/app", 303);
}

async function showHome(c: SimulatorContext, skill: Skill, device: Device): Promise<Response> {
  const { message } = device;
  delete device.message;
  const status = device.accessToken ? await askStatus(c, skill, device) : undefined;
  const company = skill.company.name;
  return showPage(
    c,
    `${company} app`,
    "company-app",
    <div class="split">
      <Phone place="app" name={`${company} app`}>
        {message ? (
          <Outcome kind={message.kind} title={message.title}>
            <p class="soft">{message.detail}</p>
          </Outcome>
        ) : (
          <div class="hero">
            <div class="logo app">{company[0]}</div>
            <h1>{device.accessToken ? "Voice assistants" : `Welcome to ${company}`}</h1>
          </div>
        )}
        {status ? <Assistants skill={skill} status={status} /> : <SignIn company={company} />}
      </Phone>
      <Exchanges store={c.var.store} linkId={device.linkId} of="app" />
    </div>,
  );
}

function askStatus(c: SimulatorContext, skill: Skill, device: Device): Promise<ApiResponse> {
  return callApi(c, skill, device, {
    method: "GET",
    path: `/api/links/${encodeURIComponent(skill.skillId)}`,
    linkId: device.linkId,
    title: "The app asks its server: is the skill linked?",
    why: "The server asks Amazon, so that the app offers the right button, Link or Unlink.",
  });
}

function SignIn({ company }: { company: string }) {
  return (
    <div class="stack">
      <p class="hero">Sign in once. After that, linking with Alexa takes two taps.</p>
      <ActionButton action="/company/app/sign-in" label={`Sign in to ${company}`} look="app" />
    </div>
  );
}

function Assistants({ skill, status }: { skill: Skill; status: ApiResponse }) {
  const linked = status.body.status === "linked";
  const word = status.status === 200 ? String(status.body.status).replace("_", " ") : `${status.status}`;
  return (
    <div class="stack">
      <div class="card row ends">
        <span>
          <strong>Amazon Alexa</strong>
          <br />
          <span class="small soft">{skill.name}</span>
        </span>
        <span class={`pill ${linked ? "ok" : status.status === 200 ? "" : "bad"}`}>{word}</span>
      </div>
      {linked || status.body.status === "unknown" ? (
        <ActionButton action="/company/app/unlink" label="Unlink" look="plain" />
      ) : (
        <LinkForm />
      )}
      <ActionButton action="/company/app/sign-out" label="Sign out" look="quiet" />
    </div>
  );
}

function LinkForm() {
  const platforms: [Platform, string][] = [
    ["android", "Android"],
    ["ios", "iPhone"],
    ["web", "Web"],
  ];
  return (
    <form method="post" action="/company/app/link" class="stack">
      <button type="submit" class="button app" name="via" value="alexa_app">
        Link with Alexa
      </button>
      <details class="fold small">
        <summary>Other options</summary>
        <div class="stack">
          <p class="row">
            {platforms.map(([value, label], index) => (
              <label>
                <input type="radio" name="platform" value={value} checked={index === 0} /> {label}
              </label>
            ))}
          </p>
          <button type="submit" class="button plain" name="via" value="lwa">
            Link with Login with Amazon
          </button>
          <p class="soft">For phones without the Alexa app, and for websites.</p>
        </div>
      </details>
    </form>
  );
}

function authorizationCall(linkId: string | undefined, body: unknown, decided: boolean) {
  return {
    method: "POST",
    path: "/api/authorizations",
    body,
    linkId,
    title: decided ? "The app sends the decision to its server" : "The app asks its server about Alexa’s request",
    why: decided
      ? "The server returns the URL that sends Alexa the code or the error."
      : "Any app could open this URL, so the server checks client and redirect URI before the app shows anything.",
  } as const;
}

async function showRequest(c: SimulatorContext, skill: Skill, device: Device): Promise<Response> {
  const query = rawQuery(c.req.url);
  if (!device.accessToken) return c.redirect(await signInUrl(c, skill, device, `/company/app/authorize?${query}`), 303);
  const attempt = findAttempt(c.var.store, c.req.url);
  const asked = await callApi(c, skill, device, authorizationCall(attempt?.linkId, { query }, false));
  if (typeof asked.body.redirectTo === "string") return c.redirect(asked.body.redirectTo, 303);
  if (asked.status === 401)
    return c.redirect(await signInUrl(c, skill, device, `/company/app/authorize?${query}`), 303);
  const company = skill.company.name;
  return showPage(
    c,
    `${company} app`,
    "company-app",
    <div class="split">
      <Phone place="app" name={`${company} app · opened by the Alexa app`}>
        {asked.status === 200 ? (
          <Consent company={company} query={query} asked={asked.body} />
        ) : (
          <Outcome kind="bad" title="This request cannot be trusted">
            <p class="soft">{problem("", asked.status, asked.body).detail}</p>
          </Outcome>
        )}
      </Phone>
      <Exchanges store={c.var.store} linkId={attempt?.linkId} />
    </div>,
    asked.status === 200 ? 200 : 400,
  );
}

function Consent({ company, query, asked }: { company: string; query: string; asked: Record<string, unknown> }) {
  const scopes = Array.isArray(asked.scopes) ? (asked.scopes as { name?: string; description?: string }[]) : [];
  return (
    <div class="stack">
      <div class="hero">
        <div class="logo app">{company[0]}</div>
        <h1>Allow Alexa to use your {company} account?</h1>
        <p class="soft">{accountName(asked.account)}</p>
      </div>
      <ul class="ticks">
        {scopes.map((scope) => (
          <li>{scope.description || scope.name}</li>
        ))}
      </ul>
      <form method="post" action={`/company/app/authorize?${query}`} class="stack">
        <input type="hidden" name="ticket" value={String(asked.ticket ?? "")} />
        <button type="submit" class="button app" name="decision" value="allow">
          Allow
        </button>
        <button type="submit" class="button quiet" name="decision" value="deny">
          Cancel
        </button>
      </form>
    </div>
  );
}

function accountName(account: unknown): string {
  if (typeof account === "string") return account;
  const named = (account ?? {}) as { name?: string; email?: string };
  return named.email ?? named.name ?? "";
}

async function decideRequest(c: SimulatorContext, skill: Skill, device: Device): Promise<Response> {
  const query = rawQuery(c.req.url);
  const form = await c.req.parseBody();
  const attempt = findAttempt(c.var.store, c.req.url);
  const body = { query, ticket: String(form.ticket ?? ""), decision: form.decision === "allow" ? "allow" : "deny" };
  const decided = await callApi(c, skill, device, authorizationCall(attempt?.linkId, body, true));
  if (typeof decided.body.redirectTo === "string") return c.redirect(decided.body.redirectTo, 303);
  device.message = problem("The decision could not be sent", decided.status, decided.body);
  return c.redirect("/company/app", 303);
}
