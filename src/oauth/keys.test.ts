// The life cycle of signing keys.
import { env } from "cloudflare:workers";
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, type JWK } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { runtimeOf } from "../../test/support/runtime.ts";
import { json, refresh, seedEveryone } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { anotherIsolate, DAY, HOUR, introspection, linkAlexa, MINUTE } from "../../test/support/tokens.ts";
import { claimsOfEndedToken } from "./access-tokens.ts";
import { listSigningKeys, rotateKeysWhenDue, rotateSigningKey } from "./keys.ts";

beforeEach(seedEveryone);

async function linked(service: Service): Promise<string> {
  return (await linkAlexa(service)).refresh_token;
}

async function accessToken(service: Service, refreshToken: string): Promise<string> {
  return (await json(await service.request("/token", refresh(refreshToken)))).access_token;
}

async function isActive(service: Service, token: string): Promise<boolean> {
  return (await introspection(service, token)).active === true;
}

async function publishedKids(service: Service): Promise<string[]> {
  const set = await json<{ keys: { kid: string }[] }>(await service.request("/.well-known/jwks.json"));
  return set.keys.map((key) => key.kid);
}

const kidOf = (token: string) => String(decodeProtectedHeader(token).kid);

it("a signing key is named by the start of its thumbprint, and its public part has no private member", async () => {
  const { keys } = await json<{ keys: JWK[] }>(await startService().request("/.well-known/jwks.json"));
  const [key] = keys;
  expect(Object.keys(key ?? {}).toSorted()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
  expect(key?.kid).toBe((await calculateJwkThumbprint(key as JWK)).slice(0, 12));
});

describe("rotation of signing keys", () => {
  it("the next key is published first, and signs after twice the max-age of the key set", async () => {
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

  it("no token is refused while isolates have different keys in their caches", async () => {
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
    // The last token signed with the old key is valid until it expires, in every isolate.
    const last = tokens.findLast(({ token }) => kidOf(token) === kidOf(tokens[0]?.token ?? ""));
    here.clock.now = (last?.endsAt ?? 0) - 1000;
    expect(await isActive(here, last?.token ?? "")).toBe(true);
    expect(await isActive(anotherIsolate(here, variables), last?.token ?? "")).toBe(true);
    here.clock.advance(2 * HOUR);
    expect(await publishedKids(here)).toHaveLength(1);
  });

  it("20 rotations at once make one next key", async () => {
    const service = startService();
    await linked(service);
    const isolates = await Promise.all(Array.from({ length: 20 }, () => runtimeOf(service)));
    const results = await Promise.all(isolates.map((rt) => rotateSigningKey(rt)));
    expect(results.filter((result) => result === "rotated")).toHaveLength(1);
    expect(results.filter((result) => result === "pending")).toHaveLength(19);
    const [rt] = isolates;
    expect(rt && (await listSigningKeys(rt)).map((key) => key.status)).toEqual(["next", "current"]);
  });

  it("keys rotate after 90 days, once, even when two scheduled runs overlap", async () => {
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

  it("ten cold isolates at once make one first key", async () => {
    const services = Array.from({ length: 10 }, () => startService());
    const sets = await Promise.all(services.map((service) => publishedKids(service)));
    expect(new Set(sets.map((kids) => kids.join())).size).toBe(1);
    expect(sets[0]).toHaveLength(1);
  });

  it("a compromised key is dropped at once, and the next key signs from then on", async () => {
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
    // An isolate with an older cache reads D1 instead of refusing tokens signed with the new key.
    expect(await isActive(service, fresh)).toBe(true);
    service.clock.advance(MINUTE);
    expect(await isActive(service, stolen)).toBe(false);
    const alerts = await env.DB.prepare(
      "SELECT details FROM audit WHERE kind = 'signing_key_dropped' AND alert = 1",
    ).all();
    expect(alerts.results).toEqual([{ details: kidOf(stolen) }]);
  });

  it("a compromised key is replaced with a new one when there is no next key", async () => {
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

  it("a compromised next key is dropped, and the current key continues to sign", async () => {
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

  it("dropping an unknown key changes nothing", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    await linked(service);
    expect(await rotateSigningKey(rt, { compromised: "unknown" })).toBe("key_unknown");
    expect((await listSigningKeys(rt)).map((key) => key.status)).toEqual(["current"]);
    expect((await env.DB.prepare("SELECT 1 FROM audit WHERE alert = 1").all()).results).toEqual([]);
  });

  it("the row of a retired key is kept for 400 days, so that old tokens in skill events still verify", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const token = await accessToken(service, await linked(service));
    const kid = kidOf(token);
    await rotateSigningKey(rt);
    service.clock.advance(2 * DAY);
    expect(await publishedKids(service)).not.toContain(kid);
    service.clock.advance(399 * DAY);
    await rotateKeysWhenDue(rt);
    expect((await claimsOfEndedToken(rt, token))?.grant).toBe(decodeJwt(token).grant);
    expect(await claimsOfEndedToken(rt, `${token.slice(0, -6)}AAAAAA`)).toBeUndefined();
    service.clock.advance(2 * DAY);
    await rotateKeysWhenDue(rt);
    rt.caches.recordedKeys.clear();
    expect(await claimsOfEndedToken(rt, token)).toBeUndefined();
    expect((await listSigningKeys(rt)).map((key) => key.kid)).not.toContain(kid);
  });
});
