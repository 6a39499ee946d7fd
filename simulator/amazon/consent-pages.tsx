// Amazon's consent: the Alexa app opened by its address, and the Login with Amazon page for browsers.
import type { Hono } from "hono";
import { companyOrigin } from "../company/website.tsx";
import type { Skill } from "../configuration.ts";
import { recordStep } from "../exchanges.ts";
import { useFault } from "../faults.ts";
import { encodeParameters, rawQuery } from "../library/encoding.ts";
import { Outcome, Phone, REGION_NAMES, showPage } from "../pages/layout.tsx";
import { Wire } from "../pages/wire.tsx";
import { currentAccount, type SimulatorContext, type SimulatorEnv } from "../scene.ts";
import { beginLinking, type Linking, type World } from "../world.ts";
import { answerUrl, type ConsentPlace, type ConsentRequest, checkConsentRequest } from "./consent-request.ts";
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
  const checked = checkConsentRequest(c.var.world, rawQuery(c.req.url), place);
  if (checked.kind === "redirect") return c.redirect(checked.url, 302);
  if (checked.kind === "page") return showRefusal(c, checked.title, checked.detail);
  const { request } = checked;
  const linking = request.skill && linkingOf(c, request, place);
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
      <Wire world={c.var.world} linkId={linking?.linkId ?? "none"} title="On the wire so far" />
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
          <p class="soft">Amazon shows this page and sends nobody back: the request cannot be trusted.</p>
        </Outcome>
        <div class="note bad">
          <strong>{title}.</strong> {detail}
        </div>
      </Phone>
    </div>,
    400,
  );
}

/** The linking that this consent belongs to: begun when the page is first drawn, found again by its state. */
function linkingOf(c: SimulatorContext, request: ConsentRequest, place: ConsentPlace): Linking {
  const { world } = c.var;
  const state = `${request.clientId} ${request.rawState ?? ""}`;
  const known = request.rawState && [...world.linkings.values()].find((each) => each.amazonState === state);
  if (known) return known;
  const { skillId, stage } = request.skill!;
  const linking = beginLinking(world, { flow: "company", skillId, stage, accountId: currentAccount(c).id });
  linking.amazonState = state;
  const where = place === "alexa_app" ? "the Alexa app" : "Login with Amazon";
  recordStep(
    world,
    {
      linkId: linking.linkId,
      from: "company",
      to: place === "alexa_app" ? "alexa" : "amazon",
      title: `The company opens ${where} on the customer’s phone`,
      why: "Here the company is the client and Amazon the server: the customer allows the company to enable its skill. PKCE and state tie the answer to this customer.",
    },
    c.req.url,
  );
  return linking;
}

async function decide(c: SimulatorContext, place: ConsentPlace): Promise<Response> {
  const { world } = c.var;
  const checked = checkConsentRequest(world, rawQuery(c.req.url), place);
  if (checked.kind === "redirect") return c.redirect(checked.url, 303);
  if (checked.kind === "page") return showRefusal(c, checked.title, checked.detail);
  const form = await c.req.parseBody();
  const account = world.accounts.get(String(form.account)) ?? currentAccount(c);
  const linking = checked.request.skill && linkingOf(c, checked.request, place);
  if (linking) linking.accountId = account.id;
  const url = answerOf(world, checked.request, account.id, linking, form.decision === "allow");
  recordStep(
    world,
    {
      linkId: linking?.linkId,
      from: place === "alexa_app" ? "alexa" : "amazon",
      to: "company",
      title:
        form.decision === "allow"
          ? "Amazon sends the customer back with its code"
          : "Amazon sends the customer back: not allowed",
      why: "This is Amazon’s code, good for five minutes. The company’s server redeems it at Login with Amazon; it never goes into the enablement call.",
    },
    url,
  );
  const claimed = checked.request.skill && claimedByApp(c, checked.request.skill, checked.request.redirectUri);
  return c.redirect(claimed ? `/company/app/opened?${rawQuery(url)}` : url, 303);
}

/** Whether the phone opens the company's app instead of the redirect address: it is installed and claims that address. */
function claimedByApp(c: SimulatorContext, skill: Skill, redirectUri: string): boolean {
  const claimed = skill.company.appCallbackUrl ?? `${companyOrigin(c, skill)}/app/callback`;
  return c.var.world.appInstalled && redirectUri === claimed;
}

function answerOf(
  world: World,
  request: ConsentRequest,
  accountId: string,
  linking: Linking | undefined,
  allowed: boolean,
): string {
  const fault = allowed ? useFault(world.faults, "consent") : undefined;
  const state = { changed: `${request.rawState ?? ""}x`, missing: undefined };
  const rawState = fault?.state ? state[fault.state] : request.rawState;
  if (!allowed || fault?.error) {
    if (linking) linking.outcome = "cancelled";
    const error = fault?.error ?? "access_denied";
    const error_description = fault?.errorDescription ?? (allowed ? undefined : "Access not permitted.");
    return answerUrl(request.redirectUri, rawState, encodeParameters({ error, error_description }));
  }
  const grant = beginGrant({
    clientId: request.clientId,
    accountId,
    scope: request.scope,
    linkId: linking?.linkId ?? null,
  });
  const code = mintCode(world, {
    grant,
    kind: "authorization",
    clientIds: [request.clientId],
    redirectUri: request.redirectUri,
    challenge: request.challenge,
  });
  const url = answerUrl(request.redirectUri, rawState, encodeParameters({ code }));
  return fault?.omitScope ? url : `${url}&${encodeParameters({ scope: request.scope })}`;
}
