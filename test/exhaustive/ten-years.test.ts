// Ten simulated years of linking, leaving and failing: the tables stay as large as what lives, and who stays linked
// stays linked.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { insert } from "../support/rows.ts";
import { exchange, json, refresh, seedCode, seedSkill, seedUser, type TokenResponse } from "../support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../support/service.ts";

const DAY_MS = 24 * 3_600_000;
const MONTH_MS = 30 * DAY_MS;
const MONTHS = 120;
const LINKS_A_MONTH = 6;

async function maintain(service: Service): Promise<void> {
  for (let run = 0; run < 20; run++) {
    const response = await service.request("/api/admin/maintenance", {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(response.status).toBe(200);
    const report = await json<{ more: boolean; failed: string[] }>(response);
    expect(report.failed).toEqual([]);
    if (!report.more) return;
  }
}

async function tableSizes(): Promise<Map<string, number>> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'd1%'",
  ).all<{ name: string }>();
  const sizes = await env.DB.batch<{ n: number }>(
    results.map(({ name }) => env.DB.prepare(`SELECT COUNT(*) AS n FROM ${name}`)),
  );
  return new Map(results.map(({ name }, index) => [name, sizes[index]?.results[0]?.n ?? 0]));
}

/** What a month leaves behind beside the links: visitors who give up, wrong passwords, odd requests, events. */
async function traffic(month: number, now: number): Promise<void> {
  await env.DB.batch([
    insert("attempts", { id: `left-${month}`, createdAt: now, expiresAt: now + 1000 }),
    insert("throttles", { key: `k${month}`, updatedAt: now }),
    insert("sessions", { id: `s${month}`, createdAt: now }),
    insert("refusals", { clientId: `c${month}`, lastSeenAt: now }),
    insert("shownErrors", { id: `x${month}`, at: now }),
    insert("skillEvents", { requestId: `e${month}`, receivedAt: now }),
    insert("oauthMetrics", { hourAt: now - (now % 3_600_000) }),
    insert("alerts", { raisedAt: now, clearedAt: now + 1, subject: `a${month}` }),
    insert("initiations", { hourAt: now - (now % 3_600_000), key: `i${month}`, at: now }),
    insert("signInAttempts", { stateHash: `a${month}`, browserHash: `b${month}`, expiresAt: now + 1000 }),
    insert("pendingUnlinks", { id: `u${month}`, tokens: "unreadable", nextAttemptAt: now, createdAt: now }),
    insert("webhookOutbox", { id: `w${month}`, occurredAt: now }),
    insert("grants", {
      id: `imported-${month}`,
      refreshHash: `imported-${month}`,
      createdAt: now,
      lastUsedAt: now,
      idleExpiresAt: now + 400 * DAY_MS,
      revokedAt: now,
      importedAt: now,
    }),
  ]);
}

/** These grow only with people, skills and live links, and are deleted with them; the developer's token is one row. */
const WITH_THEIR_OWNERS = ["amazon_tokens", "developer_token", "identities"];

it("F7, U2: after ten years every table is as small as after three, and a customer who keeps using the skill is still linked", async () => {
  const service = startService();
  await seedSkill();
  await seedUser();
  const link = async (): Promise<TokenResponse> => {
    const code = await seedCode({ expiresAt: service.clock.now + 300_000 });
    const response = await service.request("/token", exchange(code));
    expect(response.status).toBe(200);
    return json(response);
  };
  const faithful = await link();
  let afterThreeYears = new Map<string, number>();
  for (let month = 1; month <= MONTHS; month++) {
    const links: TokenResponse[] = [];
    for (let i = 0; i < LINKS_A_MONTH; i++) links.push(await link());
    // A third unlinks; the others are never used again and expire.
    for (const { refresh_token: token } of links.slice(0, LINKS_A_MONTH / 3)) {
      const init = refresh(token, { grant_type: undefined, refresh_token: undefined, token });
      expect((await service.request("/revoke", init)).status).toBe(200);
    }
    await traffic(month, service.clock.now);
    // A new table needs rows in `traffic`.
    if (month === 1) {
      const empty = [...(await tableSizes())].filter(([, size]) => size === 0).map(([table]) => table);
      expect(empty.sort()).toEqual(WITH_THEIR_OWNERS);
    }
    service.clock.advance(MONTH_MS);
    expect((await service.request("/token", refresh(faithful.refresh_token))).status).toBe(200);
    await maintain(service);
    if (month === 36) afterThreeYears = await tableSizes();
  }
  const afterTenYears = await tableSizes();
  expect(afterThreeYears.get("grants")).toBeGreaterThan(LINKS_A_MONTH);
  for (const [table, size] of afterTenYears) {
    expect(size, table).toBeLessThanOrEqual((afterThreeYears.get(table) ?? 0) + LINKS_A_MONTH);
  }
}, 120_000);
