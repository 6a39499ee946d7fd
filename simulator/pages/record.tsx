// The record: every link attempt with its requests and responses, with search, live updates and export.
import type { Hono } from "hono";
import type { SimulatorContext, SimulatorEnv } from "../state/context.ts";
import { mentions } from "../state/exchange.ts";
import { type Attempt, findSkill, type Store } from "../state/store.ts";
import { ExchangeList } from "./exchanges.tsx";
import { showPage } from "./layout.tsx";
import { LIVE_SCRIPT } from "./live-script.ts";

export function addRecordPages(app: Hono<SimulatorEnv>): void {
  app.get("/exchanges", (c) => showRecord(c));
  app.get("/exchanges/:linkId", (c) => showRecord(c, c.req.param("linkId")));
  app.get("/live.js", (c) => c.body(LIVE_SCRIPT, 200, { "content-type": "text/javascript; charset=utf-8" }));
}

const LOOKS = { linked: "ok", failed: "bad", cancelled: "warn", running: "" } as const;
const FLOWS = {
  alexa_app: "From the Alexa app, with a web page",
  alexa_app_to_app: "From the Alexa app, with the company’s app",
  company: "From the company",
} as const;

const ADD_ON_FLOWS = {
  ...FLOWS,
  alexa_app: "From Alexa+, with a web page",
  alexa_app_to_app: "From Alexa+, with the company’s app",
} as const;

function showRecord(c: SimulatorContext, linkId?: string) {
  const { store } = c.var;
  const q = (c.req.query("q") ?? "").trim().slice(0, 200);
  const attempts = [...store.attempts.values()].reverse();
  const open = q === "" ? (linkId ?? attempts[0]?.linkId) : linkId;
  const shown = store.exchanges.filter(
    (exchange) => (!open || exchange.linkId === open) && (q === "" || mentions(exchange, q)),
  );
  const query = new URLSearchParams({ ...(open && { linkId: open }), ...(q && { q }) }).toString();
  const title = q === "" ? "Requests" : `Requests with “${q}”`;
  return showPage(
    c,
    "Exchanges",
    "exchanges",
    <div class="split">
      <section class="stack">
        <h1>Exchanges</h1>
        <form class="row find" action={linkId ? `/exchanges/${encodeURIComponent(linkId)}` : "/exchanges"}>
          <label class="field" for="q">
            Search requests and responses
            <input id="q" name="q" type="search" value={q} maxlength={200} />
          </label>
          <button type="submit" class="button plain slim">
            Search
          </button>
        </form>
        <p class="soft small">
          One entry for each link attempt. Download the requests shown here as{" "}
          <a href={`/simulator/exchanges.har?${query}`}>HTTP Archive (HAR)</a> or{" "}
          <a href={`/simulator/exchanges?${query}`}>JSON</a>.
        </p>
        <p class="row small">
          <span data-status role="status">
            Reload the page to see new steps.
          </span>
          <button type="button" class="button plain slim" data-follow hidden>
            Pause
          </button>
        </p>
        <ul class="grid" data-live="attempts">
          {attempts.map((attempt) => (
            <AttemptCard attempt={attempt} store={store} open={attempt.linkId === open} />
          ))}
        </ul>
        <p class="note" data-text="attempts">
          {attempts.length === 0
            ? "No attempts yet."
            : `${attempts.length} attempt${attempts.length === 1 ? "" : "s"}.`}
        </p>
      </section>
      <ExchangeList store={store} exchanges={shown} title={title} />
      <script src="/live.js" defer></script>
    </div>,
  );
}

function AttemptCard({ attempt, store, open }: { attempt: Attempt; store: Store; open: boolean }) {
  const { linkId, outcome, reason } = attempt;
  const lookUp = lookUpAddress(store, attempt);
  return (
    <li
      class="card tight"
      data-id={linkId}
      data-version={`${outcome} ${open}`}
      aria-current={open ? "true" : undefined}
    >
      <div class="row ends">
        <a href={`/exchanges/${linkId}`}>
          <strong>
            {attempt.skillId === store.addOn?.addOn.addOnId ? ADD_ON_FLOWS[attempt.flow] : FLOWS[attempt.flow]}
          </strong>
        </a>
        <span class={`pill ${LOOKS[outcome]}`}>{outcome}</span>
      </div>
      <p class="small soft">
        {store.accounts.get(attempt.accountId)?.name} · {new Date(attempt.startedAt).toISOString().slice(11, 19)} UTC ·{" "}
        <code>{linkId}</code>
      </p>
      {reason && <p class="small">{reason}</p>}
      {lookUp && (
        <p class="small">
          <a href={lookUp}>Find it in the operator’s console</a>
        </p>
      )}
    </li>
  );
}

/** A search in the operator's console: by the grant in the access token, otherwise by the minute in UTC. */
function lookUpAddress(store: Store, attempt: Attempt): string | undefined {
  const prefix = findSkill(store, attempt.skillId, attempt.stage)?.company.searchUrl;
  if (!prefix) return undefined;
  const token = [...store.links.values()].find(({ linkId }) => linkId === attempt.linkId)?.accessToken;
  const minute = new Date(attempt.startedAt).toISOString().slice(0, 16).replace("T", " ");
  return `${prefix}${encodeURIComponent(grantOf(token) ?? minute)}`;
}

/** The claim `grant` of a JWT; undefined for other tokens. The simulator does not need to verify it. */
function grantOf(token: string | undefined): string | undefined {
  try {
    const payload = token?.split(".")[1]?.replaceAll("-", "+").replaceAll("_", "/") ?? "";
    const { grant } = JSON.parse(atob(payload)) as { grant?: unknown };
    return typeof grant === "string" ? grant : undefined;
  } catch {
    return undefined;
  }
}
