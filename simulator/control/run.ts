// `POST /simulator/run`: runs a scenario without a person and returns a verdict of named checks.
import type { Hono } from "hono";
import * as z from "zod";
import { type Check, passed } from "../library/checks.ts";
import { contextOf, type SimulatorContext, type SimulatorEnv, Unreachable } from "../state/context.ts";
import { type Attempt, findSkill, firstSkill } from "../state/store.ts";
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

export const SCENARIO_NAMES = [...Object.keys(SCENARIOS), ...Object.keys(ADD_ON_SCENARIOS)] as (
  | keyof typeof SCENARIOS
  | keyof typeof ADD_ON_SCENARIOS
)[];
const runSchema = scenarioOptions.extend({ scenario: z.enum(SCENARIO_NAMES) });
export type RunOptions = z.infer<typeof runSchema>;

/** What `POST /simulator/run` returns. */
export interface RunReport {
  readonly ok: boolean;
  readonly scenario: string;
  readonly linkId: string | null;
  /** Why it failed, in words; null if it did not. */
  readonly reason: string | null;
  /** The page with its requests and responses; null if the scenario made no attempt. */
  readonly record: string | null;
  readonly checks: readonly Check[];
  readonly results?: readonly string[];
}

export function addRunRoute(app: Hono<SimulatorEnv>): void {
  app.post("/simulator/run", async (c) => {
    const options = await readBody(c, runSchema);
    if (options instanceof Response) return options;
    const report = await runScenario(app, c, options);
    return "ok" in report ? c.json(report) : refuse(c, report.problems);
  });
}

/** The options of a scenario without any choice. */
export function plainOptions(scenario: string): RunOptions | undefined {
  return runSchema.safeParse({ scenario }).data;
}

/** Runs a scenario; `problems` when its options name what is not there. */
export async function runScenario(
  app: Hono<SimulatorEnv>,
  c: SimulatorContext,
  options: RunOptions,
): Promise<RunReport | { readonly problems: readonly string[] }> {
  const { scenario } = options;
  const { store } = c.var;
  const account = store.accounts.get(options.account ?? store.currentAccountId);
  if (!account) return { problems: [`account: there is no account ${options.account}`] };
  const context = contextOf(c);
  const browser = customerBrowser(app, c, context);
  const report = ({ checks, linkId, results }: Verdict): RunReport => {
    const ok = checks.length > 0 && passed(checks);
    const attempt = linkId === undefined ? undefined : store.attempts.get(linkId);
    return {
      ok,
      scenario,
      linkId: linkId ?? null,
      reason: ok ? null : reasonOf(checks, attempt),
      record: attempt ? `${context.origin}/exchanges/${attempt.linkId}` : null,
      checks,
      ...(results && { results }),
    };
  };
  if (isOfAddOn(scenario)) {
    if (!store.addOn) return { problems: ["scenario: no add-on is configured; PUT /simulator/add-on first"] };
    const { addOn } = store;
    return report(await reached(() => ADD_ON_SCENARIOS[scenario]({ c, context, addOn, account, options, browser })));
  }
  const skill = options.skillId ? findSkill(store, options.skillId, options.stage ?? "development") : firstSkill(store);
  if (!skill) return { problems: ["skillId: no such skill is registered"] };
  return report(await reached(() => SCENARIOS[scenario]({ c, context, skill, account, options, browser })));
}

/** The attempt's own reason, and what each check that failed has found. */
function reasonOf(checks: readonly Check[], attempt: Attempt | undefined): string {
  if (checks.length === 0) return "There was nothing to check.";
  const own = attempt?.outcome === "failed" && attempt.reason !== undefined ? [attempt.reason] : [];
  const failed = checks
    .filter((check) => !check.ok && check.level === "must" && !own.some((reason) => check.detail.includes(reason)))
    .map(({ name, detail }) => `${name}: ${detail}`);
  return [...own, ...failed].join("\n");
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
