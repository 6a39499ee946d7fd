// The form of a skill: what is saved without a change changes nothing, each field changes itself alone, and whatever is
// refused says why beside the form.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { ADD_ON_BODY, admin, SKILL_BODY } from "../../../test/support/admin.ts";
import { rows } from "../../../test/support/app-user.ts";
import { operator, textOf } from "../../../test/support/operator.ts";
import { type Service, startService } from "../../../test/support/service.ts";
import { formsOf, type Page, type Visitor } from "../../../test/support/visitor.ts";
import { SKILL_TYPES } from "../../storage/skills/skills.ts";

let service: Service;
let visitor: Visitor;

beforeEach(async () => {
  service = startService();
  visitor = await operator(service);
});

const unescaped = (text: string) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

/** The fields of a form as a browser sends them untouched. */
function untouched(html: string, action: string): Record<string, string> {
  const form = [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].find(([one]) => one.includes(`action="${action}"`));
  if (!form) throw new Error(`no form for ${action}`);
  const fields: Record<string, string> = { ...formsOf(form[0])[0]?.fields };
  for (const [input, name = ""] of form[0].matchAll(/<input type="checkbox" name="(\w+)"[^>]*>/g)) {
    if (!/\schecked/.test(input)) delete fields[name];
  }
  for (const [, name = "", text = ""] of form[0].matchAll(/<textarea[^>]* name="(\w+)"[^>]*>([\s\S]*?)<\/textarea>/g)) {
    fields[name] = unescaped(text).replace(/^\n/, "").replaceAll("\n", "\r\n");
  }
  for (const [, name = "", options = ""] of form[0].matchAll(/<select[^>]* name="(\w+)"[^>]*>([\s\S]*?)<\/select>/g)) {
    const all = [...options.matchAll(/<option value="([^"]*)"( selected)?/g)];
    fields[name] = (all.find(([, , selected]) => selected) ?? all[0])?.[1] ?? "";
  }
  return fields;
}

const LWA = { clientId: "amzn1.application-oa2-client.a", clientSecret: "obviously-fake-lwa" };
const EVENTS = { clientId: "amzn1.application-oa2-client.e", clientSecret: "obviously-fake-events" };
const RELAY = {
  tokenUrl: "https://old.example.com/token",
  userinfoUrl: "https://old.example.com/userinfo",
  clientId: "old-client",
  clientSecret: "obviously-fake-relay",
  person: { claim: "email", as: "email" },
};
const { client: _, lwa: __, eventGateway: ___, ...PLAIN } = SKILL_BODY;
const ID = PLAIN.id;
const PAGE = `/admin/skills/${ID}`;

const SKILLS: Readonly<Record<string, object>> = {
  ...Object.fromEntries(
    SKILL_TYPES.filter((type) => type !== "add_on").map((type) => [type, { ...PLAIN, type, lwa: LWA }]),
  ),
  "add_on with a service client": { ...ADD_ON_BODY, id: ID, serviceClient: {}, lwa: LWA },
  "add_on without one": { ...ADD_ON_BODY, id: ID },
  "custom with a relay": { ...PLAIN, type: "custom", linking: "optional", lwa: LWA, relay: RELAY },
  "custom with a relay that passes Alexa's credentials on": {
    ...PLAIN,
    type: "custom",
    relay: { tokenUrl: RELAY.tokenUrl, person: { as: "id" } },
  },
  "smart_home with a pair for events": { ...PLAIN, lwa: LWA, eventGateway: EVENTS },
  "with redirect URIs by hand": {
    ...PLAIN,
    vendorId: undefined,
    redirectUris: ["https://pitangui.amazon.com/api/skill/link/M1"],
    force: true,
  },
  "live, with PKCE and many words": {
    ...PLAIN,
    stage: "live",
    name: `Ada's "home" <b>& more</b>`,
    scopes: [{ name: "profile", descriptions: { en: 'See "you" & <yours>', de: "Ihr Gerät\\n" } }, "x"],
    returnUrls: ["https://app.example.com/alexa/done?a=1&b=2", "com.example.app://done"],
    client: { requirePkce: true },
  },
};

const stored = async () => {
  const all = await rows<Record<string, unknown>>("SELECT * FROM skills");
  const clients = await rows<Record<string, unknown>>("SELECT * FROM clients ORDER BY id");
  return [...all, ...clients].map(({ updated_at: _at, ...row }) => row);
};
const view = async () => {
  const { updatedAt: _at, ...body } = (await admin(service, "GET", `skills/${ID}`)).body;
  return body;
};

async function register(body: object): Promise<void> {
  const made = await admin(service, "POST", "skills", body);
  expect([made.status, made.body.detail]).toEqual([201, undefined]);
}

/** Saves the form with these changes. */
async function save(changes: Record<string, string> = {}): Promise<Page> {
  const { html } = await visitor.get(PAGE);
  return visitor.post(PAGE, { ...untouched(html, PAGE), ...changes });
}

describe("saved without a change", () => {
  it.each(Object.keys(SKILLS))("changes nothing: %s", async (name) => {
    await register(SKILLS[name] ?? {});
    const before = [await stored(), await view()];
    service.clock.advance(1000);
    const page = await save();
    expect([page.status, /id="error"/.test(page.html)]).toEqual([200, false]);
    expect([await stored(), await view()]).toEqual(before);
  });

  it("flash_briefing is not offered, and refused with the reason", async () => {
    const { html } = await visitor.get("/admin/skills/new");
    expect(html).not.toContain("flash_briefing");
    const fields = { ...untouched(html, "/admin/skills/new"), id: ID, name: "News", type: "flash_briefing" };
    const page = await visitor.post("/admin/skills/new", { ...fields, scopes: "profile", vendorId: "M2" });
    expect([page.status, page.html.includes('id="error"')]).toEqual([400, true]);
  });
});

const PAIRS = "smart_home with a pair for events";
const WITH_RELAY = "custom with a relay";

describe("each field", () => {
  it.each<[string, string, Record<string, string>, object]>([
    ["name", PAIRS, { name: "Other" }, { name: "Other" }],
    ["type", "custom", { type: "music" }, { type: "music" }],
    ["stage", PAIRS, { stage: "live" }, { stage: "live" }],
    ["linking", "custom", { linking: "optional" }, { linking: "optional" }],
    ["scopes", PAIRS, { scopes: "profile\r\nlights" }, { scopes: ["profile", "lights"] }],
    ["returnUrls", PAIRS, { returnUrls: "" }, { returnUrls: [] }],
    ["lwaId and secret", PAIRS, { lwaId: "new", lwaSecret: "s" }, { lwa: { clientId: "new" } }],
    ["lwaId emptied", PAIRS, { lwaId: "" }, { lwa: null }],
    ["eventId and secret", PAIRS, { eventId: "new", eventSecret: "s" }, { eventGateway: { clientId: "new" } }],
    ["eventId emptied", PAIRS, { eventId: "" }, { eventGateway: null }],
    ["resource", "add_on without one", { resource: "https://b.example.com/" }, { resource: "https://b.example.com/" }],
    ["relay emptied", WITH_RELAY, { relayTokenUrl: "" }, { relay: null }],
  ])("changes itself alone: %s", async (_name, skill, changes, expected) => {
    await register(SKILLS[skill] ?? {});
    const before = await view();
    service.clock.advance(1000);
    const page = await save(changes);
    expect([page.status, textOf(/id="error"[\s\S]{0,400}/.exec(page.html)?.[0] ?? "")]).toEqual([200, ""]);
    expect(await view()).toEqual({ ...before, ...expected });
  });

  it("of the redirect URIs and of PKCE changes the Alexa client alone", async () => {
    await register(SKILLS[PAIRS] ?? {});
    const before = await view();
    const client = before.client as { redirectUris: string[] };
    const changes: [Record<string, string>, object, object][] = [
      [{ requirePkce: "yes" }, {}, { requirePkce: true }],
      [
        { vendorId: "M9OTHER" },
        { vendorId: "M9OTHER" },
        { redirectUris: client.redirectUris.map((uri) => uri.replace(String(before.vendorId), "M9OTHER")) },
      ],
    ];
    let expected = before;
    for (const [change, skill, ofClient] of changes) {
      expected = { ...expected, ...skill, client: { ...(expected.client as object), ...ofClient } };
      expect((await save(change)).status).toBe(200);
      expect(await view()).toEqual(expected);
    }
  });

  it("of the relay changes the relay alone, with the secret typed again", async () => {
    await register(SKILLS[WITH_RELAY] ?? {});
    const before = await view();
    const refused = await save({ relayClaim: "sub" });
    expect(refused.status).toBe(400);
    expect(refused.html).toMatch(/id="error"[\s\S]{0,500}relay\.clientSecret: must come with clientId/);
    const changes: [Record<string, string>, object][] = [
      [{ relayClaim: "mail" }, { person: { claim: "mail", as: "email" } }],
      [{ relayTokenUrl: "https://new.example.com/t" }, { tokenUrl: "https://new.example.com/t" }],
      [{ relayUserinfoUrl: "" }, { userinfoUrl: null }],
      [{ relayId: "new-client" }, { clientId: "new-client" }],
      [{ relayAs: "id" }, { person: { claim: "mail", as: "id" } }],
    ];
    let expected = before.relay as object;
    for (const [change, changed] of changes) {
      expected = { ...expected, ...changed };
      expect((await save({ ...change, relaySecret: "obviously-fake-relay" })).status).toBe(200);
      expect(await view()).toEqual({ ...before, relay: expected });
    }
  });

  it("of the service client makes one, once, and the service client's secret is shown once", async () => {
    await register(SKILLS["add_on without one"] ?? {});
    const made = await save({ serviceClient: "yes" });
    expect(made.html).toMatch(/service client&#39;s secret[\s\S]*<code>[A-Za-z0-9_-]{43}<\/code>/);
    const id = ((await view()).serviceClient as { id: string }).id;
    expect((await save()).html).not.toMatch(/<code>[A-Za-z0-9_-]{43}<\/code>/);
    expect(((await view()).serviceClient as { id: string }).id).toBe(id);
  });
});

describe("a value that is refused", () => {
  const evil = '"><script>alert(1)</script>';
  it.each<[string, string, Record<string, string>, RegExp]>([
    ["no name", PAIRS, { name: " " }, /name: must not be empty|name: is required/],
    ["a long name", PAIRS, { name: "x".repeat(101) }, /name: must have at most 100 characters/],
    ["an unknown type", PAIRS, { type: evil }, /type: must be one of/],
    ["an unknown stage", PAIRS, { stage: "certified" }, /stage: must be development or live/],
    ["linking that the type does not have", PAIRS, { linking: "optional" }, /linking: must be required for smart_home/],
    ["a vendor id with markup", PAIRS, { vendorId: evil }, /vendorId: must be the developer account/],
    ["no scopes", PAIRS, { scopes: "" }, /scopes: must name at least one scope/],
    ["a scope twice", PAIRS, { scopes: "profile\nprofile" }, /scopes: must not repeat a scope/],
    ["a scope in broken JSON", PAIRS, { scopes: '{"name":' }, /scopes\[0\]/],
    ["an address without https", PAIRS, { returnUrls: "http://app.example.com/" }, /returnUrls\[0\]/],
    [
      "a pair without its secret",
      PAIRS,
      { lwaId: "other" },
      /lwa\.clientSecret: is required|lwa\.clientSecret: must be/,
    ],
    ["a secret without its pair", PAIRS, { eventId: "", eventSecret: "lonely" }, /eventGateway\.clientId: must be/],
    ["a relay without its address", PAIRS, { relayClaim: "sub", relayAs: "id" }, /relay\.tokenUrl/],
    ["a relay that names nobody", PAIRS, { relayTokenUrl: RELAY.tokenUrl }, /relay\.person\.as: must be one of/],
    ["a resource of a skill", PAIRS, { resource: "https://mcp.example.com/" }, /resource: only an add_on has one/],
    ["a service client of a skill", PAIRS, { serviceClient: "yes" }, /serviceClient: only an add_on/],
    ["an add-on without its resource", "add_on without one", { resource: "" }, /resource: is required for an add_on/],
    [
      "too much for the API",
      PAIRS,
      { scopes: `{"name":"a","descriptions":{"en":"${"é".repeat(40_000)}"}}` },
      /The request body is too large/,
    ],
  ])("says why beside the form, and loses nothing: %s", async (_name, skill, changes, problem) => {
    await register(SKILLS[skill] ?? {});
    const before = [await stored(), await view()];
    const page = await save({ returnUrls: "https://app.example.com/typed", ...changes });
    expect(page.status).toBe(400);
    expect(textOf(/id="error"[\s\S]*?<\/(div|section|p)>/.exec(page.html)?.[0] ?? "")).toMatch(problem);
    const shown = untouched(page.html, PAGE);
    for (const [name, value] of Object.entries({ returnUrls: "https://app.example.com/typed", ...changes })) {
      const isLost = name.endsWith("Secret") || ["type", "stage"].includes(name);
      if (!isLost) expect([name, shown[name]?.replaceAll("\r\n", "\n").trim()]).toEqual([name, value.trim()]);
    }
    expect(page.html).not.toMatch(/<script>alert|lonely/);
    expect([await stored(), await view()]).toEqual(before);
  });

  it("a form that is too large, has a field twice or is no form changes nothing and says so in the console", async () => {
    await register(SKILLS[PAIRS] ?? {});
    const before = await stored();
    const fields = new URLSearchParams(untouched((await visitor.get(PAGE)).html, PAGE)).toString();
    for (const [body, type, problem] of [
      [`${fields}&name=Two`, "application/x-www-form-urlencoded", "more than once"],
      [`${fields}&x=${"x".repeat(300_000)}`, "application/x-www-form-urlencoded", "too large"],
      [`${fields}&x=%ff%`, "application/x-www-form-urlencoded", "not valid form encoding"],
      ["{}", "application/json", "Content-Type"],
    ] as const) {
      const page = await visitor.send(PAGE, { method: "POST", body, headers: { "content-type": type } });
      expect([page.status, page.html.includes(problem), page.html.includes('aria-label="Console"')]).toEqual([
        400,
        true,
        true,
      ]);
    }
    expect(await stored()).toEqual(before);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM audit WHERE kind = 'skill_changed'").first("n")).toBe(0);
  });
});
