// The list of recorded requests: each one is a step that opens to its request and response.
import type { Check } from "../library/checks.ts";
import type { Actor, Exchange, Message } from "../state/exchange.ts";
import { firstSkill, type Store } from "../state/store.ts";

interface ExchangesProps {
  readonly store: Store;
  /** Only these attempts. */
  readonly linkId?: string | readonly string[] | undefined;
  readonly title?: string;
  /** Without `linkId`: only the steps of this party. */
  readonly of?: Actor;
}

/** The steps of one attempt (or the newest steps of all attempts), oldest first. */
export function Exchanges({ store, linkId, title, of }: ExchangesProps) {
  const all = linkId
    ? store.exchanges.filter((exchange) => exchange.linkId !== null && [linkId].flat().includes(exchange.linkId))
    : store.exchanges.filter((exchange) => !of || exchange.from === of || exchange.to === of).slice(-40);
  return <ExchangeList store={store} exchanges={all} {...(title && { title })} />;
}

/** A list of steps. */
export function ExchangeList(props: { store: Store; exchanges: readonly Exchange[]; title?: string }) {
  const { store, exchanges, title } = props;
  const count = exchanges.length;
  return (
    <aside class="wire">
      <h2>{title ?? "Requests"}</h2>
      <p class="soft small" data-text="steps">
        {count === 0
          ? "No requests yet. Every request and its response will appear here, in order; tap one to open it."
          : `${count} step${count === 1 ? "" : "s"}, in order. Tap one to see the request and its response. Secrets are hidden, codes and tokens shortened.`}
      </p>
      <ol class="steps" data-live="steps">
        {exchanges.map((exchange) => (
          <Step exchange={exchange} store={store} />
        ))}
      </ol>
    </aside>
  );
}

/** The display name of a party. */
export function actorName(store: Store, actor: Actor): string {
  const company = firstSkill(store)?.company.name ?? store.addOn?.addOn.company.name ?? "Company";
  const names = {
    browser: "Customer’s phone",
    alexa: "Alexa",
    amazon: "Login with Amazon",
    company,
    app: `${company} app`,
    mcp: `${company} MCP server`,
  };
  return names[actor];
}

function Step({ exchange, store }: { exchange: Exchange; store: Store }) {
  const { request, response } = exchange;
  const path = readablePath(request.url);
  return (
    <li
      class={`${exchange.from} ${exchange.parentId === null ? "" : "inner"}`}
      data-id={exchange.id}
      data-version={`${response?.status ?? ""} ${exchange.error ?? ""} ${exchange.note ?? ""}`}
    >
      <details class="step">
        <summary>
          <div class="who">
            <span class={`pill ${exchange.from}`}>{actorName(store, exchange.from)}</span>→
            <span class={`pill ${exchange.to}`}>{actorName(store, exchange.to)}</span>
          </div>
          <div class="what">{exchange.title}</div>
          <div class="line">
            <code>
              {request.method} {path}
            </code>
            <span class="ms">
              {response && <span class={`pill ${statusLook(response.status)}`}>{response.status}</span>}
              {exchange.error && <span class="pill bad">{exchange.error}</span>}
              {exchange.durationMs !== null && ` ${exchange.durationMs} ms`}
            </span>
          </div>
        </summary>
        <div class="inside">
          <p class="small soft">{exchange.why}</p>
          {exchange.note && <p class={`note ${response && response.status < 400 ? "" : "warn"}`}>{exchange.note}</p>}
          <h4>{response || exchange.error ? "Request" : "Address"}</h4>
          <pre>
            <b>
              {request.method} {request.url.split("?")[0]}
            </b>
            {spellQuery(request.url)}
            {spellMessage(request)}
          </pre>
          {response && (
            <>
              <h4>Response</h4>
              <pre>
                <b>{response.status}</b>
                {spellMessage(response)}
              </pre>
            </>
          )}
        </div>
      </details>
    </li>
  );
}

function readablePath(url: string): string {
  const path = new URL(url).pathname;
  return url.includes("?") ? `${path}?…` : path;
}

function statusLook(status: number): string {
  if (status < 300) return "ok";
  return status < 400 ? "" : "bad";
}

function spellQuery(url: string): string {
  const query = url.split("?").slice(1).join("?");
  return query ? `\n  ${query.replaceAll("&", "\n  ")}` : "";
}

function spellMessage(message: Message): string {
  const headers = Object.entries(message.headers).map(([name, value]) => `${name}: ${value}`);
  const form = /x-www-form-urlencoded/.test(message.headers["content-type"] ?? "");
  const body = form ? message.body.replaceAll("&", "\n") : message.body;
  return `${headers.length ? `\n${headers.join("\n")}` : ""}${body ? `\n\n${body}` : ""}`;
}

/** What Alexa checked: failed checks are shown, passed ones are collapsed. */
export function Checks({ checks }: { checks: readonly Check[] }) {
  const met = checks.filter((check) => check.ok);
  const unmet = checks.filter((check) => !check.ok);
  return (
    <div>
      {unmet.length > 0 && (
        <>
          <h3>What Alexa did not accept</h3>
          <CheckList checks={unmet} />
        </>
      )}
      {met.length > 0 && (
        <details class="fold">
          <summary>
            {met.length} check{met.length === 1 ? "" : "s"} passed
          </summary>
          <CheckList checks={met} />
        </details>
      )}
    </div>
  );
}

/** Checks with their rules. */
export function CheckList({ checks }: { checks: readonly Check[] }) {
  return (
    <ul class="checks">
      {checks.map((check) => (
        <li class={check.ok ? "" : check.level === "must" ? "bad" : "warn"}>
          <span>
            {check.detail} <code>{check.name}</code>
            {check.rule && (
              <>
                <br />
                <span class="soft">{check.rule}</span>
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
