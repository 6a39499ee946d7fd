// `POST /simulator/run`: runs a scenario without a person and returns a verdict of named checks.
import type { Hono } from "hono";
import * as z from "zod";
import { passed } from "../library/checks.ts";
import { contextOf, type SimulatorContext, type SimulatorEnv, Unreachable } from "../state/context.ts";
import { findSkill, firstSkill } from "../state/store.ts";
import { runConformance } from "./conformance.ts";
import { readBody, refuse } from "./routes.ts";
import { scenarioOptions, type Verdict } from "./scenario.ts";
import { runAuthorize, runDisable, runEvents, runRefresh, runSpeak } from "./scenarios.ts";
import { runAddOn, runAddOnDeploy, runAddOnRelink } from "./scenarios-add-on.ts";
import { runAppToApp, runCompanyApp } from "./scenarios-company.ts";
import { customerBrowser } from "./visitor.ts";

const SCENARIOS = {
  /** Links from the Alexa app through the company's pages. */
  authorize: runAuthorize,
  /** Links from the company's website. */
  "app-to-app": runAppToApp,
  /** Signs in, links, reads the status and unlinks as the company's app; then responds to the Alexa app. */
  "company-app": runCompanyApp,
  /** Refreshes every stored link, `count` times at once. */
  refresh: runRefresh,
  /** Says something to the skill, as a recognised or an unknown speaker. */
  speak: runSpeak,
  /** Sends skill events, genuine and forged. */
  events: runEvents,
  /** Disables the skill, as a customer does by voice. */
  disable: runDisable,
  /** Tests the company's OAuth endpoints against everything that Alexa is known to send. */
  conformance: runConformance,
} as const;

const ADD_ON_SCENARIOS = {
  /** Deploys the add-on and checks it as Amazon does, without a customer. */
  "add-on-deploy": runAddOnDeploy,
  /** Deploys the add-on, asks for a tool, links, calls it, refreshes, and calls it again. */
  "add-on": runAddOn,
  /** Links the add-on, unlinks it, links it for another customer, and compares what the tool returns. */
  "add-on-relink": runAddOnRelink,
} as const;

const SCENARIO_NAMES = [...Object.keys(SCENARIOS), ...Object.keys(ADD_ON_SCENARIOS)] as (
  | keyof typeof SCENARIOS
  | keyof typeof ADD_ON_SCENARIOS
)[];
const runSchema = scenarioOptions.extend({ scenario: z.enum(SCENARIO_NAMES) });

export function addRunRoute(app: Hono<SimulatorEnv>): void {
  app.post("/simulator/run", (c) => runScenario(app, c));
}

async function runScenario(app: Hono<SimulatorEnv>, c: SimulatorContext): Promise<Response> {
  const options = await readBody(c, runSchema);
  if (options instanceof Response) return options;
  const { scenario } = options;
  const { store } = c.var;
  const account = store.accounts.get(options.account ?? store.currentAccountId);
  if (!account) return refuse(c, [`account: there is no account ${options.account}`]);
  const context = contextOf(c);
  const browser = customerBrowser(app, c, context);
  const verdict = (found: Verdict) => {
    const { checks, linkId, results } = found;
    const ok = checks.length > 0 && passed(checks);
    return c.json({ ok, scenario, linkId: linkId ?? null, checks, ...(results && { results }) });
  };
  if (isOfAddOn(scenario)) {
    if (!store.addOn) return refuse(c, ["scenario: no add-on is configured; PUT /simulator/add-on first"]);
    const { addOn } = store;
    return verdict(await reached(() => ADD_ON_SCENARIOS[scenario]({ c, context, addOn, account, options, browser })));
  }
  const skill = options.skillId ? findSkill(store, options.skillId, options.stage ?? "development") : firstSkill(store);
  if (!skill) return refuse(c, ["skillId: no such skill is registered"]);
  return verdict(await reached(() => SCENARIOS[scenario]({ c, context, skill, account, options, browser })));
}

/** What a scenario found; a server that is down is a finding of its own. */
async function reached(scenario: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await scenario();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return { checks: [{ name: "server_responds", ok: false, detail: error.message, level: "must" }] };
  }
}

function isOfAddOn(scenario: (typeof SCENARIO_NAMES)[number]): scenario is keyof typeof ADD_ON_SCENARIOS {
  return scenario in ADD_ON_SCENARIOS;
}
