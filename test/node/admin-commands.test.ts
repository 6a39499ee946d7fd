// The commands for accounts, clients, links, keys and what happened, against the Worker as `wrangler deploy` builds it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { run } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const PASSWORD = "an-example-password";

const harness = createTestHarness({
  workers: [{ configPath: "wrangler.toml", env: "test", secrets: { MASTER_KEY: "A".repeat(43), ADMIN_TOKEN } }],
});
let origin = "";

beforeAll(async () => {
  const url = (await harness.listen()).url;
  url.hostname = "localhost";
  origin = url.origin;
  await harness.getWorker().applyD1Migrations("DB");
});
afterAll(() => harness.close());

interface Options {
  readonly environment?: Readonly<Record<string, string>>;
  readonly answers?: readonly string[];
  readonly input?: string;
}

async function command(args: readonly string[], { environment, answers, input }: Options = {}) {
  const terminal = testTerminal({
    environment: { ADMIN_TOKEN, ...environment },
    ...(answers === undefined ? {} : { answers }),
    ...(input === undefined ? {} : { input }),
  });
  const code = await run([...args, "--url", origin], terminal);
  return { code, out: terminal.out(), errors: terminal.errors(), questions: terminal.questions };
}

async function json<T = Record<string, string>>(args: readonly string[], options: Options = {}): Promise<T> {
  const { code, out, errors } = await command([...args, "--json"], options);
  expect([code, errors]).toEqual([0, ""]);
  return JSON.parse(out) as T;
}

const addUser = (email: string) => json(["user", "add", "--email", email], { environment: { PASSWORD } });

describe("alexa-link user", () => {
  it("creates an account with a password from the environment, a prompt or standard input, and shows no password", async () => {
    const email = "ada@example.com";
    const added = await command(["user", "add", "--email", email, "--name", "Ada"], { environment: { PASSWORD } });
    expect([added.code, added.errors]).toEqual([0, ""]);
    expect(added.out).toContain(email);
    expect(added.out).not.toContain(PASSWORD);
    const prompted = await command(["user", "add", "--email", "b@example.com"], { answers: [PASSWORD] });
    expect([prompted.code, prompted.out.includes(PASSWORD)]).toEqual([0, false]);
    const piped = ["user", "add", "--email", "c@example.com", "--password-stdin"];
    expect((await command(piped, { input: `${PASSWORD}\n` })).code).toBe(0);
    expect(await command(piped, { input: "\n" })).toMatchObject({ code: 1, errors: "Standard input has no password." });
    expect((await command(["user", "add", "--email", "d@example.com"])).code).toBe(2);
    expect((await command(["user", "add"], { environment: { PASSWORD } })).code).toBe(2);
  });

  it("refuses an address that is taken, or that is none, in the server's words", async () => {
    await addUser("taken@example.com");
    const again = await command(["user", "add", "--email", "taken@example.com"], { environment: { PASSWORD } });
    expect([again.code, again.errors]).toEqual([1, expect.stringContaining("already exists")]);
    const hostile = await command(["user", "add", "--email", `${"x".repeat(600)}@example.com`], {
      environment: { PASSWORD },
    });
    expect([hostile.code, hostile.errors]).toEqual([1, expect.stringContaining("email")]);
  });

  it("finds, shows and changes an account by its id or its address", async () => {
    const { id } = await addUser("eve@example.com");
    expect(await json<object[]>(["user", "list", "--email", "eve@example.com"])).toEqual([
      expect.objectContaining({ id }),
    ]);
    expect(await json(["user", "show", "eve@example.com"])).toMatchObject({ id });
    expect(await json(["user", "set", "eve@example.com", "--name", "Eve"])).toMatchObject({ id, name: "Eve" });
    expect(await json(["user", "set", id!, "--clear-name"])).toMatchObject({ name: null });
    const password = { environment: { PASSWORD: "another-example-password" } };
    expect(await json(["user", "set", id!, "--password"], password)).toMatchObject({ id });
    const nothing = await command(["user", "set", id!]);
    expect([nothing.code, nothing.errors]).toEqual([2, expect.stringContaining("Nothing to change")]);
    const unknown = await command(["user", "show", "nobody@example.com"]);
    expect([unknown.code, unknown.errors]).toEqual([1, expect.stringContaining("no account with the address")]);
    expect((await command(["user", "list", "--email", "nobody@example.com"])).out).toContain("No account");
  });

  it("signs a person out and erases the account, after a question", async () => {
    const { id } = await addUser("gone@example.com");
    expect(await json<object[]>(["user", "logins", id!])).toEqual([]);
    expect((await command(["user", "sign-out", id!], { answers: ["yes"] })).questions[0]).toContain("gone@example.com");
    expect((await command(["user", "remove", id!], { answers: ["no"] })).code).toBe(1);
    expect((await command(["user", "show", id!])).code).toBe(0);
    const erased = await json<{ removed: object }>(["user", "erase", "gone@example.com", "--yes"]);
    expect(erased).toMatchObject({ id, removed: { links: 0 }, pendingAtAmazon: 0 });
    expect((await command(["user", "show", id!])).code).toBe(1);
  });
});

describe("alexa-link client", () => {
  it("registers a service, shows its secret once, and changes, rotates and deletes it", async () => {
    const added = await command(["client", "add", "--kind", "service", "--id", "acme-backend", "--name", "Acme"]);
    expect([added.code, added.errors]).toEqual([0, ""]);
    const secret = /^secret: +(\S+)$/m.exec(added.out)?.[1];
    expect(secret).toMatch(/^\S{20,}$/);
    expect((await command(["client", "show", "acme-backend"])).out).not.toContain(secret);
    const resource = "https://api.example.com";
    const changed = await json(["client", "set", "acme-backend", "--resource", resource]);
    expect(changed).toMatchObject({ resources: [resource] });
    expect(await json(["client", "set", "acme-backend", "--clear", "resource"])).toMatchObject({ resources: [] });
    expect((await command(["client", "set", "acme-backend", "--clear", "kind"])).code).toBe(2);
    const rotated = await json(["client", "rotate-secret", "acme-backend", "--overlap-seconds", "60"]);
    expect(rotated.secret).not.toBe(secret);
    expect((await command(["client", "list"])).out).toMatch(/^acme-backend +service +Acme/m);
    expect((await command(["client", "remove", "acme-backend", "--yes"])).code).toBe(0);
    expect((await command(["client", "show", "acme-backend"])).code).toBe(1);
  });

  it("keeps the secret of a known service from CLIENT_SECRET, and gives an app none", async () => {
    const environment = { CLIENT_SECRET: "obviously-fake-client-secret" };
    const service = ["client", "add", "--kind", "service", "--id", "moved", "--name", "Moved"];
    expect(await json(service, { environment })).toMatchObject({ secret: environment.CLIENT_SECRET });
    const app = ["client", "add", "--kind", "app", "--id", "phone", "--name", "Phone"];
    const uri = "https://app.example.com/callback";
    expect(await json([...app, "--redirect-uri", uri], { environment })).not.toHaveProperty("secret");
    const wrong = await command(["client", "add", "--kind", "robot", "--name", "Robot"]);
    expect([wrong.code, wrong.errors]).toEqual([1, expect.stringContaining("kind")]);
  });

  it.each(["-1", "x", "1.5", "9999999999"])("--overlap-seconds %s is a usage error", async (text) => {
    expect((await command(["client", "rotate-secret", "phone", `--overlap-seconds=${text}`])).code).toBe(2);
  });
});

describe("alexa-link links, keys and maintenance", () => {
  it("lists and ends links; another's id is an error", async () => {
    const { id } = await addUser("links@example.com");
    expect((await command(["links", "list", id!])).out).toContain("has no links");
    const ended = await json(["links", "remove", "links@example.com", "--all", "--yes"]);
    expect(ended).toEqual({ userId: id, status: "unlinked", amazon: "done" });
    const unknown = await command(["links", "show", id!, "01doesnotexist"]);
    expect([unknown.code, unknown.errors]).toEqual([1, expect.stringContaining("404")]);
    expect((await command(["links", "remove", id!, "--yes"])).code).toBe(2);
    expect((await command(["links", "remove", id!, "01link", "--all", "--yes"])).code).toBe(2);
    // It would be the address of all links.
    expect((await command(["links", "remove", id!, "..", "--yes"])).code).toBe(2);
  });

  it("rotates keys and runs the scheduled work", async () => {
    await command(["keys", "rotate"]);
    const keys = await json<{ kid: string }[]>(["keys", "list"]);
    expect(keys.length).toBeGreaterThan(0);
    const dropped = await command(["keys", "rotate", "--compromised", keys[0]!.kid], { answers: ["y"] });
    expect([dropped.code, dropped.out]).toEqual([0, expect.stringContaining("Dropped the key")]);
    const done = await command(["maintenance"]);
    expect([done.code, done.out]).toEqual([0, expect.stringContaining("finished unlinks")]);
    expect(await json(["maintenance"])).toMatchObject({ failed: [] });
  });
});

describe("what happened", () => {
  it.each(["attempts", "refusals", "audit"])("%s prints a list, as a table or as JSON", async (name) => {
    expect((await command([name])).code).toBe(0);
    expect(await json<object[]>([name, "--all"])).toBeInstanceOf(Array);
    expect((await command([name, "--limit", "0"])).code).toBe(2);
    expect((await command([name, "--limit", "5", "--all"])).code).toBe(2);
  });

  it("audit shows what the commands changed", async () => {
    const { id } = await addUser("audited@example.com");
    await json(["user", "sign-out", id!, "--yes"]);
    const records = await json<{ userId: string }[]>(["audit", "--user-id", id!, "--limit", "1"]);
    expect(records).toEqual([expect.objectContaining({ userId: id })]);
  });

  it("metrics come as a table, JSON or CSV", async () => {
    expect((await command(["metrics"])).out).toMatch(/^FROM +SKILL +ENABLED +ALEXA APP/);
    expect(await json(["metrics", "--period", "hour"])).toMatchObject({ period: "hour" });
    expect((await command(["metrics", "--format", "csv"])).out).toMatch(/^from,to,skillId,enablements/);
    expect((await command(["metrics", "--csv"])).out).toMatch(/^from,to,skillId,enablements/);
    expect((await command(["metrics", "--group-by", "flow"])).out).toMatch(/^FROM +FLOW +ENABLED/);
    expect((await command(["metrics", "--csv", "--json"])).code).toBe(2);
    expect((await command(["metrics", "--format", "xml"])).code).toBe(2);
    expect((await command(["metrics", "--format", "csv", "--json"])).code).toBe(2);
    const wrong = await command(["metrics", "--from", "yesterday"]);
    expect([wrong.code, wrong.errors]).toEqual([1, expect.stringContaining("from")]);
  });
});
