// From a clone to a deployed, healthy service that knows the skill: what to ask, and the steps in order.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../terminal.ts";
import { CLOUDFLARE_STEPS } from "./cloudflare-steps.ts";
import { refuseLostKey } from "./databases.ts";
import { accountOf, loggedIn, secretsOf } from "./login.ts";
import { notesFile, readNotes } from "./notes.ts";
import { type Answers, asked, completed, confirmed, judged, missing, QUESTIONS } from "./questions.ts";
import * as rules from "./rules.ts";
import { keep, type Run, readToml, type Settings, take } from "./run.ts";
import { chooseClient, remaining, serviceSteps } from "./service-steps.ts";
import type { World } from "./world.ts";
import type { Cloudflare } from "./wrangler.ts";
import { type Deployment, deploymentOf } from "./wrangler-file.ts";

/** What the command line gave: values by the names of the questions, and the rest. */
export interface Given {
  readonly settings: Settings;
  readonly answers: Answers;
  readonly name: string | undefined;
  readonly accountId: string | undefined;
}

/** What a run made, for `--json`. */
export interface Result {
  readonly url: string;
  readonly worker: string;
  readonly accountId: string | undefined;
  readonly databaseId: string | undefined;
  readonly namespaceId: string | undefined;
  readonly skillId: string | undefined;
  readonly dryRun: boolean;
  /** Whether the doctor found nothing, or did not run. */
  readonly healthy: boolean;
  /** Wrangler's arguments, call by call, of what changed something or would. */
  readonly commands: readonly (readonly string[])[];
}

/** Runs setup. Throws a `UsageError` before anything is made, and a `CommandError` when a step fails. */
export async function setUp(world: World, given: Given): Promise<Result> {
  const { terminal, folder } = world;
  const { settings } = given;
  for (const needed of ["wrangler.toml", "migrations", "src"]) {
    if (!existsSync(join(folder, needed))) {
      throw new UsageError(`There is no ${needed} here. Run setup in a clone of the repository, after npm ci.`);
    }
  }
  const toml = readToml(folder);
  const deployment = deploymentOf(toml, settings.environment);
  const notes = readNotes(folder, settings.environment);
  const answers = {
    ...fromFile(deployment),
    ...judged({ ...notes.answers, ...fromEnvironment(world), ...given.answers }),
  };
  if (settings.skipSkill) answers.skillId = "";
  checkKeys(terminal.environment, "");
  checkKeys({ ...notes }, ` in ${notesFile(settings.environment)}`);
  const mayAsk = terminal.interactive && !settings.dryRun;
  const notSecret = missing(answers).filter((name) => name.startsWith("--"));
  if (!mayAsk && !settings.dryRun && notSecret.length > 0) throw lacking(notSecret);

  const cloudflare: Cloudflare = { world, dryRun: settings.dryRun, accountId: undefined, changes: [], shown: 0 };
  const account = await loggedIn(cloudflare);
  cloudflare.accountId = await accountOf(cloudflare, account, given.accountId ?? deployment?.accountId);
  const worker = given.name ?? workerOf(toml, deployment, settings.environment);
  const have = await secretsOf(cloudflare, worker);
  const run: Run = Object.assign(cloudflare, {
    settings,
    worker,
    answers,
    notes,
    toml,
    secretsAtWorker: have,
    secrets: {},
    isUnwell: false,
  });
  run.answers = await collected(run, mayAsk);
  await addKeys(run);
  keepAnswers(run);
  chooseClient(run, (bytes) => randomBytes(bytes).toString("base64url"));

  await take(run, [...CLOUDFLARE_STEPS, ...serviceSteps(run)]);
  if (!settings.dryRun) terminal.note(`\n${remaining(run)}`);
  const after = deploymentOf(run.toml, settings.environment);
  return {
    url: `https://${run.answers.domain}`,
    worker,
    accountId: cloudflare.accountId,
    databaseId: after?.databaseId,
    namespaceId: after?.namespaceId,
    skillId: run.answers.skillId || undefined,
    dryRun: settings.dryRun,
    healthy: !run.isUnwell,
    commands: cloudflare.changes,
  };
}

function lacking(names: readonly string[]): UsageError {
  return new UsageError(`There is no terminal to ask in. Give ${names.join(", ")}. Nothing was made.`);
}

/** All answers: asked for and confirmed, given, or in a dry run placeholders. */
async function collected(run: Run, mayAsk: boolean): Promise<Answers> {
  const { world, settings, secretsAtWorker: have } = run;
  let answers: Answers = { ...run.answers };
  if (mayAsk) {
    do {
      answers = await asked(world.terminal, answers, have);
      if (settings.yes) return completed(answers);
      const also = [`  ${"Worker".padEnd(20)} ${run.worker}`, `  ${"Cloudflare account".padEnd(20)} ${run.accountId}`];
      answers = await confirmed(world.terminal, answers, also);
    } while (missing(answers, have).length > 0);
    return answers;
  }
  const without = missing(answers, have);
  if (settings.dryRun && answers.skillId === undefined) {
    world.terminal.print("Without --skill-id, the step that registers the skill is left out.");
  }
  if (without.includes("--domain")) answers.brand ??= "<brand>";
  if (without.length === 0) return completed(answers);
  if (!settings.dryRun) throw lacking(without);
  world.terminal.print(`Not given, and shown in < >: ${without.join(", ")}`);
  for (const [name, question] of QUESTIONS) {
    if (without.includes(question.variable ?? `--${question.name}`)) answers[name] = `<${question.name}>`;
  }
  return completed(answers);
}

/** What wrangler.toml has already. Methods that setup does not ask about stay as they are. */
function fromFile(deployment: Deployment | undefined): Answers {
  if (deployment?.domain === undefined) return {};
  const { variables, domain } = deployment;
  const text = (name: string) => (typeof variables[name] === "string" ? (variables[name] as string) : undefined);
  const methods = String(variables.SIGN_IN_METHODS ?? "password");
  const answers: Answers = { domain, signIn: methods === "oidc" ? (text("OIDC_ISSUER") ?? methods) : methods };
  const found: Answers = {
    ...(text("BRAND_NAME") ? { brand: text("BRAND_NAME")! } : {}),
    ...(text("OIDC_CLIENT_ID") ? { oidcClientId: text("OIDC_CLIENT_ID")! } : {}),
    ...(text("AMAZON_SIGN_IN_CLIENT_ID") ? { amazonClientId: text("AMAZON_SIGN_IN_CLIENT_ID")! } : {}),
  };
  return { ...answers, ...found };
}

/** The secrets that the environment gives. */
function fromEnvironment({ terminal: { environment } }: World): Answers {
  const entries = [...QUESTIONS].flatMap(([name, { variable }]) => {
    const value = variable === undefined ? undefined : environment[variable]?.trim();
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

function workerOf(toml: string, deployment: Deployment | undefined, environment: string | undefined): string {
  if (deployment?.worker !== undefined) return deployment.worker;
  const base = deploymentOf(toml, undefined)?.worker ?? "alexa-link";
  return environment === undefined ? base : `${base}-${environment}`;
}

const KEYS = { MASTER_KEY: rules.masterKey, ADMIN_TOKEN: rules.adminToken } as const;

/** Keys that the environment or the notes give are judged before anything is made. */
function checkKeys(given: Readonly<Record<string, unknown>>, where: string): void {
  for (const [name, rule] of Object.entries(KEYS)) {
    const value = given[name];
    if (value === undefined || value === "") continue;
    const result = rules.judge(rule, String(value));
    if ("problem" in result) throw new UsageError(`${name}${where} ${result.problem}.`);
  }
}

/** The secrets of this run: the two keys, given, kept or new; and those of the provider, if they were given. */
async function addKeys(run: Run): Promise<void> {
  const { world, settings, secretsAtWorker, answers, notes, secrets } = run;
  const given = (name: string) => world.terminal.environment[name]?.trim() || undefined;
  const made: Record<string, string> = {};
  const fresh = (name: string) => {
    made[name] = randomBytes(32).toString("base64url");
    return made[name];
  };
  const masterKey = given("MASTER_KEY") ?? notes.MASTER_KEY;
  if (masterKey !== undefined) secrets.MASTER_KEY = masterKey;
  else if (!secretsAtWorker.has("MASTER_KEY")) {
    await refuseLostKey(run);
    secrets.MASTER_KEY = fresh("MASTER_KEY");
  }
  const known = given("ADMIN_TOKEN") ?? (settings.newAdminToken ? undefined : notes.ADMIN_TOKEN);
  const mustExist = secretsAtWorker.has("ADMIN_TOKEN") && !settings.newAdminToken;
  secrets.ADMIN_TOKEN = known ?? (mustExist ? await typedToken(run) : fresh("ADMIN_TOKEN"));
  // Before anything uses them.
  keep(run, made);
  if (answers.oidcClientSecret) secrets.OIDC_CLIENT_SECRET = answers.oidcClientSecret;
  if (answers.amazonClientSecret) secrets.AMAZON_SIGN_IN_CLIENT_SECRET = answers.amazonClientSecret;
}

/** The token that the Worker has, which nobody can read there. */
async function typedToken({ world: { terminal }, settings }: Run): Promise<string> {
  if (settings.dryRun) return "<ADMIN_TOKEN>";
  if (!terminal.interactive) {
    throw new UsageError(
      "The Worker has an ADMIN_TOKEN already. Set the environment variable ADMIN_TOKEN to it, or add --new-admin-token to replace it.",
    );
  }
  for (;;) {
    const typed = await terminal.askSecret("The Worker's ADMIN_TOKEN (if it is lost, stop and add --new-admin-token)");
    const result = rules.judge(rules.adminToken, typed);
    if ("value" in result) return result.value;
    terminal.note(`This ${result.problem}.`);
  }
}

/** Answers that wrangler.toml does not hold, for the next run. */
function keepAnswers(run: Run): void {
  const { skillId, skillName, skillType, vendorId, scope, returnUrl, lwaClientId } = run.answers;
  const kept = { skillId, skillName, skillType, vendorId, scope, returnUrl, lwaClientId };
  const answers = Object.fromEntries(Object.entries(kept).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  if (Object.keys(answers).length > 0) keep(run, { answers });
}
