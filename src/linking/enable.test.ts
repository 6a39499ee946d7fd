// The enablement call over Alexa's regions: the effect of each response, and the rows that remain.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Amazon, htmlResponse, jsonResponse, timeOut } from "../../test/support/amazon.ts";
import { type AppUser, rows } from "../../test/support/app-user.ts";
import {
  attemptRow,
  link,
  liveGrants,
  problemCode,
  startAndApprove,
  startLinkingWorld,
} from "../../test/support/linking.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { json, refresh } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { abandonExpiredAttempts } from "./complete.ts";
import { finishPendingUnlinks } from "./unlink.ts";

let service: Service;
let amazon: Amazon;
let ada: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

describe("enablement over regions", () => {
  it("L2: tries the next region with a new code, and starts with the region that linked the next time", async () => {
    amazon.faults.push((seen) => (seen.what === "discovery" ? jsonResponse({ message: "down" }, 503) : undefined));
    amazon.regionOf.set("amazon-account-1", "EU");
    await link(amazon, ada);
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU"]);
    const codes = amazon.seen
      .filter((seen) => seen.what === "enable")
      .map((seen) => JSON.parse(seen.body).accountLinkRequest.authCode as string);
    expect(new Set(codes).size).toBe(2);
    expect(await rows("SELECT host FROM amazon_tokens")).toEqual([{ host: "https://api.eu.amazonalexa.com" }]);
    amazon.seen.length = 0;
    await link(amazon, ada);
    expect(amazon.calls("enable")).toEqual(["enable EU"]);
  });

  it.each([
    ["bare hosts", { endpoints: ["api.fe.amazonalexa.com"] }],
    ["https URLs", { endpoints: ["https://API.FE.amazonalexa.com/"] }],
    [
      "unknown hosts among them",
      { endpoints: ["evil.test", "https://api.fe.amazonalexa.com.evil.test", "api.fe.amazonalexa.com"] },
    ],
  ])("calls only configured hosts when discovery returns %s", async (_, body) => {
    amazon.regionOf.set("amazon-account-1", "FE");
    amazon.faults.push((seen) => (seen.what === "discovery" ? jsonResponse(body) : undefined));
    await link(amazon, ada);
    expect(amazon.calls("enable")).toEqual(["enable FE"]);
    expect(amazon.seen.some((seen) => seen.url.includes("evil"))).toBe(false);
  });

  it("tries all endpoints that discovery names", async () => {
    amazon.regionOf.set("amazon-account-1", "FE");
    amazon.faults.push((seen) =>
      seen.what === "discovery"
        ? jsonResponse({ endpoints: ["api.amazonalexa.com", "api.fe.amazonalexa.com"] })
        : undefined,
    );
    await link(amazon, ada);
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable FE"]);
  });

  it.each([
    ["is down", timeOut],
    ["returns HTML", () => htmlResponse()],
    ["returns only unknown hosts", () => jsonResponse({ endpoints: ["evil.test"] })],
    ["redirects", () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } })],
  ])("tries all three regions when discovery %s", async (_, respond) => {
    amazon.regionOf.set("amazon-account-1", "FE");
    amazon.faults.push((seen) => (seen.what === "discovery" ? respond() : undefined));
    await link(amazon, ada);
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU", "enable FE"]);
  });

  type Reply = () => Response;
  const status =
    (value: number): Reply =>
    () =>
      jsonResponse({ message: "no" }, value);

  /** The enablement call gets this region's reply, and GET reports that the skill is not enabled. */
  function replies(byRegion: Readonly<Record<string, Reply>>) {
    amazon.faults.push((seen) => {
      if (seen.what === "discovery") return jsonResponse({}, 503);
      if (seen.what === "enable") return byRegion[seen.region ?? ""]?.();
      return undefined;
    });
  }

  /** Words that the operator's remedy must contain. */
  const REMEDIES = {
    enablement_forbidden_stage: /beta testers.*scope/,
    enablement_unauthorized: /disabled/,
    enablement_bad_request: /token URL/,
    enablement_not_found: /stage/,
    enablement_conflict: /Disable/,
    enablement_not_linked: /AcceptGrant/,
  };

  it.each([
    [
      "L4: 403 in development",
      { NA: status(403) },
      422,
      "enablement_forbidden",
      "enablement_forbidden_stage",
      ["enable NA"],
    ],
    ["L4: 401", { NA: status(401) }, 422, "enablement_forbidden", "enablement_unauthorized", ["enable NA"]],
    [
      "400 everywhere",
      { NA: status(400), EU: status(400), FE: status(400) },
      422,
      "enablement_rejected",
      "enablement_bad_request",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "404 everywhere",
      { NA: status(404), EU: status(404), FE: status(404) },
      422,
      "enablement_rejected",
      "enablement_not_found",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "409 and GET reports no link",
      { NA: status(409), EU: status(404), FE: status(404) },
      422,
      "enablement_rejected",
      "enablement_conflict",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "404, then 403: the second stops",
      { NA: status(404), EU: status(403) },
      422,
      "enablement_forbidden",
      "enablement_forbidden_stage",
      ["enable NA", "enable EU"],
    ],
    [
      "the 400 among 404 and 503",
      { NA: status(404), EU: status(400), FE: status(503) },
      422,
      "enablement_rejected",
      "enablement_bad_request",
      ["enable NA", "enable EU", "enable FE"],
    ],
    [
      "201 but not linked",
      { NA: () => jsonResponse({ accountLink: { status: "NOT_LINKED" } }, 201), EU: status(404), FE: status(404) },
      422,
      "enablement_rejected",
      "enablement_not_linked",
      ["enable NA", "enable EU", "enable FE"],
    ],
  ] as const)("reports %s, for good", async (_, byRegion, httpStatus, expected, reason, calls) => {
    replies(byRegion as Record<string, Reply>);
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    for (let i = 0; i < 2; i++) {
      const response = await ada.complete({ state, code: amazonCode });
      expect(response.status).toBe(httpStatus);
      expect(await problemCode(response)).toBe(expected);
    }
    expect(amazon.calls("enable")).toEqual(calls);
    expect(await attemptRow(id)).toMatchObject({ outcome: "failed", reason, amazon_tokens: null });
    const shown = (await admin(service, "GET", "linkings?outcome=failed")).body.items;
    expect(shown).toMatchObject([{ reason, remedy: expect.stringMatching(REMEDIES[reason]) }]);
    expect(await liveGrants(ada.userId)).toEqual([]);
    expect(
      await rows("SELECT * FROM codes WHERE origin = 'enablement' AND spent_at IS NULL AND voided_at IS NULL"),
    ).toEqual([]);
  });

  it.each([
    ["429", status(429)],
    ["503", status(503)],
    ["500 in HTML", () => htmlResponse(500)],
    ["a time-out", timeOut],
    ["HTML as success", () => htmlResponse(200)],
    ["an empty success", () => new Response("", { status: 201 })],
    ["F2: a redirect", () => new Response(null, { status: 307, headers: { location: "https://evil.test/" } })],
  ])(
    "after %s in all regions the same code can be presented again, and Amazon's tokens are reused",
    async (_, reply) => {
      let broken = true;
      amazon.faults.push((seen) => (seen.what === "discovery" ? jsonResponse({}, 503) : undefined));
      amazon.faults.push((seen) => (seen.what === "enable" && broken ? reply() : undefined));
      const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
      const first = await ada.complete({ state, code: amazonCode });
      expect(first.status).toBe(503);
      expect(await problemCode(first)).toBe("enablement_unavailable");
      expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU", "enable FE"]);
      expect(await attemptRow(id)).toMatchObject({ outcome: "pending" });
      expect(await liveGrants(ada.userId)).toEqual([]);
      broken = false;
      expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
      expect(amazon.calls("lwa")).toHaveLength(1);
      expect(await liveGrants(ada.userId)).toHaveLength(1);
      expect(amazon.seen.some((seen) => seen.url.includes("evil"))).toBe(false);
    },
  );

  /** The enablement call gets this status and `Retry-After` the first `times` times. */
  function respondWithRetryAfter(value: number, seconds: number, times = Number.POSITIVE_INFINITY) {
    let left = times;
    amazon.faults.push((seen) => (seen.what === "discovery" ? jsonResponse({}, 503) : undefined));
    amazon.faults.push((seen) => {
      if (seen.what !== "enable" || left-- <= 0) return undefined;
      const headers = { "content-type": "application/json", "retry-after": String(seconds) };
      return new Response("{}", { status: value, headers });
    });
  }

  it.each([429, 503])("%s with a short Retry-After: the host is called once more, with a new code", async (value) => {
    respondWithRetryAfter(value, 1, 1);
    await link(amazon, ada);
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU", "enable FE", "enable NA"]);
    const codes = amazon.seen.filter(({ what }) => what === "enable").map(({ body }) => body);
    expect(new Set(codes).size).toBe(4);
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });

  it.each([
    ["0, repeatedly", 0, 6, "5"],
    ["30, longer than we wait", 30, 3, "30"],
    ["a day", 86_400, 3, "3600"],
  ])("429 with Retry-After %s: the app gets a Retry-After", async (_, seconds, calls, retryAfter) => {
    respondWithRetryAfter(429, seconds);
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    const response = await ada.complete({ state, code: amazonCode });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, retryAfter]);
    expect(amazon.calls("enable")).toHaveLength(calls);
  });

  it("400 with Retry-After is not repeated", async () => {
    respondWithRetryAfter(400, 0);
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(422);
    expect(amazon.calls("enable")).toHaveLength(3);
  });

  it("the app gets the Retry-After of Login with Amazon too", async () => {
    amazon.faults.push((seen) =>
      seen.what === "lwa" ? new Response("{}", { status: 429, headers: { "retry-after": "17" } }) : undefined,
    );
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    const response = await ada.complete({ state, code: amazonCode });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "17"]);
    expect(await problemCode(response)).toBe("amazon_unavailable");
  });

  it("when no region responds, all are tried within 30 seconds", async () => {
    const limits = vi.spyOn(AbortSignal, "timeout");
    amazon.faults.push((seen) => {
      if (seen.what === "lwa") {
        service.clock.advance(4000);
        return undefined;
      }
      service.clock.advance(limits.mock.lastCall?.[0] ?? 0);
      return timeOut();
    });
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    const startedAt = service.clock.now;
    expect(await problemCode(await ada.complete({ state, code: amazonCode }))).toBe("enablement_unavailable");
    expect(amazon.calls("enable")).toEqual(["enable NA", "enable EU", "enable FE"]);
    expect(service.clock.now - startedAt).toBeLessThanOrEqual(30_000);
    expect((await attemptRow(id))?.steps).toContain("enablement_timed_out");
  });

  it.each([
    ["a time-out", timeOut],
    ["a 500", status(500)],
    ["a 409", status(409)],
    ["HTML", () => htmlResponse(200)],
  ])("when Alexa linked but the response was %s, GET decides", async (_, reply) => {
    amazon.faults.push((seen, usual) =>
      seen.what === "enable"
        ? usual()
            .then((response) => response.text())
            .then(() => reply())
        : undefined,
    );
    await link(amazon, ada);
    expect(amazon.calls("enable", "look")).toEqual(["enable NA", "look NA"]);
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });

  it("accepts the status LINKED in lower case", async () => {
    amazon.faults.push((seen, usual) =>
      seen.what === "enable"
        ? usual()
            .then((response) => response.text())
            .then(() => jsonResponse({ accountLink: { status: "linked" } }, 200))
        : undefined,
    );
    await link(amazon, ada);
  });

  it("a region that redeemed the code and then refused leaves no second grant", async () => {
    amazon.faults.push((seen, usual) => {
      if (seen.what === "discovery") return jsonResponse({}, 503);
      if (seen.what !== "enable" || seen.region !== "NA") return undefined;
      // Redeems the code, then refuses, as Alexa does when AcceptGrant fails.
      return usual()
        .then((response) => response.text())
        .then(() => {
          amazon.linked.clear();
          amazon.regionOf.set("amazon-account-1", "EU");
          return jsonResponse({ message: "no" }, 400);
        });
    });
    await link(amazon, ada);
    const all = await rows<{ revoked_reason: string | null }>(
      "SELECT revoked_reason FROM grants WHERE skill_id IS NOT NULL ORDER BY created_at, revoked_reason",
    );
    expect(all.map((grant) => grant.revoked_reason).sort()).toEqual([null, "superseded_attempt"].sort());
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });

  it("fails when Alexa reports a link but never redeemed our code", async () => {
    amazon.faults.push((seen) =>
      seen.what === "enable" ? jsonResponse({ accountLink: { status: "LINKED" } }, 201) : undefined,
    );
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    expect(await problemCode(await ada.complete({ state, code: amazonCode }))).toBe("enablement_rejected");
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
  });

  it("when it is unknown whether Alexa linked, an abandoned attempt is undone here and at Amazon", async () => {
    let silent = true;
    amazon.faults.push((seen, usual) => {
      if (!silent) return undefined;
      if (seen.what === "enable")
        return usual()
          .then((response) => response.text())
          .then(timeOut);
      return seen.what === "look" ? timeOut() : undefined;
    });
    const { state, code: amazonCode, id } = await startAndApprove(amazon, ada);
    expect(await problemCode(await ada.complete({ state, code: amazonCode }))).toBe("enablement_unavailable");
    silent = false;
    expect(amazon.linked.size).toBe(1);
    // The attempt is not complete, so its grant is not a link yet.
    expect(await json(await ada.call("GET", "/api/links"))).toMatchObject({ links: [{ status: "not_linked" }] });
    service.clock.advance(11 * 60_000);
    const rt = await runtimeOf(service);
    expect(await abandonExpiredAttempts(rt, 10)).toBe(1);
    expect(await attemptRow(id)).toMatchObject({ outcome: "abandoned", amazon_tokens: null });
    expect(await liveGrants(ada.userId)).toEqual([]);
    expect(await finishPendingUnlinks(rt, 10)).toBe(1);
    expect(amazon.linked.size).toBe(0);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
    expect(await problemCode(await ada.complete({ state, code: amazonCode }))).toBe("state_expired");
  });

  it("when it is unknown whether Alexa linked, a repeat keeps the grant that Alexa holds", async () => {
    let silent = true;
    amazon.faults.push((seen, usual) => {
      if (seen.what === "enable" && silent)
        return usual()
          .then((response) => response.text())
          .then(timeOut);
      if (seen.what === "enable") return jsonResponse({ message: "conflict" }, 409);
      return seen.what === "look" && silent ? timeOut() : undefined;
    });
    const { state, code: amazonCode } = await startAndApprove(amazon, ada);
    expect(await problemCode(await ada.complete({ state, code: amazonCode }))).toBe("enablement_unavailable");
    silent = false;
    expect((await ada.complete({ state, code: amazonCode })).status).toBe(200);
    const held = amazon.linked.get("amazon-account-1");
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(200);
    expect(await liveGrants(ada.userId)).toHaveLength(1);
  });
});
