// How many random bits each secret, id and initialization vector has: bits that vary over many samples, each by itself.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { randomId, randomSecret } from "../../src/crypto/random.ts";
import { codeVerifierOf, newState, stateOfTransaction } from "../../src/linking/state.ts";
import { mintAccessToken } from "../../src/oauth/access-tokens.ts";
import { codeOfConsent, mintEnablementCode, putBinding } from "../../src/oauth/codes.ts";
import { newRotatingToken, newStableToken, rotatingToken } from "../../src/oauth/refresh-tokens.ts";
import { hashPassword } from "../../src/sign-in/password-hash.ts";
import {
  ADD_ON_BODY,
  ADD_ON_PATH,
  admin,
  clientOf,
  SKILL_BODY,
  SKILL_PATH,
  serviceClientOf,
} from "../support/admin.ts";
import { bitsOf, bitsOfId, bytesOf, independentBits } from "../support/bits.ts";
import { comeBack, leave, OIDC, standInForProviders } from "../support/providers.ts";
import { runtimeOf } from "../support/runtime.ts";
import { ALEXA_CLIENT, ALEXA_REDIRECT_URIS, seedEveryone, USER_ID } from "../support/seeds.ts";
import { startService } from "../support/service.ts";
import { linkAlexa, linkApp } from "../support/tokens.ts";
import { visit } from "../support/visitor.ts";

const SAMPLES = 48;

beforeEach(seedEveryone);
afterEach(() => {
  vi.restoreAllMocks();
});

async function samples(make: () => string | Promise<string>): Promise<string[]> {
  const made: string[] = [];
  for (let i = 0; i < SAMPLES; i++) made.push(await make());
  return made;
}

/** Bits of base64url texts that vary, each by itself. */
const varyingBits = (texts: readonly string[]) => independentBits(texts.map((text) => bitsOf(bytesOf(text))));
/** The same of ids. */
const varyingBitsOfIds = (ids: readonly string[]) => independentBits(ids.map(bitsOfId));
const lastPart = (token: string) => token.slice(-43);

describe("random bits", () => {
  it("RFC6749-10.10: codes have 256, whatever makes them", async () => {
    const rt = await runtimeOf(startService());
    const consent = await samples(() => codeOfConsent(rt, randomId(), USER_ID, rt.keyring.keyId));
    expect(varyingBits(consent.map(lastPart))).toBe(256);
    const order = {
      clientId: ALEXA_CLIENT,
      userId: USER_ID,
      redirectUri: ALEXA_REDIRECT_URIS[0] ?? "",
      scope: "profile",
      resource: null,
    };
    const enablement = await samples(() =>
      mintEnablementCode(rt, { ...order, attemptId: randomId(), grantId: randomId() }),
    );
    expect(varyingBits(enablement.map(lastPart))).toBe(256);
  });

  it("RFC6749-10.10: refresh tokens and the salts that rotating ones are derived from have 256", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const stable = await samples(async () => (await newStableToken(randomId())).token);
    expect(varyingBits(stable.map(lastPart))).toBe(256);
    const salts: string[] = [];
    const rotating = await samples(async () => {
      const made = await newRotatingToken(rt, randomId());
      salts.push(made.salt ?? "");
      return made.token;
    });
    expect(varyingBits(rotating.map(lastPart))).toBe(256);
    expect(varyingBits(salts)).toBe(256);
    const grant = { id: randomId(), salt: randomSecret() };
    let generation = 0;
    const ofOneGrant = await samples(() => rotatingToken(rt, grant, ++generation));
    expect(varyingBits(ofOneGrant.map(lastPart))).toBe(256);
    // The tokens that clients get over the wire are those.
    const overTheWire = [(await linkAlexa(service)).refresh_token, (await linkApp(service)).refresh_token];
    expect(overTheWire.map(lastPart).map((secret) => bytesOf(secret).length)).toEqual([32, 32]);
  });

  it("RFC6749-10.10: generated client secrets have 256, new and replaced ones", async () => {
    const service = startService();
    const secretOf = async (method: string, path: string, body: unknown) => {
      const response = await admin(service, method, path, body);
      expect(response.status).toBeLessThan(300);
      return clientOf(response)?.secret ?? String(response.body.secret);
    };
    const skills = await samples(async () => {
      await env.DB.prepare("DELETE FROM skills WHERE id = ?").bind(SKILL_BODY.id).run();
      await env.DB.prepare("DELETE FROM clients WHERE id = ?").bind(SKILL_BODY.client.id).run();
      return secretOf("POST", "skills", SKILL_BODY);
    });
    expect(varyingBits(skills)).toBe(256);
    expect(varyingBits(await samples(() => secretOf("POST", `${SKILL_PATH}/rotate-secret`, {})))).toBe(256);
    const backend = { kind: "service", name: "Backend", skillIds: [], scopes: ["catalog"] };
    let number = 0;
    const clients = await samples(() => secretOf("POST", "clients", { ...backend, id: `backend-${++number}` }));
    expect(varyingBits(clients)).toBe(256);
    expect(varyingBits(await samples(() => secretOf("POST", "clients/backend-1/rotate-secret", {})))).toBe(256);
    const second = (response: { body: Record<string, unknown> }) => String(serviceClientOf(response).secret);
    await admin(service, "POST", "skills", ADD_ON_BODY);
    const added = await samples(async () => {
      await admin(service, "PATCH", ADD_ON_PATH, { serviceClient: null });
      return second(await admin(service, "PATCH", ADD_ON_PATH, { serviceClient: {} }));
    });
    expect(varyingBits(added)).toBe(256);
    const path = `${ADD_ON_PATH}/rotate-secret?client=service`;
    expect(varyingBits(await samples(async () => second(await admin(service, "POST", path))))).toBe(256);
  });

  it("states and PKCE verifiers for Amazon have 256", async () => {
    const rt = await runtimeOf(startService());
    const { keyId } = rt.keyring;
    expect(varyingBits((await samples(() => newState(rt))).map(lastPart))).toBe(256);
    const ofForms = await samples(() => stateOfTransaction(rt, randomId(), keyId));
    expect(varyingBits(ofForms.map(lastPart))).toBe(256);
    expect(varyingBits(await samples(() => codeVerifierOf(rt, randomId(), newState(rt))))).toBe(256);
  });

  it("a sign-in at a provider sends state, nonce and PKCE verifier with 256 each", async () => {
    const service = startService(OIDC);
    const providers = await standInForProviders(() => Math.floor(service.clock.now / 1000));
    const [states, nonces]: [string[], string[]] = [[], []];
    for (let i = 0; i < SAMPLES; i++) {
      const visitor = visit(service);
      const away = await leave(visitor);
      states.push(away.searchParams.get("state") ?? "");
      nonces.push(away.searchParams.get("nonce") ?? "");
      providers.returnIdToken("not-an-id-token");
      await comeBack(visitor, away);
    }
    const requests = providers.asked.filter(({ path }) => path === "id.example.com/token");
    const verifiers = requests.map(({ body }) => body.get("code_verifier") ?? "");
    expect([states, nonces, verifiers].map((sent) => [sent.length, varyingBits(sent)])).toEqual([
      [SAMPLES, 256],
      [SAMPLES, 256],
      [SAMPLES, 256],
    ]);
  });

  it("the cookie that binds forms to a browser has 256", async () => {
    const service = startService();
    const values = await samples(async () => {
      const visitor = visit(service);
      await visitor.get("/sign-in");
      const [, value = ""] = [...visitor.cookies].find(([name]) => name.endsWith("browser")) ?? [];
      return value;
    });
    expect(varyingBits(values)).toBe(256);
  });

  it("RFC6749-10.10: ids have 125, those of users and clients too", async () => {
    const service = startService();
    expect(varyingBitsOfIds(await samples(randomId))).toBe(125);
    let number = 0;
    const users = await samples(async () => {
      const made = await admin(service, "POST", "users", {
        email: `ada-${++number}@example.com`,
        password: "correct-horse-1",
      });
      expect(made.status).toBe(201);
      return String(made.body.id);
    });
    expect(varyingBitsOfIds(users)).toBe(125);
    const clients = await samples(async () => {
      const made = await admin(service, "POST", "clients", { kind: "service", name: "Backend", scopes: ["catalog"] });
      expect(made.status).toBe(201);
      return String(made.body.id).replace("service-", "");
    });
    expect(varyingBitsOfIds(clients)).toBe(125);
  });

  it("access tokens have 96 in their `jti`", async () => {
    const rt = await runtimeOf(startService());
    const content = { subject: USER_ID, audience: "audience", clientId: ALEXA_CLIENT, scope: "profile" };
    const ids = await samples(async () => {
      const { token } = await mintAccessToken(rt, content);
      return (JSON.parse(new TextDecoder().decode(bytesOf(token.split(".")[1] ?? ""))) as { jti: string }).jti;
    });
    expect(varyingBits(ids)).toBe(96);
  });

  it("sealed values and the copies of codes in KV start with 96, password hashes have a salt of 128", async () => {
    const service = startService();
    const rt = await runtimeOf(service);
    const sealed = await samples(() => rt.keyring.seal("form", "context", "the same text"));
    expect(independentBits(sealed.map((text) => bitsOf(bytesOf(text.slice(7)).slice(0, 12))))).toBe(96);

    const code = await codeOfConsent(rt, "attempt", USER_ID, rt.keyring.keyId);
    const binding = {
      origin: "authorize",
      attemptId: "attempt",
      grantId: "grant",
      clientId: ALEXA_CLIENT,
      userId: USER_ID,
      redirectUri: "https://example.com",
      scope: "profile",
      codeChallenge: null,
      resource: null,
    } as const;
    let copy = "";
    const codes = {
      put: async (_: string, value: string) => {
        copy = value;
      },
    } as unknown as KVNamespace;
    const copies = await samples(async () => {
      await putBinding({ ...rt, codes }, code, "", binding);
      return copy;
    });
    expect(independentBits(copies.map((text) => bitsOf(bytesOf(text).slice(0, 12))))).toBe(96);

    const salts = await samples(async () => {
      const opened = await rt.keyring.open("password-hash", "ada", await hashPassword(rt, "ada", "correct-horse-1"));
      return opened?.plaintext.split("$")[2] ?? "";
    });
    expect(varyingBits(salts)).toBe(128);
  });
});
