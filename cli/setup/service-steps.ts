// The steps after the deployment: the service responds, knows the skill, and is checked.
import { join, relative } from "node:path";
import { withLimitedBody } from "../../doctor/limited-fetch.ts";
import { call, type SkillView, skillPath } from "../admin-api.ts";
import { CommandError, type Terminal } from "../terminal.ts";
import { examine, skill } from "./other-commands.ts";
import { fileOfNotes, keep, type Run, type Step } from "./run.ts";
import { show } from "./wrangler.ts";

/** The steps for this run: those about the skill only if there is one. */
export function serviceSteps(run: Run): Step[] {
  const hasSkill = (run.answers.skillId ?? "") !== "";
  return [
    ["Health", "A new domain gets its DNS record and certificate within minutes.", healthy],
    ...(hasSkill ? ([["Skill", "The service must know the skill and its client.", registered]] as const) : []),
    ...(hasSkill && hasDeveloperToken(run) ? ([["Amazon", "Amazon must know this service.", pushed]] as const) : []),
    ...(run.settings.doctor ? ([["Doctor", "It checks the service as Alexa sees it.", checked]] as const) : []),
  ];
}

/** With it, setup writes to Amazon what a person would enter in the console. */
function hasDeveloperToken({ world }: Run): boolean {
  return Boolean(world.terminal.environment.SMAPI_ACCESS_TOKEN?.trim());
}

async function pushed(run: Run): Promise<string> {
  const { notes, answers, world } = run;
  const id = answers.skillId ?? "";
  const secret = notes.CLIENT_SECRET ?? world.terminal.environment.CLIENT_SECRET?.trim();
  if (!secret) return "left out, because the client's secret is not here. skill push --rotate-secret makes a new one";
  const terminal = terminalWith(run, { CLIENT_SECRET: secret });
  await skill(run, terminal, ["push", ...given("url", originOf(run)), ...given("id", id), "--events", "--yes"]);
  return "the development stage has the configuration, and events go to this service";
}

const BETWEEN_TRIES = 3;
const BETWEEN_NOTES = 30;

async function healthy(run: Run): Promise<string> {
  const { world, settings, dryRun } = run;
  const address = `${originOf(run)}/healthz`;
  if (dryRun) {
    show(run, `GET ${address}, until it responds with 200`);
    return "it responds";
  }
  let last = "";
  for (let seconds = 0; seconds <= settings.wait; seconds += BETWEEN_TRIES) {
    last = await stateAt(address);
    if (last === "ok") return `${address} responds: ok`;
    if (seconds % BETWEEN_NOTES === 0) world.terminal.note(`  waiting: ${last}`);
    await world.pause(BETWEEN_TRIES * 1000);
  }
  throw new CommandError(
    `${address} did not become healthy within ${settings.wait} seconds. The last try: ${last}\nA new zone's certificate can take longer. Wait, then run setup again.`,
  );
}

/** `ok`, or what is the matter in a phrase. */
async function stateAt(address: string): Promise<string> {
  try {
    const response = await fetch(address, { redirect: "manual", signal: AbortSignal.timeout(10_000) });
    const text = (await withLimitedBody(response).text()).slice(0, 2000);
    const { status, detail } = jsonObject(text) as { status?: unknown; detail?: unknown };
    if (response.status === 200 && status === "ok") return "ok";
    return `${response.status}${typeof detail === "string" ? `: ${detail}` : ""}`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}

function jsonObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

function originOf({ answers }: Run): string {
  return `https://${answers.domain}`;
}

/** A terminal whose environment has the secrets that other commands read from there. */
function terminalWith(run: Run, more: Readonly<Record<string, string | undefined>> = {}): Terminal {
  const { terminal } = run.world;
  const environment = { ...terminal.environment, ADMIN_TOKEN: run.secrets.ADMIN_TOKEN, ...more };
  return { ...terminal, environment };
}

/** The skill as the service knows it; undefined if it does not. */
async function known(run: Run, id: string): Promise<SkillView | undefined> {
  const service = { origin: originOf(run), adminToken: run.secrets.ADMIN_TOKEN ?? "" };
  const { items } = await call<{ items: SkillView[] }>(service, "GET", "/skills?limit=200");
  return items.some((one) => one.id === id) ? await call<SkillView>(service, "GET", skillPath(id)) : undefined;
}

async function registered(run: Run): Promise<string> {
  const { answers, dryRun } = run;
  const id = answers.skillId ?? "";
  const found = dryRun ? undefined : await known(run, id);
  if (!found) {
    // Chosen here and written down first, so that a lost response does not lose the secret.
    const { CLIENT_ID: clientId, CLIENT_SECRET: secret } = run.notes;
    await skill(run, terminalWith(run, { LWA_CLIENT_SECRET: answers.lwaClientSecret, CLIENT_SECRET: secret }), [
      "add",
      ...given("url", originOf(run)),
      ...given("id", id),
      ...given("name", answers.skillName),
      ...given("type", answers.skillType),
      ...given("vendor-id", answers.vendorId),
      ...given("scope", answers.scope),
      ...given("return-url", answers.returnUrl),
      ...given("client-id", clientId),
      ...given("lwa-client-id", answers.lwaClientId),
      ...given("out", relative(process.cwd(), join(run.world.folder, "accountLinking.json"))),
    ]);
    keepPair(run);
    return `${id} is registered`;
  }
  const pairIsNew = answers.lwaClientSecret !== undefined && answers.lwaClientId !== found.lwa?.clientId;
  const vendorIsNew = answers.vendorId !== undefined && answers.vendorId !== found.vendorId;
  if (!pairIsNew && !vendorIsNew) return `${id} is registered already`;
  await skill(run, terminalWith(run, { LWA_CLIENT_SECRET: answers.lwaClientSecret }), [
    "set",
    ...given("url", originOf(run)),
    ...given("id", id),
    ...(vendorIsNew ? given("vendor-id", answers.vendorId) : []),
    ...(pairIsNew ? given("lwa-client-id", answers.lwaClientId) : []),
  ]);
  keepPair(run);
  return `${id} is changed`;
}

/** The service has Amazon's pair now. The next run needs neither half of it, unless it is given again. */
function keepPair(run: Run): void {
  if (run.answers.lwaClientId) keep(run, { answers: { ...run.notes.answers, lwaClientId: "" } });
}

/** One argument, so that a value that begins with a dash is no option. */
function given(option: string, value: string | undefined): string[] {
  return value === undefined || value === "" ? [] : [`--${option}=${value}`];
}

async function checked(run: Run): Promise<string> {
  const { answers, notes } = run;
  const client = answers.skillId ? given("client-id", notes.CLIENT_ID) : [];
  const vendor = client.length > 0 ? given("vendor-id", answers.vendorId) : [];
  // Nobody can sign in yet: the account or the redirect URI at the provider is made later.
  const terminal = { ...terminalWith(run, { CLIENT_SECRET: notes.CLIENT_SECRET }), interactive: false };
  const passed = await examine(run, terminal, [originOf(run), "--admin", ...client, ...vendor]);
  if (!passed) run.isUnwell = true;
  return passed ? "nothing failed" : "it found something: see above";
}

/** What remains for the person, in the order in which it matters. */
export function remaining(run: Run): string {
  const { answers, notes } = run;
  const file = fileOfNotes(run);
  const lines = [`${originOf(run)} is live.`];
  if (notes.MASTER_KEY ?? notes.ADMIN_TOKEN) {
    lines.push(
      `- Copy the keys in ${file} to your secret store now, then delete the file. MASTER_KEY cannot be read again, and`,
      "  without it a restored database cannot be opened.",
    );
  }
  lines.push("- Commit wrangler.toml. It has the names and ids of this deployment, and no secret.");
  if (answers.signIn?.startsWith("https://")) {
    lines.push(`- Register ${originOf(run)}/sign-in/oidc/callback at ${answers.signIn}.`);
  } else if (answers.signIn === "amazon") {
    lines.push(`- Register ${originOf(run)}/sign-in/amazon/callback at your Login with Amazon profile.`);
  } else {
    lines.push("- Create an account to try it with: npm run alexa-link -- user add --help");
  }
  lines.push(
    `- Open ${originOf(run)}/admin with ADMIN_TOKEN. To let operators sign in with their own names, set up Cloudflare`,
    "  Access: docs/deploy.md, Operators with names.",
  );
  if (!answers.skillId) lines.push("- Register the skill when you have it: run setup again with --skill-id.");
  else {
    if (!hasDeveloperToken(run)) lines.push("- Enter the values of the skill above at Amazon.");
    lines.push("- Enable the skill in the Alexa app, and sign in.");
    lines.push(`- Then check it with a customer who signs in: npm run doctor -- ${originOf(run)} --help`);
  }
  return lines.join("\n");
}

/** Chooses Alexa's client before the skill is registered. */
export function chooseClient(run: Run, random: (bytes: number) => string): void {
  if (!run.answers.skillId || run.notes.CLIENT_ID) return;
  keep(run, { CLIENT_ID: `alexa-${random(9)}`, CLIENT_SECRET: random(32) });
}
