// The list of alerts in the admin API.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { insert } from "../../test/support/rows.ts";
import { SKILL_ID } from "../../test/support/seeds.ts";
import { START, startService } from "../../test/support/service.ts";

const OTHER_SKILL = "amzn1.ask.skill.other";

it("lists open and cleared ones, the latest first, in pages, and those of one skill with those of the server", async () => {
  const service = startService();
  await env.DB.batch([
    insert("alerts", { raisedAt: START - 3, clearedAt: START - 1 }),
    insert("alerts", { raisedAt: START - 2, name: "token_latency_high", subject: "", skillId: null }),
    insert("alerts", { raisedAt: START - 1, subject: OTHER_SKILL, skillId: OTHER_SKILL }),
  ]);
  const subjects = async (query: string) => {
    const { body } = await admin(service, "GET", `alerts?${query}`);
    return (body.items as { subject: string }[]).map(({ subject }) => subject);
  };
  expect(await subjects("")).toEqual([OTHER_SKILL, "", SKILL_ID]);
  expect(await subjects("open=true")).toEqual([OTHER_SKILL, ""]);
  expect(await subjects(`skillId=${SKILL_ID}`)).toEqual(["", SKILL_ID]);
  const first = await admin(service, "GET", "alerts?limit=2");
  expect(await subjects(`limit=2&cursor=${String(first.body.nextCursor)}`)).toEqual([SKILL_ID]);
});

it.each([
  "open=false",
  "open=true&open=true",
  `skillId=${"x".repeat(256)}`,
  "limit=0",
  "limit=201",
  "cursor=nonsense",
  "cursor=%00",
  "name=x",
])("refuses %s", async (query) => {
  expect((await admin(startService(), "GET", `alerts?${query}`)).status).toBe(400);
});

it("is for operators only", async () => {
  expect((await admin(startService(), "GET", "alerts", undefined, { token: null })).status).toBe(401);
});
