// What the page about one attempt never shows, whom it is shown to, and what it does with ids that do not exist.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../../test/support/accounts.ts";
import { admin } from "../../../test/support/admin.ts";
import { decideOnTheWay, latestAttempt, showAttempt } from "../../../test/support/attempts.ts";
import { STATE } from "../../../test/support/authorize.ts";
import { operator } from "../../../test/support/operator.ts";
import { plansOf } from "../../../test/support/query-plan.ts";
import { insert } from "../../../test/support/rows.ts";
import { ALEXA_REDIRECT_URIS, exchange, seedSkill } from "../../../test/support/seeds.ts";
import { type Service, START, startService } from "../../../test/support/service.ts";
import { Visitor } from "../../../test/support/visitor.ts";
import { readAttemptDetail } from "../../storage/maintenance/attempt-detail.ts";

let service: Service;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAccount(service, DEMO);
});

describe("what the page never has", () => {
  it("S4: codes, tokens, state, hashes and session ids", async () => {
    const code = await decideOnTheWay(service);
    const tokens = (await (
      await service.request("/token", exchange(code, { redirect_uri: ALEXA_REDIRECT_URIS[0] }))
    ).json()) as { access_token: string; refresh_token: string };
    const { html } = await showAttempt(service);
    const stored = await env.DB.prepare(
      "SELECT c.code_hash, a.browser_hash, s.id, g.refresh_hash FROM attempts a, codes c, sessions s, grants g",
    ).first<Record<string, string>>();
    const secrets = [code, STATE, decodeURIComponent(STATE), tokens.access_token, tokens.refresh_token];
    for (const secret of [...secrets, ...Object.values(stored ?? {})]) {
      expect(secret.length).toBeGreaterThan(15);
      expect(html).not.toContain(secret);
    }
  });

  it("S1: markup of what others sent", async () => {
    const evil = `"><img src=x onerror=alert(1)>`;
    await insert("attempts", {
      id: "evil",
      outcome: "failed",
      reason: evil,
      skillId: evil,
      clientId: evil,
      steps: [
        { name: evil, at: START },
        { name: `token_refused:${evil}`, at: START },
        { name: "__proto__", at: START },
      ],
    }).run();
    const { status, html } = await showAttempt(service, "evil");
    expect(status).toBe(200);
    expect(html).not.toContain("<img src=x");
    expect(html).not.toContain("<script");
  });
});

it.each(["unknown", "%00", "..%2F..", `${"a".repeat(10_000)}`, "%27%20OR%201=1--", "%", "constructor"])(
  "O4: an unknown id is a 404 page in the console's frame that says how long attempts are kept: %s",
  async (id) => {
    const { status, html, text } = await showAttempt(service, id);
    expect(status).toBe(404);
    expect(text).toMatch(/kept for \d+ days/);
    expect(html).toContain('aria-label="Console"');
  },
);

it("S1: nobody sees it without an operator's session, and opening it writes nothing", async () => {
  await decideOnTheWay(service);
  const id = await latestAttempt();
  const stranger = await new Visitor(service).get(`/admin/attempts/${id}`);
  expect(stranger.html).toContain('name="token"');
  expect(stranger.html).not.toContain("The customer");
  const visitor = await operator(service);
  // Writes the counters that have been gathered until now.
  await admin(service, "GET", "metrics");
  service.meter.clear();
  expect((await visitor.get(`/admin/attempts/${id}`)).status).toBe(200);
  await service.settled();
  expect(service.meter.writes).toEqual([]);
});

it("F4: everything of an attempt is found by a key or an index", async () => {
  for (const plan of await plansOf((db) => readAttemptDetail(db, "id"))) expect(plan).not.toMatch(/SCAN/);
});
