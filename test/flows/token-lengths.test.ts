// Length, alphabet and content of codes and tokens.
import { beforeEach, expect, it } from "vitest";
import { fromBase64Url } from "../../src/crypto/encoding.ts";
import { randomId } from "../../src/crypto/random.ts";
import { mintAccessToken } from "../../src/oauth/access-tokens.ts";
import { codeOfConsent } from "../../src/oauth/codes.ts";
import { newRotatingToken, newStableToken } from "../../src/oauth/refresh-tokens.ts";
import type { Runtime } from "../../src/runtime.ts";
import { runtimeOf } from "../support/runtime.ts";
import { startService } from "../support/service.ts";

const EACH = 1000;
const PLAIN = /^[A-Za-z0-9_-]+$/;

let rt: Runtime;
beforeEach(async () => {
  rt = await runtimeOf(startService());
});

async function many(make: () => Promise<string>, count = EACH): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, make));
}

it("T10: 1,000 codes have at most 64 plain characters, and no two are alike", async () => {
  const codes = await many(() => codeOfConsent(rt, randomId(), randomId(), rt.keyring.keyId));
  expect(new Set(codes).size).toBe(EACH);
  for (const code of codes) {
    expect(code).toMatch(PLAIN);
    expect(code.length).toBeLessThanOrEqual(64);
  }
});

it("T10: 1,000 refresh tokens of either kind have at most 128 plain characters, and no two are alike", async () => {
  const stable = await many(async () => (await newStableToken(randomId())).token);
  const rotating = await many(async () => (await newRotatingToken(rt, randomId())).token);
  const tokens = [...stable, ...rotating];
  expect(new Set(tokens).size).toBe(2 * EACH);
  for (const token of tokens) {
    expect(token).toMatch(PLAIN);
    expect(token.length).toBeLessThanOrEqual(128);
  }
});

it("T10: access tokens stay under 800 characters with 15 scopes of twelve, and contain no personal data but the subject", async () => {
  const scope = Array.from({ length: 15 }, (_, index) => `devices:${String(index).padStart(4, "0")}`).join(" ");
  const content = {
    subject: randomId(),
    audience: "amzn1.ask.skill.00000000-0000-0000-0000-000000000000",
    clientId: "alexa-acme-home",
    scope,
    grantId: randomId(),
  };
  const tokens = await many(async () => (await mintAccessToken(rt, content)).token, 20);
  expect(new Set(tokens).size).toBe(20);
  for (const token of tokens) {
    expect(token.length).toBeLessThanOrEqual(800);
    const claims = JSON.parse(new TextDecoder().decode(fromBase64Url(token.split(".")[1] ?? ""))) as object;
    expect(Object.keys(claims).sort()).toEqual([
      "aud",
      "client_id",
      "exp",
      "grant",
      "iat",
      "iss",
      "jti",
      "scope",
      "sub",
    ]);
  }
});
