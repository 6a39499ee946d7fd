// The Alexa app's pages: the skill, and the page to which the customer returns after linking.
import type { Hono } from "hono";
import { REDIRECT_HOSTS } from "../library/authorization-request.ts";
import { Checks, Exchanges } from "../pages/exchanges.tsx";
import { ActionButton, Outcome, Phone, showPage } from "../pages/layout.tsx";
import type { Skill } from "../state/configuration.ts";
import { contextOf, currentAccount, type SimulatorContext, type SimulatorEnv } from "../state/context.ts";
import { type Attempt, findSkill, firstSkill, type Link, linkKey } from "../state/store.ts";
import { findAttempt, finishAuthorization, startAuthorization } from "./authorize.ts";
import { disableSkill } from "./link.ts";
import { refreshLink } from "./refresh.ts";
import { speak } from "./speech.ts";

export function addAlexaPages(app: Hono<SimulatorEnv>): void {
  app.get("/alexa-app", (c) => showSkill(c));
  app.post("/alexa-app/enable", (c) => enable(c));
  app.post("/alexa-app/disable", async (c) => {
    const { skill, link } = await linkOfForm(c);
    if (skill && link) await disableSkill(contextOf(c), skill, link);
    return c.redirect(skill ? skillPage(skill) : "/alexa-app", 303);
  });
  app.post("/alexa-app/refresh", async (c) => {
    const { skill, link } = await linkOfForm(c);
    if (skill && link) await refreshLink(contextOf(c), skill, link);
    return c.redirect(skill ? skillPage(skill) : "/alexa-app", 303);
  });
  app.post("/alexa-app/speak", async (c) => {
    const form = await c.req.parseBody();
    const { skill } = await linkOfForm(c);
    if (!skill) return c.redirect("/alexa-app", 303);
    const { linkId = "" } = await speak(contextOf(c), skill, currentAccount(c), speakerOf(form.person));
    return c.redirect(`${skillPage(skill)}&shown=${linkId}`, 303);
  });
  app.post("/alexa-app/company-app", async (c) => {
    const form = await c.req.parseBody();
    c.var.store.appInstalled = form.installed === "yes";
    return c.redirect(typeof form.back === "string" && form.back.startsWith("/") ? form.back : "/alexa-app", 303);
  });
  for (const host of Object.keys(REDIRECT_HOSTS))
    app.get(`/${host}/api/skill/link/:vendorId`, (c) => receiveRedirect(c));
  app.get("/api/skill/link/:vendorId", (c) => receiveRedirect(c));
}

/** The speaker whose voice Alexa recognises on these pages. */
const SPEAKER = "ada";

function speakerOf(field: unknown): string | undefined {
  return field === SPEAKER ? SPEAKER : undefined;
}

/** The page of a skill in the Alexa app, or of the add-on in Alexa+. */
function skillPage(skill: Skill): string {
  if (skill.resource) return "/alexa-plus";
  return `/alexa-app?skill=${encodeURIComponent(skill.skillId)}&stage=${skill.stage}`;
}

async function linkOfForm(c: SimulatorContext): Promise<{ skill?: Skill | undefined; link?: Link | undefined }> {
  const form = await c.req.parseBody();
  const { store } = c.var;
  const skill = findSkill(store, String(form.skill), String(form.stage)) ?? firstSkill(store);
  const link = skill && store.links.get(linkKey(currentAccount(c).id, skill.skillId, skill.stage));
  return { skill, link };
}

async function enable(c: SimulatorContext): Promise<Response> {
  const form = await c.req.parseBody();
  const { store } = c.var;
  const skill = findSkill(store, String(form.skill), String(form.stage)) ?? firstSkill(store);
  if (!skill) return c.redirect("/", 303);
  const account = store.accounts.get(String(form.account)) ?? currentAccount(c);
  const inApp = store.appInstalled && skill.appAuthorizationUrl !== undefined;
  const attempt = await startAuthorization(contextOf(c), skill, account, inApp, speakerOf(form.person));
  const query = attempt.request?.query ?? "";
  return c.redirect(inApp ? `/company/app/authorize?${query}` : (attempt.request?.url ?? "/"), 303);
}

function showSkill(c: SimulatorContext) {
  const { store } = c.var;
  const skill = findSkill(store, c.req.query("skill") ?? "", c.req.query("stage") ?? "") ?? firstSkill(store);
  if (!skill) return c.redirect("/", 303);
  const account = currentAccount(c);
  const link = store.links.get(linkKey(account.id, skill.skillId, skill.stage));
  const others = [...store.skills.values()].filter((each) => each !== skill);
  const newest = [...store.attempts.values()]
    .filter((each) => each.skillId === skill.skillId && each.stage === skill.stage)
    .at(-1);
  return showPage(
    c,
    skill.name,
    "alexa-app",
    <div class="split">
      <Phone place="alexa" name="Alexa app · Skills">
        <div class="hero stack">
          <div>
            <div class="logo">{skill.name[0]}</div>
            <h1>{skill.name}</h1>
            <p class="soft">
              by {skill.company.name} <span class="pill">{skill.stage}</span>
            </p>
          </div>
          {!link && <p>Control your {skill.company.name} devices by voice. Account linking required.</p>}
        </div>
        {link ? <LinkCard skill={skill} link={link} accountName={account.name} /> : <EnableButton skill={skill} />}
        {skill.personalization && (
          <Voices
            skill={skill}
            shared={link}
            own={store.links.get(linkKey(account.id, skill.skillId, skill.stage, SPEAKER))}
            open={c.req.query("shown") !== undefined}
          />
        )}
        {skill.appAuthorizationUrl && <AppSwitch skill={skill} installed={store.appInstalled} />}
        {others.length > 0 && (
          <p class="small soft">
            Other skills:{" "}
            {others.map((each) => (
              <>
                <a href={skillPage(each)}>
                  {each.name} ({each.stage})
                </a>{" "}
              </>
            ))}
          </p>
        )}
      </Phone>
      <Exchanges store={store} linkId={c.req.query("shown") || (link?.linkId ?? newest?.linkId ?? "none")} />
    </div>,
  );
}

interface VoicesProps {
  readonly skill: Skill;
  /** The link that all speakers share. */
  readonly shared: Link | undefined;
  /** The speaker's own link. */
  readonly own: Link | undefined;
  readonly open: boolean;
}

/** Personalization: a recognised speaker may have a link of their own, beside the shared one. */
function Voices({ skill, shared, own, open }: VoicesProps) {
  const asSpeaker = { ...fieldsOf(skill), person: SPEAKER };
  return (
    <details class="fold" open={open || own !== undefined}>
      <summary>Voice profiles</summary>
      <div class="stack">
        <p class="small soft">A speaker whom Alexa recognises may link a personal account beside the shared one.</p>
        {own ? (
          <div class="note ok">Ada’s voice is linked to her own account.</div>
        ) : (
          <ActionButton action="/alexa-app/enable" label="Link Ada’s voice" look="plain" fields={asSpeaker} />
        )}
        {(shared ?? own) && (
          <>
            <ActionButton action="/alexa-app/speak" label="Ada asks the skill" look="plain" fields={asSpeaker} />
            <ActionButton
              action="/alexa-app/speak"
              label="A guest asks the skill"
              look="plain"
              fields={fieldsOf(skill)}
            />
          </>
        )}
      </div>
    </details>
  );
}

function EnableButton({ skill }: { skill: Skill }) {
  return (
    <div class="stack">
      <ActionButton action="/alexa-app/enable" label="Enable to use" look="alexa" fields={fieldsOf(skill)} />
      <p class="small soft">
        Next, {skill.company.name} asks you to sign in and to allow the link. Then you return here.
      </p>
    </div>
  );
}

function fieldsOf(skill: Skill) {
  return { skill: skill.skillId, stage: skill.stage };
}

function LinkCard({ skill, link, accountName }: { skill: Skill; link: Link; accountName: string }) {
  const from = {
    alexa_app: "in the Alexa app",
    alexa_app_to_app: "in the Alexa app, with the company’s app",
    company: "at the company",
  };
  return (
    <div class="stack">
      <div class={`note ${link.alive ? "ok" : "bad"}`}>
        {link.alive
          ? `Enabled and linked for ${accountName}.`
          : "The company refused the refresh. The customer must link again."}
      </div>
      <dl class="facts">
        <dt>Started</dt>
        <dd>{from[link.flow]}</dd>
        <dt>Access token valid until</dt>
        <dd>{new Date(link.expiresAt).toISOString().slice(11, 19)} UTC</dd>
        <dt>Refreshed</dt>
        <dd>{link.refreshes === 1 ? "once" : `${link.refreshes} times`}</dd>
      </dl>
      <ActionButton action="/alexa-app/refresh" label="Let Alexa refresh its tokens" fields={fieldsOf(skill)} />
      <ActionButton action="/alexa-app/disable" label="Disable skill" look="plain" fields={fieldsOf(skill)} />
    </div>
  );
}

function AppSwitch({ skill, installed }: { skill: Skill; installed: boolean }) {
  return (
    <form method="post" action="/alexa-app/company-app">
      <input type="hidden" name="installed" value={installed ? "no" : "yes"} />
      <input type="hidden" name="back" value={skillPage(skill)} />
      <button type="submit" class="switch" aria-pressed={installed ? "true" : "false"}>
        <span class="knob" />
        <span>
          {skill.company.name} app on this phone
          <br />
          <span class="small soft">
            {installed ? "Alexa opens the app instead of a web page" : "Alexa opens a web page"}
          </span>
        </span>
      </button>
    </form>
  );
}

async function receiveRedirect(c: SimulatorContext): Promise<Response> {
  const { store } = c.var;
  const attempt = findAttempt(store, c.req.url);
  const skill = attempt && findSkill(store, attempt.skillId, attempt.stage);
  if (!attempt || !skill) {
    return showPage(
      c,
      "No attempt",
      "alexa-app",
      <div class="split">
        <Phone place="alexa" name="Alexa app">
          <Outcome kind="warn" title="Alexa is not expecting this response">
            <p class="soft">No attempt with this state was started here, or the simulator was reset since.</p>
          </Outcome>
          <a class="button plain" href="/alexa-app">
            Back to the skill
          </a>
        </Phone>
      </div>,
      400,
    );
  }
  if (c.req.method === "GET") await finishAuthorization(contextOf(c), skill, attempt, c.req.url);
  return showOutcome(c, skill, attempt);
}

function showOutcome(c: SimulatorContext, skill: Skill, attempt: Attempt) {
  const { store } = c.var;
  const linked = attempt.outcome === "linked";
  return showPage(
    c,
    linked ? "Linked" : "Not linked",
    skill.resource ? "alexa-plus" : "alexa-app",
    <div class="split">
      <Phone place="alexa" name={skill.resource ? "Alexa app · Alexa+ add-ons" : "Alexa app · Skills"}>
        {linked ? (
          <Outcome kind="ok" title={`Your ${skill.name} account has been successfully linked`}>
            <p class="soft">
              {skill.resource ? "Go back to Alexa+ and ask again." : "You can close this window to discover devices."}
            </p>
          </Outcome>
        ) : (
          <Outcome
            kind={attempt.outcome === "running" ? "warn" : "bad"}
            title={`We were unable to link ${skill.name} at this time`}
          >
            <p class="soft">This is all that a customer would see.</p>
          </Outcome>
        )}
        {!linked && (
          <div class="note bad">
            <strong>Reason, shown only by this simulator:</strong> {attempt.reason ?? "the attempt is still running."}
          </div>
        )}
        <a class="button" href={skillPage(skill)}>
          {skill.resource ? "Back to Alexa+" : linked ? "Open the skill" : "Back to the skill"}
        </a>
        <Checks checks={attempt.checks} />
      </Phone>
      <Exchanges store={store} linkId={attempt.linkId} />
    </div>,
  );
}
