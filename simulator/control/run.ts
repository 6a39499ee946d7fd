// `POST /simulator/run`: runs a scenario without a person and returns a verdict of named checks.
import type { Hono } from "hono";
import * as z from "zod";
import { passed } from "../library/checks.ts";
import { contextOf, type SimulatorContext, type SimulatorEnv } from "../state/context.ts";
import { findSkill, firstSkill } from "../state/store.ts";
import { readBody, refuse } from "./routes.ts";
import { scenarioOptions } from "./scenario.ts";
import { runAuthorize, runConformance, runDisable, runEvents, runRefresh, runSpeak } from "./scenarios.ts";
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

const runSchema = scenarioOptions.extend({
  scenario: z.enum(Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[]),
});

export function addRunRoute(app: Hono<SimulatorEnv>): void {
  app.post("/simulator/run", (c) => runScenario(app, c));
}

async function runScenario(app: Hono<SimulatorEnv>, c: SimulatorContext): Promise<Response> {
  const options = await readBody(c, runSchema);
  if (options instanceof Response) return options;
  const { scenario } = options;
  const { store } = c.var;
  const skill = options.skillId ? findSkill(store, options.skillId, options.stage ?? "development") : firstSkill(store);
  const account = store.accounts.get(options.account ?? store.currentAccountId);
  if (!skill) return refuse(c, ["skillId: no such skill is registered"]);
  if (!account) return refuse(c, [`account: there is no account ${options.account}`]);
  const context = contextOf(c);
  const browser = customerBrowser(app, c, context);
  const { checks, linkId } = await SCENARIOS[scenario]({ c, context, skill, account, options, browser });
  return c.json({ ok: checks.length > 0 && passed(checks), scenario, linkId: linkId ?? null, checks });
}
