// Sealing values again after a change of the master key.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import { json, refresh, SKILL_ID, seedEveryone } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { anotherIsolate, HOUR, linkAlexa, linkApp, refreshOfApp } from "../../test/support/tokens.ts";
import { createKeyring } from "../crypto/keyring.ts";
import { attemptTokensContext, grantTokensContext, openTokens, sealTokens } from "../storage/amazon/amazon-tokens.ts";
import { openDeveloperToken, readDeveloperToken, storeDeveloperToken } from "../storage/amazon/developer-token.ts";
import { SEALED_COLUMNS } from "../storage/maintenance/reseal.ts";
import { insertSkill } from "../storage/skills/skill-admin.ts";
import { lwaCredentials, readSkill } from "../storage/skills/skills.ts";
import { resealChunk } from "./reseal.ts";

beforeEach(seedEveryone);

describe("change of the master key", () => {
  const NEW_KEY = "B".repeat(43);
  const CHANGED = { MASTER_KEY: NEW_KEY, MASTER_KEY_PREVIOUS: "A".repeat(43) };

  it("seals every value again in bounded steps, and then the previous key can be removed", async () => {
    const service = startService();
    const old = await service.keyring();
    const stable = (await linkAlexa(service)).refresh_token;
    const tokens = { accessToken: "Atza-fake", refreshToken: "Atzr-fake", accessExpiresAt: 5, pairHash: "p" };
    const grantId = stable.slice(3, 29);
    await insertSkill(
      { keyring: old, db: env.DB, now: () => service.clock.now },
      {
        id: "amzn1.ask.skill.second",
        stage: "live",
        type: "custom",
        name: "Second",
        linking: null,
        vendorId: null,
        resource: null,
        scopes: [],
        returnUrls: [],
        extraRedirectUris: [],
      },
      {
        lwa: { clientId: "lwa-id", clientSecret: "fake-lwa" },
        eventGateway: { clientId: "e", clientSecret: "fake-event" },
      },
      {
        id: "second",
        kind: "alexa",
        name: "Second",
        secretHash: null,
        redirectUris: [],
        scopes: [],
        skillId: "amzn1.ask.skill.second",
        skillIds: [],
        resources: [],
        requirePkce: false,
      },
      { kind: "skill_added" },
    );
    const attemptId = String(await env.DB.prepare("SELECT id FROM attempts LIMIT 1").first("id"));
    await env.DB.batch([
      env.DB.prepare(
        "INSERT INTO identities (method, issuer, subject, user_id, password_hash, created_at) VALUES ('password', '', 'ada@example.com', '0useraaaaaaaaaaaaaaaaaaaaa', ?, 1)",
      ).bind(await old.seal("password-hash", "ada@example.com", "pbkdf2-fake")),
      env.DB.prepare(
        "INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, updated_at) VALUES (?, 'event_gateway', 'h', ?, 1, 1)",
      ).bind(grantId, await sealTokens(old, grantTokensContext(grantId, "event_gateway"), tokens)),
      env.DB.prepare("UPDATE attempts SET outcome = 'pending', amazon_tokens = ? WHERE id = ?").bind(
        await sealTokens(old, attemptTokensContext(attemptId), tokens),
        attemptId,
      ),
      env.DB.prepare(
        "INSERT INTO pending_unlinks (id, grant_id, skill_id, host, tokens, sealed_for, next_attempt_at, created_at) VALUES ('u1', 'g1', ?, 'h', ?, 'enablement g1', 1, 1)",
      ).bind(SKILL_ID, await sealTokens(old, grantTokensContext("g1", "enablement"), tokens)),
    ]);

    const developer = { clientId: "d", clientSecret: "fake-developer", refreshToken: "Atzr-developer-fake" };
    await storeDeveloperToken({ db: env.DB, keyring: old, now: () => service.clock.now }, developer, {
      kind: "stored",
    });

    const changed = anotherIsolate(service, CHANGED);
    const rt = await runtimeOf(changed, CHANGED);
    // 1 signing key, 2 secrets of a skill, 1 developer token, 1 password, 3 sets of tokens.
    const steps: number[] = [];
    while (steps.at(-1) !== 0) steps.push(await resealChunk(rt, 4));
    expect(steps).toEqual([4, 4, 0]);
    for (const { table, column } of SEALED_COLUMNS) {
      const left = env.DB.prepare(
        `SELECT 1 FROM ${table} WHERE ${column} IS NOT NULL AND substr(${column}, 1, 6) <> ?`,
      );
      expect((await left.bind(rt.keyring.keyId).all()).results, `${table}.${column}`).toEqual([]);
    }

    const alone = anotherIsolate(service, { MASTER_KEY: NEW_KEY });
    const keyring = await alone.keyring();
    const opener = { keyring, log: { alert() {} } };
    expect((await alone.request("/token", refresh(stable))).status).toBe(200);
    const skill = await readSkill(env.DB, "amzn1.ask.skill.second");
    expect(skill && (await lwaCredentials(opener, skill))).toEqual({
      skillId: "amzn1.ask.skill.second",
      clientId: "lwa-id",
      clientSecret: "fake-lwa",
    });
    const stored = async (sql: string) => String(await env.DB.prepare(sql).first("sealed"));
    expect(
      await keyring.open(
        "password-hash",
        "ada@example.com",
        await stored("SELECT password_hash AS sealed FROM identities"),
      ),
    ).toMatchObject({ plaintext: "pbkdf2-fake" });
    expect(
      await openTokens(
        opener,
        grantTokensContext(grantId, "event_gateway"),
        await stored("SELECT tokens AS sealed FROM amazon_tokens"),
      ),
    ).toEqual(tokens);
    expect(
      await openTokens(
        opener,
        attemptTokensContext(attemptId),
        await stored(`SELECT amazon_tokens AS sealed FROM attempts WHERE id = '${attemptId}'`),
      ),
    ).toEqual(tokens);
    expect(
      await openTokens(
        opener,
        grantTokensContext("g1", "enablement"),
        await stored("SELECT tokens AS sealed FROM pending_unlinks"),
      ),
    ).toEqual(tokens);
    const token = await readDeveloperToken(env.DB);
    expect(token && (await openDeveloperToken(opener, token))).toEqual(developer);
  });

  it("rotating tokens keep working while values are sealed again between refreshes", async () => {
    const service = startService();
    let token = (await linkApp(service)).refresh_token;
    const changed = anotherIsolate(service, CHANGED);
    const rt = await runtimeOf(changed, CHANGED);
    for (let i = 0; i < 12; i++) {
      const isolate = i < 2 ? service : changed;
      if (i === 6) await resealChunk(rt, 100);
      const response = await isolate.request("/token", refreshOfApp(token));
      expect(response.status).toBe(200);
      token = (await json(response)).refresh_token;
      service.clock.advance(HOUR);
    }
    const alone = anotherIsolate(service, { MASTER_KEY: NEW_KEY });
    expect((await alone.request("/token", refreshOfApp(token))).status).toBe(200);
  });

  it("does not overwrite a value that changed after it was read", async () => {
    const service = startService();
    await linkApp(service);
    const changed = anotherIsolate(service, CHANGED);
    const rt = await runtimeOf(changed, CHANGED);
    const newer = await (await createKeyring(new Uint8Array(32).fill(7))).seal("signing-key", "x", "newer");
    const overtaken = new Proxy(env.DB, {
      get: (db, property) => {
        if (property === "prepare") return (sql: string) => db.prepare(sql);
        return async (statements: D1PreparedStatement[]) => {
          await db.prepare("UPDATE signing_keys SET private_jwk = ?").bind(newer).run();
          return db.batch(statements);
        };
      },
    });
    await resealChunk({ ...rt, db: overtaken }, 100);
    expect(await env.DB.prepare("SELECT private_jwk FROM signing_keys").first("private_jwk")).toBe(newer);
  });

  it("finds the remaining values by an index, with at most one round trip per column", async () => {
    const changed = startService(CHANGED);
    await resealChunk(await runtimeOf(changed, CHANGED), 10);
    expect(changed.meter.roundTrips.length).toBeGreaterThan(0);
    expect(changed.meter.roundTrips.length).toBeLessThanOrEqual(SEALED_COLUMNS.length);
    for (const { sql } of changed.meter.roundTrips) {
      if (/FROM (skills|signing_keys|pending_unlinks)\s/.test(sql)) continue;
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind("x", 1).all<{ detail: string }>();
      expect(plan.results.map(({ detail }) => detail).join(), sql).toContain("SEARCH");
    }
  });

  it("covers every sealed column of the schema except those of rows that live for minutes", () => {
    const marked = env.TEST_MIGRATIONS.flatMap(({ queries }) => queries.join("\n").split("\n"))
      .filter((line) => /-- sealed/.test(line))
      .map((line) => line.trim().split(" ")[0] ?? "");
    expect(marked.length).toBeGreaterThan(5);
    const known = new Set([...SEALED_COLUMNS.map(({ column }) => column), "payload"]);
    expect(marked.filter((column) => !known.has(column))).toEqual([]);
  });

  it("makes no storage call when there is no previous key", async () => {
    const service = startService();
    expect(await resealChunk(await runtimeOf(service), 100)).toBe(0);
    expect(service.meter.calls()).toEqual([]);
  });
});
