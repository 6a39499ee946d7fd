// Writes about Amazon's tokens beside other writes, work after the caller has gone, and unlinks that take days.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Amazon, jsonResponse } from "../../test/support/amazon.ts";
import { type AppUser, rows } from "../../test/support/app-user.ts";
import { attemptRow, link, startAndApprove, startLinkingWorld } from "../../test/support/linking.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { json, refresh, SKILL_ID } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { grantTokensContext, sealTokens } from "../storage/amazon/amazon-tokens.ts";
import { finishPendingUnlinks } from "./unlink.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const LINK = `/api/links/${SKILL_ID}`;

let service: Service;
let amazon: Amazon;
let ada: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

const refreshed = async () => {
  const token = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
  const response = await service.request("/token", refresh(token));
  await response.text();
  return response.status;
};

/** Holds the first request of this kind at Amazon. Resolves when it has arrived, with what lets it go on. */
function hold(what: "look" | "enable" | "disable"): Promise<(response?: Response) => void> {
  let held = false;
  return new Promise((arrived) => {
    amazon.faults.push((seen, usual) => {
      if (seen.what !== what || held) return undefined;
      held = true;
      return new Promise<Response>((respond) => {
        arrived((response) => respond(response ?? (usual() as unknown as Response)));
      });
    });
  });
}

/** Stores other tokens with the grant, as a link of the same grant by another request does. */
async function storeNewer(grantId: string, host: string): Promise<string> {
  const newer = {
    accessToken: "Atza|newer",
    refreshToken: "Atzr|newer",
    accessExpiresAt: service.clock.now + HOUR_MS,
    pairHash: "",
  };
  const sealed = await sealTokens(await service.keyring(), grantTokensContext(grantId, "enablement"), newer);
  await rows("UPDATE amazon_tokens SET tokens = ?, host = ?", sealed, host);
  return sealed;
}

describe("a status check does not overwrite what changed while Alexa was asked", () => {
  it("404 for tokens that were replaced meanwhile ends nothing", async () => {
    const grantId = await link(amazon, ada);
    const holding = hold("look");
    const asked = ada.callOnly("GET", LINK);
    const respond = await holding;
    const newer = await storeNewer(grantId, "https://api.amazonalexa.com");
    respond(jsonResponse({}, 401));
    await (await asked).text();
    await service.settled();
    expect(await rows("SELECT tokens FROM amazon_tokens")).toEqual([{ tokens: newer }]);
    expect(await refreshed()).toBe(200);
  });

  it("the host of tokens that were replaced meanwhile stays", async () => {
    const grantId = await link(amazon, ada);
    amazon.regionOf.set("amazon-account-1", "EU");
    const holding = hold("look");
    const asked = ada.callOnly("GET", LINK);
    const respond = await holding;
    await storeNewer(grantId, "https://api.fe.amazonalexa.com");
    respond();
    expect(await json(await asked)).toMatchObject({ status: "linked" });
    await service.settled();
    expect(await rows("SELECT host FROM amazon_tokens")).toEqual([{ host: "https://api.fe.amazonalexa.com" }]);
  });
});

describe("work goes on after the caller has gone", () => {
  /** Whether all work that was handed to `waitUntil` has ended. */
  async function allEnded(): Promise<boolean> {
    const open = Symbol("open");
    const pause = new Promise((resolve) => setTimeout(resolve, 30, open));
    return (await Promise.race([Promise.allSettled(service.background), pause])) !== open;
  }

  it("a completion is handed to waitUntil until it has linked", async () => {
    const { id, state, code } = await startAndApprove(amazon, ada);
    await service.settled();
    const holding = hold("enable");
    void ada.callOnly("POST", "/api/links/complete", { state, code });
    const respond = await holding;
    expect(await allEnded()).toBe(false);
    respond();
    await Promise.allSettled(service.background);
    expect(await attemptRow(id)).toMatchObject({ outcome: "linked" });
  });

  it("a status check, until it has revoked what Alexa no longer has", async () => {
    await link(amazon, ada);
    const holding = hold("look");
    void ada.callOnly("GET", LINK);
    const respond = await holding;
    expect(await allEnded()).toBe(false);
    respond(jsonResponse({}, 404));
    await service.settled();
  });

  it("an unlink, until the skill is disabled at Amazon", async () => {
    await link(amazon, ada);
    const holding = hold("disable");
    void ada.callOnly("DELETE", LINK);
    const respond = await holding;
    expect(await allEnded()).toBe(false);
    respond();
    await Promise.allSettled(service.background);
    expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
    expect(amazon.linked.size).toBe(0);
  });
});

describe("an unlink that Amazon does not accept", () => {
  beforeEach(async () => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    amazon.seen.length = 0;
  });

  const givenUp = () => rows("SELECT details FROM audit WHERE kind = 'unlink_given_up' AND alert = 1");

  it("is tried for thirty days, at most every six hours in the end, and given up after that", async () => {
    const rt = await runtimeOf(service);
    const start = service.clock.now;
    while (service.clock.now - start < 30 * DAY_MS - 10 * MINUTE_MS) {
      service.clock.advance(service.clock.now - start < DAY_MS ? 10 * MINUTE_MS : HOUR_MS);
      await finishPendingUnlinks(rt, 10);
      expect(await rows("SELECT id FROM pending_unlinks")).toHaveLength(1);
      if (service.clock.now - start >= 30 * DAY_MS - HOUR_MS) break;
    }
    expect(await givenUp()).toEqual([]);
    // Some ten tries until six hours are reached, then four a day.
    const tries = amazon.calls("disable").length;
    expect(tries).toBeGreaterThan(4 * 28);
    expect(tries).toBeLessThan(4 * 30 + 12);
    service.clock.advance(8 * HOUR_MS);
    await finishPendingUnlinks(rt, 10);
    expect(await givenUp()).toEqual([{ details: "amazon_out_of_reach" }]);
    expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
  }, 60_000);

  it("is given up once when the connection is lost after that write", async () => {
    const rt = await runtimeOf(service);
    service.clock.advance(31 * DAY_MS);
    service.meter.faults.push({
      when: ({ sql }) => sql.startsWith("INSERT INTO audit") && sql.includes("DELETE FROM pending_unlinks"),
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
    await expect(finishPendingUnlinks(rt, 10)).rejects.toThrow();
    expect(await givenUp()).toHaveLength(1);
  });

  it("that was taken with a lost connection waits for its next time", async () => {
    const rt = await runtimeOf(service);
    service.clock.advance(MINUTE_MS);
    service.meter.faults.push({
      when: ({ sql }) => sql.startsWith("UPDATE pending_unlinks SET attempts"),
      throws: "after",
      message: "D1_ERROR: Network connection lost.",
      times: 1,
    });
    await finishPendingUnlinks(rt, 10).catch(() => 0);
    expect(await rows("SELECT attempts FROM pending_unlinks")).toEqual([{ attempts: 1 }]);
  });
});
