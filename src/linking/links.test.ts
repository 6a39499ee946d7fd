// What is linked, and unlinking: our rows, corrected by Alexa where we can ask, and ended here before they are ended there.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type Amazon,
  htmlAnswer,
  jsonAnswer,
  LWA_CLIENT_SECRET,
  startAmazon,
  timeOut,
} from "../../test/support/amazon.ts";
import { type AppUser, appUser, rows, seedLwa } from "../../test/support/app-user.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import {
  ALEXA_CLIENT,
  exchange,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  SKILL_ID,
  seedAppAndService,
  seedCode,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { abandonExpiredLinkings } from "./complete.ts";
import { finishPendingUnlinks } from "./unlink.ts";

const HOUR_MS = 3_600_000;
const LINK = `/api/links/${SKILL_ID}`;

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  service = startService({ METRICS_FLUSH_MS: "0" });
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  ada = await appUser(service, await seedUser());
  bob = await appUser(service, await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com"));
  amazon = startAmazon(service);
});
afterEach(() => vi.restoreAllMocks());

interface Link {
  readonly skillId: string;
  readonly name: string;
  readonly status: string;
  readonly checkedAt: string | null;
  readonly grants: { id: string; createdAt: string; lastUsedAt: string; flow: string }[];
}

async function link(user: AppUser = ada, account = "amazon-account-1"): Promise<string> {
  const started = await user.start();
  const callback = await amazon.approve(started.loginWithAmazonUrl, account);
  const response = await user.complete({ state: started.state, code: callback.searchParams.get("code") });
  expect(response.status).toBe(200);
  await response.text();
  return (
    (await rows<{ grant_id: string }>("SELECT grant_id FROM linkings WHERE id = ?", started.id))[0]?.grant_id ?? ""
  );
}

/** A link that came through the Alexa app: a grant without Amazon's tokens. */
async function linkFromAlexa(user: AppUser): Promise<string> {
  const code = await seedCode({ userId: user.userId, expiresAt: service.clock.now + 300_000 });
  return (await json(await service.request("/token", exchange(code)))).refresh_token;
}

const status = async (user: AppUser = ada, query = "") => json<Link>(await user.call("GET", LINK + query));
const refreshes = async (account: string) => {
  const token = amazon.linked.get(account)?.refresh_token ?? "";
  const response = await service.request("/token", refresh(token));
  await response.text();
  return response.status;
};
const problemCode = async (response: Response) => (await json<{ code: string }>(response)).code;

describe("L8: the true state", () => {
  it("asks Alexa where we hold a token, and says when", async () => {
    const grantId = await link();
    amazon.seen.length = 0;
    service.clock.advance(5000);
    expect(await status()).toEqual({
      skillId: SKILL_ID,
      stage: "development",
      name: "Acme Home",
      status: "linked",
      checkedAt: "2026-01-15T12:00:05.000Z",
      grants: [
        {
          id: grantId,
          createdAt: "2026-01-15T12:00:00.000Z",
          lastUsedAt: "2026-01-15T12:00:00.000Z",
          flow: "app_to_app",
        },
      ],
    });
    expect(amazon.calls("lwa", "look")).toEqual(["look NA"]);
  });

  it("counts a link from the Alexa app without asking", async () => {
    await linkFromAlexa(ada);
    expect(await status()).toMatchObject({ status: "linked", checkedAt: null, grants: [{ flow: "alexa_app" }] });
    expect(amazon.seen).toEqual([]);
  });

  it("takes one storage read beside the bearer's", async () => {
    await link();
    service.meter.clear();
    await status();
    expect(service.meter.calls()).toEqual(["DB.first", "DB.batch"]);
  });

  it.each([
    ["404", () => jsonAnswer({}, 404)],
    ["401", () => jsonAnswer({}, 401)],
    ["not linked", () => jsonAnswer({ accountLink: { status: "NOT_LINKED" } })],
  ])("%s from Alexa ends the grant and forgets Amazon's tokens", async (_, answer) => {
    await link();
    amazon.faults.push((seen) => (seen.what === "look" ? answer() : undefined));
    expect(await status()).toMatchObject({ status: "not_linked", grants: [] });
    expect(await refreshes("amazon-account-1")).toBe(400);
    expect(await rows("SELECT * FROM amazon_tokens")).toEqual([]);
    expect(await rows("SELECT details FROM audit WHERE kind = 'grant_revoked'")).toEqual([
      { details: "enablement_gone" },
    ]);
  });

  it.each([
    ["500", () => jsonAnswer({}, 500)],
    ["403", () => jsonAnswer({}, 403)],
    ["429", () => jsonAnswer({}, 429)],
    ["HTML", () => htmlAnswer(200)],
    ["no word of the link", () => jsonAnswer({ status: "ENABLING" })],
    ["silence", timeOut],
  ])("%s from Alexa is unknown and touches no row", async (_, answer) => {
    await link();
    amazon.faults.push((seen) => (seen.what === "look" ? answer() : undefined));
    const before = await rows("SELECT * FROM grants ORDER BY id");
    expect(await status()).toMatchObject({ status: "unknown", grants: [{ flow: "app_to_app" }] });
    expect(await rows("SELECT * FROM grants ORDER BY id")).toEqual(before);
    expect(await rows("SELECT grant_id FROM amazon_tokens")).toHaveLength(1);
  });

  it("refreshes Amazon's token after an hour, and keeps what came", async () => {
    await link();
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    amazon.seen.length = 0;
    expect(await status(app)).toMatchObject({ status: "linked" });
    expect(await status(app)).toMatchObject({ status: "linked" });
    expect(amazon.calls("lwa", "look")).toEqual(["lwa", "look NA", "look NA"]);
  });

  it("a refused refresh means that the customer disabled the skill; our own bad credentials mean nothing", async () => {
    await link();
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    amazon.faults.push((seen) => (seen.what === "lwa" ? jsonAnswer({ error: "invalid_client" }, 401) : undefined));
    expect(await status(app)).toMatchObject({ status: "unknown" });
    amazon.faults.length = 0;
    amazon.disable("amazon-account-1");
    expect(await status(app)).toMatchObject({ status: "not_linked" });
  });

  it("one ended link of two leaves the other", async () => {
    await link(ada, "amazon-account-1");
    await link(ada, "amazon-account-2");
    amazon.disable("amazon-account-1");
    const now = await status();
    expect(now.status).toBe("linked");
    expect(now.grants).toHaveLength(1);
    expect(await refreshes("amazon-account-2")).toBe(200);
  });

  it("lists every skill of the deployment without asking Alexa, each user's own", async () => {
    await seedSkill({ skillId: "amzn1.ask.skill.second", id: "alexa-second" });
    await link();
    amazon.seen.length = 0;
    const mine = await json<{ links: Link[] }>(await ada.call("GET", "/api/links"));
    expect(mine.links.map((one) => [one.skillId, one.status, one.checkedAt, one.grants.length])).toEqual([
      [SKILL_ID, "linked", null, 1],
      ["amzn1.ask.skill.second", "not_linked", null, 0],
    ]);
    const theirs = await json<{ links: Link[] }>(await bob.call("GET", "/api/links"));
    expect(theirs.links.map((one) => one.status)).toEqual(["not_linked", "not_linked"]);
    expect(amazon.seen).toEqual([]);
  });

  it("F4: lists 150 links without harm", async () => {
    await service.env.DB.prepare(
      `INSERT INTO grants (id, user_id, client_id, skill_id, skill_stage, scope, flow, created_at, last_used_at, idle_expires_at)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
       SELECT 'g' || i, ?, ?, ?, 'development', '', 'alexa_app', ?, ?, ? FROM n`,
    )
      .bind(ada.userId, ALEXA_CLIENT, SKILL_ID, service.clock.now, service.clock.now, service.clock.now + HOUR_MS)
      .run();
    const all = await json<{ links: Link[] }>(await ada.call("GET", "/api/links"));
    expect(all.links[0]?.grants).toHaveLength(150);
    expect((await status()).status).toBe("linked");
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
  });

  it("keeps stages apart, and takes live when both exist", async () => {
    await service.env.DB.batch([
      service.env.DB.prepare(
        `INSERT INTO skills (id, stage, type, name, scopes, return_urls, extra_redirect_uris, client_id, created_at, updated_at)
         SELECT id, 'live', type, 'Acme Home live', scopes, return_urls, '[]', 'alexa-live', 0, 0 FROM skills WHERE id = ?`,
      ).bind(SKILL_ID),
      service.env.DB.prepare(
        `INSERT INTO clients (id, kind, name, redirect_uris, scopes, skill_id, skill_stage, skill_ids, auth_methods, require_pkce,
           rotate_refresh_tokens, issuer_in_response, client_credentials, created_at, updated_at)
         VALUES ('alexa-live', 'alexa', 'x', '[]', '[]', ?, 'live', '[]', '[]', 0, 0, 0, 0, 0, 0)`,
      ).bind(SKILL_ID),
    ]);
    await linkFromAlexa(ada);
    expect(await status()).toMatchObject({ name: "Acme Home live", status: "not_linked" });
    expect(await status(ada, "?stage=development")).toMatchObject({ name: "Acme Home", status: "linked" });
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(await status(ada, "?stage=development")).toMatchObject({ status: "linked" });
    expect((await ada.call("DELETE", `${LINK}?stage=development`)).status).toBe(204);
    expect(await status(ada, "?stage=development")).toMatchObject({ status: "not_linked" });
  });

  it.each(["?stage=beta", "?stage=live&stage=live"])("refuses %s", async (query) => {
    expect((await ada.call("GET", LINK + query)).status).toBe(400);
  });

  it("does not know other skills", async () => {
    for (const method of ["GET", "DELETE"]) {
      const response = await ada.call(method, "/api/links/amzn1.ask.skill.other");
      expect(response.status).toBe(404);
      expect(await problemCode(response)).toBe("skill_not_found");
    }
  });
});

describe("U5: a second Amazon account is no replacement", () => {
  it("both go on refreshing, and ending one leaves the other", async () => {
    const first = await link(ada, "amazon-account-1");
    const second = await link(ada, "amazon-account-2");
    expect(first).not.toBe(second);
    for (let i = 0; i < 100; i++) {
      expect(await refreshes("amazon-account-1")).toBe(200);
      expect(await refreshes("amazon-account-2")).toBe(200);
    }
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    expect((await ada.call("DELETE", `${LINK}/grants/${first}`)).status).toBe(204);
    expect((await service.request("/token", refresh(held))).status).toBe(400);
    expect(await refreshes("amazon-account-2")).toBe(200);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
  });

  it("U4: links ten times in a row, and the newest works", async () => {
    for (let i = 0; i < 10; i++) await link();
    expect(await refreshes("amazon-account-1")).toBe(200);
  });
});

describe("unlinking", () => {
  it("U3: is at once and total: refresh, introspection, open codes", async () => {
    await link();
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

  it("is repeatable, and touches nobody else", async () => {
    await link(ada, "amazon-account-1");
    await link(bob, "amazon-account-2");
    for (let i = 0; i < 3; i++) expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
    expect(await refreshes("amazon-account-2")).toBe(200);
  });

  it("ends ours before Amazon is asked", async () => {
    await link();
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

  it("refreshes an expired Amazon token to disable with it", async () => {
    await link();
    service.clock.advance(2 * HOUR_MS);
    const app = await appUser(service, ada.userId);
    expect((await app.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.linked.size).toBe(0);
  });

  it.each([
    ["401", () => jsonAnswer({}, 401)],
    ["404", () => jsonAnswer({}, 404)],
    ["200", () => jsonAnswer({})],
  ])("%s from Amazon is done", async (_, answer) => {
    await link();
    amazon.faults.push((seen) => (seen.what === "disable" ? answer() : undefined));
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(await rows("SELECT * FROM pending_unlinks")).toEqual([]);
  });

  it.each([
    ["down", () => jsonAnswer({}, 503)],
    ["silent", timeOut],
    ["an HTML page", () => htmlAnswer(502)],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.test/" } })],
  ])("with Amazon %s ours is ended all the same, and the scheduled work finishes", async (_, answer) => {
    await link();
    const held = amazon.linked.get("amazon-account-1")?.refresh_token ?? "";
    amazon.faults.push((seen) => (seen.what === "disable" ? answer() : undefined));
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

  it("the scheduled work waits longer each time, and tells a person after thirty days", async () => {
    await link();
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonAnswer({}, 503) : undefined));
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

  it("two scheduled runs at once ask Amazon once", async () => {
    await link();
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonAnswer({}, 503) : undefined));
    await ada.call("DELETE", LINK);
    amazon.faults.length = 0;
    amazon.seen.length = 0;
    service.clock.advance(61_000);
    const rt = await runtimeOf(service);
    const done = await Promise.all([finishPendingUnlinks(rt, 10), finishPendingUnlinks(rt, 10)]);
    expect(done.sort()).toEqual([0, 1]);
    expect(amazon.calls("disable")).toEqual(["disable NA"]);
  });

  it("F5: survives a lost answer of the batch", async () => {
    await link();
    service.meter.clear();
    service.meter.faults.push({
      when: (trip) => trip.sql.includes("INSERT INTO pending_unlinks"),
      throws: "after",
      message: "Network connection lost.",
      times: 1,
    });
    expect((await ada.call("DELETE", LINK)).status).toBe(204);
    expect(amazon.linked.size).toBe(0);
  });

  it("one grant: of its user and skill only", async () => {
    const grantId = await link();
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

  it("nothing that was said or kept shows a secret of Amazon", async () => {
    const log = vi.spyOn(console, "log");
    await link();
    await status();
    amazon.faults.push((seen) => (seen.what === "disable" ? jsonAnswer({}, 503) : undefined));
    await ada.call("DELETE", LINK);
    const lines = JSON.stringify(log.mock.calls);
    expect(lines).toContain("disable_failed");
    for (const secret of ["Atza", "Atzr", "ANfake", LWA_CLIENT_SECRET, ada.token]) expect(lines).not.toContain(secret);
  });
});

it("every statement of linking, status and unlinking finds its rows by an index of its own", async () => {
  const rt = await runtimeOf(service);
  service.meter.clear();
  await link();
  await status();
  await ada.call("GET", "/api/links");
  await ada.call("DELETE", LINK);
  await link();
  amazon.faults.push((seen) => (seen.what === "enable" ? jsonAnswer({}, 503) : undefined));
  amazon.faults.push((seen) => (seen.what === "disable" ? jsonAnswer({}, 503) : undefined));
  const started = await ada.start();
  const callback = await amazon.approve(started.loginWithAmazonUrl, "amazon-account-2");
  const presented = { state: started.state, code: callback.searchParams.get("code") };
  expect((await ada.complete(presented)).status).toBe(503);
  expect((await bob.complete(presented)).status).toBe(403);
  await ada.call("DELETE", LINK);
  service.clock.advance(HOUR_MS);
  await abandonExpiredLinkings(rt, 10);
  await finishPendingUnlinks(rt, 10);
  const statements = new Set(
    service.meter.trips.filter((trip) => trip.store === "DB").flatMap((trip) => trip.sql.split(";\n")),
  );
  statements.delete("");
  expect(statements.size).toBeGreaterThan(30);
  for (const sql of statements) {
    const highest = Math.max(0, ...[...sql.matchAll(/\?(\d+)/g)].map((match) => Number(match[1])));
    const count = highest || (sql.match(/\?/g)?.length ?? 0);
    const plan = await rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...Array(count).fill(null));
    const bad = plan
      .map((step) => step.detail)
      .filter(
        (detail) =>
          // A deployment has few skills; json_each reads what the statement brings.
          /^SCAN (?!CONSTANT|json_each|j\b|skills|s\b|x\b)/.test(detail) ||
          // Most rows are linked: looking through them all is a scan by another name.
          (/linkings_by_(outcome|expiry)/.test(detail) && !sql.includes("expires_at <=")),
      );
    expect(bad, sql).toEqual([]);
  }
});
