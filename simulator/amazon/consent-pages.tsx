// Amazon's consent pages: in the Alexa app, opened by its URL, and at Login with Amazon, for browsers.
import type { Hono } from "hono";
import { encodeParameters, rawQuery } from "../library/encoding.ts";
import { Exchanges } from "../pages/exchanges.tsx";
import { Outcome, Phone, REGION_NAMES, showPage } from "../pages/layout.tsx";
import type { Skill } from "../state/configuration.ts";
import { companyOrigin, currentAccount, type SimulatorContext, type SimulatorEnv } from "../state/context.ts";
import { useFault } from "../state/faults.ts";
import { recordStep } from "../state/recording.ts";
import { type Attempt, type Store, startAttempt } from "../state/store.ts";
import { type ConsentPlace, type ConsentRequest, checkConsentRequest, redirectUrl } from "./consent-request.ts";
import { beginGrant, mintCode } from "./tokens.ts";

export function addConsentPages(app: Hono<SimulatorEnv>): void {
  const places: [string, ConsentPlace][] = [
    ["/spa/skill-account-linking-consent", "alexa_app"],
    ["/ap/oa", "lwa"],
  ];
  for (const [path, place] of places) {
    app.get(path, (c) => showConsent(c, place));
    app.post(path, (c) => decide(c, place));
  }
}

function showConsent(c: SimulatorContext, place: ConsentPlace) {
  const checked = checkConsentRequest(c.var.store, rawQuery(c.req.url), place);
  if (checked.kind === "redirect") return c.redirect(checked.url, 302);
  if (checked.kind === "page") return showRefusal(c, checked.title, checked.detail);
  const { request } = checked;
  const attempt = request.skill && attemptOf(c, request, place);
  const account = currentAccount(c);
  const app = place === "alexa_app";
  const asker = request.skill?.company.name ?? "This company";
  const url = new URL(c.req.url);
  return showPage(
    c,
    app ? "Alexa app" : "Login with Amazon",
    "none",
    <div class="split">
      <Phone place={app ? "alexa" : "amazon"} name={app ? "Alexa app" : "Login with Amazon"}>
        <div class="hero stack">
          <div>
            <div class={`logo ${app ? "alexa" : "amazon"}`}>{app ? "A" : "a"}</div>
            <h1>{request.skill ? `Link ${request.skill.name} with Alexa?` : `Sign in to ${asker} with Amazon?`}</h1>
          </div>
        </div>
        {request.skill ? (
          <ul class="ticks">
            <li>Enable the {request.skill.name} skill for your Alexa</li>
            <li>Connect it with your {asker} account</li>
          </ul>
        ) : (
          <ul class="ticks">
            <li>Share your Amazon profile: name and e-mail</li>
          </ul>
        )}
        <form method="post" action={`${url.pathname}?${rawQuery(c.req.url)}`} class="stack">
          <input type="hidden" name="account" value={account.id} />
          <button type="submit" class={`button ${app ? "" : "amazon"}`} name="decision" value="allow">
            Allow
          </button>
          <button type="submit" class="button quiet" name="decision" value="deny">
            Cancel
          </button>
        </form>
        <p class="small soft hero">
          Signed in as {account.name} ({REGION_NAMES[account.region]}).{" "}
          <a href={`/accounts?back=${encodeURIComponent(url.pathname + url.search)}`}>Not you?</a>
        </p>
        {request.advice.map((line) => (
          <p class="note warn">{line}</p>
        ))}
      </Phone>
      <Exchanges store={c.var.store} linkId={attempt?.linkId ?? "none"} title="Requests so far" />
    </div>,
  );
}

function showRefusal(c: SimulatorContext, title: string, detail: string) {
  return showPage(
    c,
    title,
    "none",
    <div class="split">
      <Phone place="amazon" name="Login with Amazon">
        <Outcome kind="bad" title="We’re sorry! An error occurred when we tried to process your request">
          <p class="soft">Amazon shows this page and does not redirect, because the request cannot be trusted.</p>
        </Outcome>
        <div class="note bad">
          <strong>{title}.</strong> {detail}
        </div>
      </Phone>
    </div>,
    400,
  );
}

/**
 * The attempt that this consent belongs to. It starts when the page is first shown, and is found again by its state.
 */
function attemptOf(c: SimulatorContext, request: ConsentRequest, place: ConsentPlace): Attempt {
  const { store } = c.var;
  const state = `${request.clientId} ${request.rawState ?? ""}`;
  const known = request.rawState && [...store.attempts.values()].find((each) => each.amazonState === state);
  if (known) return known;
  const { skillId, stage } = request.skill!;
  const attempt = startAttempt(store, { flow: "company", skillId, stage, accountId: currentAccount(c).id });
  attempt.amazonState = state;
  const where = place === "alexa_app" ? "the Alexa app" : "Login with Amazon";
  recordStep(
    store,
    {
      linkId: attempt.linkId,
      from: "company",
      to: place === "alexa_app" ? "alexa" : "amazon",
      title: `The company opens ${where} on the customer’s phone`,
      why: "Here the company is the client and Amazon the authorization server: the customer allows the company to enable its skill. PKCE and state bind the response to this customer.",
    },
    c.req.url,
  );
  return attempt;
}

async function decide(c: SimulatorContext, place: ConsentPlace): Promise<Response> {
  const { store } = c.var;
  const checked = checkConsentRequest(store, rawQuery(c.req.url), place);
  if (checked.kind === "redirect") return c.redirect(checked.url, 303);
  if (checked.kind === "page") return showRefusal(c, checked.title, checked.detail);
  const form = await c.req.parseBody();
  const account = store.accounts.get(String(form.account)) ?? currentAccount(c);
  const attempt = checked.request.skill && attemptOf(c, checked.request, place);
  if (attempt) attempt.accountId = account.id;
  const url = responseOf(store, checked.request, account.id, attempt, form.decision === "allow");
  recordStep(
    store,
    {
      linkId: attempt?.linkId,
      from: place === "alexa_app" ? "alexa" : "amazon",
      to: "company",
      title:
        form.decision === "allow"
          ? "Amazon sends the customer back with its code"
          : "Amazon sends the customer back: access denied",
      why: "This is Amazon’s code, valid for five minutes. The company’s server redeems it at Login with Amazon; it is never used in the enablement call.",
    },
    url,
  );
  const claimed = checked.request.skill && claimedByApp(c, checked.request.skill, checked.request.redirectUri);
  return c.redirect(claimed ? `/company/app/opened?${rawQuery(url)}` : url, 303);
}

/** Whether the phone opens the company's app for this redirect URI: the app is installed and claims it. */
function claimedByApp(c: SimulatorContext, skill: Skill, redirectUri: string): boolean {
  const claimed = skill.company.appCallbackUrl ?? `${companyOrigin(skill)}/app/callback`;
  return c.var.store.appInstalled && redirectUri === claimed;
}

function responseOf(
  store: Store,
  request: ConsentRequest,
  accountId: string,
  attempt: Attempt | undefined,
  allowed: boolean,
): string {
  const fault = allowed ? useFault(store.faults, "consent") : undefined;
  const state = { changed: `${request.rawState ?? ""}x`, missing: undefined };
  const rawState = fault?.state ? state[fault.state] : request.rawState;
  if (!allowed || fault?.error) {
    if (attempt) attempt.outcome = "cancelled";
    const error = fault?.error ?? "access_denied";
    const error_description = fault?.errorDescription ?? (allowed ? undefined : "Access not permitted.");
    return redirectUrl(request.redirectUri, rawState, encodeParameters({ error, error_description }));
  }
  const grant = beginGrant({
    clientId: request.clientId,
    accountId,
    scope: request.scope,
    linkId: attempt?.linkId ?? null,
  });
  const code = mintCode(store, {
    grant,
    kind: "authorization",
    clientIds: [request.clientId],
    redirectUri: request.redirectUri,
    challenge: request.challenge,
  });
  const url = redirectUrl(request.redirectUri, rawState, encodeParameters({ code }));
  return fault?.omitScope ? url : `${url}&${encodeParameters({ scope: request.scope })}`;
}
