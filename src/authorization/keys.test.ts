// Signing keys over their lives, and values sealed anew after a change of the master key.
import { env } from "cloudflare:workers";
import { decodeProtectedHeader } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  basic,
  challengeOf,
  exchange,
  form,
  json,
  refresh,
  SKILL_ID,
  seedAppAndService,
  seedCode,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { anotherIsolate } from "../../test/support/tokens.ts";
import { createKeyring } from "../crypto/keyring.ts";
import { openTokens, sealTokens } from "../storage/amazon-tokens.ts";
import { resealChunk, SEALED_COLUMNS } from "../storage/reseal.ts";
import { insertSkill } from "../storage/skill-admin.ts";
import { lwaCredentials, readSkill } from "../storage/skills.ts";
import { listSigningKeys, recordedVerificationKey, rotateKeysWhenDue, rotateSigningKey } from "./keys.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

beforeEach(async () => {
  await seedSkill();
  await seedUser();
  await seedAppAndService();
});

async function linked(service: Service): Promise<string> {
  const answer = await json(await service.request("/token", exchange(await seedCode())));
  return answer.refresh_token;
}

async function accessToken(service: Service, refreshToken: string): Promise<string> {
  return (await json(await service.request("/token", refresh(refreshToken)))).access_token;
}

async function isActive(service: Service, token: string): Promise<boolean> {
  const init = form({ token }, { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) });
  return (await json<{ active: boolean }>(await service.request("/introspect", init))).active;
}

async function publishedKids(service: Service): Promise<string[]> {
  const set = await json<{ keys: { kid: string }[] }>(await service.request("/.well-known/jwks.json"));
  return set.keys.map((key) => key.kid);
}

const kidOf = (token: string) => String(decodeProtectedHeader(token).kid);

describe("rotation of signing keys", () => {
  it("publishes the next key ahead of use and signs with it after twice the key set's max-age", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const refreshToken = await linked(service);
    const before = kidOf(await accessToken(service, refreshToken));

    expect(await rotateSigningKey(rt)).toBe("rotated");
    const [next, current] = await listSigningKeys(rt);
    expect(next).toMatchObject({ status: "next", verifiesUntil: null, signsFrom: service.clock.now + 10 * MINUTE });
    expect(current).toMatchObject({ kid: before, status: "current" });
    service.clock.advance(MINUTE);
    expect(await publishedKids(service)).toEqual([next?.kid, before]);
    service.clock.advance(9 * MINUTE - 1);
    expect(kidOf(await accessToken(service, refreshToken))).toBe(before);
    service.clock.advance(1);
    expect(kidOf(await accessToken(service, refreshToken))).toBe(next?.kid);
    expect((await listSigningKeys(rt)).map((key) => key.status)).toEqual(["current", "retired"]);
  });

  it("refuses no token while isolates with minute-old caches disagree about the keys", async () => {
    const variables = { ACCESS_TOKEN_TTL_SECONDS: "86400" };
    const here = startService(variables);
    const there = anotherIsolate(here, variables);
    const refreshToken = await linked(here);
    const rt = await runtimeOf(here);
    const tokens: { token: string; endsAt: number }[] = [];
    for (let step = 0; step < 30; step++) {
      if (step === 5) await rotateSigningKey(rt);
      const signer = step % 2 === 0 ? here : there;
      tokens.push({ token: await accessToken(signer, refreshToken), endsAt: here.clock.now + DAY });
      for (const { token, endsAt } of tokens.slice(-2)) {
        expect(endsAt).toBeGreaterThan(here.clock.now);
        expect(await isActive(here, token)).toBe(true);
        expect(await isActive(there, token)).toBe(true);
      }
      here.clock.advance(45_000);
    }
    expect(new Set(tokens.map(({ token }) => kidOf(token))).size).toBe(2);
    // The last token of the old key lives out its day, and every isolate still knows the key.
    const last = tokens.findLast(({ token }) => kidOf(token) === kidOf(tokens[0]?.token ?? ""));
    here.clock.now = (last?.endsAt ?? 0) - 1000;
    expect(await isActive(here, last?.token ?? "")).toBe(true);
    expect(await isActive(anotherIsolate(here, variables), last?.token ?? "")).toBe(true);
    here.clock.advance(2 * HOUR);
    expect(await publishedKids(here)).toHaveLength(1);
  });

  it("makes one next key, however many ask for it at once", async () => {
    const service = startService();
    await linked(service);
    const isolates = await Promise.all(Array.from({ length: 20 }, () => runtimeOf(service)));
    const results = await Promise.all(isolates.map((rt) => rotateSigningKey(rt)));
    expect(results.filter((result) => result === "rotated")).toHaveLength(1);
    expect(results.filter((result) => result === "pending")).toHaveLength(19);
    const [rt] = isolates;
    expect(rt && (await listSigningKeys(rt)).map((key) => key.status)).toEqual(["next", "current"]);
  });

  it("comes due after 90 days, once, also when two scheduled runs meet", async () => {
    const service = startService();
    await linked(service);
    const [one, two] = [await runtimeOf(service), await runtimeOf(service)];
    expect(await rotateKeysWhenDue(one)).toBe(false);
    service.clock.advance(90 * DAY - 1000);
    expect(await rotateKeysWhenDue(one)).toBe(false);
    service.clock.advance(2000);
    const ran = await Promise.all([rotateKeysWhenDue(one), rotateKeysWhenDue(two)]);
    expect(ran.filter((rotated) => rotated)).toHaveLength(1);
    expect(await rotateKeysWhenDue(two)).toBe(false);
    expect(await listSigningKeys(one)).toHaveLength(2);
    service.clock.advance(11 * MINUTE);
    expect(await rotateKeysWhenDue(two)).toBe(false);
  });

  it("makes the first key in a race of cold isolates once", async () => {
    const services = Array.from({ length: 10 }, () => startService());
    const sets = await Promise.all(services.map((service) => publishedKids(service)));
    expect(new Set(sets.map((kids) => kids.join())).size).toBe(1);
    expect(sets[0]).toHaveLength(1);
  });

  it("drops a compromised key at once; the next key signs from now on", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const refreshToken = await linked(service);
    const stolen = await accessToken(service, refreshToken);
    await rotateSigningKey(rt);
    const [next] = await listSigningKeys(rt);
    expect(await rotateSigningKey(rt, { compromised: kidOf(stolen) })).toBe("dropped");

    const elsewhere = anotherIsolate(service);
    expect(await publishedKids(elsewhere)).toEqual([next?.kid]);
    expect(await isActive(elsewhere, stolen)).toBe(false);
    const fresh = await accessToken(elsewhere, refreshToken);
    expect(kidOf(fresh)).toBe(next?.kid);
    // An isolate that has not heard of it asks D1 once, instead of refusing the new key's tokens.
    expect(await isActive(service, fresh)).toBe(true);
    service.clock.advance(MINUTE);
    expect(await isActive(service, stolen)).toBe(false);
    const alerts = await env.DB.prepare(
      "SELECT details FROM audit WHERE kind = 'signing_key_dropped' AND alert = 1",
    ).all();
    expect(alerts.results).toEqual([{ details: kidOf(stolen) }]);
  });

  it("replaces a compromised key by a new one when no next key is there", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const refreshToken = await linked(service);
    const stolen = await accessToken(service, refreshToken);
    service.clock.advance(1000);
    expect(await rotateSigningKey(rt, { compromised: kidOf(stolen) })).toBe("dropped");
    expect(await rotateSigningKey(rt, { compromised: kidOf(stolen) })).toBe("dropped");
    const keys = await listSigningKeys(rt);
    expect(keys.map((key) => key.status)).toEqual(["current", "retired"]);
    expect(kidOf(await accessToken(anotherIsolate(service), refreshToken))).toBe(keys[0]?.kid);
  });

  it("drops a compromised next key and lets the present one go on", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const refreshToken = await linked(service);
    const kid = kidOf(await accessToken(service, refreshToken));
    await rotateSigningKey(rt);
    const [next] = await listSigningKeys(rt);
    await rotateSigningKey(rt, { compromised: next?.kid });
    service.clock.advance(3 * DAY);
    expect(kidOf(await accessToken(service, refreshToken))).toBe(kid);
    expect(await rotateSigningKey(rt)).toBe("rotated");
  });

  it("does nothing for a key nobody knows", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    await linked(service);
    expect(await rotateSigningKey(rt, { compromised: "unknown" })).toBe("key_unknown");
    expect((await listSigningKeys(rt)).map((key) => key.status)).toEqual(["current"]);
    expect((await env.DB.prepare("SELECT 1 FROM audit WHERE alert = 1").all()).results).toEqual([]);
  });

  it("keeps a retired key's row for 400 days, so that a skill event can still name its grant", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const kid = kidOf(await accessToken(service, await linked(service)));
    await rotateSigningKey(rt);
    service.clock.advance(2 * DAY);
    expect(await publishedKids(service)).not.toContain(kid);
    service.clock.advance(399 * DAY);
    await rotateKeysWhenDue(rt);
    expect(await recordedVerificationKey(rt, kid)).toBeDefined();
    service.clock.advance(2 * DAY);
    await rotateKeysWhenDue(rt);
    rt.caches.recordedKeys.clear();
    expect(await recordedVerificationKey(rt, kid)).toBeUndefined();
    expect((await listSigningKeys(rt)).map((key) => key.kid)).not.toContain(kid);
  });
});

describe("change of the master key", () => {
  const NEW_KEY = "B".repeat(43);
  const CHANGED = { MASTER_KEY: NEW_KEY, MASTER_KEY_PREVIOUS: "A".repeat(43) };

  async function rotatingToken(service: Service): Promise<string> {
    const verifier = "v".repeat(43);
    const code = await seedCode({
      clientId: APP_CLIENT,
      redirectUri: APP_REDIRECT_URI,
      scope: "links",
      codeChallenge: await challengeOf(verifier),
    });
    const init = form({
      grant_type: "authorization_code",
      client_id: APP_CLIENT,
      code,
      redirect_uri: APP_REDIRECT_URI,
      code_verifier: verifier,
    });
    return (await json(await service.request("/token", init))).refresh_token;
  }

  const refreshOfApp = (token: string) =>
    form({ grant_type: "refresh_token", client_id: APP_CLIENT, refresh_token: token });

  it("seals everything anew in bounded steps, and then the previous key can go", async () => {
    const service = startService();
    const old = await service.keyring();
    const stable = await linked(service);
    const rotating = [await rotatingToken(service), await rotatingToken(service), await rotatingToken(service)];
    const tokens = { accessToken: "Atza-fake", refreshToken: "Atzr-fake", accessExpiresAt: 5 };
    const grantId = rotating[0]?.slice(3, 29) ?? "";
    await insertSkill(
      { keyring: old, db: env.DB, now: () => service.clock.now },
      {
        id: "amzn1.ask.skill.second",
        stage: "live",
        type: "custom",
        name: "Second",
        vendorId: null,
        scopes: [],
        returnUrls: [],
        extraRedirectUris: [],
        redirectUris: [],
      },
      {
        lwa: { clientId: "lwa-id", clientSecret: "fake-lwa" },
        eventGateway: { clientId: "e", clientSecret: "fake-event" },
      },
      {
        own: {
          id: "second",
          kind: "alexa",
          name: "Second",
          secretHash: null,
          redirectUris: [],
          scopes: [],
          skillId: "amzn1.ask.skill.second",
          skillStage: "live",
          skillIds: [],
          authMethods: [],
          requirePkce: false,
          rotateRefreshTokens: false,
          issuerInResponse: false,
          clientCredentials: false,
        },
      },
      { kind: "skill_added", claimId: "request-1" },
    );
    const linkingId = String(await env.DB.prepare("SELECT id FROM linkings LIMIT 1").first("id"));
    await env.DB.batch([
      env.DB.prepare(
        "INSERT INTO identities (method, issuer, subject, user_id, password_hash, created_at) VALUES ('password', '', 'ada@example.com', '0useraaaaaaaaaaaaaaaaaaaaa', ?, 1)",
      ).bind(await old.seal("password-hash", "ada@example.com", "pbkdf2-fake")),
      env.DB.prepare(
        "INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, updated_at) VALUES (?, 'event_gateway', 'h', ?, 1, 1)",
      ).bind(grantId, await sealTokens(old, { grantId, purpose: "event_gateway" }, tokens)),
      env.DB.prepare("UPDATE linkings SET amazon_tokens = ? WHERE id = ?").bind(
        await sealTokens(old, { linkingId }, tokens),
        linkingId,
      ),
      env.DB.prepare(
        "INSERT INTO pending_unlinks (id, skill_id, skill_stage, host, tokens, next_attempt_at, created_at) VALUES ('g1', ?, 'live', 'h', ?, 1, 1)",
      ).bind(SKILL_ID, await sealTokens(old, { grantId: "g1", purpose: "enablement" }, tokens)),
    ]);

    const changed = anotherIsolate(service, CHANGED);
    const rt = await runtimeOf(changed, CHANGED);
    // 1 signing key, 3 rotation keys, 2 secrets of a skill, 1 password, 3 sets of tokens.
    const steps: number[] = [];
    while (steps.at(-1) !== 0) steps.push(await resealChunk(rt, 4));
    expect(steps).toEqual([4, 4, 2, 0]);
    for (const { table, column } of SEALED_COLUMNS) {
      const left = env.DB.prepare(
        `SELECT 1 FROM ${table} WHERE ${column} IS NOT NULL AND substr(${column}, 1, 6) <> ?`,
      );
      expect((await left.bind(rt.keyring.keyId).all()).results, `${table}.${column}`).toEqual([]);
    }

    const alone = anotherIsolate(service, { MASTER_KEY: NEW_KEY });
    const keyring = await alone.keyring();
    expect((await alone.request("/token", refresh(stable))).status).toBe(200);
    for (const token of rotating) expect((await alone.request("/token", refreshOfApp(token))).status).toBe(200);
    const skill = await readSkill(env.DB, "amzn1.ask.skill.second", "live");
    expect(skill && (await lwaCredentials({ keyring }, skill))).toEqual({
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
        keyring,
        { grantId, purpose: "event_gateway" },
        await stored("SELECT tokens AS sealed FROM amazon_tokens"),
      ),
    ).toEqual(tokens);
    expect(
      await openTokens(
        keyring,
        { linkingId },
        await stored(`SELECT amazon_tokens AS sealed FROM linkings WHERE id = '${linkingId}'`),
      ),
    ).toEqual(tokens);
    expect(
      await openTokens(
        keyring,
        { grantId: "g1", purpose: "enablement" },
        await stored("SELECT tokens AS sealed FROM pending_unlinks"),
      ),
    ).toEqual(tokens);
  });

  it("keeps chains alive while values are sealed anew beside refreshes", async () => {
    const service = startService();
    let token = await rotatingToken(service);
    const changed = anotherIsolate(service, CHANGED);
    const rt = await runtimeOf(changed, CHANGED);
    for (let i = 0; i < 12; i++) {
      const isolate = i < 4 ? [service, changed][i % 2] : changed;
      if (i === 6) await resealChunk(rt, 100);
      const answer = await isolate?.request("/token", refreshOfApp(token));
      expect(answer?.status).toBe(200);
      token = answer ? (await json(answer)).refresh_token : "";
      service.clock.advance(HOUR);
    }
    const alone = anotherIsolate(service, { MASTER_KEY: NEW_KEY });
    expect((await alone.request("/token", refreshOfApp(token))).status).toBe(200);
  });

  it("does not overwrite a value that changed since it was read", async () => {
    const service = startService();
    await rotatingToken(service);
    const changed = anotherIsolate(service, CHANGED);
    const rt = await runtimeOf(changed, CHANGED);
    const newer = await (await createKeyring(new Uint8Array(32).fill(7))).seal("rotation-key", "x", "newer");
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

  it("finds what is left by an index, without looking at every grant", async () => {
    const changed = startService(CHANGED);
    await resealChunk(await runtimeOf(changed, CHANGED), 10);
    expect(changed.meter.trips).toHaveLength(SEALED_COLUMNS.length);
    for (const { sql } of changed.meter.trips) {
      if (/FROM (skills|signing_keys|pending_unlinks) /.test(sql)) continue;
      const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind("x", 1).all<{ detail: string }>();
      expect(plan.results.map(({ detail }) => detail).join(), sql).toContain("SEARCH");
    }
  });

  it("knows every sealed column of the schema but those whose rows live for minutes", () => {
    const marked = env.TEST_MIGRATIONS.flatMap(({ queries }) => queries.join("\n").split("\n"))
      .filter((line) => /-- sealed/.test(line))
      .map((line) => line.trim().split(" ")[0] ?? "");
    expect(marked.length).toBeGreaterThan(8);
    const known = new Set([...SEALED_COLUMNS.map(({ column }) => column), "payload"]);
    expect(marked.filter((column) => !known.has(column))).toEqual([]);
  });

  it("costs nothing when there is no previous key", async () => {
    const service = startService();
    expect(await resealChunk(await runtimeOf(service), 100)).toBe(0);
    expect(service.meter.calls()).toEqual([]);
  });
});
