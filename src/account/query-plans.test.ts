// No statement of sign-in, consent, the account's pages and imports reads a table from end to end.
import { expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { query } from "../../test/support/authorize.ts";
import { SKILL_ID, seedSkill } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { Visitor } from "../../test/support/visitor.ts";

it("F4: every statement of a customer's visit finds its rows by an index", async () => {
  const service = startService();
  await seedSkill();
  await seedAccount(service, DEMO);
  const visitor = new Visitor(service);
  service.meter.clear();
  const signInPage = await visitor.open(`/authorize?${query()}`);
  const consent = await visitor.submit(signInPage, { email: DEMO.email, password: DEMO.password });
  expect((await visitor.submit(consent, { decision: "allow" })).status).toBe(303);
  const account = await visitor.get("/account");
  expect(account.html).toContain(DEMO.email);
  const password = (await visitor.get("/account/password")).hidden("/account/password");
  const changed = { ...password, current: DEMO.password, password: "another-password" };
  expect((await visitor.post("/account/password", changed)).status).toBe(303);
  const everywhere = (await visitor.get("/account")).hidden("/sign-out/everywhere");
  expect((await visitor.post("/sign-out/everywhere", everywhere)).status).toBe(303);
  const link = { skillId: SKILL_ID, user: { email: DEMO.email }, refreshTokenSha256: "0".repeat(64) };
  expect((await admin(service, "POST", "imports", { items: [link] })).body.imported).toBe(1);
  const statements = new Set(
    service.meter.roundTrips.filter(({ store }) => store === "DB").flatMap(({ sql }) => sql.split(";\n")),
  );
  statements.delete("");
  expect(statements.size).toBeGreaterThan(20);
  for (const sql of statements) {
    const count = sql.match(/\?/g)?.length ?? 0;
    const plan = await rows<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...Array(count).fill(null));
    const brought = [...sql.matchAll(/(?:WITH|,)\s+(\w+)(?: \([\w, ]+\))? AS \(/g)].map(([, name]) => `SCAN ${name}`);
    // There are few signing keys. The others read rows that the statement brings, or JSON.
    const scans = plan
      .map(({ detail }) => detail)
      .filter((detail) => /^SCAN (?!signing_keys|CONSTANT ROW|\(subquery|\w+ VIRTUAL TABLE)/.test(detail))
      .filter((detail) => !brought.includes(detail));
    expect(scans, sql).toEqual([]);
  }
});
