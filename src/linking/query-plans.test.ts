// No statement of linking, status or unlinking scans a whole table.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Amazon, jsonResponse } from "../../test/support/amazon.ts";
import { type AppUser, rows } from "../../test/support/app-user.ts";
import { link, startLinkingWorld } from "../../test/support/linking.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { json, SKILL_ID } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { abandonExpiredAttempts } from "./complete.ts";
import { finishPendingUnlinks } from "./unlink.ts";

const HOUR_MS = 3_600_000;
const LINK = `/api/links/${SKILL_ID}`;
/** Here `g` is a row in the statement itself. */
const ONE_ROW = /^WITH g \(/;

let service: Service;
let amazon: Amazon;
let ada: AppUser;
let bob: AppUser;

beforeEach(async () => {
  ({ service, amazon, ada, bob } = await startLinkingWorld());
});
afterEach(() => vi.restoreAllMocks());

it("F4: every statement of linking, status and unlinking uses an index", async () => {
  const rt = await runtimeOf(service);
  service.meter.clear();
  await link(amazon, ada);
  await json(await ada.call("GET", LINK));
  await ada.call("GET", "/api/links");
  await ada.call("DELETE", LINK);
  await link(amazon, ada);
  amazon.faults.push((seen) => (seen.what === "enable" ? jsonResponse({}, 503) : undefined));
  amazon.faults.push((seen) => (seen.what === "disable" ? jsonResponse({}, 503) : undefined));
  const started = await ada.start();
  const callback = await amazon.approve(started.loginWithAmazonUrl, "amazon-account-2");
  const presented = { state: started.state, code: callback.searchParams.get("code") };
  expect((await ada.complete(presented)).status).toBe(503);
  expect((await bob.complete(presented)).status).toBe(403);
  await ada.call("DELETE", LINK);
  service.clock.advance(HOUR_MS);
  await abandonExpiredAttempts(rt, 10);
  await finishPendingUnlinks(rt, 10);
  const statements = new Set(
    service.meter.roundTrips.filter(({ store }) => store === "DB").flatMap(({ sql }) => sql.split(";\n")),
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
          // A deployment has few skills; json_each reads a parameter of the statement.
          (/^SCAN (?!CONSTANT|json_each|j\b|skills|s\b|x\b)/.test(detail) &&
            !(ONE_ROW.test(sql) && detail === "SCAN g")) ||
          // Only the scheduled work asks for all open attempts.
          (/attempts_(by_outcome|pending)/.test(detail) && !sql.includes("expires_at <=")),
      );
    expect(bad, sql).toEqual([]);
  }
});
