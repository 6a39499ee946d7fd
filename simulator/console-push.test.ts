// The console's page /admin/skills/{id}/amazon: what differs at Amazon, and writing it there.
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { admin } from "../test/support/admin.ts";
import {
  asked,
  COMPARE,
  faults,
  figure,
  lines,
  link,
  operator,
  SECRET,
  SKILL_ID,
  service,
  startBeside,
  storeToken,
  textOf,
} from "../test/support/console-beside.ts";
import type { Page } from "../test/support/visitor.ts";

startBeside();

describe("pushing to Amazon", () => {
  const push = (page: Page, fields: Record<string, string>) =>
    operator.post(COMPARE, { ...page.hidden(COMPARE), confirmed: "yes", ...fields });
  const audits = async () =>
    (await env.DB.prepare("SELECT actor, client_id, details FROM audit WHERE kind = 'skill_pushed'").all()).results;

  it("shows what differs, writes it with the ETag, and then there is no difference", async () => {
    await storeToken();
    await admin(service, "PATCH", `skills/${SKILL_ID}`, { scopes: ["profile", "email"] });
    const page = await operator.get(COMPARE);
    expect(figure(page, "scopes")).toEqual(["email, profile", "profile"]);
    const pushed = await push(page, { clientSecret: SECRET });
    expect([pushed.status, textOf(pushed.html)]).toEqual([
      200,
      expect.stringContaining("account linking configuration was written"),
    ]);
    expect(textOf(pushed.html)).toContain("No difference between this server and Amazon");
    expect(asked.find(({ method }) => method === "PUT")?.headers.get("if-match")).toBeTruthy();
    expect(await audits()).toEqual([{ actor: "ADMIN_TOKEN", client_id: "alexa-beside", details: SKILL_ID }]);
    expect([pushed.html, ...lines].join()).not.toContain(SECRET);
    await link({ scenario: "authorize" });
  });

  it("is reached from the skill's page", async () => {
    expect((await operator.get(`/admin/skills/${SKILL_ID}`)).html).toContain(`href="${COMPARE}"`);
  });

  it("makes a new secret, which Alexa then uses", async () => {
    await storeToken();
    const pushed = await push(await operator.get(COMPARE), { newSecret: "yes" });
    expect([pushed.status, pushed.html]).toEqual([200, expect.not.stringContaining("The new client secret")]);
    await link({ scenario: "authorize" });
    const kinds = (await env.DB.prepare("SELECT kind FROM audit ORDER BY id DESC LIMIT 4").all()).results;
    expect(kinds).toEqual(expect.arrayContaining([{ kind: "client_secret_rotated" }, { kind: "skill_pushed" }]));
  });

  it("shows a new secret once when Amazon does not take it", async () => {
    await storeToken();
    const page = await operator.get(COMPARE);
    await faults({ accountLinking: { status: 500, methods: ["PUT"] } });
    const failed = await push(page, { newSecret: "yes" });
    expect([failed.status, textOf(failed.html)]).toEqual([502, expect.stringContaining("shown only once")]);
    expect(await audits()).toEqual([]);
    await faults({});
    const secret = /would invalidate the secret that Amazon has\. <code>([^<]+)<\/code>/.exec(failed.html)?.[1] ?? "";
    expect((await push(failed, { clientSecret: secret })).status).toBe(200);
  });

  it.each([
    ["without confirmation", { clientSecret: SECRET, confirmed: "" }, 400, "confirm that"],
    ["without a secret", {}, 400, "enter the client secret"],
    ["with another secret", { clientSecret: "wrong-secret-0000000" }, 400, "is not the secret of client"],
    ["with both", { clientSecret: SECRET, newSecret: "yes" }, 400, "not both"],
    ["after a change at Amazon", { clientSecret: SECRET, etag: '"another"' }, 409, "has changed since"],
  ])("writes nothing %s", async (_, fields, status, said) => {
    await storeToken();
    const pushed = await push(await operator.get(COMPARE), fields as Record<string, string>);
    expect([pushed.status, textOf(pushed.html)]).toEqual([status, expect.stringContaining(said)]);
    expect(asked.filter(({ method }) => method === "PUT")).toEqual([]);
    expect(pushed.html).not.toContain(SECRET);
  });

  it.each([
    [400, 502, "Amazon refused the request"],
    [403, 502, "does not allow this (403)"],
    [404, 502, "does not know this skill (404)"],
    [409, 502, "processing another change to the skill (409)"],
    [412, 409, "has changed since"],
    [429, 502, "throttling requests (429)"],
    [503, 502, "did not respond, or responded with a server error"],
  ])("says in a sentence what Amazon's %i means", async (status, shown, said) => {
    await storeToken();
    const page = await operator.get(COMPARE);
    await faults({ accountLinking: { status, methods: ["PUT"], body: { message: `about ${SECRET}` } } });
    const pushed = await push(page, { clientSecret: SECRET });
    expect([pushed.status, textOf(pushed.html)]).toEqual([shown, expect.stringContaining(said)]);
    expect(pushed.html).not.toContain(SECRET);
    expect(await audits()).toEqual([]);
  });

  it("needs a token, a known skill, and no add-on", async () => {
    expect((await operator.get(COMPARE)).html).toContain("No developer token is stored");
    expect((await operator.get("/admin/skills/unknown/amazon")).status).toBe(404);
    expect(asked).toEqual([]);
  });

  it("says what Amazon lacks when it has no configuration", async () => {
    await storeToken();
    await faults({ accountLinking: { status: 404, methods: ["GET"] } });
    const page = await operator.get(COMPARE);
    expect(textOf(page.html)).toContain("Amazon has no account linking configuration");
    expect((await push(page, { clientSecret: SECRET })).status).toBe(200);
  });
});
