// `POST /simulator/run`: a scenario from beginning to end without a person, and a verdict of named checks.
import type { Hono } from "hono";
import * as z from "zod";
import { passed } from "../library/checks.ts";
import { type SimulatorContext, type SimulatorEnv, sceneOf } from "../scene.ts";
import { findSkill, firstSkill } from "../world.ts";
import { readBody, refuse } from "./routes.ts";
import { runAuthorize, runConformance, runDisable, runEvents, runRefresh, runSpeak, type Stage } from "./scenarios.ts";
import { runAppToApp, runCompanyApp } from "./scenarios-company.ts";
import { customerBrowser } from "./visitor.ts";

const SCENARIOS = {
  /** Links from the Alexa app through the company's pages. */
  authorize: runAuthorize,
  /** Links from the company's website. */
  "app-to-app": runAppToApp,
  /** Signs in, links, asks, unlinks as the company's app through its API; then answers the Alexa app. */
  "company-app": runCompanyApp,
  /** Refreshes every stored link, `count` times at once. */
  refresh: runRefresh,
  /** Says something to the skill, as a recognized speaker or as anybody. */
  speak: runSpeak,
  /** Sends the skill events, good and forged. */
  events: runEvents,
  /** Disables the skill as the customer does by voice. */
  disable: runDisable,
  /** Everything that the field has seen, against the company's OAuth endpoints. */
  conformance: runConformance,
} as const;

const runSchema = z.strictObject({
  scenario: z.enum(Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[]),
  skillId: z.string().optional(),
  stage: z.string().optional(),
  /** Amazon account; left out, the current one. */
  account: z.string().optional(),
  signIn: z
    .strictObject({ email: z.string(), password: z.string() })
    .default({ email: "demo@example.com", password: "demo-password-1" }),
  /** `authorize`: who links for their own voice; `speak`: whose voice is recognized. Left out: the account, and nobody. */
  person: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, "lower-case letters, digits and hyphens")
    .optional(),
  decision: z.enum(["allow", "deny"]).default("allow"),
  via: z.enum(["alexa_app", "lwa"]).optional(),
  count: z.int().min(1).max(100).default(1),
  /** `events`: only these, only well signed. */
  events: z
    .array(z.enum(["SkillEnabled", "SkillAccountLinked", "SkillDisabled", "SkillPermissionAccepted"]))
    .optional(),
});
export type RunOrder = z.infer<typeof runSchema>;

export function addRunRoute(app: Hono<SimulatorEnv>): void {
  app.post("/simulator/run", (c) => run(app, c));
}

async function run(app: Hono<SimulatorEnv>, c: SimulatorContext): Promise<Response> {
  const order = await readBody(c, runSchema);
  if (order instanceof Response) return order;
  const { world } = c.var;
  const skill = order.skillId ? findSkill(world, order.skillId, order.stage ?? "development") : firstSkill(world);
  const account = world.accounts.get(order.account ?? world.currentAccountId);
  if (!skill) return refuse(c, ["skillId: no such skill is registered"]);
  if (!account) return refuse(c, [`account: no account ${order.account}`]);
  const scene = sceneOf(c);
  const stage: Stage = { c, scene, skill, account, order, browser: customerBrowser(app, c, scene) };
  const { checks, linkId } = await SCENARIOS[order.scenario](stage);
  return c.json({ ok: checks.length > 0 && passed(checks), scenario: order.scenario, linkId: linkId ?? null, checks });
}
