// Wrong addresses in Alexa's developer console: what operators see of the requests that they cause.
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { query } from "../../test/support/authorize.ts";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  basic,
  exchange,
  form,
  refresh,
  seedCode,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";

interface Item {
  readonly clientId: string;
  readonly reason: string;
  readonly redirectUri: string;
  readonly path?: string;
  readonly remedy?: string;
  readonly count: number;
}

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
});

const refusals = async () => (await admin(service, "GET", "refusals")).body.items as Item[];

describe("token requests to a wrong address", () => {
  it.each([
    "/token/",
    "/token/x",
    "/oauth/token",
    "/oauth2/token",
    "/Token",
    "/api/token",
    "/",
    "/link",
    "/.well-known/token",
  ])("O10: POST %s is 404 and listed with its path", async (path) => {
    const code = await seedCode();
    for (const init of [exchange(code), refresh("rt_fake-refresh-token")]) {
      expect((await service.request(path, init)).status).toBe(404);
    }
    const items = await refusals();
    expect(items).toMatchObject([{ clientId: "", reason: "token_path_unknown", redirectUri: "", path, count: 2 }]);
    expect(items[0]?.remedy).toContain("/token");
    const shown = JSON.stringify(items);
    for (const secret of [code, ALEXA_SECRET, "rt_fake-refresh-token", basic(ALEXA_CLIENT, ALEXA_SECRET).slice(6)]) {
      expect(shown).not.toContain(secret);
    }
    expect((await service.request("/token", exchange(code))).status).toBe(200);
  });

  it("O10: a form with HTTP Basic is one, whatever its fields", async () => {
    const headers = { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) };
    await service.request("/oauth/token", form({ grant: "authorization_code" }, headers));
    expect(await refusals()).toMatchObject([{ reason: "token_path_unknown", path: "/oauth/token" }]);
  });

  it("O10: a GET with a token request in its query or with HTTP Basic is listed too, without the query", async () => {
    const asked = "grant_type=authorization_code&code=fake-code&client_secret=fake-secret";
    expect((await service.request(`/token?${asked}`)).status).toBe(405);
    expect((await service.request(`/oauth/token?${asked}`)).status).toBe(404);
    const headers = { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) };
    expect((await service.request("/token", { headers })).status).toBe(405);
    const items = await refusals();
    expect(items.map(({ reason, path, count }) => [reason, path, count]).sort()).toEqual([
      ["token_path_unknown", "/oauth/token", 1],
      ["token_request_by_get", "/token", 2],
    ]);
    expect(JSON.stringify(items)).not.toMatch(/fake-|code=/);
  });

  it("O10: swapped URLs are listed from both sides", async () => {
    await service.request("/authorize", exchange(await seedCode()));
    await service.request(`/token?${query()}`);
    const items = await refusals();
    expect(items.map(({ reason, path }) => [reason, path]).sort()).toEqual([
      ["urls_swapped", "/authorize"],
      ["urls_swapped", "/token"],
    ]);
    expect(items[0]?.remedy).toContain("are swapped in the developer console");
  });

  it("O10: paths are bounded and escaped, in the list and at /admin", async () => {
    const hostile = `/oauth/<script>alert(1)</script>/%0a%00/${"x".repeat(5000)}`;
    expect((await service.request(hostile, exchange("c0fake"))).status).toBe(404);
    const [item] = await refusals();
    expect(item?.path?.length).toBeLessThanOrEqual(300);
    const operator = visit(service);
    const signIn = await operator.get("/admin");
    await operator.post("/admin/session", { ...signIn.hidden("/admin/session"), token: ADMIN_TOKEN });
    const { html } = await operator.get("/admin");
    expect(html).toContain("token path unknown");
    expect(html).not.toContain("<script");
  });

  it("O10: other requests for unknown paths are not listed", async () => {
    const json = { method: "POST", headers: { "content-type": "application/json" }, body: '{"grant_type":"x"}' };
    const authorization = basic(ALEXA_CLIENT, ALEXA_SECRET);
    const requests: [string, RequestInit][] = [
      ["/oauth/token", form({}, { authorization })],
      ["/oauth/token", form({ client_id: "" }, { authorization })],
      ["/oauth/token", { ...json, headers: { ...json.headers, authorization } }],
      ["/wp-login.php", form({ log: "admin", pwd: "x" })],
      ["/oauth/token", {}],
      ["/oauth/token", json],
      ["/oauth/token", { ...exchange("c0fake"), method: "PUT" }],
      ["/oauth/token", form({ grant_type: "" })],
      ["/oauth/token", form({ grant_type: "x".repeat(20_000) })],
    ];
    for (const [path, init] of requests) expect((await service.request(path, init)).status).toBe(404);
    expect(await refusals()).toEqual([]);
  });
});

describe("a query inside the console's authorization URI", () => {
  const CONSOLE = /Authorization URI.*query/;

  it.each([
    ["client_id", `client_id=${ALEXA_CLIENT}`],
    ["response_type", "response_type=code"],
    ["both", `response_type=code&client_id=${ALEXA_CLIENT}`],
  ])("O10: equal values of %s are parameter_repeated and blame the console", async (_, own) => {
    await service.request(`/authorize?${own}&${query()}`);
    const [item] = await refusals();
    expect(item).toMatchObject({ clientId: ALEXA_CLIENT, reason: "parameter_repeated", count: 1 });
    expect(item?.remedy).toMatch(CONSOLE);
  });

  it.each([
    ["another client_id", "client_id=other"],
    ["another response_type", "response_type=token"],
    ["an empty client_id", "client_id="],
    ["state", "state=x"],
    ["redirect_uri", "redirect_uri=x"],
  ])("O10: %s that comes twice does not", async (_, own) => {
    await service.request(`/authorize?${own}&${query()}`);
    const [item] = await refusals();
    expect(item?.reason).toBe("parameter_repeated_otherwise");
    expect(item?.remedy).not.toMatch(CONSOLE);
  });
});
