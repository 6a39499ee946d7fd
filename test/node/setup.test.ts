// `npm run setup` against a stand-in for wrangler: what is asked, what is made, and where secrets go.
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { ALEXA_CLIENT_ID, changes, cloneOf, SKILL_ID, setup, withOptions } from "./setup-world.ts";

const SKILL = ["--skill-id", SKILL_ID, "--vendor-id", "M2EXAMPLE"];
const PASSWORD = ["--domain", "link.example.com", "--brand", "Acme", "--sign-in", "password"];
const OIDC = [
  "--domain",
  "link.example.com",
  "--sign-in",
  "https://login.example.com/",
  "--oidc-client-id",
  "alexa-link",
];
const SECRETS = { OIDC_CLIENT_SECRET: "fake-oidc-secret-1", LWA_CLIENT_SECRET: "fake-alexa-secret-1" };

describe("the usual run", () => {
  /** What is typed: an empty line takes what is suggested. */
  const oidc = ["link.example.com", "", "https://login.example.com/", "alexa-link", "fake-oidc-secret-1"];
  const password = ["link.example.com", "", "password"];
  const skill = [SKILL_ID, "M2EXAMPLE", ALEXA_CLIENT_ID, "fake-alexa-secret-1"];

  it.each([
    ["a provider", [...oidc, ...skill], 8],
    ["passwords", [...password, ...skill], 6],
    ["passwords, and the skill later", [...password, ""], 2],
  ])("takes one command and at most eight typed values with %s", async (_, answers, most) => {
    const clone = cloneOf();
    const { end, terminal, message } = await setup(clone, [], { answers: [...answers, ""] });
    expect([end, message]).toEqual([0, ""]);
    // One more question: whether to begin.
    expect(terminal.questions).toHaveLength(answers.length + 1);
    expect(answers.filter((typed) => typed !== "")).toHaveLength(most);
    expect(most).toBeLessThanOrEqual(8);
    expect(terminal.errors()).toContain("https://link.example.com is live.");
  });

  it("makes database, namespace and secrets, applies the migrations, and deploys", async () => {
    const clone = cloneOf();
    const { end, terminal } = await setup(clone, [], { answers: [...oidc, ...skill, ""] });
    expect(end).toBe(0);
    expect(changes(clone.state)).toEqual([
      ["d1", "create", "alexa-link"],
      ["kv", "namespace", "create", "alexa-link-codes"],
      ["secret", "put", "MASTER_KEY", "--name", "alexa-link"],
      ["secret", "put", "ADMIN_TOKEN", "--name", "alexa-link"],
      ["secret", "put", "OIDC_CLIENT_SECRET", "--name", "alexa-link"],
      ["d1", "migrations", "apply", "DB", "--remote"],
      ["deploy"],
    ]);
    const { secrets } = clone.state.workers["alexa-link"]!;
    expect(secrets.MASTER_KEY).toMatch(/^[\w-]{43}$/);
    expect(secrets.ADMIN_TOKEN).toMatch(/^[\w-]{43}$/);
    expect(secrets.OIDC_CLIENT_SECRET).toBe("fake-oidc-secret-1");
    expect(secrets.MASTER_KEY).not.toBe(secrets.ADMIN_TOKEN);
    expect(clone.service.skills[SKILL_ID]).toMatchObject({
      ...{ name: "Example", type: "smart_home", vendorId: "M2EXAMPLE", scopes: ["profile"] },
      returnUrls: ["https://example.com/"],
      lwa: { clientId: ALEXA_CLIENT_ID, clientSecret: "fake-alexa-secret-1" },
    });
    // What Amazon must know is the command's result.
    expect(terminal.out()).toContain("https://link.example.com/authorize");
  });

  it("writes the deployment in wrangler.toml, and keeps the rest of the file", async () => {
    const clone = cloneOf();
    const before = clone.toml();
    await setup(clone, [], { answers: [...oidc, ...skill, ""] });
    const after = clone.toml();
    const lines = after.split("\n");
    expect(before.split("\n").filter((line) => !lines.includes(line))).toEqual([]);
    const wanted = parse(before) as Record<string, unknown>;
    expect(JSON.parse(JSON.stringify(parse(after)))).toEqual({
      ...JSON.parse(JSON.stringify(wanted)),
      account_id: "a".repeat(32),
      routes: [{ pattern: "link.example.com", custom_domain: true }],
      vars: {
        ISSUER: "https://link.example.com",
        BRAND_NAME: "Example",
        SIGN_IN_METHODS: "oidc",
        OIDC_ISSUER: "https://login.example.com/",
        OIDC_CLIENT_ID: "alexa-link",
      },
      d1_databases: [
        {
          ...{ binding: "DB", database_name: "alexa-link", migrations_dir: "migrations" },
          database_id: clone.state.databases[0]!.uuid,
        },
      ],
      kv_namespaces: [{ binding: "CODES", id: clone.state.namespaces[0]!.id }],
    });
  });

  it("asks again after a wrong value, with the rule", async () => {
    const clone = cloneOf();
    const answers = [
      "https://link.example.com:8443/x",
      "acme.workers.dev",
      "https://Link.Example.com/",
      "x".repeat(81),
      "Acme",
      "nobody",
      "oidc",
      "password",
      "amzn1.ask.nothing",
      "",
      "yes",
    ];
    const { end, terminal } = await setup(clone, [], { answers });
    expect(end).toBe(0);
    expect(clone.toml()).toContain('ISSUER = "https://link.example.com"');
    for (const rule of [
      "a host name of yours",
      "not acme.workers.dev",
      "at most 80",
      "must be password, amazon",
      "a skill id",
    ]) {
      expect(terminal.errors()).toContain(rule);
    }
  });

  it("shows the values before it begins; a value can be changed, and no stops", async () => {
    const clone = cloneOf();
    const stopped = await setup(clone, [], { answers: [...password, ...skill, "no"] });
    expect([stopped.end, stopped.message]).toEqual([2, "Stopped. Nothing was made."]);
    expect(changes(clone.state)).toEqual([]);
    expect(clone.notes()).toBeUndefined();
    const answers = [...password, ...skill, "skill-type=custom", "nonsense", "scope=a b", "brand=Acme Home", ""];
    const { end, terminal } = await setup(clone, [], { answers });
    expect(end).toBe(0);
    expect(terminal.errors()).toContain("scope must be NAME");
    expect(clone.service.skills[SKILL_ID]).toMatchObject({ type: "custom" });
    expect(clone.toml()).toContain('BRAND_NAME = "Acme Home"');
  });

  it("asks for what a changed value needs", async () => {
    const clone = cloneOf();
    const change = ["sign-in=https://login.example.com", "", "alexa-link", "fake-oidc-secret-1", ""];
    const { end } = await setup(clone, [], { answers: [...password, "", ...change] });
    expect(end).toBe(0);
    expect(clone.state.workers["alexa-link"]!.secrets.OIDC_CLIENT_SECRET).toBe("fake-oidc-secret-1");
  });

  it("ends with the doctor, whose failures are the command's", async () => {
    const clone = cloneOf();
    const { end, terminal } = await setup(clone, [...PASSWORD, ...SKILL, "--json"], { doctor: true });
    // The stand-in's service is no authorization server.
    expect(end).toBe(1);
    expect(JSON.parse(terminal.out())).toMatchObject({ healthy: false, url: "https://link.example.com" });
    expect(terminal.errors()).toContain("it found something");
    expect(terminal.errors()).toContain("https://link.example.com is live.");
    const dry = await setup(clone, [...PASSWORD, ...SKILL, "--dry-run"], { doctor: true });
    expect(dry.terminal.out()).toMatch(/npm run doctor -- https:\/\/link.example.com --admin --client-id=alexa-\S+/);
  });

  it("says what password sign-in means before the question", async () => {
    const { terminal } = await setup(cloneOf(), [], { answers: [...password, "", ""] });
    expect(terminal.errors()).toContain("Workers Paid plan");
    expect(terminal.errors().indexOf("Workers Paid")).toBeLessThan(terminal.errors().indexOf("1/"));
  });
});

it("with a developer token, Amazon gets the configuration, and the token is not shown", async () => {
  const environment = { SMAPI_ACCESS_TOKEN: "Atza-fake-developer-token" };
  const { end, terminal } = await setup(cloneOf(), [...PASSWORD, ...SKILL, "--dry-run"], { environment });
  expect(end).toBe(0);
  expect(terminal.out()).toContain("npm run skill -- push --url=https://link.example.com");
  expect(terminal.out()).toMatch(/push .* --events --yes$/m);
  expect(terminal.out() + terminal.errors()).not.toContain(environment.SMAPI_ACCESS_TOKEN);
  const without = await setup(cloneOf(), [...PASSWORD, ...SKILL, "--dry-run"]);
  expect(without.terminal.out()).not.toContain("skill -- push");
});

describe("secrets", () => {
  it("are in no argument, in no output and not in wrangler.toml", async () => {
    const clone = cloneOf();
    const args = [...OIDC, ...SKILL, "--lwa-client-id", ALEXA_CLIENT_ID];
    const { end, terminal } = await setup(clone, args, { environment: SECRETS });
    expect(end).toBe(0);
    const { secrets } = clone.state.workers["alexa-link"]!;
    const values = [...Object.values(secrets), SECRETS.LWA_CLIENT_SECRET];
    expect(values).toHaveLength(4);
    const seen = [
      terminal.out(),
      terminal.errors(),
      clone.toml(),
      JSON.stringify(clone.state.calls.map((one) => one.args)),
    ];
    for (const value of values) expect(seen.filter((text) => text.includes(value))).toEqual([]);
  });

  it("that were made here are in a file that only its owner can read; those that were given are not", async () => {
    const clone = cloneOf();
    await setup(clone, [...OIDC, ...SKILL], { environment: SECRETS });
    const { secrets } = clone.state.workers["alexa-link"]!;
    expect(clone.notes()).toMatchObject({ MASTER_KEY: secrets.MASTER_KEY, ADMIN_TOKEN: secrets.ADMIN_TOKEN });
    expect(JSON.stringify(clone.notes())).not.toContain(SECRETS.OIDC_CLIENT_SECRET);
    expect(statSync(join(clone.folder, ".setup.json")).mode & 0o777).toBe(0o600);
    const given = { ...SECRETS, MASTER_KEY: "A".repeat(43), ADMIN_TOKEN: "fake-admin-token-00000000000000000000" };
    const other = cloneOf();
    expect((await setup(other, [...OIDC, "--skip-skill"], { environment: given })).end).toBe(0);
    expect(other.notes()?.MASTER_KEY).toBeUndefined();
    expect(other.notes()?.ADMIN_TOKEN).toBeUndefined();
    expect(other.state.workers["alexa-link"]!.secrets).toMatchObject({
      MASTER_KEY: given.MASTER_KEY,
      ADMIN_TOKEN: given.ADMIN_TOKEN,
    });
  });

  it.each([
    ["shortened", "A".repeat(42)],
    ["not a text", 1],
  ])("are refused if the file's key was edited: %s", async (_, key) => {
    const clone = cloneOf();
    writeFileSync(join(clone.folder, ".setup.json"), JSON.stringify({ MASTER_KEY: key }));
    const { end, message } = await setup(clone, [...OIDC, "--skip-skill"], { environment: SECRETS });
    const problem = "MASTER_KEY in .setup.json must be 32 bytes as base64url (43 characters).";
    expect([end, message]).toEqual([2, problem]);
    expect(clone.state.calls).toEqual([]);
  });

  it("are never options", async () => {
    for (const name of ["--oidc-client-secret", "--lwa-client-secret", "--master-key", "--admin-token"]) {
      const { end, message } = await setup(cloneOf(), [...PASSWORD, name, "fake"]);
      expect([end, message]).toEqual([2, `error: unknown option '${name}'`]);
    }
  });

  it("in an error of wrangler are not shown", async () => {
    const clone = cloneOf();
    clone.state.fault = { words: "secret put MASTER_KEY", errors: "✘ [ERROR] The value could not be stored" };
    const { end, terminal, message } = await setup(clone, [...PASSWORD, "--skip-skill"]);
    expect(end).toBe(1);
    const key = String(clone.notes()?.MASTER_KEY);
    expect(message).toContain("The value could not be stored");
    expect(`${message}${terminal.errors()}${terminal.out()}`).not.toContain(key);
  });
});

describe("without a terminal", () => {
  it("runs with options and variables only", async () => {
    const clone = cloneOf();
    const { end, terminal } = await setup(clone, [...OIDC, ...SKILL, "--json"], { environment: SECRETS });
    expect(end).toBe(0);
    expect(JSON.parse(terminal.out())).toMatchObject({
      ...{ url: "https://link.example.com", worker: "alexa-link", accountId: "a".repeat(32), skillId: SKILL_ID },
      databaseId: clone.state.databases[0]!.uuid,
      namespaceId: clone.state.namespaces[0]!.id,
      commands: changes(clone.state),
    });
  });

  it.each<[string, string[], Record<string, string>, string]>([
    ["domain and sign-in", [], {}, "--domain, --sign-in"],
    [
      "the provider's client",
      ["--domain", "link.example.com", "--sign-in", "https://login.example.com"],
      {},
      "--oidc-client-id",
    ],
    ["the provider's secret", OIDC, {}, "OIDC_CLIENT_SECRET"],
    ["the vendor id", [...PASSWORD, "--skill-id", SKILL_ID], {}, "--vendor-id"],
    ["the Alexa Client Secret", [...PASSWORD, ...SKILL, "--lwa-client-id", ALEXA_CLIENT_ID], {}, "LWA_CLIENT_SECRET"],
    ["Amazon's pair", ["--domain", "link.example.com", "--sign-in", "amazon"], {}, "--amazon-client-id"],
  ])("names %s when it is missing, and makes nothing", async (_, args, environment, named) => {
    const clone = cloneOf();
    const before = clone.toml();
    const { end, message } = await setup(clone, args, { environment });
    expect(end).toBe(2);
    expect(message).toContain(named);
    expect([changes(clone.state), clone.toml(), clone.notes()]).toEqual([[], before, undefined]);
  });

  const ESC = String.fromCharCode(27);
  it.each<[string, string[], Record<string, string>, string]>([
    ["a domain that is given twice", ["--brand", "Acme", "--brand", "Acme"], {}, "--brand is given more than once"],
    ["an empty domain", ["--domain", ""], {}, "--domain needs a value"],
    ["a domain with a path", ["--domain", "link.example.com/x"], {}, "--domain"],
    ["a domain with a port", ["--domain", "link.example.com:8443"], {}, "--domain"],
    ["an address with a user", ["--domain", "https://link.example.com@evil.example"], {}, "--domain"],
    ["an IP address", ["--domain", "192.0.2.1"], {}, "--domain"],
    ["one label", ["--domain", "localhost"], {}, "--domain"],
    ["a domain with TOML in it", ["--domain", 'a.example.com" }]\nname = "x'], {}, "--domain"],
    ["a domain that is too long", ["--domain", `${"a.".repeat(150)}example.com`], {}, "--domain"],
    ["an oversized brand", ["--brand", "x".repeat(100_000)], {}, "--brand"],
    ["a brand with an escape sequence", ["--brand", `Acme${ESC}[2J`], {}, "--brand"],
    ["an http provider", ["--sign-in", "http://login.example.com"], {}, "--sign-in"],
    [
      "a discovery address",
      ["--sign-in", "https://login.example.com/.well-known/openid-configuration"],
      {},
      "--sign-in",
    ],
    ["a client id with a space", ["--oidc-client-id", "a b"], {}, "--oidc-client-id"],
    ["a skill id that is an option", ["--skill-id", "-x"], {}, "--skill-id"],
    ["a vendor id with a slash", ["--vendor-id", "M2/../x"], {}, "--vendor-id"],
    ["a flash briefing", ["--skill-type", "flash_briefing"], {}, "--skill-type"],
    ["a scope with a quote", ["--scope", 'a"b'], {}, "--scope"],
    ["a return address that is a script", ["--return-url", "javascript:alert(1)"], {}, "--return-url"],
    ["an http return address", ["--return-url", "http://example.com/"], {}, "--return-url"],
    ["a Worker's name with a space", ["--name", "alexa link"], {}, "--name"],
    ["an environment that is an option", ["--env", "-x"], {}, "--env"],
    ["an account id of the wrong length", ["--account-id", "abc"], {}, "--account-id"],
    ["an unknown location", ["--location", "mars"], {}, "--location"],
    ["a waiting time that is no number", ["--wait", "1e9"], {}, "--wait"],
    ["a short master key", [], { MASTER_KEY: "short" }, "MASTER_KEY"],
    ["an admin token with a line break", [], { ADMIN_TOKEN: `${"a".repeat(40)}\nb` }, "ADMIN_TOKEN"],
    ["a secret with a space inside", [], { OIDC_CLIENT_SECRET: "a b" }, "OIDC_CLIENT_SECRET"],
  ])("refuses %s by name, and makes nothing", async (_, args, environment, named) => {
    const clone = cloneOf();
    const before = clone.toml();
    const { end, message, terminal } = await setup(clone, withOptions([...PASSWORD, "--skip-skill"], args), {
      environment,
    });
    expect(end).toBe(2);
    expect(message).toContain(named);
    if (!named.includes(" ")) expect(message).toMatch(/must|It /);
    for (const value of Object.values(environment)) expect(`${message}${terminal.errors()}`).not.toContain(value);
    expect([clone.state.calls, clone.toml(), clone.notes()]).toEqual([[], before, undefined]);
  });
});
