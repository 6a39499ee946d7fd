// What SECURITY.md says under "What a leak reveals": what a copy of KV, write access to KV, or MASTER_KEY is good for.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/crypto/hash.ts";
import { randomId } from "../../src/crypto/random.ts";
import { sealJson } from "../../src/crypto/sealed-json.ts";
import { putBinding } from "../../src/oauth/codes.ts";
import { type AuthorizationCode, type CodeBinding, selectBinding } from "../../src/storage/grants/codes.ts";
import { readFirst } from "../../src/storage/sql.ts";
import { DEMO, seedAccount } from "../support/accounts.ts";
import { rows, seedLwa } from "../support/app-user.ts";
import { query, rowCounts } from "../support/authorize.ts";
import { decide, PAGE } from "../support/link-page.ts";
import { runtimeOf } from "../support/runtime.ts";
import {
  ALEXA_CLIENT,
  APP_REDIRECT_URI,
  challengeOf,
  exchange,
  json,
  seedEveryone,
  seedUser,
  USER_ID,
} from "../support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../support/service.ts";
import {
  exchangeOfApp,
  expectInvalidGrant,
  grantIdOf,
  linkAlexa,
  linkApp,
  OTHER_VERIFIER,
  seedAppCode,
  seedCodeInKv,
} from "../support/tokens.ts";
import { formsOf, visit } from "../support/visitor.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
});

describe("KV", () => {
  async function bindingOf(code: string): Promise<CodeBinding> {
    const binding = await readFirst<CodeBinding>(env.DB, selectBinding(await sha256(code)));
    if (!binding) throw new Error("no such code");
    return binding;
  }

  /** What a thief who knows a code and can write to KV leaves there. */
  async function plant(code: string, changes: Partial<CodeBinding>): Promise<void> {
    const rt = { ...(await runtimeOf(service)), codes: env.CODES };
    await putBinding(rt, code as AuthorizationCode, await sha256(code), { ...(await bindingOf(code)), ...changes });
  }

  it("shows no code, person, client or address, in names or values", async () => {
    const code = await seedCodeInKv(service);
    const binding = await bindingOf(code);
    const { keys } = await env.CODES.list();
    expect(keys).toHaveLength(1);
    const copy = `${keys[0]?.name} ${await env.CODES.get(keys[0]?.name ?? "")}`;
    for (const value of [code, code.slice(2), ...Object.values(binding)]) {
      if (value !== null && value.length > 8) expect(copy).not.toContain(value);
    }
  });

  it("C3: a changed copy gives a stolen code of an app no other verifier, address or client", async () => {
    await linkApp(service);
    await linkAlexa(service);
    const code = await seedAppCode();
    const theirs = await challengeOf(OTHER_VERIFIER);
    const attacks: [Partial<CodeBinding>, RequestInit][] = [
      [{ codeChallenge: theirs }, exchangeOfApp(code, { code_verifier: OTHER_VERIFIER })],
      [{ redirectUri: `${APP_REDIRECT_URI}/x` }, exchangeOfApp(code, { redirect_uri: `${APP_REDIRECT_URI}/x` })],
      [{ clientId: ALEXA_CLIENT, codeChallenge: null }, exchange(code, { redirect_uri: APP_REDIRECT_URI })],
    ];
    for (const [changes, request] of attacks) {
      await plant(code, changes);
      await expectInvalidGrant(await service.request("/token", request));
    }
    await plant(code, {});
    expect((await service.request("/token", exchangeOfApp(code))).status).toBe(200);
  });

  it("C3: a changed copy makes nobody else's link, and no other scope", async () => {
    await linkAlexa(service);
    const victim = await seedUser(`0victim${"a".repeat(18)}`, "victim@example.com");
    const code = await seedCodeInKv(service, { scope: "profile" });
    await plant(code, { userId: victim, scope: "profile devices:control" });
    const tokens = await json(await service.request("/token", exchange(code)));
    expect(await rows("SELECT 1 FROM grants WHERE user_id = ?", victim)).toEqual([]);
    const made = await rows("SELECT user_id, scope FROM grants WHERE id = ?", grantIdOf(tokens.refresh_token));
    expect([made, tokens.scope]).toEqual([[{ user_id: USER_ID, scope: "profile" }], "profile"]);
  });
});

describe("MASTER_KEY", () => {
  it("makes session cookies that show no page of the person and change nothing", async () => {
    await seedLwa(service);
    const userId = await seedAccount(service, DEMO);
    const grantId = grantIdOf((await linkAlexa(service, { userId })).refresh_token);
    const owner = visit(service);
    await owner.signIn(DEMO.email, DEMO.password);
    const thief = visit(service);
    await thief.get("/sign-in");
    const browserHash = await sha256(thief.cookies.get("__Host-browser") ?? "");
    const issuedAt = service.clock.now;
    const session = { userId, sessionId: randomId(), epoch: 0, email: DEMO.email, name: null, issuedAt };
    const forged = await sealJson(await service.keyring(), "session", browserHash, session, issuedAt + 60_000);
    thief.cookies.set("__Host-session", forged);
    const unlink = `/account/links/${grantId}`;
    for (const path of ["/account", "/account/data", "/account/password", unlink]) {
      const { html } = await thief.get(path);
      expect([path, html.includes('action="/sign-in"'), html.includes(grantId)]).toEqual([path, true, false]);
      thief.cookies.set("__Host-session", forged);
    }
    const [consent] = formsOf((await thief.get(`/authorize?${query()}`)).html);
    const before = await rowCounts();
    await thief.post(consent?.action ?? "", { ...consent?.hidden, decision: "allow" });
    thief.cookies.set("__Host-session", forged);
    const page = await thief.get(PAGE);
    if (formsOf(page.html).some(({ action }) => action === PAGE)) await decide(thief, page, "allow");
    expect(await rowCounts()).toEqual(before);
  });

  it("makes no cookie of the operator's", async () => {
    const thief = visit(service);
    for (const token of ["", "a-guess", `${ADMIN_TOKEN}x`]) {
      const context = await sha256(`admin ${token}`);
      const expiry = service.clock.now + 60_000;
      const forged = await sealJson(await service.keyring(), "admin-session", context, { id: randomId() }, expiry);
      thief.cookies.set("__Host-admin", forged);
      const { html } = await thief.get("/admin");
      expect(formsOf(html).map(({ action }) => action)).toEqual(["/admin/session"]);
    }
  });
});
