// Errors that were shown with an id: found by the search, bounded, and without those of operators.
import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { query } from "../../test/support/authorize.ts";
import { operator, textOf } from "../../test/support/operator.ts";
import { insert } from "../../test/support/rows.ts";
import { ALEXA_CLIENT, seedSkill } from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { countOf, DAY, failing } from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedSkill();
});

const WRONG = `/authorize?${query({ redirect_uri: "https%3A%2F%2Flayla.amazon.com%2Fwrong" })}`;

async function errorIdOf(path: string, status: number): Promise<string> {
  const response = await service.request(path);
  expect(response.status).toBe(status);
  return /<code>([^<]+)<\/code>/.exec(await response.text())?.[1] ?? expect.fail("no error id");
}

/** Writes what was gathered. */
const flush = () => admin(service, "GET", "metrics");

it("an error id leads to what failed, when, where, and what was refused in that minute", async () => {
  const id = await errorIdOf(WRONG, 400);
  const visitor = await operator(service);
  const { html } = await visitor.get(`/admin/search?q=${id}`);
  const shown = textOf(html);
  for (const text of [id, "/authorize", "400", ALEXA_CLIENT, "https://layla.amazon.com/wrong"]) {
    expect(shown).toContain(text);
  }
  expect(shown).not.toContain("Never reached us");
  expect(await env.DB.prepare("SELECT * FROM shown_errors").all()).toMatchObject({
    results: [{ id, at: START, status: 400, path: "/authorize", reason: "redirect_uri_unregistered" }],
  });
  expect(textOf((await visitor.get("/admin/search?q=unknown-id")).html)).toContain("Never reached us");
});

it("pages of operators, 404 and 405 leave no row", async () => {
  await errorIdOf("/nowhere", 404);
  expect((await service.request("/authorize", { method: "DELETE" })).status).toBe(405);
  await service.request("/admin", { method: "POST", body: "x" });
  await flush();
  expect(await countOf("shown_errors")).toBe(0);
});

it("a storage fault is shown all the same, and its row is written once storage works again", async () => {
  service.meter.faults.push(failing(() => true, "before", "D1_ERROR: Network connection lost"));
  const id = await errorIdOf(`/authorize?${query()}`, 503);
  service.meter.clear();
  await flush();
  expect(await env.DB.prepare("SELECT id, status, reason FROM shown_errors").first()).toEqual({
    id,
    status: 503,
    reason: "storage_fault",
  });
});

it("S11: an isolate writes at most 50 rows at once, of bounded length", async () => {
  const long = `/authorize?client_id=${"x".repeat(3000)}`;
  for (let i = 0; i < 120; i++) await service.request(long);
  await flush();
  expect(await countOf("shown_errors")).toBe(50);
  expect(await countOf("shown_errors", "LENGTH(client_id) = 100")).toBe(50);
});

it("S11: maintenance keeps the newest 300", async () => {
  const rows = Array.from({ length: 600 }, (_, i) => insert("shownErrors", { id: `e${i}`, at: START - i }));
  await env.DB.batch(rows);
  expect((await admin(service, "POST", "maintenance")).body.swept).toMatchObject({ shownErrors: 300 });
  expect(await countOf("shown_errors")).toBe(300);
  expect(await countOf("shown_errors", "id IN ('e0', 'e299')")).toBe(2);
  service.clock.advance(30 * DAY);
  await admin(service, "POST", "maintenance");
  expect(await countOf("shown_errors")).toBe(0);
});
