// The page of Alexa+: deploys the add-on, calls its tools for a customer, links, refreshes and unlinks.
import type { Hono } from "hono";
import { startAuthorization } from "../alexa/authorize.ts";
import { refreshLink } from "../alexa/refresh.ts";
import { firstFailure } from "../library/checks.ts";
import { OFFERED_VERSIONS } from "../library/mcp.ts";
import { Checks, Exchanges } from "../pages/exchanges.tsx";
import { ActionButton, Outcome, Phone, showPage } from "../pages/layout.tsx";
import { type AddOnState, conversationOf, type Turn } from "../state/add-on.ts";
import { contextOf, currentAccount, type SimulatorContext, type SimulatorEnv } from "../state/context.ts";
import { recordStep } from "../state/recording.ts";
import type { Attempt, Link } from "../state/store.ts";
import { DeployCard } from "./check-list.tsx";
import { addOnLink, ask, checkUserToken, unlinkAddOn } from "./conversation.ts";
import { deployAddOn } from "./deploy.ts";
import { argumentsOf, ToolForms } from "./tool-forms.tsx";

type Action = (c: SimulatorContext, state: AddOnState) => Promise<string | undefined>;
const PAGE = "/alexa-plus";

export function addAlexaPlusPages(app: Hono<SimulatorEnv>): void {
  app.get(PAGE, (c) => showAddOn(c));
  // The QR code's address: short, and it leads to the company's sign-in page.
  app.get(`${PAGE}/phone/:linkId`, (c) => {
    const url = c.var.store.attempts.get(c.req.param("linkId"))?.request?.url;
    return c.redirect(url ?? PAGE, 303);
  });
  const actions: Record<string, Action> = { deploy, ask: askTool, push: sendToApp, app: openApp, refresh, unlink };
  for (const [name, action] of Object.entries(actions)) {
    app.post(`${PAGE}/${name}`, async (c) => {
      const { addOn } = c.var.store;
      return c.redirect((addOn && (await action(c, addOn))) ?? PAGE, 303);
    });
  }
}

async function deploy(c: SimulatorContext, state: AddOnState): Promise<undefined> {
  const form = await c.req.parseBody();
  await deployAddOn(
    contextOf(c),
    state,
    OFFERED_VERSIONS.find((version) => version === form.version),
  );
}

async function askTool(c: SimulatorContext, state: AddOnState): Promise<undefined> {
  const form = await c.req.parseBody();
  const tool = state.tools.find(({ name }) => name === form.tool);
  if (tool) {
    await ask(contextOf(c), state, currentAccount(c), { tool: tool.name, arguments: argumentsOf(tool, form) });
  }
}

/** The notification of the Alexa app leads to the same page as the QR code. */
async function sendToApp(c: SimulatorContext, state: AddOnState): Promise<string | undefined> {
  const [attempt] = attemptsOf(c, state);
  if (!attempt) return undefined;
  recordStep(
    c.var.store,
    {
      linkId: attempt.linkId,
      from: "alexa",
      to: "browser",
      title: "Alexa+ sends a notification to the Alexa app on the customer’s phone",
      why: "Tapping it opens the same sign-in page as the QR code.",
    },
    `${contextOf(c).origin}${PAGE}/phone/${attempt.linkId}`,
  );
  return `${PAGE}/phone/${attempt.linkId}`;
}

/** The Alexa app opens the company's app with an authorization request of its own. */
async function openApp(c: SimulatorContext, state: AddOnState): Promise<string | undefined> {
  const { turns } = conversationOf(state, currentAccount(c).id);
  const turn = turns.at(-1);
  if (!state.deployment || turn?.outcome !== "needs_link") return undefined;
  const attempt = await startAuthorization(contextOf(c), state.deployment.skill, currentAccount(c), true);
  turns[turns.length - 1] = { ...turn, attemptIds: [...(turn.attemptIds ?? []), attempt.linkId] };
  return attempt.request?.url;
}

async function refresh(c: SimulatorContext, state: AddOnState): Promise<undefined> {
  const link = addOnLink(contextOf(c), state, currentAccount(c));
  if (link && state.deployment) await refreshLink(contextOf(c), state.deployment.skill, link);
}

async function unlink(c: SimulatorContext, state: AddOnState): Promise<undefined> {
  await unlinkAddOn(contextOf(c), state, currentAccount(c));
}

/** The attempts of the newest refused call: first the one for the phone's browser. */
function attemptsOf(c: SimulatorContext, state: AddOnState): Attempt[] {
  const turn = conversationOf(state, currentAccount(c).id).turns.findLast(({ outcome }) => outcome === "needs_link");
  return (turn?.attemptIds ?? []).flatMap((id) => c.var.store.attempts.get(id) ?? []);
}

function showAddOn(c: SimulatorContext) {
  const { store } = c.var;
  const state = store.addOn;
  if (!state) return showPage(c, "Alexa+", "alexa-plus", <NoAddOn origin={contextOf(c).origin} />);
  const conversation = conversationOf(state, currentAccount(c).id);
  const link = addOnLink(contextOf(c), state, currentAccount(c));
  const attempts = attemptsOf(c, state);
  const shown = [conversation.id, ...attempts.map(({ linkId }) => linkId), ...(link ? [link.linkId] : [])];
  return showPage(
    c,
    state.addOn.name,
    "alexa-plus",
    <div class="split">
      <Phone place="alexa" name="Alexa+">
        <Head state={state} link={link} />
        {state.deployment ? (
          <Talk c={c} state={state} attempts={attempts} link={link} />
        ) : (
          <DeployForm state={state} label="Deploy the add-on" look="alexa" />
        )}
      </Phone>
      <div class="stack">
        {state.report && <DeployCard store={store} report={state.report} />}
        <Exchanges store={store} linkId={shown} title="Requests for the customer" />
      </div>
    </div>,
  );
}

function NoAddOn({ origin }: { origin: string }) {
  const example = {
    addOnId: "amzn1.ask.skill.…",
    name: "Acme Notes",
    resource: "https://mcp.example.com/mcp",
    clientId: "alexa-acme-notes",
    clientSecret: "…",
    vendorId: "M0EXAMPLE00000",
  };
  return (
    <div class="stack" style="max-width:44rem">
      <h1>Alexa+ and MCP add-ons</h1>
      <p class="soft">
        An Alexa+ add-on is an MCP server of the company. This page deploys it as Amazon does, checks Amazon’s rules one
        by one, and links an account when a tool needs a customer.
      </p>
      <div class="card stack">
        <h2>No add-on is configured yet</h2>
        <p>
          Run <code>npm run mcp</code> beside <code>npm run dev</code>: it starts an example MCP server and configures
          it here.
        </p>
        <p>
          For your own MCP server, send its configuration to <code>PUT {origin}/simulator/add-on</code>:
        </p>
        <pre>{JSON.stringify(example, null, 2)}</pre>
      </div>
    </div>
  );
}

function Head({ state, link }: { state: AddOnState; link: Link | undefined }) {
  const { name } = state.addOn;
  const look = link ? (link.alive ? "ok" : "bad") : state.deployment ? "" : "warn";
  const word = link ? (link.alive ? "linked" : "link refused") : state.deployment ? "not linked" : "not deployed";
  return (
    <div class="hero">
      <div class="logo alexa">{name[0]}</div>
      <h1>{name}</h1>
      <p class="soft">
        MCP add-on <span class={`pill ${look}`}>{word}</span>
      </p>
    </div>
  );
}

function DeployForm({ state, label, look }: { state: AddOnState; label: string; look: string }) {
  const failure = state.report && firstFailure(state.report.deploy);
  return (
    <div class="stack">
      {failure && (
        <div class="note bad">
          <strong>The deploy command fails.</strong> {failure.detail}
          <br />
          Rule: {failure.rule}
        </div>
      )}
      <form method="post" action={`${PAGE}/deploy`} class="stack">
        <label class="field">
          MCP protocol version that Alexa+ offers
          <select name="version">
            {OFFERED_VERSIONS.map((version) => (
              <option value={version} selected={version === state.offeredVersion}>
                {version}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class={`button ${look}`}>
          {label}
        </button>
      </form>
      <p class="small soft">
        MCP server: <code>{state.addOn.resource}</code>
      </p>
    </div>
  );
}

interface TalkProps {
  readonly c: SimulatorContext;
  readonly state: AddOnState;
  readonly attempts: readonly Attempt[];
  readonly link: Link | undefined;
}

function Talk({ c, state, attempts, link }: TalkProps) {
  const { turns } = conversationOf(state, currentAccount(c).id);
  const asked = turns.at(-1)?.outcome === "needs_link";
  const failure = state.report && firstFailure(state.report.deploy);
  return (
    <div class="stack">
      {turns.length > 0 && (
        <div class="talk">
          {turns.map((turn) => (
            <TurnTaken state={state} turn={turn} />
          ))}
        </div>
      )}
      {asked && !link && <LinkCard c={c} state={state} attempts={attempts} />}
      {link && (
        <div class={`note ${link.alive ? "ok" : "bad"}`}>
          {link.alive
            ? `Linked for ${currentAccount(c).name}. ${asked ? "Ask again: the tool is now called with the user token." : ""}`
            : "The company refused the refresh with invalid_grant. Ask again: Alexa+ deletes the link and asks to link again."}
        </div>
      )}
      <ToolForms tools={state.tools} action={`${PAGE}/ask`} plain={asked && !link} />
      {link && <Linked state={state} link={link} />}
      <details class="fold" open={failure !== undefined}>
        <summary>Deploy again</summary>
        <DeployForm state={state} label="Deploy again" look="plain" />
      </details>
    </div>
  );
}

function TurnTaken({ state, turn: { tool, outcome, text, notes } }: { state: AddOnState; turn: Turn }) {
  const { name } = state.addOn;
  const asked = state.tools.find((each) => each.name === tool)?.title ?? tool;
  const replies = { needs_link: `Please link your ${name} account first.`, failed: `${name} could not do that.` };
  return (
    <>
      <p class="said">{asked}</p>
      <p class="reply">{outcome === "result" ? text : replies[outcome]}</p>
      {outcome !== "result" && <p class="small soft">{text}</p>}
      {notes.map((note) => (
        <p class="note warn">{note}</p>
      ))}
    </>
  );
}

function LinkCard({ c, state, attempts }: Omit<TalkProps, "link">) {
  const { name, company } = state.addOn;
  const [attempt] = attempts;
  const over = attempts.find(({ outcome }) => outcome === "failed" || outcome === "cancelled");
  if (!attempt || over) {
    return (
      <div class="stack">
        <Outcome kind="warn" title={`We were unable to link ${name} at this time`}>
          <p class="soft">This is all that a customer would see. Ask again to link.</p>
        </Outcome>
        <div class="note bad">
          <strong>Reason, shown only by this simulator:</strong> {over?.reason ?? "the simulator was reset."}
        </div>
        {over && <Checks checks={over.checks} />}
      </div>
    );
  }
  const address = `${contextOf(c).origin}${PAGE}/phone/${attempt.linkId}`;
  return (
    <div class="card stack">
      <div class="tight">
        <h2>Link your {name} account</h2>
        <p class="small soft">
          Alexa+ shows a QR code. Here it is a link: <code>{address}</code>
        </p>
      </div>
      <a class="button alexa" href={`${PAGE}/phone/${attempt.linkId}`}>
        Open on the phone
      </a>
      <ActionButton action={`${PAGE}/push`} label="Send it to the Alexa app" look="plain" />
      <ActionButton action={`${PAGE}/app`} label={`Open the ${company.name} app`} look="plain" />
      <p class="small soft">
        If the company offers Login with Amazon, the customer can sign in with Amazon on the same page.
      </p>
    </div>
  );
}

function Linked({ state, link }: { state: AddOnState; link: Link }) {
  return (
    <div class="stack">
      <dl class="facts">
        <dt>User token valid until</dt>
        <dd>{new Date(link.expiresAt).toISOString().slice(11, 19)} UTC</dd>
        <dt>Refreshed</dt>
        <dd>{link.refreshes === 1 ? "once" : `${link.refreshes} times`}</dd>
      </dl>
      <Checks checks={checkUserToken(state, link)} />
      <ActionButton action={`${PAGE}/refresh`} label="Refresh, without resource" look="plain" />
      <ActionButton action={`${PAGE}/unlink`} label="Unlink" look="plain" />
    </div>
  );
}
