// The overview with the flows to try, the Amazon accounts, and the list of attempts.
import type { Hono } from "hono";
import { setCookie } from "hono/cookie";
import type { Skill } from "../state/configuration.ts";
import { ACCOUNT_COOKIE, currentAccount, type SimulatorContext, type SimulatorEnv } from "../state/context.ts";
import { findSkill, firstSkill, resetStore, type Store } from "../state/store.ts";
import { actorName } from "./exchanges.tsx";
import { ActionButton, REGION_NAMES, showPage } from "./layout.tsx";

export function addOverviewPages(app: Hono<SimulatorEnv>): void {
  app.get("/", (c) => showOverview(c));
  app.post("/reset", (c) => {
    resetStore(c.var.store);
    return c.redirect("/", 303);
  });
  app.get("/accounts", (c) => showAccounts(c));
  app.post("/accounts", async (c) => {
    const form = await c.req.parseBody();
    setCookie(c, ACCOUNT_COOKIE, String(form.account), { path: "/", httpOnly: true, sameSite: "Lax" });
    return c.redirect(localPath(form.back), 303);
  });
}

function localPath(back: unknown): string {
  return typeof back === "string" && /^\/(?![/\\])/.test(back) ? back : "/";
}

function showOverview(c: SimulatorContext) {
  const { store } = c.var;
  const skill = firstSkill(store);
  return showPage(
    c,
    "Overview",
    "overview",
    <div class="stack">
      <div class="stack">
        <h1>See how account linking works</h1>
        <p class="soft">
          This simulates Alexa, Login with Amazon and the company’s app, so that you can link an account on your own
          machine and read every request and response. You need no Amazon account, and nothing leaves this computer.
        </p>
      </div>
      {skill ? <Flows skill={skill} /> : <NoSkill origin={new URL(c.req.url).origin} />}
      {!skill && <AddOnFlow />}
      {skill && (
        <div class="grid two">
          <State store={store} skill={skill} />
          <Parties store={store} />
        </div>
      )}
    </div>,
  );
}

function Flows({ skill }: { skill: Skill }) {
  const company = skill.company.name;
  return (
    <div class="grid four">
      <a class="card flow" href="/alexa-app">
        <div class="logo alexa">1</div>
        <h3>Start in the Alexa app</h3>
        <p class="small soft">
          Enable the skill, sign in at {company} and allow the link. Back in the Alexa app, Alexa’s servers get their
          tokens.
        </p>
      </a>
      <a class="card flow" href="/company">
        <div class="logo">2</div>
        <h3>Start on {company}’s website</h3>
        <p class="small soft">
          Tap once at {company} and once at Amazon. {company}’s server enables the skill, and Amazon calls it back
          during that request.
        </p>
      </a>
      <a class="card flow" href="/company/app">
        <div class="logo app">3</div>
        <h3>Use {company}’s app</h3>
        <p class="small soft">
          The app starts linking, or the Alexa app opens it, so that the customer needs no password.
        </p>
      </a>
      <AddOnFlow />
    </div>
  );
}

function AddOnFlow() {
  return (
    <a class="card flow" href="/alexa-plus">
      <div class="logo mcp">4</div>
      <h3>Use an MCP add-on in Alexa+</h3>
      <p class="small soft">
        Alexa+ reads the metadata, lists the tools of an MCP server, and links an account when a tool needs a customer.
      </p>
    </a>
  );
}

function NoSkill({ origin }: { origin: string }) {
  return (
    <div class="card stack">
      <h2>No skill is registered yet</h2>
      <p>
        <code>npm run dev</code> registers a demo skill. The simulator loses it when it reloads; start the command again
        then. To register a skill yourself, call <code>PUT {origin}/simulator/skill</code> with the values of the Alexa
        developer console.
      </p>
    </div>
  );
}

function State({ store, skill }: { store: Store; skill: Skill }) {
  const faults = Object.keys(store.faults);
  return (
    <div class="card stack">
      <h2>Current state</h2>
      <dl class="facts">
        <dt>Skill</dt>
        <dd>
          {skill.name} <span class="pill">{skill.stage}</span>
        </dd>
        <dt>Sign-in page</dt>
        <dd class="wide">
          <code>{skill.authorizationUrl}</code>
        </dd>
        <dt>Token URL</dt>
        <dd class="wide">
          <code>{skill.tokenUrl}</code>
        </dd>
        <dt>Client authentication</dt>
        <dd>{skill.accessTokenScheme === "HTTP_BASIC" ? "HTTP Basic" : "secret in the body"}</dd>
        <dt>PKCE</dt>
        <dd>{skill.pkce ? "on" : "off"}</dd>
        <dt>Active faults</dt>
        <dd>{faults.length === 0 ? "none" : <a href="/faults">{faults.join(", ")}</a>}</dd>
      </dl>
      <h3>Links</h3>
      {store.links.size === 0 ? (
        <p class="small soft">No account is linked yet.</p>
      ) : (
        <ul class="list small">
          {[...store.links.values()].map((link) => (
            <li class="row ends">
              <span>
                {store.accounts.get(link.accountId)?.name}
                {link.person && `, ${link.person}’s voice`} · {findSkill(store, link.skillId, link.stage)?.name}
              </span>
              <span class={`pill ${link.alive ? "ok" : "bad"}`}>{link.alive ? "linked" : "broken"}</span>
            </li>
          ))}
        </ul>
      )}
      <p class="small">
        <a href="/developer">Amazon’s metrics and the developer’s credentials</a>
      </p>
      <ActionButton action="/reset" label="Reset" look="plain slim" />
    </div>
  );
}

function Parties({ store }: { store: Store }) {
  const roles = [
    ["alexa", "The Alexa app and Alexa’s servers. They hold the tokens of linked accounts."],
    ["amazon", "Amazon’s sign-in. Used only when linking starts at the company."],
    ["company", "The service under test: sign-in, consent and tokens."],
    ["app", "The company’s mobile app, in which the customer is already signed in."],
    ["mcp", "The server of an Alexa+ add-on. It holds the customer’s data and checks the tokens."],
  ] as const;
  return (
    <div class="card stack">
      <h2>Parties</h2>
      <ul class="list small">
        {roles.map(([actor, role]) => (
          <li class="tight">
            <span class={`pill ${actor}`}>{actorName(store, actor)}</span>
            <p class="soft">{role}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}

function showAccounts(c: SimulatorContext) {
  const { store } = c.var;
  const current = currentAccount(c);
  const back = localPath(c.req.query("back"));
  return showPage(
    c,
    "Amazon account",
    "none",
    <div class="stack" style="max-width:34rem">
      <h1>Choose an Amazon account</h1>
      <p class="soft">
        This browser is signed in to Amazon with this account. The account’s region decides which of Alexa’s three
        regions serves it, and which redirect URI Alexa uses.
      </p>
      <form method="post" action="/accounts" class="stack">
        <input type="hidden" name="back" value={back} />
        {[...store.accounts.values()].map((account) => (
          <button
            type="submit"
            class="person"
            name="account"
            value={account.id}
            aria-current={account.id === current.id ? "true" : undefined}
          >
            <span class="avatar">{account.name[0]}</span>
            <span>
              <strong>{account.name}</strong>
              <br />
              <span class="small soft">{account.email}</span>
            </span>
            <span class="pill amazon">{REGION_NAMES[account.region]}</span>
          </button>
        ))}
      </form>
    </div>,
  );
}
