// Ten simulated years of linking, leaving and failing: the tables stay as large as what lives, and who stays linked
// stays linked.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import {
  ALEXA_CLIENT,
  exchange,
  json,
  refresh,
  SKILL_ID,
  seedCode,
  seedSkill,
  seedUser,
  type TokenAnswer,
} from "../support/seeds.ts";
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
    env.DB.prepare(
      "INSERT INTO attempts (id, trace_id, flow, outcome, steps, created_at, expires_at) VALUES (?, 't', 'alexa_app', 'pending', '[]', ?, ?)",
    ).bind(`left-${month}`, now, now + 1000),
    env.DB.prepare("INSERT INTO throttles (key, failures, updated_at) VALUES (?, 3, ?)").bind(`k${month}`, now),
    env.DB.prepare("INSERT INTO sessions (id, user_id, browser_hash, created_at) SELECT ?, id, 'b', ? FROM users").bind(
      `s${month}`,
      now,
    ),
    env.DB.prepare("INSERT INTO refusals VALUES (?, 'client_unknown', '', 1, ?)").bind(`c${month}`, now),
    env.DB.prepare("INSERT INTO skill_events (request_id, received_at) VALUES (?, ?)").bind(`e${month}`, now),
    env.DB.prepare("INSERT INTO oauth_metrics VALUES (?, '', 'token_refreshed', 9)").bind(now - (now % 3_600_000)),
    env.DB.prepare("INSERT INTO sign_in_attempts VALUES (?, 'b', 'sealed', ?)").bind(`a${month}`, now + 1000),
    env.DB.prepare(
      `INSERT INTO pending_unlinks (id, skill_id, host, tokens, sealed_for, next_attempt_at, created_at)
       VALUES (?, ?, 'https://api.amazonalexa.com', 'unreadable', '', ?, ?)`,
    ).bind(`u${month}`, SKILL_ID, now, now),
    env.DB.prepare("INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (?, 'link.created', '{}', ?)").bind(
      `w${month}`,
      now,
    ),
    env.DB.prepare(
      `INSERT INTO grants (id, user_id, client_id, scope, flow, refresh_hash, created_at, last_used_at, idle_expires_at, revoked_at, imported_at)
       SELECT ?1, id, ?2, 'profile', 'alexa_app', ?1, ?3, ?3, ?3 + ?4, ?3, ?3 FROM users`,
    ).bind(`imported-${month}`, ALEXA_CLIENT, now, 400 * DAY_MS),
  ]);
}

/** These grow with people, skills and living links only, and go with them. */
const WITH_THEIR_OWNERS = ["amazon_tokens", "identities"];

it("F7, U2: after ten years every table is as small as after three, and a customer who keeps using the skill is still linked", async () => {
  const service = startService();
  await seedSkill();
  await seedUser();
  const link = async (): Promise<TokenAnswer> => {
    const code = await seedCode({ expiresAt: service.clock.now + 300_000 });
    const response = await service.request("/token", exchange(code));
    expect(response.status).toBe(200);
    return json(response);
  };
  const faithful = await link();
  let afterThreeYears = new Map<string, number>();
  for (let month = 1; month <= MONTHS; month++) {
    const links: TokenAnswer[] = [];
    for (let i = 0; i < LINKS_A_MONTH; i++) links.push(await link());
    // A third unlinks; the rest falls silent and ends by idleness.
    for (const { refresh_token: token } of links.slice(0, LINKS_A_MONTH / 3)) {
      const { grant_type: _, ...rest } = { grant_type: undefined };
      const init = refresh(token, { grant_type: undefined, refresh_token: undefined, token, ...rest });
      expect((await service.request("/revoke", init)).status).toBe(200);
    }
    await traffic(month, service.clock.now);
    // A table that is new here needs traffic of its own.
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
