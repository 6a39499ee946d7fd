// The page on which scenarios are run, with what each one found.
import type { Hono } from "hono";
import { CheckList } from "../pages/exchanges.tsx";
import { ActionButton, showPage } from "../pages/layout.tsx";
import type { SimulatorContext, SimulatorEnv } from "../state/context.ts";
import { plainOptions, type RunReport, runScenario, SCENARIO_NAMES } from "./run.ts";

const WHAT_THEY_DO: Readonly<Record<(typeof SCENARIO_NAMES)[number], string>> = {
  authorize: "Links from the Alexa app through the company’s pages.",
  "app-to-app": "Links from the company’s website.",
  "company-app": "Signs in, links, reads the status and unlinks as the company’s app; then responds to the Alexa app.",
  refresh: "Refreshes every stored link.",
  speak: "Says something to the skill. Needs a link.",
  events: "Sends skill events, genuine and forged.",
  disable: "Disables the skill, as a customer does by voice. Needs a link.",
  conformance: "Tests the company’s OAuth endpoints against everything that Alexa is known to send.",
  "add-on-deploy": "Deploys the add-on and checks it as Amazon does, without a customer.",
  "add-on": "Deploys the add-on, asks for a tool, links, calls it, refreshes, and calls it again.",
  "add-on-relink": "Links the add-on, unlinks it, links it for another customer, and compares what the tool returns.",
};

export function addScenarioPages(app: Hono<SimulatorEnv>): void {
  app.get("/scenarios", (c) => showScenarios(c));
  app.post("/scenarios", async (c) => {
    const form = await c.req.parseBody();
    const options = plainOptions(String(form.scenario));
    if (!options) return showScenarios(c, { problems: ["scenario: there is no such scenario"] }, 400);
    return showScenarios(c, await runScenario(app, c, options));
  });
}

type Found = RunReport | { readonly problems: readonly string[] };

function showScenarios(c: SimulatorContext, found?: Found, status: 200 | 400 = 200) {
  return showPage(
    c,
    "Scenarios",
    "scenarios",
    <div class="stack">
      <h1>Run a scenario</h1>
      <p class="soft">
        A scenario plays a customer from start to end, as the demo customer, and checks what happened. Switch{" "}
        <a href="/faults">faults</a> on to see what goes wrong. Programs use <code>POST /simulator/run</code>, with more
        options.
      </p>
      {found && ("ok" in found ? <Report report={found} /> : <Problems problems={found.problems} />)}
      <ul class="grid two">
        {SCENARIO_NAMES.map((name) => (
          <li class="card tight">
            <h2>{name}</h2>
            <p class="small soft">{WHAT_THEY_DO[name]}</p>
            <ActionButton action="/scenarios" label={`Run ${name}`} look="plain slim" name="scenario" value={name} />
          </li>
        ))}
      </ul>
    </div>,
    status,
  );
}

function Problems({ problems }: { problems: readonly string[] }) {
  return (
    <div class="note bad" role="alert">
      {problems.join(" ")}
    </div>
  );
}

function Report({ report }: { report: RunReport }) {
  const { ok, scenario, reason, record, checks, results = [] } = report;
  const failed = checks.filter((check) => !check.ok);
  return (
    <section class="card stack" aria-label="Result">
      <h2>
        {scenario} <span class={`pill ${ok ? "ok" : "bad"}`}>{ok ? "passed" : "failed"}</span>
      </h2>
      {reason?.split("\n").map((line) => (
        <p class="note bad">{line}</p>
      ))}
      {record !== null && (
        <p>
          <a href={record}>Its requests and responses</a>
        </p>
      )}
      {results.map((result) => (
        <pre>{result}</pre>
      ))}
      {failed.length > 0 && <CheckList checks={failed} />}
      <details class="fold">
        <summary>All {checks.length} checks</summary>
        <CheckList checks={checks} />
      </details>
    </section>
  );
}
