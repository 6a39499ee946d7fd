// A database that was sealed with another MASTER_KEY: a wrong setting, which must cost no customer the link or password.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { asBackend, directive, seedGatewayCredentials, startLwa } from "../../test/support/gateway.ts";
import { link, startLinkingWorld } from "../../test/support/linking.ts";
import { insert } from "../../test/support/rows.ts";
import { exchange, json, refresh, seedAppAndService, seedCode, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  countOf,
  exchangeOfApp,
  linkAlexa,
  linkApp,
  refreshOfApp,
  seedAppCode,
} from "../../test/support/tokens.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";

const RIGHT = { MASTER_KEY: "A".repeat(43) };
const WRONG = { MASTER_KEY: "B".repeat(43) };
const BOTH_WRONG = { MASTER_KEY: "C".repeat(43), MASTER_KEY_PREVIOUS: "B".repeat(43) };
const CHANGED = { MASTER_KEY: "B".repeat(43), MASTER_KEY_PREVIOUS: "A".repeat(43) };
const PASSWORD_FIELDS = { newPassword: "another-horse-22" };

let service: Service;
let lines: string[];

beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
  service = startService(RIGHT);
});
afterEach(() => vi.restoreAllMocks());

function alerts(): string[] {
  return lines.filter((line) => line.includes('"level":"alert"') && line.includes("sealed_with_another_master_key"));
}

async function expectUnavailable(response: Response): Promise<void> {
  const body = await response.text();
  expect([response.status, body]).toEqual([503, expect.not.stringMatching(/invalid_grant|not_found|MASTER_KEY/)]);
  expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
}

it("O10: Amazon's tokens of a lost key alone leave /healthz at 200: they never open again", async () => {
  await seedSkill();
  await insert("pendingUnlinks", { tokens: "sealed with a key that is lost" }).run();
  expect((await service.request("/healthz")).status).toBe(200);
});

describe.each([
  ["another key", WRONG],
  ["two other keys", BOTH_WRONG],
])("O10: with %s", (_, variables) => {
  let other: Service;
  beforeEach(() => {
    other = anotherIsolate(service, variables);
  });

  it("O10: /healthz is 503 and says so, whatever the database holds", async () => {
    expect((await other.request("/healthz")).status).toBe(200);
    const fill: [string, () => Promise<unknown>][] = [
      ["identities.password_hash", () => addUser(service)],
      ["skills.event_client_secret", async () => seedSkill().then(() => seedGatewayCredentials(service))],
      ["skills.lwa_client_secret", () => seedGatewayCredentials(service, "lwa")],
      ["signing_keys.private_jwk", () => service.request("/.well-known/jwks.json")],
    ];
    const named: string[] = [];
    for (const [column, add] of fill) {
      await add();
      named.push(column);
      lines = [];
      const response = await other.request("/healthz");
      const { code, detail } = await json<{ code: string; detail: string }>(response);
      expect([response.status, code]).toEqual([503, "not_configured"]);
      expect(detail).toContain("The database was sealed with another MASTER_KEY");
      for (const one of named) expect(detail).toContain(one);
      expect(detail).not.toMatch(/AAAAA|BBBBB|CCCCC/);
      expect(alerts()).toHaveLength(1);
      expect((await service.request("/healthz")).status).toBe(200);
      expect((await anotherIsolate(service, CHANGED).request("/healthz")).status).toBe(200);
    }
  });

  it("O10: a sign-in shows that it is not possible now, instead of a wrong password", async () => {
    await addUser(service);
    const page = await visit(other).signIn(EMAIL, PASSWORD);
    expect([page.status, page.html]).toEqual([503, expect.not.stringContaining('name="password"')]);
    expect(page.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(alerts()).not.toEqual([]);
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("O10: refreshes of Alexa and of apps are 503, and work again with the right key", async () => {
    await seedSkill();
    await seedAppAndService();
    await seedUser();
    const alexa = await linkAlexa(service);
    const app = await linkApp(service);
    for (let i = 0; i < 2; i++) {
      await expectUnavailable(await other.request("/token", refresh(alexa.refresh_token)));
      await expectUnavailable(await other.request("/token", refreshOfApp(app.refresh_token)));
    }
    expect(alerts()).not.toEqual([]);
    for (const right of [service, anotherIsolate(service, CHANGED)]) {
      expect((await right.request("/token", refresh(alexa.refresh_token))).status).toBe(200);
      expect((await right.request("/token", refreshOfApp(app.refresh_token))).status).toBe(200);
    }
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
  });

  it("O10: a code is not spent", async () => {
    await seedSkill();
    await seedAppAndService();
    await seedUser();
    await service.request("/.well-known/jwks.json");
    const [code, appCode] = [await seedCode(), await seedAppCode()];
    await expectUnavailable(await other.request("/token", exchange(code)));
    await expectUnavailable(await other.request("/token", exchangeOfApp(appCode)));
    expect((await service.request("/token", exchange(code))).status).toBe(200);
    expect((await service.request("/token", exchangeOfApp(appCode))).status).toBe(200);
  });

  it("O10: a new address does not lose the password", async () => {
    const id = await addUser(service);
    const changed = await admin(other, "PATCH", `users/${id}`, { email: "new@example.com" });
    expect(changed.status).toBe(503);
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(303);
    // The operator can still set a password that the new key seals.
    expect((await admin(other, "PATCH", `users/${id}`, { password: PASSWORD_FIELDS.newPassword })).status).toBe(200);
    expect((await visit(other).signIn(EMAIL, PASSWORD_FIELDS.newPassword)).status).toBe(303);
  });

  it("O10: a token for the event gateway is 503, and AcceptGrant does not undo the link", async () => {
    const lwa = startLwa();
    await seedSkill();
    await seedAppAndService();
    await seedUser();
    await seedGatewayCredentials(service);
    const { access_token: accessToken } = await linkAlexa(service);
    const accepted = await service.request("/alexa/accept-grant", asBackend(directive(lwa.code(), accessToken)));
    expect(await accepted.text()).toContain("AcceptGrant.Response");
    await expectUnavailable(await other.request("/api/event-gateway/token", asBackend({ accessToken })));
    const again = await other.request("/alexa/accept-grant", asBackend(directive(lwa.code(), accessToken)));
    expect(await again.text()).toContain("ErrorResponse");
    expect(await countOf("grants", "revoked_at IS NOT NULL")).toBe(0);
    expect((await service.request("/api/event-gateway/token", asBackend({ accessToken }))).status).toBe(200);
  });
});

describe("a link with Amazon's tokens", () => {
  const call = (of: Service, token: string, method: string) =>
    of.request("/api/links/amzn1.ask.skill.0000-test", { method, headers: { authorization: `Bearer ${token}` } });

  it("O10: is kept by a status check with another key, and disabled at Amazon once the right key is back", async () => {
    const { service: right, amazon, ada } = await startLinkingWorld(RIGHT);
    const grantId = await link(amazon, ada);
    const other = anotherIsolate(right, WRONG);
    const status = await call(other, ada.token, "GET");
    expect(await status.json()).toMatchObject({ status: "unknown", grants: [{ id: grantId }] });
    const unlinked = await call(other, ada.token, "DELETE");
    expect([unlinked.status, await unlinked.json()]).toEqual([202, { status: "unlinked", amazon: "pending" }]);
    right.clock.advance(3600_000);
    await admin(other, "POST", "maintenance");
    expect(await countOf("pending_unlinks")).toBe(1);
    expect(alerts()).not.toEqual([]);
    right.clock.advance(3600_000);
    await admin(right, "POST", "maintenance");
    expect(await countOf("pending_unlinks")).toBe(0);
    expect(await env.DB.prepare("SELECT 1 FROM audit WHERE kind = 'unlink_given_up'").first()).toBeNull();
  });
});
