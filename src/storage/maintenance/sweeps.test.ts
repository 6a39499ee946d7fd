// Which attempts a sweep with a limit takes first, and what no ended attempt can hold.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { insert } from "../../../test/support/rows.ts";
import { START } from "../../../test/support/service.ts";
import { SWEEPS, sweep } from "./sweeps.ts";

it("the oldest expired attempts are abandoned first, so that open ones never use up the limit", async () => {
  for (const age of [1, 3, 2]) {
    const createdAt = START - age;
    await insert("attempts", { id: `age-${age}`, createdAt, expiresAt: START }).run();
  }
  const sweeps = SWEEPS.filter(({ name }) => name === "abandonedAttempts");
  await sweep(env.DB, sweeps, START, 2);
  const { results } = await env.DB.prepare("SELECT id FROM attempts WHERE outcome = 'abandoned' ORDER BY id").all();
  expect(results).toEqual([{ id: "age-2" }, { id: "age-3" }]);
});

it("the database refuses Amazon's tokens in an attempt that has ended", async () => {
  await insert("attempts", { amazonTokens: "sealed" }).run();
  const end = env.DB.prepare("UPDATE attempts SET outcome = 'failed'").run();
  await expect(end).rejects.toThrow("CHECK constraint failed");
});
