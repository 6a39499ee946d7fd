import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createKeyring } from "../../crypto/keyring.ts";
import { deleteSkill, insertSkill, type SkillContent } from "./skill-admin.ts";
import { eventGatewayCredentials, listSkills, lwaCredentials, readSkill, UnreadableSecret } from "./skills.ts";

const NOW = 1_790_000_000_000;
const keyring = () => createKeyring(new Uint8Array(32).fill(1));

async function runtime() {
  return { keyring: await keyring(), db: env.DB, now: () => NOW };
}

function content(stage: "development" | "live"): SkillContent {
  return {
    id: "amzn1.ask.skill.0000-test",
    stage,
    type: "smart_home",
    name: `Acme ${stage}`,
    vendorId: "M2EXAMPLEVENDOR",
    scopes: [{ name: "profile", descriptions: {} }],
    returnUrls: ["https://app.example.com/done"],
    extraRedirectUris: [],
    redirectUris: [],
  };
}

async function add(stage: "development" | "live", clientId = `alexa-${stage}`, lwa = true) {
  const credentials = { clientId: "amzn1.application-oa2-client.example", clientSecret: "example-secret" };
  return insertSkill(
    await runtime(),
    content(stage),
    lwa ? { lwa: credentials } : {},
    {
      own: {
        id: clientId,
        kind: "alexa",
        name: "Acme",
        secretHash: "x",
        redirectUris: [],
        scopes: ["profile"],
        skillId: "amzn1.ask.skill.0000-test",
        skillStage: stage,
        skillIds: [],
        authMethods: ["client_secret_basic"],
        requirePkce: false,
        rotateRefreshTokens: false,
        issuerInResponse: false,
        clientCredentials: false,
      },
    },
    { kind: "skill_created", claimId: crypto.randomUUID() },
  );
}

describe("skills in storage", () => {
  it("a stage left out means the only stage, and live when both exist", async () => {
    await add("development");
    expect((await readSkill(env.DB, "amzn1.ask.skill.0000-test"))?.stage).toBe("development");
    await add("live");
    expect((await readSkill(env.DB, "amzn1.ask.skill.0000-test"))?.stage).toBe("live");
    expect((await readSkill(env.DB, "amzn1.ask.skill.0000-test", "development"))?.clientId).toBe("alexa-development");
    expect(await readSkill(env.DB, "amzn1.ask.skill.unknown")).toBeUndefined();
    expect((await listSkills(env.DB)).map((skill) => skill.stage)).toEqual(["development", "live"]);
  });

  it("tells which of the two ids is taken, and then stores nothing", async () => {
    expect(await add("development")).toBe("inserted");
    expect(await add("development", "another")).toBe("skill_exists");
    expect(await add("live", "alexa-development")).toBe("client_exists");
    expect(await listSkills(env.DB)).toHaveLength(1);
    const audit = await env.DB.prepare("SELECT COUNT(*) AS n FROM audit").first<{ n: number }>();
    expect(audit?.n).toBe(1);
  });

  it("L1: keeps Amazon's credentials sealed, and uses one pair for both when only one is given", async () => {
    await add("development");
    const row = await env.DB.prepare("SELECT lwa_client_secret FROM skills").first<{ lwa_client_secret: string }>();
    expect(row?.lwa_client_secret).not.toContain("example-secret");
    const skill = (await readSkill(env.DB, "amzn1.ask.skill.0000-test"))!;
    const rt = await runtime();
    expect(await lwaCredentials(rt, skill)).toEqual({
      clientId: "amzn1.application-oa2-client.example",
      clientSecret: "example-secret",
    });
    expect(await eventGatewayCredentials(rt, skill)).toEqual(await lwaCredentials(rt, skill));
    const otherKey = { keyring: await createKeyring(new Uint8Array(32).fill(2)) };
    await expect(lwaCredentials(otherKey, skill)).rejects.toBeInstanceOf(UnreadableSecret);
  });

  it("a skill without credentials has none to call Amazon with", async () => {
    await add("development", "alexa-development", false);
    const skill = (await readSkill(env.DB, "amzn1.ask.skill.0000-test"))!;
    expect(await lwaCredentials(await runtime(), skill)).toBeUndefined();
    expect(await eventGatewayCredentials(await runtime(), skill)).toBeUndefined();
  });

  it("deleting a skill takes its client with it", async () => {
    await add("development");
    expect(
      await deleteSkill(await runtime(), "amzn1.ask.skill.0000-test", "development", { kind: "skill_deleted" }),
    ).toBe(true);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM clients").first()).toEqual({ n: 0 });
    expect(await deleteSkill(await runtime(), "amzn1.ask.skill.0000-test", "development", { kind: "x" })).toBe(false);
  });
});
