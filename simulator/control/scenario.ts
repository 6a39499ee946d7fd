// What every scenario is given, and what it returns.
import * as z from "zod";
import type { createBrowser } from "../library/browser.ts";
import type { Check } from "../library/checks.ts";
import { OFFERED_VERSIONS } from "../library/mcp.ts";
import type { AmazonAccount, Skill } from "../state/configuration.ts";
import type { RequestContext, SimulatorContext } from "../state/context.ts";

/** Options of `POST /simulator/run`, beside the name of the scenario. */
export const scenarioOptions = z.strictObject({
  skillId: z.string().optional(),
  stage: z.string().optional(),
  /** Id of the Amazon account; if omitted, the current one. */
  account: z.string().optional(),
  signIn: z
    .strictObject({ email: z.string(), password: z.string() })
    .default({ email: "demo@example.com", password: "demo-password-1" }),
  /**
   * `authorize`: the speaker who links a personal account; if omitted, the shared account is linked.
   * `speak`: the speaker whose voice Alexa recognises; if omitted, Alexa does not recognise the voice.
   */
  person: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, "lowercase letters, digits and hyphens")
    .optional(),
  decision: z.enum(["allow", "deny"]).default("allow"),
  via: z.enum(["alexa_app", "lwa"]).optional(),
  /** `add-on`: in the browser, or in the company's app that the Alexa app opens. */
  pattern: z.enum(["web", "app"]).default("web"),
  /** `add-on`: the tool that the customer asks for; if omitted, one without required arguments. */
  tool: z.string().optional(),
  arguments: z.record(z.string(), z.unknown()).default({}),
  /** `add-on-deploy`, `add-on`: the MCP protocol version that Alexa+ offers. */
  protocolVersion: z.enum(OFFERED_VERSIONS).optional(),
  /** `add-on-relink`: the other customer of the company, who links afterwards. */
  signInAgain: z.strictObject({ email: z.string(), password: z.string() }).optional(),
  count: z.int().min(1).max(100).default(1),
  /** `events`: send only these events, correctly signed. */
  events: z
    .array(z.enum(["SkillEnabled", "SkillAccountLinked", "SkillDisabled", "SkillPermissionAccepted"]))
    .optional(),
});

export interface ScenarioRun {
  readonly c: SimulatorContext;
  readonly context: RequestContext;
  readonly skill: Skill;
  readonly account: AmazonAccount;
  readonly options: z.infer<typeof scenarioOptions>;
  readonly browser: ReturnType<typeof createBrowser>;
}

export interface Verdict {
  readonly checks: readonly Check[];
  /** What the add-on's tool returned, call by call. */
  readonly results?: readonly string[];
  readonly linkId?: string | undefined;
}
