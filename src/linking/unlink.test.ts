// Unlinking: our grant is revoked first, then the skill is disabled at Amazon, later if necessary.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Amazon, htmlResponse, jsonResponse, LWA_CLIENT_SECRET, timeOut } from "../../test/support/amazon.ts";
import { type AppUser, appUser, rows } from "../../test/support/app-user.ts";
import { link, problemCode, startLinkingWorld } from "../../test/support/linking.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  exchange,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  SKILL_ID,
  seedCode,
} from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { finishPendingUnlinks } from "./unlink.ts";

const HOUR_MS = 3_600_000;
const LINK = `/api/links/${SKILL_ID}`;

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada, bob } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

interface Link {
  readonly skillId: string;
  readonly name: string;
  readonly status: string;
  readonly checkedAt: string | null;
  readonly grants: { id: string; createdAt: string; lastUsedAt: string; flow: string }[];
}

const status = async (user: AppUser = ada, query = "") => json<Link>(await user.call("GET", LINK + query));
const refreshes = async (account: string) => {
  const token = amazon.linked.get(account)?.refresh_token ?? "";
  const response = await service.request("/token", refresh(token));
  await response.text();
  return response.status;
};
describe("unlinking", () => {
  it("U3: refresh, introspection and open codes stop working at once", async () => {
    await link(amazon, ada);
    const openCode = await seedCode({ userId: ada.userId, expiresAt: service.clock.now + 300_000 });
    const held = amazon.linked.get("amazon-account-1");
    const introspect = async () =>
      json<{ active: boolean }>(
        await service.request(
          "/introspect",
          form(
            { token: held?.access_token },
            { authorization: `Basic ${btoa(`${SERVICE_CLIENT}:${SERVICE_SECRET}`)}` },
          ),
        ),
      );
    expect(await introspect()).toMatchObject({ active: true });
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(await introspect()).toEqual({ active: false });
    expect((await service.request("/token", refresh(held?.refresh_token ?? ""))).status).toBe(400);
    expect((await service.request("/token", exchange(openCode))).status).toBe(400);
    expect(amazon.linked.size).toBe(0);
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  });

  it("can be repeated, and leaves other users linked", async () => {
    await link(amazon, ada, "amazon-account-1");
    await link(amazon, bob, "amazon-account-2");
    for (let i = 0; i < 3; i++) expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
    expect(await refreshes("amazon-account-2")).toBe(200);
  });

  it("revokes our grant before Amazon is called", async () => {
    await link(amazon, ada);
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    let during = 0;
    amazon.faults.push((seen, usual) => {
      if (seen.what !== "disable") return undefined;
      return (async () => {
        during = (await service.requestOnly("/token", refresh(held))).status;
        return usual();
      })();
    });
    await ada.call("DELETE", LINK);
    expect(during).toBe(400);
  });

  it("refreshes Amazon's expired token in order to disable the skill", async () => {
    await link(amazon, ada);
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    expect((await app.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.linked.size).toBe(0);
  });

  it.each([
    ["401", () => jsonResponse({}, 401)],
    ["404", () => jsonResponse({}, 404)],
    ["200", () => jsonResponse({})],
  ])("%s from Amazon counts as disabled", async (_, respond) => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "disable" ? respond() : undefined));
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  });

  it.each([
    ["down", () => jsonResponse({}, 503)],
    ["timing out", timeOut],
    ["returning HTML", () => htmlResponse(502)],
    ["redirecting", () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } })],
  ])("with Amazon %s our grant is revoked at once, and the scheduled work disables the skill", async (_, respond) => {
    await link(amazon, ada);
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    amazon.faults.push((seen) => (seen.what === "disable" ? respond() : undefined));
    const first = await ada.call("DELETE", LINK);
    expect(first.status).toBe(202);
    expect(await json(first)).toEqual({ status: "unlinked", amazon: "pending" });
    expect((await service.request("/token", refresh(held))).status).toBe(400);
    expect(await status()).toMatchObject({ status: "not_linked" });
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    expect(JSON.stringify(await rows("SELECT * FROM pending_unlinks"))).not.toContain("Atz");
    const rt = await runtimeOf(service);
    expect(await finishPendingUnlinks(rt, 10)).toBe(0);
    service.clock.advance(61_000);
    amazon.faults.length = 0;
    expect(await finishPendingUnlinks(rt, 10)).toBe(1);
    expect(amazon.linked.size).toBe(0);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  });

  it("maintenance by hand retries at once", async () => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    expect((await admin(service, "POST", "maintenance")).body).toMatchObject({ finishedUnlinks: 0 });
    amazon.faults.length = 0;
    expect((await admin(service, "POST", "maintenance")).body).toMatchObject({ finishedUnlinks: 1 });
    expect(amazon.linked.size).toBe(0);
  });

  it("the scheduled work waits longer after each failure, and gives up with an alert after thirty days", async () => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
    await ada.call("DELETE", LINK);
    const rt = await runtimeOf(service);
    amazon.seen.length = 0;
    service.clock.advance(61_000);
    const asked: number[] = [];
    for (let minute = 0; minute < 8; minute++) {
      await finishPendingUnlinks(rt, 10);
      asked.push(amazon.calls("disable").length);
      service.clock.advance(61_000);
    }
    expect(asked).toEqual([1, 2, 2, 3, 3, 3, 3, 4]);
    service.clock.advance(31 * 24 * HOUR_MS);
    expect(await finishPendingUnlinks(rt, 10)).toBe(0);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
    expect(await rows("SELECT details FROM audit WHERE kind = 'unlink_given_up' AND alert = 1")).toEqual([
      { details: "amazon_out_of_reach" },
    ]);
  });

  it("linking again cancels the postponed disabling", async () => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    amazon.faults.length = 0;
    await link(amazon, ada);
    service.clock.advance(61_000);
    expect(await finishPendingUnlinks(await runtimeOf(service), 10)).toBe(0);
    expect(await refreshes("amazon-account-1")).toBe(200);
    expect(amazon.linked.size).toBe(1);
  });

  it("unlinking an older link of the same Alexa account leaves the newer one", async () => {
    const older = await link(amazon, ada);
    await link(amazon, ada);
    expect((await ada.call("DELETE", `${LINK}/grants/${older}`)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual([]);
    expect(await refreshes("amazon-account-1")).toBe(200);
    expect(await status()).toMatchObject({ status: "linked" });
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.linked.size).toBe(0);
  });

  it("two scheduled runs at once call Amazon once", async () => {
    await link(amazon, ada);
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
    await ada.call("DELETE", LINK);
    amazon.faults.length = 0;
    amazon.seen.length = 0;
    service.clock.advance(61_000);
    const rt = await runtimeOf(service);
    const done = await Promise.all([finishPendingUnlinks(rt, 10), finishPendingUnlinks(rt, 10)]);
    expect(done.sort()).toEqual([0, 1]);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
  });

  it("F5: a batch that committed before its connection was lost is not a failure", async () => {
    await link(amazon, ada);
    service.meter.clear();
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("INSERT INTO pending_unlinks"),
      throws: "after",
      message: "Network connection lost.",
      times: 1,
    });
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.linked.size).toBe(0);
  });

  it("a single grant can be unlinked by its user and under its skill only", async () => {
    const grantId = await link(amazon, ada);
    for (const [user, path] of [
      [bob, `${LINK}/grants/${grantId}`],
      [ada, `/api/links/amzn1.ask.skill.other/grants/${grantId}`],
      [ada, `${LINK}/grants/unknown`],
    ] as const) {
      const response = await user.call("DELETE", path);
      expect(response.status).toBe(404);
      expect(await problemCode(response)).toBe("grant_not_found");
    }
    expect(await refreshes("amazon-account-1")).toBe(200);
    for (let i = 0; i < 2; i++) expect((await ada.call("DELETE", `${LINK}/grants/${grantId}`)).status).toBe(204);
    expect(amazon.linked.size).toBe(0);
  });

  it("L2: a customer who moved to another region is unlinked there", async () => {
    await link(amazon, ada);
    amazon.regionOf.set("amazon-account-1", "EU");
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual(["disable NA", "disable EU"]);
    expect(amazon.linked.size).toBe(0);
  });

  it("when the customer's new region is down, the scheduled work disables the skill later", async () => {
    await link(amazon, ada);
    amazon.regionOf.set("amazon-account-1", "EU");
    amazon.faults.push((seen) => (seen.region === "EU" ? jsonResponse({}, 503) : undefined));
    expect((await ada.call("DELETE", LINK)).status).toBe(202);
    amazon.faults.length = 0;
    service.clock.advance(61_000);
    expect(await finishPendingUnlinks(await runtimeOf(service), 10)).toBe(1);
    expect(amazon.linked.size).toBe(0);
  });

  it("over the rate limit our grant is still revoked at once, and the scheduled work disables the skill", async () => {
    const grantId = await link(amazon, ada);
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    Object.assign(service.env, { USER_LIMIT: { limit: async () => ({ success: false }) } });
    for (const path of [LINK, `${LINK}/grants/${grantId}`, LINK]) {
      expect((await ada.call("DELETE", path)).status).toBe(202);
    }
    expect((await service.request("/token", refresh(held))).status).toBe(400);
    expect(amazon.calls("disable")).toEqual([]);
    service.clock.advance(61_000);
    expect(await finishPendingUnlinks(await runtimeOf(service), 10)).toBe(1);
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
  });

  it.each([
    ["is unavailable", 202, () => jsonResponse({}, 503)],
    ["refuses the token that it has just replaced", 204, (usual: () => Promise<Response>) => usual()],
  ])(
    "the scheduled work uses a token that a status check refreshed meanwhile, when Amazon %s",
    async (_, expected, second) => {
      amazon.rotating = true;
      await link(amazon, ada);
      service.clock.advance(2 * HOUR_MS);
      const app = await appUser(service, ada.userId);
      let checked: Promise<Response> | undefined;
      let release = () => {};
      const unlinkRequests = new Promise<void>((resolve) => (release = resolve));
      let refreshing = () => {};
      const statusRequests = new Promise<void>((resolve) => (refreshing = resolve));
      let calls = 0;
      amazon.faults.push((seen, usual) => {
        if (seen.what !== "lwa" || ++calls > 2) return undefined;
        if (calls === 2) {
          release();
          return Promise.resolve(checked).then(() => second(usual));
        }
        return usual().then((response) => {
          refreshing();
          return unlinkRequests.then(() => response);
        });
      });
      checked = app.callOnly("GET", LINK);
      await statusRequests;
      expect((await app.call("DELETE", LINK)).status).toBe(expected);
      await service.settled();
      expect(await rows("SELECT id FROM pending_unlinks")).toHaveLength(1);
      service.clock.advance(61_000);
      await finishPendingUnlinks(await runtimeOf(service), 10);
      expect(amazon.linked.size).toBe(0);
      expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
    },
  );

  it("after fifteen seconds without a response from Amazon unlinking is 202, and a later response still counts", async () => {
    await link(amazon, ada);
    let respond = (_: Response) => {};
    const asked = new Promise<void>((resolve) => {
      amazon.faults.push((seen) => {
        if (seen.what !== "disable") return undefined;
        resolve();
        return new Promise((done) => (respond = done));
      });
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const unlinking = ada.callOnly("DELETE", LINK);
      await asked;
      await vi.advanceTimersByTimeAsync(15_000);
      expect((await unlinking).status).toBe(202);
    } finally {
      vi.useRealTimers();
    }
    expect(await rows("SELECT id FROM pending_unlinks")).toHaveLength(1);
    respond(new Response(null, { status: 204 }));
    await service.settled();
    expect(await rows("SELECT id FROM pending_unlinks")).toEqual([]);
  });

  it("a rotated refresh token of Amazon is stored before it is used", async () => {
    amazon.rotating = true;
    await link(amazon, ada);
    service.clock.advance(2 * HOUR_MS);
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
    expect((await (await appUser(service, ada.userId)).call("DELETE", LINK)).status).toBe(202);
    amazon.faults.length = 0;
    service.clock.advance(2 * HOUR_MS);
    expect(await finishPendingUnlinks(await runtimeOf(service), 10)).toBe(1);
    expect(amazon.linked.size).toBe(0);
  });

  it("a skill without LWA credentials is still disabled while Amazon's access token is valid", async () => {
    await link(amazon, ada);
    await link(amazon, bob, "amazon-account-2");
    await service.env.DB.prepare("UPDATE skills SET lwa_client_id = NULL, lwa_client_secret = NULL").run();
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect([...amazon.linked.keys()]).toEqual(["amazon-account-2"]);
    service.clock.advance(2 * HOUR_MS);
    expect((await (await appUser(service, bob.userId)).call("DELETE", LINK)).status).toBe(204);
    expect(await rows("SELECT details FROM audit WHERE kind = 'unlink_given_up' AND alert = 1")).toEqual([
      { details: "lwa_credentials_missing" },
    ]);
  });

  it("the log contains no token, code or secret of Amazon", async () => {
    const log = vi.spyOn(console, "log");
    await link(amazon, ada);
    await status();
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
    await ada.call("DELETE", LINK);
    const lines = JSON.stringify(log.mock.calls);
    expect(lines).toContain("disable_failed");
    for (const secret of ["Atza", "Atzr", "ANfake", LWA_CLIENT_SECRET, ada.token]) expect(lines).not.toContain(secret);
  });
});
