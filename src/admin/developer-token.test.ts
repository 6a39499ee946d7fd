// The developer's token for the Skill Management API: stored sealed, tried once, never shown.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { jsonResponse } from "../../test/support/amazon.ts";
import { runtimeOf } from "../../test/support/runtime.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { developerAccess } from "../amazon/developer-access.ts";

const PATH = "developer-token";
const BODY = {
  clientId: "amzn1.application-oa2-client.developer",
  clientSecret: "fake-developer-secret",
  refreshToken: "Atzr|fake-developer-refresh",
};

let service: Service;
/** What Login with Amazon responds, and the form bodies that it got. */
let responses: Response[] = [];
let asked: URLSearchParams[] = [];
let lines: string[] = [];

const accepted = (more: object = {}) =>
  jsonResponse({ access_token: "Atza|fake-access", token_type: "bearer", expires_in: 3600, ...more });
const refused = (error: string) => jsonResponse({ error, error_description: "no" }, 400);

beforeEach(() => {
  service = startService();
  [responses, asked, lines] = [[], [], []];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    expect(request.url).toBe("https://api.amazon.com/auth/o2/token");
    asked.push(new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer())));
    return responses.shift() ?? accepted();
  });
  const listen = (...parts: unknown[]) => void lines.push(parts.map(String).join(" "));
  for (const level of ["log", "info", "warn", "error"] as const) vi.spyOn(console, level).mockImplementation(listen);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const store = (body: unknown = BODY) => admin(service, "POST", PATH, body);
const row = () => env.DB.prepare("SELECT * FROM developer_token").first<Record<string, string | number | null>>();

describe("storing", () => {
  it("seals the token, tries it once, and shows only since when and whether it works", async () => {
    const { status, body } = await store();
    expect([status, body]).toEqual([
      201,
      { storedAt: expect.any(String), usedAt: expect.any(String), state: "accepted", error: null },
    ]);
    expect(asked.map((form) => Object.fromEntries(form))).toEqual([
      {
        grant_type: "refresh_token",
        refresh_token: BODY.refreshToken,
        client_id: BODY.clientId,
        client_secret: BODY.clientSecret,
      },
    ]);
    const shown = await admin(service, "GET", PATH);
    expect(shown.body).toEqual(body);
    const stored = JSON.stringify(await row()) + JSON.stringify(await env.DB.prepare("SELECT * FROM audit").all());
    const everywhere = [stored, JSON.stringify(shown.body), ...lines].join("\n");
    for (const secret of [BODY.clientSecret, BODY.refreshToken, "fake-access"])
      expect(everywhere).not.toContain(secret);
    expect(everywhere).toContain("developer_token_stored");
  });

  it("keeps a token that Login with Amazon refuses, and says so", async () => {
    responses = [refused("invalid_grant")];
    expect((await store()).body).toMatchObject({ state: "refused", error: "invalid_grant" });
    expect((await admin(service, "GET", PATH)).body).toMatchObject({ state: "refused", error: "invalid_grant" });
  });

  it("says that the token was not tried when Login with Amazon cannot be reached", async () => {
    vi.mocked(fetch).mockRejectedValueOnce(new TypeError("no network"));
    expect((await store()).body).toMatchObject({ state: "unused", usedAt: null, error: null });
  });

  it("replaces the token: there is one", async () => {
    responses = [refused("invalid_client")];
    await store();
    expect((await store({ ...BODY, clientId: "another" })).body).toMatchObject({ state: "accepted" });
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM developer_token").first("n")).toBe(1);
  });

  it("is deleted, once", async () => {
    await store();
    expect((await admin(service, "DELETE", PATH)).status).toBe(204);
    expect(await row()).toBeNull();
    expect((await admin(service, "DELETE", PATH)).status).toBe(404);
    expect((await admin(service, "GET", PATH)).body).toMatchObject({ code: "not_found" });
    const kinds = await env.DB.prepare("SELECT kind FROM audit ORDER BY id").all<{ kind: string }>();
    expect(kinds.results.map(({ kind }) => kind)).toEqual(["developer_token_stored", "developer_token_deleted"]);
  });

  it.each([
    ["no client id", { clientId: undefined }, "clientId"],
    ["an empty secret", { clientSecret: "" }, "clientSecret"],
    ["a secret with a space", { clientSecret: "a b" }, "clientSecret"],
    ["a secret with a line break", { clientSecret: "a\r\nx: y" }, "clientSecret"],
    ["a refresh token that is too long", { refreshToken: "x".repeat(4097) }, "refreshToken"],
    ["an access token", { refreshToken: "Atza|fake" }, "not an access token"],
    ["a number", { refreshToken: 5 }, "refreshToken"],
    ["a list", { refreshToken: ["Atzr|fake"] }, "refreshToken"],
    ["an unknown field", { vendorId: "M2" }, "vendorId"],
  ])("refuses %s, and does not repeat it", async (_, changes, named) => {
    const { status, body } = await store({ ...BODY, ...changes });
    expect([status, String(body.detail)]).toEqual([400, expect.stringContaining(named)]);
    expect(JSON.stringify(body)).not.toContain("Atzr|fake");
    expect([asked, await row()]).toEqual([[], null]);
  });

  it("is for operators", async () => {
    for (const method of ["GET", "POST", "DELETE"]) {
      expect((await admin(service, method, PATH, undefined, { token: "wrong-".repeat(8) })).status).toBe(401);
    }
  });
});

describe("using", () => {
  it("does not present a refused token again, unless it is asked to", async () => {
    responses = [refused("invalid_grant")];
    await store();
    const rt = await runtimeOf(service);
    expect(await developerAccess(rt)).toMatchObject({ outcome: "refused", error: "invalid_grant" });
    expect(asked.length).toBe(1);
    expect(await developerAccess(rt, { again: true })).toEqual({ outcome: "token", accessToken: "Atza|fake-access" });
    expect((await admin(service, "GET", PATH)).body).toMatchObject({ state: "accepted", error: null });
  });

  it("keeps a new refresh token that Login with Amazon gives in place of the old one", async () => {
    responses = [accepted({ refresh_token: "Atzr|fake-second" })];
    await store();
    await developerAccess(await runtimeOf(service));
    expect(asked.map((form) => form.get("refresh_token"))).toEqual([BODY.refreshToken, "Atzr|fake-second"]);
  });

  it("does not overwrite a token that was stored during the request", async () => {
    await store();
    vi.mocked(fetch).mockImplementationOnce(async () => {
      await store({ ...BODY, refreshToken: "Atzr|fake-newer" });
      return refused("invalid_grant");
    });
    expect(await developerAccess(await runtimeOf(service))).toMatchObject({ outcome: "refused" });
    expect((await admin(service, "GET", PATH)).body).toMatchObject({ state: "accepted" });
  });

  it("is unreadable, and no error of the page, without its master key", async () => {
    await store();
    const other = startService({ MASTER_KEY: "B".repeat(43) });
    expect(await developerAccess(await runtimeOf(other))).toEqual({ outcome: "unreadable" });
  });

  it.each([
    ["500", new Response("<html>", { status: 500 })],
    ["no JSON", new Response("<html>", { status: 200 })],
    ["a redirect", new Response(null, { status: 302, headers: { location: "https://evil.example" } })],
    ["a huge response", new Response("x".repeat(70_000))],
    ["tokens of the wrong type", jsonResponse({ access_token: ["x"], expires_in: 3600 })],
  ])("treats %s as no response, and keeps the state", async (_, response) => {
    await store();
    responses = [response];
    expect(await developerAccess(await runtimeOf(service))).toEqual({ outcome: "unavailable" });
    expect((await admin(service, "GET", PATH)).body).toMatchObject({ state: "accepted" });
  });
});
