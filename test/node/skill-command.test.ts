// `npm run skill` against the Worker as `wrangler deploy` builds it.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { run } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const SKILL_ID = "amzn1.ask.skill.0000-command";

const harness = createTestHarness({
  workers: [
    {
      configPath: "wrangler.toml",
      env: "test",
      secrets: { MASTER_KEY: "A".repeat(43), ADMIN_TOKEN },
    },
  ],
});
let origin = "";
let folder = "";
let counter = 0;

beforeAll(async () => {
  const url = (await harness.listen()).url;
  url.hostname = "localhost";
  origin = url.origin;
  await harness.getWorker().applyD1Migrations("DB");
});
afterAll(() => harness.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skill-command-"));
  counter++;
  return () => rmSync(folder, { recursive: true });
});

async function skill(args: string[], environment: NodeJS.ProcessEnv = {}) {
  const terminal = testTerminal({ environment: { ADMIN_TOKEN, ...environment } });
  const code = await run(["skill", ...args, ...(args.includes("--url") ? [] : ["--url", origin])], terminal);
  return { code, out: terminal.out(), errors: terminal.errors() };
}

function addition(more: string[] = []): string[] {
  return [
    "add",
    "--id",
    `${SKILL_ID}-${counter}`,
    ...["--name", "Acme Home", "--type", "smart_home", "--vendor-id", "M2EXAMPLEVENDOR"],
    ...["--scope", "profile=See your name", "--scope", "devices:control"],
    ...["--return-url", "https://app.example.com/alexa/done"],
    ...["--out", join(folder, "accountLinking.json")],
    ...more,
  ];
}

const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, unknown>>;

describe("npm run skill", () => {
  it("O2: add prints the values for the console and writes them for ask-cli, readable by the owner only", async () => {
    const file = join(folder, "accountLinking.json");
    writeFileSync(file, "{}", { mode: 0o644 });
    const { code, out, errors } = await skill(addition());
    expect([code, errors]).toEqual([0, ""]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const request = readJson(file).accountLinkingRequest!;
    expect(request).toMatchObject({
      type: "AUTH_CODE",
      authorizationUrl: `${origin}/authorize`,
      accessTokenUrl: `${origin}/token`,
      accessTokenScheme: "HTTP_BASIC",
      scopes: ["profile", "devices:control"],
      redirectUrls: [`${origin}/link/callback`, `${origin}/app/callback`],
    });
    for (const value of [request.clientId, request.clientSecret, request.authorizationUrl, request.accessTokenUrl]) {
      expect(out).toContain(value);
    }
    for (const host of ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp", "alexa.amazon.com"]) {
      expect(out).toContain(`https://${host}/api/skill/link/M2EXAMPLEVENDOR`);
    }
    expect(out).toContain(`ask smapi update-account-linking-info -s ${SKILL_ID}-${counter} -g development`);
  });

  it("set changes the stage that linking from the app enables; nothing has to change at Amazon", async () => {
    await skill(addition(["--stage", "development"]));
    const changed = await skill(["set", "--id", `${SKILL_ID}-${counter}`, "--stage", "live", "--json"]);
    expect([changed.code, changed.errors]).toEqual([0, ""]);
    expect(JSON.parse(changed.out)).toMatchObject({ stage: "live", client: { id: expect.stringMatching(/^alexa-/) } });
    const again = await skill(addition(["--stage", "live"]));
    expect([again.code, again.errors]).toEqual([1, expect.stringContaining("already registered")]);
  });

  it("O2: the running server accepts what add wrote", async () => {
    await skill(addition());
    const { clientId, clientSecret, accessTokenUrl } = readJson(join(folder, "accountLinking.json"))
      .accountLinkingRequest as Record<string, string>;
    const response = await fetch(accessTokenUrl!, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: "rt_unknown" }),
    });
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([400, "invalid_grant"]);
  });

  it("takes a skill from a file; options override it", async () => {
    const file = join(folder, "skill.json");
    writeFileSync(
      file,
      JSON.stringify({
        id: `${SKILL_ID}-${counter}`,
        name: "From the file",
        type: "custom",
        stage: "live",
        vendorId: "M2EXAMPLEVENDOR",
        scopes: [{ name: "profile", descriptions: { de: "Ihren Namen sehen" } }],
        returnUrls: ["https://app.example.com/"],
      }),
    );
    const out = join(folder, "out.json");
    const added = await skill(["add", "--file", file, "--name", "From the option", "--out", out, "--json"]);
    expect([added.code, added.errors]).toEqual([0, ""]);
    expect(JSON.parse(added.out)).toMatchObject({ name: "From the option", stage: "live", type: "custom" });
  });

  it("set changes only the given fields; secrets come from the environment", async () => {
    await skill(addition());
    const id = ["--id", `${SKILL_ID}-${counter}`];
    const refused = await skill(["set", ...id, "--lwa-client-id", "amzn1.application-oa2-client.example"]);
    expect([refused.code, refused.errors]).toEqual([2, expect.stringContaining("LWA_CLIENT_SECRET")]);
    const changed = await skill(["set", ...id, "--lwa-client-id", "amzn1.application-oa2-client.example"], {
      LWA_CLIENT_SECRET: "example-secret",
    });
    expect(changed.code).toBe(0);
    expect(changed.out).not.toContain("example-secret");
    const listed = await skill(["list"]);
    expect(listed.out).toMatch(
      new RegExp(`${SKILL_ID}-${counter} +development +smart_home +Acme Home +alexa-\\w+ +ready`),
    );
  });

  it("rotate-secret prints the new secret and how long the old one works", async () => {
    await skill(addition());
    const file = join(folder, "accountLinking.json");
    const before = readJson(file).accountLinkingRequest!.clientSecret;
    const rotated = await skill(["rotate-secret", "--id", `${SKILL_ID}-${counter}`, "--out", file]);
    expect(rotated.code).toBe(0);
    expect(rotated.out).toMatch(/works until \d{4}-\d\d-\d\dT/);
    const after = readJson(file).accountLinkingRequest!.clientSecret;
    expect(after).not.toBe(before);
    expect(rotated.out).toContain(after);
  });

  it("show prints what to enter at Amazon, without a secret; the id is an argument or an option", async () => {
    await skill(addition());
    const id = `${SKILL_ID}-${counter}`;
    const { clientSecret } = readJson(join(folder, "accountLinking.json")).accountLinkingRequest!;
    const shown = await skill(["show", id]);
    expect([shown.code, shown.errors]).toEqual([0, ""]);
    expect(shown.out).toContain(`${origin}/authorize`);
    expect(shown.out).not.toContain(clientSecret);
    const json = await skill(["show", "--id", id, "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ id, vendorId: "M2EXAMPLEVENDOR" });
    expect((await skill(["show", id, "--id", id])).code).toBe(2);
  });

  it("remove deletes a skill only after yes", async () => {
    await skill(addition());
    const id = `${SKILL_ID}-${counter}`;
    const unasked = await skill(["remove", id]);
    expect([unasked.code, unasked.errors]).toEqual([2, expect.stringContaining("--yes")]);
    const no = testTerminal({ environment: { ADMIN_TOKEN }, answers: ["n"] });
    expect(await run(["skill", "remove", id, "--url", origin], no)).toBe(1);
    expect(no.questions[0]).toContain(`Delete Acme Home (${id})`);
    expect((await skill(["show", id])).code).toBe(0);
    const removed = await skill(["remove", "--id", id, "--yes", "--json"]);
    expect([removed.code, JSON.parse(removed.out)]).toEqual([0, { id, removed: true }]);
    const gone = await skill(["show", id]);
    expect([gone.code, gone.errors]).toEqual([1, expect.stringContaining("404")]);
  });

  it.each(["..", ".", ""])("an id that would lead to another address, %j, is refused", async (id) => {
    for (const args of [
      ["show", id],
      ["remove", id, "--yes"],
    ])
      expect((await skill(args)).code).toBe(2);
  });

  it("a person is asked for the admin token and for Amazon's secret, and neither is shown", async () => {
    await skill(addition());
    const args = [
      "skill",
      "set",
      "--id",
      `${SKILL_ID}-${counter}`,
      "--lwa-client-id",
      "amzn1.application-oa2-client.x",
    ];
    const folderBefore = process.cwd();
    process.chdir(folder);
    const terminal = testTerminal({ answers: [ADMIN_TOKEN, "typed-example-secret"] });
    const code = await run([...args, "--url", origin], terminal);
    process.chdir(folderBefore);
    expect([code, terminal.errors()]).toEqual([0, ""]);
    expect(terminal.out()).not.toMatch(/test-admin-token|typed-example-secret/);
  });

  it("the address may come from ALEXA_LINK_URL, and its mistake is named as such", async () => {
    const listed = testTerminal({ environment: { ADMIN_TOKEN, ALEXA_LINK_URL: origin } });
    expect(await run(["skill", "list", "--json"], listed)).toBe(0);
    expect(JSON.parse(listed.out())).toBeInstanceOf(Array);
    const wrong = testTerminal({ environment: { ADMIN_TOKEN, ALEXA_LINK_URL: "http://link.example.com" } });
    expect([await run(["skill", "list"], wrong), wrong.errors()]).toEqual([
      2,
      expect.stringContaining("ALEXA_LINK_URL must"),
    ]);
  });

  it("account-linking-request prints plain JSON; CLIENT_SECRET fills in the secret", async () => {
    await skill(addition());
    const args = ["account-linking-request", "--id", `${SKILL_ID}-${counter}`];
    const plain = JSON.parse((await skill(args)).out) as { accountLinkingRequest: { clientSecret: string } };
    expect(plain.accountLinkingRequest.clientSecret).toMatch(/PUT/);
    const filled = JSON.parse((await skill(args, { CLIENT_SECRET: "the-secret-of-it" })).out) as typeof plain;
    expect(filled.accountLinkingRequest.clientSecret).toBe("the-secret-of-it");
  });

  it("registers an add-on with a second client, whose secrets the server accepts and shows no more", async () => {
    const id = `${SKILL_ID}-${counter}`;
    const resource = `https://mcp.example.com/${counter}/mcp`;
    const names = ["--id", id, "--name", "Acme Notes", "--vendor-id", "M2EXAMPLEVENDOR", "--scope", "mcp:tools"];
    const args = ["add", "--type", "add_on", ...names, "--resource", resource, "--service-client"];
    const added = await skill([...args, "--json"]);
    expect([added.code, added.errors]).toEqual([0, ""]);
    const { client, serviceClient } = JSON.parse(added.out) as Record<string, { id: string; secret: string }>;
    const statusOf = async (one: { id: string; secret: string } | undefined) => {
      const response = await fetch(`${origin}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${btoa(`${one?.id}:${one?.secret}`)}` },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      });
      return [response.status, ((await response.json()) as { error?: string; scope?: string }).error];
    };
    expect(await statusOf(serviceClient)).toEqual([200, undefined]);
    expect(await statusOf(client)).toEqual([400, "unauthorized_client"]);

    const changed = await skill(["set", "--id", id, "--service-scope", "acme:catalogue"]);
    expect([changed.code, changed.errors]).toEqual([0, ""]);
    expect(changed.out).not.toContain(client!.secret);
    expect(changed.out).toContain(`  ${resource}\n`);
    expect(JSON.parse(changed.out.slice(changed.out.lastIndexOf("\n    {")))).toEqual({
      resource,
      authorization_servers: [origin],
      scopes_supported: ["mcp:tools"],
      bearer_methods_supported: ["header"],
    });
    const metadata = (await (await fetch(`${origin}/.well-known/oauth-authorization-server`)).json()) as {
      scopes_supported: string[];
    };
    expect(metadata.scopes_supported).toContain("acme:catalogue");

    const rotated = await skill(["rotate-secret", "--id", id, "--client", "service", "--json"]);
    const second = (JSON.parse(rotated.out) as Record<string, { id: string; secret: string }>).serviceClient;
    expect(second?.secret).not.toBe(serviceClient?.secret);
    expect(await statusOf(second)).toEqual([200, undefined]);
    expect((await skill(["list"])).out).toContain(resource);
    expect((await skill(["account-linking-request", "--id", id])).errors).toContain("alexa-ai");

    await skill(["set", "--id", id, "--no-service-client"]);
    expect(await statusOf(second)).toEqual([401, "invalid_client"]);
    expect(await statusOf(client)).toEqual([200, undefined]);
  });

  it.each([
    ["a fragment", "https://mcp.example.com/mcp#tools"],
    ["http to another machine", "http://mcp.example.com/mcp"],
    ["no address", "mcp.example.com"],
    ["an empty text", ""],
  ])("a resource with %s is refused, by its field", async (_, resource) => {
    const id = ["--id", `${SKILL_ID}-${counter}`, "--name", "Acme Notes", "--vendor-id", "M2EXAMPLEVENDOR"];
    const { code, errors } = await skill([
      "add",
      "--type",
      "add_on",
      ...id,
      "--scope",
      "mcp:tools",
      "--resource",
      resource,
    ]);
    expect([code, errors]).toEqual([1, expect.stringContaining("resource")]);
  });

  it("prints what is wrong in one line, with the field that the server named", async () => {
    const wrong = await skill(addition().map((arg) => (arg === "M2EXAMPLEVENDOR" ? "not a vendor" : arg)));
    expect([wrong.code, wrong.errors]).toEqual([1, expect.stringContaining("vendorId")]);
    await skill(addition());
    const again = await skill(addition());
    expect([again.code, again.errors]).toEqual([1, expect.stringContaining("already registered")]);
    const token = await skill(["list"], { ADMIN_TOKEN: "wrong-token-wrong-token-wrong-token" });
    expect([token.code, token.errors]).toEqual([1, expect.stringContaining("401")]);
    expect(token.errors).not.toContain("wrong-token");
  });

  it("does not send the admin token unencrypted to another machine, and refuses to run without one", async () => {
    const disguised = "https://link.example.com@evil.example";
    for (const url of ["http://link.example.com", "ftp://link.example.com", "link.example.com", disguised]) {
      const response = await skill(["list", "--url", url]);
      expect([url, response.code]).toEqual([url, 2]);
      expect(response.errors).toContain("--url must ");
    }
    const none = await skill(["list", "--url", "https://link.example.com"], { ADMIN_TOKEN: "" });
    expect([none.code, none.errors]).toEqual([2, expect.stringContaining("ADMIN_TOKEN")]);
  });

  it("--help prints usage; unknown commands and options exit with code 2", async () => {
    const help = await skill(["--help"]);
    expect([help.code, help.out]).toEqual([0, expect.stringContaining("account-linking-request")]);
    for (const args of [[], ["remove"], ["show"], ["add"], ["list", "extra"], ["list", "--colour"], ["constructor"]]) {
      expect([args, (await skill(args)).code]).toEqual([args, 2]);
    }
  });

  it("sets the relay, with its secret from the environment only, and switches it off", async () => {
    await skill(addition());
    const id = ["--id", `${SKILL_ID}-${counter}`];
    const relay = ["--relay-token-url", "https://old.example.com/token", "--relay-claim", "email"];
    const pair = ["--relay-userinfo-url", "https://old.example.com/me", "--relay-client-id", "old-client"];
    const kind = ["--relay-person", "email"];
    const secret = { RELAY_CLIENT_SECRET: "obviously-fake-old-secret" };
    const made = await skill(["set", ...id, ...relay, ...pair, ...kind, "--json"], secret);
    expect(made.errors).toBe("");
    expect((JSON.parse(made.out) as { relay: unknown }).relay).toEqual({
      tokenUrl: "https://old.example.com/token",
      userinfoUrl: "https://old.example.com/me",
      clientId: "old-client",
      person: { claim: "email", as: "email" },
    });
    expect(made.out).not.toContain(secret.RELAY_CLIENT_SECRET);
    expect((await skill(["set", ...id, ...relay, ...pair, ...kind])).errors).toContain("RELAY_CLIENT_SECRET");
    expect((await skill(["set", ...id, ...relay])).errors).toContain("--relay-person: oidc_subject, email, id");
    expect((await skill(["set", ...id, ...relay, "--relay-person", "constructor"])).code).toBe(2);
    expect((await skill(["set", ...id, ...kind])).errors).toContain("--relay-token-url");
    expect((await skill(["set", ...id, ...relay, ...kind, "--no-relay"])).errors).toContain("exclude each other");
    const off = await skill(["set", ...id, "--no-relay", "--json"]);
    expect((JSON.parse(off.out) as { relay: unknown }).relay).toBeNull();
  });
});
