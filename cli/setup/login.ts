// Who is logged in to Cloudflare, and which account and Worker this is about.
import { CommandError, UsageError } from "../terminal.ts";
import { type Cloudflare, failure, look, shown } from "./wrangler.ts";

interface Account {
  readonly id: string;
  readonly name: string;
}

/** What `wrangler whoami --json` prints. */
interface Identity {
  readonly loggedIn: boolean;
  readonly email?: string;
  readonly accounts?: readonly Account[];
}

const WHOAMI = ["whoami", "--json"];

/** The accounts of the person who is logged in. Offers to log in; a dry run goes on without. */
export async function loggedIn(cloudflare: Cloudflare): Promise<readonly Account[]> {
  const { terminal } = cloudflare.world;
  let identity = await identityOf(cloudflare);
  if (!identity.loggedIn && terminal.interactive && !cloudflare.dryRun && !terminal.environment.CLOUDFLARE_API_TOKEN) {
    const typed = await terminal.ask(
      "You are not logged in to Cloudflare. Enter opens the browser to log in, no stops",
    );
    if (!/^(y|yes)?$/i.test(typed.trim())) throw new UsageError("Stopped. Nothing was made.");
    const { code } = await cloudflare.world.wrangler({ args: ["login"], attached: true });
    if (code !== 0) throw new UsageError("The login did not succeed. Nothing was made.");
    identity = await identityOf(cloudflare);
  }
  if (identity.loggedIn) {
    terminal.note(`✓ Logged in to Cloudflare${identity.email ? ` as ${identity.email}` : ""}.`);
    return identity.accounts ?? [];
  }
  if (cloudflare.dryRun) {
    terminal.print("Not logged in to Cloudflare: what exists there is not known, and everything is shown as missing.");
    return [];
  }
  throw new UsageError(
    terminal.environment.CLOUDFLARE_API_TOKEN
      ? "Cloudflare does not accept CLOUDFLARE_API_TOKEN. Nothing was made."
      : "You are not logged in to Cloudflare. Run npx wrangler login, or set CLOUDFLARE_API_TOKEN. Nothing was made.",
  );
}

async function identityOf(cloudflare: Cloudflare): Promise<Identity> {
  const ended = await look(cloudflare, WHOAMI);
  try {
    return JSON.parse(ended.output.slice(Math.max(0, ended.output.indexOf("{")))) as Identity;
  } catch {
    if (cloudflare.dryRun) return { loggedIn: false };
    throw new UsageError(`${failure(WHOAMI, ended).message}\nNothing was made.`);
  }
}

/** The account to work in: the one that is wanted, the only one, or the one that the person chooses. */
export async function accountOf(
  { world: { terminal }, dryRun }: Cloudflare,
  accounts: readonly Account[],
  wanted: string | undefined,
): Promise<string | undefined> {
  const list = accounts.map(({ id, name }, index) => `  ${index + 1}. ${name} (${id})`).join("\n");
  const given = wanted ?? (terminal.environment.CLOUDFLARE_ACCOUNT_ID?.trim() || undefined);
  if (given !== undefined) {
    if (accounts.length === 0 || accounts.some(({ id }) => id === given)) return given;
    throw new UsageError(`This login has no access to the account ${given}. It has:\n${list}`);
  }
  if (accounts.length <= 1) return accounts[0]?.id;
  if (!terminal.interactive || dryRun) {
    throw new UsageError(`This login has several accounts. Choose one with --account-id:\n${list}`);
  }
  terminal.note(`This login has several accounts:\n${list}`);
  for (;;) {
    const typed = (await terminal.ask(`Number of the account, 1 to ${accounts.length}`)).trim();
    const chosen = /^\d{1,3}$/.test(typed) ? accounts[Number(typed) - 1] : undefined;
    if (chosen) return chosen.id;
  }
}

/** The names of the Worker's secrets; none if the Worker does not exist, or in a dry run nobody is logged in. */
export async function secretsOf(cloudflare: Cloudflare, worker: string): Promise<Set<string>> {
  if (cloudflare.dryRun && cloudflare.accountId === undefined) return new Set();
  const args = ["secret", "list", "--name", worker];
  const ended = await look(cloudflare, args);
  if (ended.code !== 0) {
    if (/Worker ".*" not found|does not exist|10007/.test(ended.errors + ended.output)) return new Set();
    throw failure(args, ended);
  }
  try {
    const list = JSON.parse(ended.output.slice(ended.output.indexOf("["))) as { name: string }[];
    return new Set(list.map(({ name }) => name));
  } catch {
    throw new CommandError(`${shown(args)} did not print JSON. Run npm ci, so that wrangler is the project's own.`);
  }
}
