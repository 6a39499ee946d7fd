// Rows of skills: inserting, reading, listing and deleting.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createKeyring } from "../../crypto/keyring.ts";
import { readClient } from "../clients/clients.ts";
import { UnreadableValue } from "../sealed.ts";
import { deleteSkill, insertSkill, type SkillContent } from "./skill-admin.ts";
import { eventGatewayCredentials, listSkills, lwaCredentials, readSkill } from "./skills.ts";

const NOW = 1_790_000_000_000;
const keyring = () => createKeyring(new Uint8Array(32).fill(1));

async function runtime() {
  return { keyring: await keyring(), db: env.DB, now: () => NOW, log: { alert() {} } };
}

const SKILL_ID = "amzn1.ask.skill.0000-test";

function content(id: string): SkillContent {
  return {
    id,
    stage: "development",
    type: "smart_home",
    name: "Acme",
    linking: null,
    vendorId: "M2EXAMPLEVENDOR",
    resource: null,
    scopes: [{ name: "profile", tier: "user", descriptions: { en: "See your name" } }],
    returnUrls: ["https://app.example.com/done"],
    extraRedirectUris: [],
  };
}

async function add(id = SKILL_ID, clientId = "alexa-acme", lwa = true) {
  const credentials = { clientId: "amzn1.application-oa2-client.example", clientSecret: "example-secret" };
  return insertSkill(
    await runtime(),
    content(id),
    lwa ? { lwa: credentials } : {},
    {
      id: clientId,
      kind: "alexa",
      name: "Acme",
      secretHash: "x",
      redirectUris: ["https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDOR"],
      scopes: [],
      skillId: id,
      skillIds: [],
      resources: [],
      requirePkce: false,
    },
    { kind: "skill_created" },
  );
}

describe("skills in storage", () => {
  it("a skill is one row with one client, which has the scopes of the skill", async () => {
    await add();
    expect(await readSkill(env.DB, SKILL_ID)).toMatchObject({ ...content(SKILL_ID), clientId: "alexa-acme" });
    expect(await readClient(env.DB, "alexa-acme")).toMatchObject({
      skillId: SKILL_ID,
      skillName: "Acme",
      redirectUris: ["https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDOR"],
      scopes: ["profile"],
      scopeTexts: { profile: { en: "See your name" } },
      clientCredentials: false,
    });
    expect(await readSkill(env.DB, "amzn1.ask.skill.unknown")).toBeUndefined();
  });

  it("skills are listed by id, optionally after a given id", async () => {
    for (const [id, clientId] of [
      ["b", "client-1"],
      ["a", "client-2"],
      ["c", "client-3"],
    ] as const)
      await add(id, clientId);
    expect((await listSkills(env.DB)).map((skill) => skill.id)).toEqual(["a", "b", "c"]);
    expect((await listSkills(env.DB, { after: "a", limit: 1 })).map((skill) => skill.id)).toEqual(["b"]);
  });

  it("inserting a skill or client id in use stores nothing, and reports which one exists", async () => {
    expect(await add()).toBe("inserted");
    expect(await add(SKILL_ID, "another")).toBe("skill_exists");
    expect(await add()).toBe("skill_exists");
    expect(await add("amzn1.ask.skill.0000-other")).toBe("client_exists");
    expect(await listSkills(env.DB)).toHaveLength(1);
    const audit = await env.DB.prepare("SELECT COUNT(*) AS n FROM audit").first<{ n: number }>();
    expect(audit?.n).toBe(1);
  });

  it("L1: Amazon's credentials are sealed, and those of Login with Amazon serve the event gateway if it has none", async () => {
    await add();
    const row = await env.DB.prepare("SELECT lwa_client_secret FROM skills").first<{ lwa_client_secret: string }>();
    expect(row?.lwa_client_secret).not.toContain("example-secret");
    const skill = (await readSkill(env.DB, SKILL_ID))!;
    const rt = await runtime();
    expect(await lwaCredentials(rt, skill)).toEqual({
      skillId: SKILL_ID,
      clientId: "amzn1.application-oa2-client.example",
      clientSecret: "example-secret",
    });
    expect(await eventGatewayCredentials(rt, skill)).toEqual(await lwaCredentials(rt, skill));
    const otherKey = { log: { alert() {} }, keyring: await createKeyring(new Uint8Array(32).fill(2)) };
    await expect(lwaCredentials(otherKey, skill)).rejects.toBeInstanceOf(UnreadableValue);
  });

  it("a skill without credentials has none for Login with Amazon or the event gateway", async () => {
    await add(SKILL_ID, "alexa-acme", false);
    const skill = (await readSkill(env.DB, SKILL_ID))!;
    expect(await lwaCredentials(await runtime(), skill)).toBeUndefined();
    expect(await eventGatewayCredentials(await runtime(), skill)).toBeUndefined();
  });

  it("deleting a skill deletes its client", async () => {
    await add();
    expect(await deleteSkill(await runtime(), SKILL_ID, { kind: "skill_deleted" })).toBe(true);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM clients").first()).toEqual({ n: 0 });
    expect(await deleteSkill(await runtime(), SKILL_ID, { kind: "skill_deleted" })).toBe(false);
  });
});
