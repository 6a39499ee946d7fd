// `npm run setup` run again: after a failure or a crash at any call, beside what exists, for a second deployment.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Clone, changes, cloneOf, outcome, SKILL_ID, setup, withOptions } from "./setup-world.ts";
import { ACCOUNT, errorText, NETWORK_DOWN } from "./wrangler-stand-in.ts";

const VALUES = ["--domain", "link.example.com", "--brand", "Acme", "--sign-in", "https://login.example.com"];
const ARGS = [...VALUES, "--oidc-client-id", "alexa-link", "--skill-id", SKILL_ID, "--vendor-id", "M2EXAMPLE"];
const ENVIRONMENT = { OIDC_CLIENT_SECRET: "fake-oidc-secret-1" };
const run = (clone: Clone, more: readonly string[] = [], environment: Record<string, string> = ENVIRONMENT) =>
  setup(clone, withOptions(ARGS, more), { environment });

/** The outcome with the keys of this run replaced, so that two runs can be compared. */
function comparable(clone: Clone): string {
  const {
    MASTER_KEY = "-",
    ADMIN_TOKEN = "-",
    CLIENT_ID = "-",
    CLIENT_SECRET = "-",
  } = clone.notes() as Record<string, string>;
  return [MASTER_KEY, ADMIN_TOKEN, CLIENT_ID, CLIENT_SECRET].reduce(
    (text, value, index) => text.replaceAll(value, `key-${index}`),
    JSON.stringify(outcome(clone)),
  );
}

/** The calls of one run without faults. */
async function undisturbed(): Promise<{ calls: string[][]; result: string }> {
  const clone = cloneOf();
  expect((await run(clone)).end).toBe(0);
  return { calls: clone.state.calls.map(({ args }) => args), result: comparable(clone) };
}

describe("a second run", () => {
  it("makes nothing again, and asks for nothing that is known", async () => {
    const clone = cloneOf();
    await run(clone);
    const before = comparable(clone);
    clone.state.calls.length = 0;
    const again = await setup(clone, [], { answers: ["", ""] });
    expect(again.message).toBe("");
    expect(again.terminal.questions).toEqual([
      expect.stringContaining("Alexa Client Id"),
      expect.stringContaining("Enter to begin"),
    ]);
    expect(changes(clone.state)).toEqual([["d1", "migrations", "apply", "DB", "--remote"], ["deploy"]]);
    expect(comparable(clone)).toBe(before);
    expect(again.terminal.errors()).toContain("is registered already");
  });

  it("goes on where a failure at any call stopped the first", async () => {
    const { calls, result } = await undisturbed();
    for (const late of [false, true]) {
      for (const args of calls) {
        const clone = cloneOf();
        clone.state.fault = { words: args.join(" "), errors: NETWORK_DOWN, late };
        const first = await run(clone);
        expect([1, 2], args.join(" ")).toContain(first.end);
        expect(first.message).toContain("Check the network connection.");
        const second = await run(clone);
        expect([second.end, second.message], args.join(" ")).toEqual([0, ""]);
        expect(comparable(clone), args.join(" ")).toBe(result);
      }
    }
  });

  it("goes on where a crash after any call stopped the first", async () => {
    const { calls, result } = await undisturbed();
    for (let killedAfter = 1; killedAfter <= calls.length; killedAfter++) {
      const clone = cloneOf();
      expect((await setup(clone, ARGS, { environment: ENVIRONMENT, killedAfter })).end).toBe("killed");
      expect((await run(clone)).end, `after call ${killedAfter}`).toBe(0);
      expect(comparable(clone), `after call ${killedAfter}`).toBe(result);
    }
  });

  it("registers the skill that the first left out", async () => {
    const clone = cloneOf();
    const values = [...VALUES, "--oidc-client-id", "alexa-link"];
    expect((await setup(clone, [...values, "--skip-skill"], { environment: ENVIRONMENT })).end).toBe(0);
    expect(clone.service.skills).toEqual({});
    const { end } = await setup(clone, ["--skill-id", SKILL_ID, "--vendor-id", "M2EXAMPLE"]);
    expect(end).toBe(0);
    expect(clone.service.skills[SKILL_ID]).toMatchObject({ vendorId: "M2EXAMPLE", name: "Acme" });
  });

  it("needs no secret again that the service has", async () => {
    const clone = cloneOf();
    const pair = ["--lwa-client-id", "amzn1.application-oa2-client.example"];
    expect((await run(clone, pair, { ...ENVIRONMENT, LWA_CLIENT_SECRET: "fake-alexa-secret-1" })).end).toBe(0);
    const again = await setup(clone, []);
    expect([again.end, again.message]).toEqual([0, ""]);
    expect(clone.service.skills[SKILL_ID]).toMatchObject({ lwa: { clientSecret: "fake-alexa-secret-1" } });
  });

  it("adds Amazon's pair to a skill that was registered without it", async () => {
    const clone = cloneOf();
    await run(clone);
    const environment = { LWA_CLIENT_SECRET: "fake-alexa-secret-1" };
    expect((await setup(clone, ["--lwa-client-id", "amzn1.application-oa2-client.example"], { environment })).end).toBe(
      0,
    );
    expect(clone.service.skills[SKILL_ID]).toMatchObject({ lwa: { clientSecret: "fake-alexa-secret-1" } });
  });
});

describe("a dry run", () => {
  it("shows exactly the calls that a run makes, and changes nothing", async () => {
    for (const prepare of [async () => undefined, (clone: Clone) => run(clone)]) {
      const clone = cloneOf();
      await prepare(clone);
      const before = [JSON.stringify(outcome(clone)), JSON.stringify(clone.notes())];
      clone.state.calls.length = 0;
      const dry = await run(clone, ["--dry-run"]);
      expect(dry.end).toBe(0);
      expect(changes(clone.state)).toEqual([]);
      expect([JSON.stringify(outcome(clone)), JSON.stringify(clone.notes())]).toEqual(before);
      const shown = dry.terminal
        .out()
        .split("\n")
        .filter((line) => line.includes("npx wrangler"));
      await run(clone);
      expect(shown.map((line) => line.replace(/^ *npx wrangler /, "").replace(/ +#.*$/, ""))).toEqual(
        changes(clone.state).map((args) => args.join(" ")),
      );
    }
  });

  it("needs no login and no values", async () => {
    const clone = cloneOf();
    clone.state.loggedIn = false;
    const { end, terminal } = await setup(clone, ["--dry-run"]);
    expect(end).toBe(0);
    for (const text of [
      "Not logged in",
      "--domain, --sign-in",
      "d1 create",
      "secret put MASTER_KEY",
      "deploy",
      "<domain>",
    ]) {
      expect(terminal.out()).toContain(text);
    }
    const json = JSON.parse((await setup(clone, ["--dry-run", "--json"])).terminal.out());
    expect(json).toMatchObject({ dryRun: true, commands: expect.arrayContaining([["deploy"]]) });
  });
});

describe("the login", () => {
  it("is offered to a person, and refused with what to do without one", async () => {
    const clone = cloneOf();
    clone.state.loggedIn = false;
    const refused = await run(clone);
    expect([refused.end, refused.message]).toEqual([2, expect.stringContaining("CLOUDFLARE_API_TOKEN")]);
    const stopped = await setup(clone, [...ARGS, "--yes"], { answers: ["no"], environment: ENVIRONMENT });
    expect([stopped.end, changes(clone.state)]).toEqual([2, []]);
    const { end } = await setup(clone, [...ARGS, "--yes"], { answers: ["", ""], environment: ENVIRONMENT });
    expect(end).toBe(0);
    expect(clone.state.calls.some(({ args }) => args[0] === "login")).toBe(true);
  });

  it("with several accounts needs a choice, which wrangler.toml keeps", async () => {
    const clone = cloneOf();
    const other = { id: "b".repeat(32), name: "Other" };
    clone.state.accounts.push(other);
    const refused = await run(clone);
    expect([refused.end, refused.message]).toEqual([2, expect.stringContaining(`2. Other (${other.id})`)]);
    const foreign = await run(clone, ["--account-id", "c".repeat(32)]);
    expect([foreign.end, changes(clone.state)]).toEqual([2, []]);
    const chosen = await setup(clone, [...ARGS, "--yes"], { answers: ["3", "x", "2", ""], environment: ENVIRONMENT });
    expect([chosen.end, chosen.message]).toEqual([0, ""]);
    expect(clone.state.databases).toMatchObject([{ account: other.id }]);
    expect(clone.toml()).toContain(`account_id = "${other.id}"`);
    const calls = clone.state.calls.filter(({ args }) => args[0] !== "whoami");
    expect(calls.filter(({ account }) => account !== other.id)).toEqual([]);
    expect((await run(clone)).end).toBe(0);
  });

  it("takes the account from CLOUDFLARE_ACCOUNT_ID", async () => {
    const clone = cloneOf();
    clone.state.accounts.push({ id: "b".repeat(32), name: "Other" });
    expect((await run(clone, [], { ...ENVIRONMENT, CLOUDFLARE_ACCOUNT_ID: ACCOUNT.id })).end).toBe(0);
    expect(clone.state.databases).toMatchObject([{ account: ACCOUNT.id }]);
  });
});

describe("what exists already", () => {
  it("is used: database and namespace", async () => {
    const clone = cloneOf();
    clone.state.databases.push({
      account: ACCOUNT.id,
      uuid: "11111111-2222-4333-8444-555555555555",
      name: "alexa-link",
      tables: 0,
    });
    clone.state.namespaces.push({ account: ACCOUNT.id, id: "e".repeat(32), title: "alexa-link-codes" });
    expect((await run(clone)).end).toBe(0);
    expect(clone.state.databases).toHaveLength(1);
    expect(clone.toml()).toContain('database_id = "11111111-2222-4333-8444-555555555555"');
    expect(clone.toml()).toContain(`id = "${"e".repeat(32)}"`);
  });

  it("is not opened with a new key: a database whose Worker is gone", async () => {
    const clone = cloneOf();
    clone.state.databases.push({
      account: ACCOUNT.id,
      uuid: "11111111-2222-4333-8444-555555555555",
      name: "alexa-link",
      tables: 19,
    });
    const refused = await run(clone);
    expect([refused.end, refused.message]).toEqual([2, expect.stringContaining("has no MASTER_KEY")]);
    expect(clone.state.workers).toEqual({});
    expect((await run(clone, [], { ...ENVIRONMENT, MASTER_KEY: "B".repeat(43) })).end).toBe(0);
    expect(clone.state.workers["alexa-link"]!.secrets.MASTER_KEY).toBe("B".repeat(43));
  });

  it("keeps its keys: MASTER_KEY is never replaced, ADMIN_TOKEN only when asked for", async () => {
    const clone = cloneOf();
    const secrets = { MASTER_KEY: "C".repeat(43), ADMIN_TOKEN: "fake-admin-token-11111111111111111111" };
    clone.state.workers["alexa-link"] = { secrets: { ...secrets } };
    const refused = await run(clone);
    expect([refused.end, refused.message]).toEqual([2, expect.stringContaining("--new-admin-token")]);
    expect((await run(clone, [], { ...ENVIRONMENT, ADMIN_TOKEN: secrets.ADMIN_TOKEN })).end).toBe(0);
    expect(clone.state.workers["alexa-link"].secrets).toMatchObject(secrets);
    expect((await run(clone, ["--new-admin-token"])).end).toBe(0);
    expect(clone.state.workers["alexa-link"].secrets.MASTER_KEY).toBe(secrets.MASTER_KEY);
    expect(clone.state.workers["alexa-link"].secrets.ADMIN_TOKEN).not.toBe(secrets.ADMIN_TOKEN);
  });

  it("at the domain is not replaced without being asked for", async () => {
    const clone = cloneOf();
    clone.records = true;
    const refused = await run(clone);
    expect([refused.end, refused.message]).toEqual([2, expect.stringContaining("--take-over-domain")]);
    expect(clone.state.workers["alexa-link"]!.deployed).toBeUndefined();
    expect((await run(clone, ["--take-over-domain"])).end).toBe(0);
    // From then on it is this service that responds there.
    expect((await run(clone)).end).toBe(0);
  });
});

describe("a failure", () => {
  it("names the zone that the account does not have, and another domain goes on", async () => {
    const clone = cloneOf();
    const { end, message, terminal } = await run(clone, ["--domain", "link.acme.example"]);
    expect([end, message]).toEqual([1, expect.stringContaining("is in no zone of this Cloudflare account")]);
    expect(message).toContain('zone_not_found for "link.acme.example" [code: 10083]');
    expect(terminal.errors()).toContain("✗ Deployment failed");
    expect((await run(clone)).end).toBe(0);
    expect(clone.toml()).not.toContain("acme.example");
  });

  it("of wrangler is shown in its own words, without control characters", async () => {
    const clone = cloneOf();
    clone.state.fault = {
      words: "kv namespace create",
      errors: errorText("You have reached the limit", "of namespaces"),
    };
    const { end, message } = await run(clone);
    expect(end).toBe(1);
    expect(message).toBe(
      "npx wrangler kv namespace create alexa-link-codes failed (exit code 1).\n  You have reached the limit\n  of namespaces",
    );
  });

  it("of the service to become healthy ends after the waiting time", async () => {
    const clone = cloneOf();
    const database = {
      account: ACCOUNT.id,
      uuid: "11111111-2222-4333-8444-555555555555",
      name: "alexa-link",
      tables: 0,
    };
    clone.state.databases.push(database);
    clone.state.fault = { words: "never", errors: "" };
    Object.defineProperty(database, "tables", { get: () => 0, set: () => undefined });
    const { end, message } = await run(clone, ["--wait", "30"]);
    expect([end, message]).toEqual([1, expect.stringContaining("within 30 seconds")]);
    expect(message).toContain("503: Run: npx wrangler d1 migrations apply DB --remote.");
  });

  it("of the file's form says which line to write", async () => {
    const clone = cloneOf();
    const toml = clone
      .toml()
      .replace(/\[\[kv_namespaces\]\]\nbinding = "CODES"/, 'kv_namespaces = [{ binding = "CODES" }]');
    const top = toml.replace('kv_namespaces = [{ binding = "CODES" }]', "");
    writeFileSync(join(clone.folder, "wrangler.toml"), `kv_namespaces = [{ binding = "CODES" }]\n${top}`);
    const { end, message } = await run(clone);
    expect([end, message]).toEqual([1, expect.stringMatching(/Write this line under .*\n {2}id = "0+1"/)]);
    writeFileSync(join(clone.folder, "wrangler.toml"), "name = [");
    expect((await run(clone)).message).toContain("wrangler.toml cannot be read");
  });

  it("of the notes does not show them", async () => {
    const clone = cloneOf();
    writeFileSync(join(clone.folder, ".setup.json"), '{"MASTER_KEY":"fake-key"');
    const { end, message } = await run(clone);
    expect([end, message]).toEqual([1, expect.stringContaining("put the key in your secret store")]);
    expect(message).not.toContain("fake-key");
  });
});

describe("a second deployment", () => {
  const staging = ["--env", "staging", "--domain", "link-staging.example.com"];

  it("is made by one command, with everything of its own", async () => {
    const clone = cloneOf();
    await run(clone);
    const before = clone.toml();
    clone.state.calls.length = 0;
    const { end } = await run(clone, staging);
    expect(end).toBe(0);
    expect(changes(clone.state)).toEqual([
      ["d1", "create", "alexa-link-staging"],
      ["kv", "namespace", "create", "alexa-link-staging-codes"],
      ["secret", "put", "MASTER_KEY", "--name", "alexa-link-staging"],
      ["secret", "put", "ADMIN_TOKEN", "--name", "alexa-link-staging"],
      ["secret", "put", "OIDC_CLIENT_SECRET", "--name", "alexa-link-staging"],
      ["d1", "migrations", "apply", "DB", "--remote", "--env", "staging"],
      ["deploy", "--env", "staging"],
    ]);
    const { "alexa-link": live, "alexa-link-staging": second } = clone.state.workers;
    expect(second!.secrets.MASTER_KEY).not.toBe(live!.secrets.MASTER_KEY);
    expect(second!.secrets.ADMIN_TOKEN).not.toBe(live!.secrets.ADMIN_TOKEN);
    expect(clone.toml().startsWith(before.trimEnd())).toBe(true);
    const section = clone.toml().slice(before.trimEnd().length);
    for (const text of ["link-staging.example.com", "2001", "2002", "2003", clone.state.databases[1]!.uuid]) {
      expect(section).toContain(text);
    }
    expect(Object.keys(clone.notes("staging")!)).toContain("MASTER_KEY");
    expect((await setup(clone, ["--env", "staging"])).end).toBe(0);
    expect(clone.state.databases).toHaveLength(2);
  });

  it("can be dry", async () => {
    const clone = cloneOf();
    await run(clone);
    const before = clone.toml();
    const { end, terminal } = await run(clone, [...staging, "--dry-run"]);
    expect([end, clone.toml()]).toEqual([0, before]);
    for (const line of ["[[env.staging.ratelimits]]", 'binding = "DB"', "npx wrangler deploy --env staging"]) {
      expect(terminal.out()).toContain(line);
    }
  });
});
