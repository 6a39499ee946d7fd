// The steps that make and change things at Cloudflare. Each looks first, and makes only what is missing.
import { CommandError, UsageError } from "../terminal.ts";
import { databaseName, databases } from "./databases.ts";
import { editToml, environmentArguments, fileOfNotes, type Run, type Step } from "./run.ts";
import { change, lookUp, lookUpIfLoggedIn } from "./wrangler.ts";
import { deploymentOf } from "./wrangler-file.ts";

export const CLOUDFLARE_STEPS: readonly Step[] = [
  ["Settings", "wrangler.toml describes the deployment; commit it.", settings],
  ["Database", "D1 holds the accounts, the links and the signing keys.", database],
  ["Namespace", "KV holds copies of the codes, so that Alexa can redeem them from any region.", namespace],
  ["Secrets", "They are stored at Cloudflare only, and wrangler reads them from its standard input.", secrets],
  ["Tables", "The migrations create the tables in D1, or change them after an update.", tables],
  ["Deployment", "It uploads the code, and gives the domain its DNS record and certificate.", deployment],
];

async function settings(run: Run): Promise<string> {
  const { answers, toml } = run;
  const found = deploymentOf(toml, run.settings.environment);
  const accountId = found?.accountId ?? deploymentOf(toml, undefined)?.accountId;
  const variables: Record<string, string> = {};
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== "" && String(found?.variables[name] ?? "") !== value) variables[name] = value;
  };
  set("ISSUER", answers.domain && `https://${answers.domain}`);
  set("BRAND_NAME", answers.brand);
  if (answers.signIn?.startsWith("https://")) {
    set("SIGN_IN_METHODS", "oidc");
    set("OIDC_ISSUER", answers.signIn);
    set("OIDC_CLIENT_ID", answers.oidcClientId);
  } else {
    set("SIGN_IN_METHODS", answers.signIn);
    if (answers.signIn === "amazon") set("AMAZON_SIGN_IN_CLIENT_ID", answers.amazonClientId);
  }
  set("PRIVACY_URL", answers.privacyUrl);
  set("TERMS_URL", answers.termsUrl);
  const written = editToml(run, {
    worker: run.worker === found?.worker ? undefined : run.worker,
    accountId: run.accountId === accountId ? undefined : run.accountId,
    domain: answers.domain === found?.domain ? undefined : answers.domain,
    databaseName: found?.databaseId ? undefined : run.worker,
    variables,
  });
  return written ? "wrangler.toml has them" : "wrangler.toml has them already";
}

async function database(run: Run): Promise<string> {
  const name = databaseName(run);
  const written = deploymentOf(run.toml, run.settings.environment)?.databaseId;
  const isIt = (one: { uuid: string; name: string }) =>
    written === undefined ? one.name === name : one.uuid === written;
  const found = (await databases(run))?.find(isIt);
  if (found) return editToml(run, { databaseId: found.uuid }) ? `${name} exists, and is used` : `${name} exists`;
  if (written !== undefined && !run.dryRun) {
    throw new CommandError(
      `The account has no database ${name}, and wrangler.toml names one (${written}). Choose its account with --account-id, or remove the line database_id to make a new, empty one.`,
    );
  }
  const { location } = run.settings;
  const output = await change(run, ["d1", "create", name, ...(location === undefined ? [] : ["--location", location])]);
  const id =
    /database_id"? ?[=:] ?"([0-9a-f-]{36})"/.exec(output)?.[1] ??
    (run.dryRun ? `<id of ${name}>` : (await databases(run))?.find(isIt)?.uuid);
  if (id === undefined) throw new CommandError(`The database ${name} is not in the list yet. Wait a minute.`);
  editToml(run, { databaseId: id });
  return `${name} is created`;
}

interface Namespace {
  readonly id: string;
  readonly title: string;
}

async function namespace(run: Run): Promise<string> {
  const title = `${run.worker}-codes`;
  const list = ["kv", "namespace", "list"];
  const written = deploymentOf(run.toml, run.settings.environment)?.namespaceId;
  const all = await lookUpIfLoggedIn<Namespace[]>(run, list);
  if (written !== undefined && (all?.some(({ id }) => id === written) ?? true)) return "it exists";
  const found = all?.find((one) => one.title === title);
  if (found) {
    editToml(run, { namespaceId: found.id });
    return `${title} exists, and is used`;
  }
  const output = await change(run, ["kv", "namespace", "create", title]);
  const id =
    /\bid"? ?[=:] ?"([0-9a-f]{32})"/.exec(output)?.[1] ??
    (run.dryRun ? `<id of ${title}>` : (await lookUp<Namespace[]>(run, list)).find((one) => one.title === title)?.id);
  if (id === undefined) throw new CommandError(`The namespace ${title} is not in the list yet. Wait a minute.`);
  editToml(run, { namespaceId: id });
  return `${title} is created`;
}

async function secrets(run: Run): Promise<string> {
  const put: string[] = [];
  for (const [name, value] of Object.entries(run.secrets)) {
    const isOurs = name === "MASTER_KEY" || (name === "ADMIN_TOKEN" && !run.settings.newAdminToken);
    if (isOurs && run.secretsAtWorker.has(name)) continue;
    // wrangler itself creates a Worker that does not exist yet.
    await change(run, ["secret", "put", name, "--name", run.worker], { input: { what: name, value } });
    run.secretsAtWorker.add(name);
    put.push(name);
  }
  if (put.length === 0) return "the Worker has them";
  const kept = run.notes.MASTER_KEY ?? run.notes.ADMIN_TOKEN;
  return `${put.join(", ")} ${put.length === 1 ? "is" : "are"} set${kept === undefined ? "" : `; ${fileOfNotes(run)} has the new keys for you to keep`}`;
}

async function tables(run: Run): Promise<string> {
  await change(run, ["d1", "migrations", "apply", "DB", "--remote", ...environmentArguments(run)]);
  return "the migrations are applied";
}

async function deployment(run: Run): Promise<string> {
  const { world, answers, settings, dryRun } = run;
  const domain = answers.domain ?? "";
  const attached = world.terminal.interactive;
  if (!attached && !dryRun && !settings.takeOverDomain && (await isOthers(run, domain))) {
    throw new UsageError(
      `${domain} has DNS records already, and nothing there responds as this service. Deploying would replace them. If they are not needed, add --take-over-domain.`,
    );
  }
  // At a terminal wrangler itself asks before it replaces DNS records or takes the domain from another Worker.
  await change(run, ["deploy", ...environmentArguments(run)], { attached });
  return `${run.worker} is deployed to https://${domain}`;
}

/** Whether the domain leads somewhere else. Without a terminal, wrangler would replace its records without asking. */
async function isOthers({ world }: Run, domain: string): Promise<boolean> {
  const hasRecords = await world.hasRecords(domain);
  if (hasRecords === undefined) {
    world.terminal.note(`  The name servers of ${domain} could not be asked whether it is in use.`);
  }
  if (!hasRecords) return false;
  try {
    const response = await fetch(`https://${domain}/healthz`, { signal: AbortSignal.timeout(10_000) });
    const { status } = (await response.json()) as { status?: unknown };
    return typeof status !== "string" && typeof status !== "number";
  } catch {
    return true;
  }
}
