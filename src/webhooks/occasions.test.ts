// Every way in which a link is made or ended: the webhook has been sent by the end of that request.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { CERTIFICATE_URL, chainPem, rootPem } from "../../test/support/alexa-signer.ts";
import { type Amazon, jsonResponse } from "../../test/support/amazon.ts";
import { type AppUser, rows } from "../../test/support/app-user.ts";
import { link, startAndApprove, startLinkingWorld } from "../../test/support/linking.ts";
import { exchange, refresh, SKILL_ID, seedCode } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { DEVELOPMENT_ISSUER, deliver } from "../../test/support/skill-events.ts";
import { asAlexa, DAY, MINUTE } from "../../test/support/tokens.ts";

const URL_OF_HOOK = "https://hooks.example.com/alexa-link";
const SECRET = `whsec_${btoa("obviously-fake-webhook-key-00000")}`;
const LINK = `/api/links/${SKILL_ID}`;

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let sent: string[];

beforeEach(async () => {
  ({ service, amazon, ada } = await startLinkingWorld({
    WEBHOOK_URL: URL_OF_HOOK,
    WEBHOOK_SECRET: SECRET,
    // Only development trusts the root that signs events in tests.
    ISSUER: DEVELOPMENT_ISSUER,
    ALEXA_CERT_ROOTS: await rootPem(),
  }));
  sent = [];
  amazon.faults.push((seen) => {
    if (seen.url === CERTIFICATE_URL) return chainPem().then((pem) => new Response(pem));
    if (seen.url !== URL_OF_HOOK) return undefined;
    const { type, data } = JSON.parse(seen.body) as { type: string; data: Record<string, string> };
    sent.push([type.slice("link.".length), data.flow, data.reason].filter(Boolean).join(" "));
    return new Response(null, { status: 204 });
  });
});
afterEach(() => vi.restoreAllMocks());

const refreshTokenAtAlexa = () => amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
const maintain = () => admin(service, "POST", "maintenance");

describe("a link is made", () => {
  it("from the company's app", async () => {
    await link(amazon, ada);
    expect(sent).toEqual(["created app_to_app"]);
  });

  it("from the Alexa app", async () => {
    await service.request("/token", exchange(await seedCode({ userId: ada.userId })));
    expect(sent).toEqual(["created alexa_app"]);
  });

  it("by an import from another server, with the time of the import and not of the original link", async () => {
    const hash = "ab".repeat(32);
    const item = { skillId: SKILL_ID, user: { id: ada.userId }, refreshTokenSha256: hash };
    let down = true;
    amazon.faults.unshift((seen) => (down && seen.url === URL_OF_HOOK ? jsonResponse({}, 503) : undefined));
    const response = await admin(service, "POST", "imports", {
      items: [{ ...item, createdAt: "2020-05-01T00:00:00Z" }],
    });
    expect(response.body).toMatchObject({ imported: 1 });
    expect(sent).toEqual([]);
    down = false;
    service.clock.advance(MINUTE);
    await maintain();
    expect(sent).toEqual(["created alexa_app"]);
  });
});

describe("a link ends", () => {
  const made = "created app_to_app";

  it("by the customer", async () => {
    await link(amazon, ada);
    for (let i = 0; i < 2; i++) await ada.call("DELETE", LINK);
    expect(sent).toEqual([made, "removed app_to_app unlinked"]);
  });

  it("by Alexa, when the skill is disabled", async () => {
    await link(amazon, ada);
    const accessToken = amazon.linked.get("amazon-account-1")?.access_token;
    for (let i = 0; i < 2; i++) expect((await deliver(service, { accessToken })).status).toBe(200);
    expect(sent).toEqual([made, "removed app_to_app skill_disabled"]);
  });

  it("at Amazon, as a status check finds", async () => {
    await link(amazon, ada);
    amazon.disable("amazon-account-1");
    for (let i = 0; i < 2; i++) await ada.call("GET", LINK);
    expect(sent).toEqual([made, "removed app_to_app enablement_gone"]);
  });

  it("at Amazon, as a refused refresh shows", async () => {
    await link(amazon, ada);
    amazon.disable("amazon-account-1");
    await service.env.DB.prepare("UPDATE amazon_tokens SET access_expires_at = 0").run();
    await ada.call("GET", LINK);
    expect(sent).toEqual([made, "removed app_to_app enablement_gone"]);
  });

  it("because Alexa redeemed our code and then reported a failure", async () => {
    amazon.faults.push((seen, usual) =>
      seen.what === "enable"
        ? usual()
            .then((response) => response.text())
            .then(() => jsonResponse({ message: "AcceptGrant failed" }, 400))
        : undefined,
    );
    const { state, code } = await startAndApprove(amazon, ada);
    expect((await ada.complete({ state, code })).status).toBe(422);
    expect(sent).toEqual([made, "removed app_to_app linking_failed"]);
  });

  it("by Alexa's client, at the revocation endpoint", async () => {
    await link(amazon, ada);
    const { body, headers } = asAlexa({ token: refreshTokenAtAlexa() });
    await service.request("/revoke", { method: "POST", body: body ?? null, headers: headers ?? {} });
    expect(sent).toEqual([made, "removed app_to_app revoked_by_client"]);
  });

  it("because its code was replayed with another redirect URI", async () => {
    const code = await seedCode({ userId: ada.userId });
    await service.request("/token", exchange(code));
    await service.request("/token", exchange(code, { redirect_uri: "https://evil.example.com/" }));
    expect(sent).toEqual(["created alexa_app", "removed alexa_app code_replayed"]);
  });

  it("because the person was erased", async () => {
    await link(amazon, ada);
    await admin(service, "DELETE", `users/${ada.userId}`);
    expect(sent).toEqual([made, "removed app_to_app user_deleted"]);
  });

  it("because the skill was deleted", async () => {
    await link(amazon, ada);
    await admin(service, "DELETE", `skills/${SKILL_ID}`);
    expect(sent).toEqual([made, "removed app_to_app deleted"]);
  });

  it("U2: because it was not used for 400 days, with one webhook, and a later refresh logs the reason", async () => {
    await link(amazon, ada);
    const token = refreshTokenAtAlexa();
    service.clock.advance(400 * DAY - 1);
    await maintain();
    expect(sent).toEqual([made]);
    service.clock.advance(1);
    for (let i = 0; i < 2; i++) await maintain();
    expect(sent).toEqual([made, "removed app_to_app idle"]);
    const log = vi.spyOn(console, "log");
    expect((await service.request("/token", refresh(token))).status).toBe(400);
    expect(JSON.stringify(log.mock.calls)).toContain("grant_idle");
    service.clock.advance(30 * DAY);
    await maintain();
    expect(await rows("SELECT id FROM grants WHERE skill_id IS NOT NULL")).toEqual([]);
    expect(sent).toHaveLength(2);
  });
});
