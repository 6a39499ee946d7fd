// The frame of every page: navigation, the current Amazon account, and shared elements.
import { html, raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { AmazonAccount } from "../state/configuration.ts";
import { currentAccount, type SimulatorContext } from "../state/context.ts";
import { firstSkill } from "../state/store.ts";
import { STYLES } from "./styles.ts";

export type Tab =
  | "overview"
  | "alexa-app"
  | "alexa-plus"
  | "company"
  | "company-app"
  | "exchanges"
  | "scenarios"
  | "faults"
  | "none";
export type Place = "alexa" | "amazon" | "company" | "app";

export const REGION_NAMES = { NA: "America", EU: "Europe", FE: "Far East" } as const;

/** Renders a page in the simulator's frame. */
export function showPage(c: SimulatorContext, title: string, tab: Tab, children: Child, status: 200 | 400 | 404 = 200) {
  const account = currentAccount(c);
  const company = firstSkill(c.var.store)?.company.name ?? c.var.store.addOn?.addOn.company.name ?? "Company";
  const tabs: [Tab, string, string][] = [
    ["overview", "/", "Overview"],
    ["alexa-app", "/alexa-app", "Alexa app"],
    ["alexa-plus", "/alexa-plus", "Alexa+"],
    ["company", "/company", "Website"],
    ["company-app", "/company/app", `${company} app`],
    ["exchanges", "/exchanges", "Exchanges"],
    ["scenarios", "/scenarios", "Scenarios"],
    ["faults", "/faults", "Faults"],
  ];
  c.header("cache-control", "no-store");
  c.header("referrer-policy", "no-referrer");
  const document = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title} · Alexa simulator</title>
        <style>{raw(STYLES)}</style>
      </head>
      <body>
        <header class="top">
          <div class="in">
            <a class="brand" href="/">
              <span class="ring" />
              Alexa simulator
            </a>
            <AccountChip account={account} back={c.req.url} />
            <nav class="nav" aria-label="Pages">
              {tabs.map(([id, href, label]) => (
                <a href={href} class={id} aria-current={id === tab ? "page" : undefined}>
                  {label}
                </a>
              ))}
            </nav>
          </div>
        </header>
        <main>{children}</main>
      </body>
    </html>
  );
  return c.html(html`<!doctype html>${document}`, status);
}

function AccountChip({ account, back }: { account: AmazonAccount; back: string }) {
  const { pathname, search } = new URL(back);
  return (
    <a
      class="account"
      href={`/accounts?back=${encodeURIComponent(pathname + search)}`}
      title="The Amazon account that is signed in"
    >
      <span class="avatar">{account.name[0]}</span>
      {account.name} · {REGION_NAMES[account.region]}
    </a>
  );
}

/** A phone screen of one party, named in the strip on top. */
export function Phone({ place, name, children }: { place: Place; name: string; children: Child }) {
  return (
    <section class="phone">
      <div class={`place ${place}`}>
        {name}
        <i>simulated</i>
      </div>
      <div class="screen stack">{children}</div>
    </section>
  );
}

/** A large mark and heading that show how a step ended. */
export function Outcome({ kind, title, children }: { kind: "ok" | "bad" | "warn"; title: string; children?: Child }) {
  const sign = { ok: "✓", bad: "✗", warn: "!" }[kind];
  return (
    <div class="hero stack">
      <div class={`mark ${kind}`} aria-hidden="true">
        {sign}
      </div>
      <h1>{title}</h1>
      {children}
    </div>
  );
}

/** A form of one button. */
export function ActionButton(props: {
  action: string;
  label: string;
  look?: string;
  fields?: Record<string, string>;
  name?: string;
  value?: string;
}) {
  return (
    <form method="post" action={props.action}>
      {Object.entries(props.fields ?? {}).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      <button type="submit" class={`button ${props.look ?? ""}`} name={props.name} value={props.value}>
        {props.label}
      </button>
    </form>
  );
}
