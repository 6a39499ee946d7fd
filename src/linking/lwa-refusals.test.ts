// What Login with Amazon refuses ends no link: the customer may have taken the app off Amazon's list, or our client pair
// is wrong.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Amazon, jsonResponse, LWA_CLIENT_ID, LWA_CLIENT_SECRET } from "../../test/support/amazon.ts";
import { type AppUser, appUser, rows } from "../../test/support/app-user.ts";
import { link, startLinkingWorld } from "../../test/support/linking.ts";
import { insert } from "../../test/support/rows.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { ALEXA_CLIENT, APP_CLIENT, json, refresh, SKILL_ID, seedUser } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { forgetTokens } from "../storage/amazon/held-tokens.ts";
import { finishPendingUnlinks } from "./unlink.ts";

const HOUR_MS = 3_600_000;
const LINK = `/api/links/${SKILL_ID}`;
const ACCOUNT = "amazon-account-1";
const OTHER_PAIR = { clientId: "amzn1.application-oa2-client.other", clientSecret: "obviously-fake-other-secret" };
const RIGHT_PAIR = { clientId: LWA_CLIENT_ID, clientSecret: LWA_CLIENT_SECRET };
const REFUSALS = [
  [400, "invalid_grant"],
  [401, "invalid_client"],
  [400, "unauthorized_client"],
  [400, "invalid_request"],
  [400, "unknown_error"],
] as const;

let service: Service;
let amazon: Amazon;
let ada: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

interface Status {
  readonly status: string;
  readonly checkedAt: string | null;
  readonly grants: unknown[];
}
const status = async (user: AppUser = ada) => json<Status>(await user.call("GET", LINK));

/** Ada is linked, and Amazon's access token has expired. */
async function linkAndWait(): Promise<void> {
  await link(amazon, ada);
  service.clock.advance(2 * HOUR_MS);
  ada = await appUser(service, ada.userId);
  amazon.seen.length = 0;
}

async function alexasRefresh(account = ACCOUNT): Promise<number> {
  const response = await service.request("/token", refresh(amazon.linked.get(account)?.refresh_token ?? ""));
  await response.text();
  return response.status;
}

function refuseRefreshes(error: string, code = 400): void {
  amazon.faults.push((seen) => (seen.what === "lwa" ? jsonResponse({ error }, code) : undefined));
}

/** Amazon knows every pair, and refuses refresh tokens of another one as it may: by `error`. */
function knowOtherPairs(error: string): void {
  amazon.faults.push((seen) =>
    seen.what === "lwa" && new URLSearchParams(seen.body).get("client_secret") !== LWA_CLIENT_SECRET
      ? jsonResponse({ error }, 400)
      : undefined,
  );
}

async function setPair(lwa: object): Promise<void> {
  expect((await admin(service, "PATCH", `skills/${SKILL_ID}`, { lwa })).status).toBe(200);
}

describe("T11: the status while Login with Amazon refuses our refresh token", () => {
  it.each(REFUSALS)(
    "%i %s: unknown, the grant lives on, and it is linked when LWA no longer refuses",
    async (code, error) => {
      await linkAndWait();
      refuseRefreshes(error, code);
      expect(await status()).toMatchObject({ status: "unknown", grants: [{ flow: "app_to_app" }] });
      expect(amazon.calls("lwa", "look")).toEqual(["lwa"]);
      expect(await alexasRefresh()).toBe(200);
      amazon.faults.length = 0;
      expect(await status()).toMatchObject({ status: "linked", grants: [{ flow: "app_to_app" }] });
      expect(await alexasRefresh()).toBe(200);
    },
  );

  it("invalid_grant for the pair that got the tokens: they are forgotten, with an audit row, and LWA is not asked again", async () => {
    await linkAndWait();
    refuseRefreshes("invalid_grant");
    expect(await status()).toMatchObject({ status: "unknown", checkedAt: null });
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    expect(await rows("SELECT details, alert FROM audit WHERE kind = 'amazon_tokens_forgotten'")).toEqual([
      { details: "refresh_rejected", alert: 0 },
    ]);
    expect(await status()).toMatchObject({ status: "linked", checkedAt: null });
    expect(amazon.calls("lwa", "look")).toEqual(["lwa"]);
  });

  it.each([
    ["another client", OTHER_PAIR],
    ["another secret", { ...RIGHT_PAIR, clientSecret: "obviously-fake-old-secret" }],
  ])("a pair of %s loses nothing, whatever LWA responds: put right, Alexa is asked again", async (_, pair) => {
    for (const error of ["invalid_grant", "invalid_client", "unauthorized_client"]) {
      await linkAndWait();
      knowOtherPairs(error);
      await setPair(pair);
      for (let i = 0; i < 2; i++) expect(await status()).toMatchObject({ status: "unknown" });
      expect(await rows("SELECT * FROM amazon_tokens")).toHaveLength(1);
      await setPair(RIGHT_PAIR);
      expect(await status()).toMatchObject({ status: "linked", checkedAt: new Date(service.clock.now).toISOString() });
      expect(amazon.calls("look")).toEqual(["look NA"]);
      expect(await alexasRefresh()).toBe(200);
      amazon.faults.length = 0;
      expect((await ada.call("DELETE", LINK)).status).toBe(204);
    }
  });

  it("only Alexa's own response ends the link, also after tokens were refreshed", async () => {
    await linkAndWait();
    amazon.faults.push((seen) => (seen.what === "look" ? jsonResponse({}, 404) : undefined));
    expect(await status()).toMatchObject({ status: "not_linked", grants: [] });
    expect(await alexasRefresh()).toBe(400);
  });

  it("three customers within a day are an alert, once, and two are none", async () => {
    const log = vi.spyOn(console, "log");
    const customers: AppUser[] = [];
    for (let i = 0; i < 5; i++) {
      const userId = await seedUser(`0user${"cdefg"[i]?.repeat(21)}`, `customer-${i}@example.com`);
      const customer = await appUser(service, userId);
      await link(amazon, customer, `amazon-account-${i}`);
      customers.push(customer);
    }
    service.clock.advance(2 * HOUR_MS);
    refuseRefreshes("invalid_grant");
    const alerts = () => rows("SELECT client_id, details FROM audit WHERE alert = 1");
    const seen: number[] = [];
    for (const { userId } of customers) {
      expect(await status(await appUser(service, userId))).toMatchObject({ status: "unknown" });
      seen.push((await alerts()).length);
    }
    expect(seen).toEqual([0, 0, 1, 1, 1]);
    expect(log.mock.calls.filter(([line]) => line.includes('"event":"amazon_tokens_refused_often"'))).toHaveLength(1);
    expect((await admin(service, "GET", "audit?alert=true")).body.items).toMatchObject([
      { kind: "amazon_tokens_refused_often" },
    ]);
  });

  type Reason = Parameters<typeof forgetTokens>[2];

  it("only customers of one client, each counted once, within one day are several", async () => {
    const at = service.clock.now;
    /** Forgets the tokens of a customer's grant. True: an alert. */
    const forget = async (customer: number, clientId: string, hours: number, reason: Reason = "refresh_rejected") => {
      const grantId = `grant-${customer}-${clientId}`;
      const userId = `0user${"cdefg"[customer]?.repeat(21)}`;
      await env.DB.batch([
        insert("grants", { id: grantId, userId, clientId }),
        env.DB.prepare("INSERT INTO amazon_tokens VALUES (?, 'enablement', '', 'sealed', 0, NULL, 0)").bind(grantId),
      ]);
      const read = { grantId, purpose: "enablement", tokens: "sealed" } as const;
      const alerted = await forgetTokens(env.DB, read, reason, at + hours * HOUR_MS);
      await env.DB.prepare("DELETE FROM grants WHERE id = ?").bind(grantId).run();
      return alerted;
    };
    for (let i = 0; i < 5; i++) await seedUser(`0user${"cdefg"[i]?.repeat(21)}`, `customer-${i}@example.com`);
    const alerts = [
      await forget(1, ALEXA_CLIENT, 0, "gateway_refused"),
      await forget(2, ALEXA_CLIENT, 0, "gateway_refused"),
      await forget(3, ALEXA_CLIENT, 0, "gateway_refused"),
      await forget(0, ALEXA_CLIENT, 0),
      await forget(0, ALEXA_CLIENT, 1),
      await forget(0, ALEXA_CLIENT, 2),
      await forget(1, APP_CLIENT, 3),
      await forget(2, APP_CLIENT, 3),
      await forget(1, ALEXA_CLIENT, 27),
      await forget(2, ALEXA_CLIENT, 28),
      // The third within 24 hours.
      await forget(3, ALEXA_CLIENT, 50),
      await forget(4, ALEXA_CLIENT, 51),
    ];
    expect(alerts.map(Number)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  });

  it("a wrong pair is an alert at once", async () => {
    const log = vi.spyOn(console, "log");
    await linkAndWait();
    await setPair(OTHER_PAIR);
    expect(await status()).toMatchObject({ status: "unknown" });
    const [alert] = log.mock.calls.filter(([line]) => line.includes('"level":"alert"'));
    expect(alert?.[0]).toContain("lwa_credentials_rejected");
    expect(JSON.stringify(log.mock.calls)).not.toContain(OTHER_PAIR.clientSecret);
  });
});

describe("T11: unlinking while Login with Amazon refuses our refresh token", () => {
  it.each(REFUSALS.filter(([, error]) => error !== "invalid_grant"))(
    "%i %s: the skill is disabled at Amazon when LWA no longer refuses",
    async (code, error) => {
      await linkAndWait();
      refuseRefreshes(error, code);
      const rt = await runtimeOf(service);
      expect((await ada.call("DELETE", LINK)).status).toBe(202);
      service.clock.advance(61_000);
      expect(await finishPendingUnlinks(rt, 10)).toBe(0);
      expect(await rows("SELECT id FROM pending_unlinks")).toHaveLength(1);
      amazon.faults.length = 0;
      service.clock.advance(2 * HOUR_MS);
      expect(await finishPendingUnlinks(rt, 10)).toBe(1);
      expect(amazon.linked.size).toBe(0);
    },
  );

  it("invalid_grant for another pair: the right pair disables the skill later", async () => {
    await linkAndWait();
    knowOtherPairs("invalid_grant");
    await setPair(OTHER_PAIR);
    const rt = await runtimeOf(service);
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    service.clock.advance(61_000);
    expect(await finishPendingUnlinks(rt, 10)).toBe(0);
    await setPair(RIGHT_PAIR);
    service.clock.advance(2 * HOUR_MS);
    expect(await finishPendingUnlinks(rt, 10)).toBe(1);
    expect(amazon.linked.size).toBe(0);
  });

  it("invalid_grant for the pair that got the tokens: they can disable nothing, and are deleted", async () => {
    await linkAndWait();
    const held = amazon.linked.get(ACCOUNT)?.refresh_token ?? "";
    refuseRefreshes("invalid_grant");
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
    expect((await service.request("/token", refresh(held))).status).toBe(400);
  });
});
