// `skill push` and `skill diff` against the Worker and the simulated Skill Management API.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pushSkill } from "../../cli/skill/push.ts";
import { DEMO_SKILL_ID, registerDemo } from "../../scripts/demo.ts";
import { ADMIN_TOKEN, DEVELOPER_TOKEN, SECRET, startSmapiServers } from "./smapi-servers.ts";

let servers: Awaited<ReturnType<typeof startSmapiServers>>;
let folder = "";
beforeAll(async () => {
  servers = await startSmapiServers();
});
afterAll(() => servers.close());
beforeEach(async () => {
  await servers.faults({});
  folder = mkdtempSync(join(tmpdir(), "smapi-command-"));
  return () => rmSync(folder, { recursive: true });
});

const withSecret = { CLIENT_SECRET: SECRET };
const writesOf = async (id: string) => (await servers.requests(id)).filter(({ method }) => method === "PUT");

function drifted(out: string): string[] {
  return (JSON.parse(out) as { drift: { field: string }[] }).drift.map(({ field }) => field);
}

describe("diff and push", () => {
  it("diff names each difference, push writes, and diff finds none", async () => {
    const id = await servers.skill();
    const before = await servers.run(["skill", "diff", id, "--json", "--no-events"]);
    expect(before.code).toBe(1);
    expect(drifted(before.out)).toEqual([
      "authorizationUrl",
      "accessTokenUrl",
      "clientId",
      "scopes",
      "defaultTokenExpirationInSeconds",
      "redirectUrls",
    ]);
    const pushed = await servers.run(["skill", "push", "--id", id], withSecret);
    expect([pushed.code, pushed.errors.includes("old-client")]).toEqual([0, true]);
    const after = await servers.run(["skill", "diff", id, "--json", "--no-events"]);
    expect([after.code, JSON.parse(after.out)]).toEqual([
      0,
      {
        skillId: id,
        stage: "development",
        drift: [],
        notShown: ["clientSecret", "reciprocalAccessTokenUrl", "skipOnEnablement", "pkceConfiguration"],
      },
    ]);
    expect(await servers.linking(id)).toMatchObject({ authorizationUrl: `${servers.service}/authorize` });
  });

  it("the demo of npm run dev has no difference", async () => {
    const fake = "obviously-fake-secret-of-the-demo";
    const secrets = { alexaClient: fake, serviceClient: fake, lwa: fake, eventGateway: fake };
    const { service, simulator } = servers;
    await registerDemo({ service, simulator, adminToken: ADMIN_TOKEN, secrets });
    const { code, out } = await servers.run(["skill", "diff", DEMO_SKILL_ID, "--json"]);
    expect([code, drifted(out)]).toEqual([0, []]);
  });

  it("a person reads both values of each difference", async () => {
    const id = await servers.skill();
    const { code, out } = await servers.run(["skill", "diff", id]);
    expect(code).toBe(1);
    expect(out).toMatch(/scopes\n +here: +devices:control, profile\n +Amazon: +profile\n/);
    expect(out).toMatch(/events\.endpoint\.uri\n +here: +http:\S+\/alexa\/events\n +Amazon: +\(none\)/);
    expect(out).toContain("Not shown by Amazon: clientSecret, ");
  });

  it("push replaces only what was read, and sends the secret to nobody else", async () => {
    const id = await servers.skill();
    const { code, out, errors } = await servers.run(["skill", "push", id, "--json"], withSecret);
    expect([code, JSON.parse(out)]).toMatchObject([0, { dryRun: false, written: ["accountLinking"] }]);
    expect((await writesOf(id))[0]!.headers["if-match"]).toMatch(/^".+"$/);
    for (const secret of [SECRET, DEVELOPER_TOKEN, ADMIN_TOKEN]) expect(out + errors).not.toContain(secret);
  });

  it("push writes nothing if somebody else has changed the configuration meanwhile", async () => {
    const id = await servers.skill();
    const terminal = {
      ...servers.terminal({ CLIENT_SECRET: "" }),
      interactive: true,
      askSecret: async () => {
        await servers.atAmazon(id, { scopes: ["changed"] });
        return SECRET;
      },
    };
    const service = { origin: servers.service, adminToken: ADMIN_TOKEN };
    await expect(pushSkill(terminal, service, async () => servers.smapi(), id, {})).rejects.toThrow(
      /has changed meanwhile, and nothing was written \(412\)\. Run skill diff/,
    );
    expect((await servers.linking(id)).scopes).toEqual(["changed"]);
  });

  it("a dry run shows the differences, needs no client secret and writes nothing", async () => {
    const id = await servers.skill({ stage: "live" });
    for (const more of [[], ["--events"], ["--rotate-secret"]]) {
      const { code, out, errors } = await servers.run(["skill", "push", id, "--dry-run", ...more]);
      expect([code, errors]).toEqual([0, ""]);
      expect(out).toMatch(/old-client[\s\S]*\n\nNothing was written: this was a dry run\.$/);
    }
    expect(await writesOf(id)).toEqual([]);
  });

  it("diff reads the live stage; push writes development only", async () => {
    const id = await servers.skill();
    await servers.atAmazon(id, { stage: "live", clientId: "live-client" });
    const live = await servers.run(["skill", "diff", id, "--stage", "live", "--json"]);
    expect(live.out).toContain("live-client");
    expect(await servers.run(["skill", "diff", id, "--stage", "beta"])).toMatchObject({ code: 2 });
    expect(await servers.run(["skill", "push", id, "--stage", "live"])).toMatchObject({ code: 2 });
  });

  it("a skill without account linking at Amazon is one difference, and push makes it", async () => {
    const id = await servers.skill();
    await servers.faults({ accountLinking: { status: 404, methods: ["GET"], times: 2 } });
    const { code, out } = await servers.run(["skill", "diff", id, "--json", "--no-events"]);
    expect([code, drifted(out)]).toEqual([1, ["accountLinking"]]);
    expect(await servers.run(["skill", "push", id], withSecret)).toMatchObject({ code: 0 });
    expect((await writesOf(id))[0]!.headers).not.toHaveProperty("if-match");
  });

  it("linking by voice that is on at Amazon is switched off by name", async () => {
    const id = await servers.skill({}, { accountLinking: { voiceForwardAccountLinking: "ENABLED" } });
    expect(await servers.run(["skill", "push", id], withSecret)).toMatchObject({ code: 0 });
    expect(await servers.linking(id)).toMatchObject({ voiceForwardAccountLinking: "DISABLED" });
  });

  it("an add-on is not configured through SMAPI", async () => {
    const id = await servers.skill({
      type: "add_on",
      resource: "https://mcp.example.com/smapi",
      scopes: ["mcp:tools"],
    });
    const line = `alexa-ai configure-account-linking --addon-id ${id} --stage development --client-id`;
    const push = await servers.run(["skill", "push", id], withSecret);
    expect([push.code, push.errors.includes(line)]).toEqual([1, true]);
    const diff = await servers.run(["skill", "diff", id, "--json"]);
    expect([diff.code, diff.out, diff.errors.includes(line)]).toEqual([2, "", true]);
    expect(await servers.requests(id)).toEqual([]);
  });
});

describe("the client secret", () => {
  it("is checked before it is sent: a wrong one would end all linking", async () => {
    const id = await servers.skill();
    const { code, errors } = await servers.run(["skill", "push", id], { CLIENT_SECRET: "a-wrong-secret" });
    expect([
      code,
      errors.includes("CLIENT_SECRET is not the secret of client"),
      errors.includes("a-wrong-secret"),
    ]).toEqual([1, true, false]);
    expect(await writesOf(id)).toEqual([]);
  });

  it("is asked for, or must be in the environment", async () => {
    const id = await servers.skill();
    expect(await servers.run(["skill", "push", id], {}, [SECRET])).toMatchObject({ code: 0 });
    const missing = await servers.run(["skill", "push", id]);
    expect([missing.code, missing.errors.includes("CLIENT_SECRET")]).toEqual([2, true]);
  });

  it("--rotate-secret makes a new one and sends it, and keeps it in no file afterwards", async () => {
    const id = await servers.skill();
    const out = join(folder, "new.json");
    const { code, errors } = await servers.run(["skill", "push", id, "--rotate-secret", "--out", out]);
    expect([code, existsSync(out)]).toEqual([0, false]);
    expect(errors).toMatch(/Made a new client secret\. The previous one works until 20/);
    expect(await servers.run(["skill", "push", id, "--rotate-secret"], withSecret)).toMatchObject({ code: 2 });
    // The previous one is in its overlap.
    expect(await servers.run(["skill", "push", id], withSecret)).toMatchObject({ code: 0 });
  });

  it("a new one that Amazon did not take is kept in a file of the owner's, and can be pushed from there", async () => {
    const id = await servers.skill();
    const out = join(folder, "new.json");
    await servers.faults({ accountLinking: { status: 500, methods: ["PUT"], times: 1 } });
    const { code, errors } = await servers.run(["skill", "push", id, "--rotate-secret", "--out", out]);
    expect([code, statSync(out).mode & 0o777]).toEqual([1, 0o600]);
    const { clientSecret } = JSON.parse(readFileSync(out, "utf8")).accountLinkingRequest as { clientSecret: string };
    expect(errors).toContain(out);
    expect(errors).not.toContain(clientSecret);
    expect(await servers.run(["skill", "push", id], { CLIENT_SECRET: clientSecret })).toMatchObject({ code: 0 });
  });

  it.each([
    ["the skill is live", { stage: "live" }, false],
    ["a previous one still works", {}, true],
  ])("a new one is made only on request if %s", async (_, changes, rotated) => {
    const id = await servers.skill(changes);
    if (rotated) await servers.admin("POST", `/skills/${id}/rotate-secret`, {});
    const args = ["skill", "push", id, "--rotate-secret", "--out", join(folder, "new.json")];
    expect(await servers.run(args)).toMatchObject({ code: 2 });
    expect(await servers.run(args, {}, ["n"])).toMatchObject({ code: 1 });
    expect(await writesOf(id)).toEqual([]);
    expect(await servers.run([...args, "--yes"])).toMatchObject({ code: 0 });
  });
});

describe("push --events", () => {
  async function push(id: string) {
    const service = { origin: servers.service, adminToken: ADMIN_TOKEN };
    const smapi = servers.smapi();
    await pushSkill(servers.terminal(), service, async () => smapi, id, { events: true });
    return smapi;
  }

  async function replaceManifest(id: string, changes: (manifest: Record<string, unknown>) => object) {
    const path = `/v1/skills/${id}`;
    await servers.simulated("PUT", `${path}/stages/development/manifest`, {
      manifest: changes(await servers.manifest(id)),
    });
    for (let poll = 0; poll < 2; poll++) await servers.simulated("GET", `${path}/status?resource=manifest`);
  }

  it("subscribes and asks for permissions, waits for Amazon, and changes nothing else of the manifest", async () => {
    const id = await servers.skill({ eventGateway: { clientId: "amzn1.application-oa2-client.x", clientSecret: "x" } });
    await replaceManifest(id, (manifest) => ({ ...manifest, unknown: { z: [1, null, "é"], a: { b: true } } }));
    const before = await servers.manifest(id);
    const smapi = await push(id);
    expect(smapi.waits).toEqual([2000]);
    const { events, permissions, ...others } = await servers.manifest(id);
    const { permissions: _, ...kept } = before;
    expect(JSON.stringify(others)).toBe(JSON.stringify(kept));
    expect(permissions).toEqual([{ name: "alexa::async_event:write" }]);
    expect(events).toMatchObject({
      endpoint: { uri: `${servers.service}/alexa/events`, sslCertificateType: "Trusted" },
    });
    expect(await servers.run(["skill", "diff", id])).toMatchObject({ code: 0 });
    const writes = (await writesOf(id)).length;
    await push(id);
    expect((await writesOf(id)).length).toBe(writes + 1);
  });

  it("takes no events away from another address", async () => {
    const id = await servers.skill();
    const endpoint = { uri: "arn:aws:lambda:us-east-1:000000000000:function:other" };
    await replaceManifest(id, (manifest) => ({
      ...manifest,
      events: { endpoint, subscriptions: [{ eventName: "ITEMS_CREATED" }] },
    }));
    const writes = (await writesOf(id)).length;
    await expect(push(id)).rejects.toThrow(
      /function:other, also ITEMS_CREATED.*forward the events.*Nothing was written/,
    );
    expect((await writesOf(id)).length).toBe(writes);
  });

  it("says why Amazon refused the manifest", async () => {
    const id = await servers.skill();
    await servers.faults({ manifestFails: true });
    await expect(push(id)).rejects.toThrow(
      /refused the manifest, and keeps the previous one\. The manifest was refused/,
    );
    expect(await servers.manifest(id)).not.toHaveProperty("events");
  });
});
