// Alexa+ against a fake MCP server and authorization server: the flow, the deploy check, and each injected fault.
import { describe, expect, it } from "vitest";
import type { AddOnDefect } from "../testing/fake-add-on.ts";
import { addOn, type Ran, startAddOn } from "../testing/test-add-on.ts";

const failedIn = ({ checks }: Ran) => checks.filter(({ ok }) => !ok).map(({ name }) => name);

describe("an add-on without defects", () => {
  it("M1: is deployed, asks to link, is linked and refreshed; every point holds", async () => {
    const simulator = await startAddOn();
    const ran = await simulator.run("add-on");
    expect(failedIn(ran)).toEqual([]);
    expect(ran).toMatchObject({ ok: true, results: ["Notes of ann@example.com", "Notes of ann@example.com"] });
    const exchanges = (await simulator.exchanges()).filter(({ linkId }) => !linkId?.startsWith("dp_"));
    expect(exchanges.map(({ from, to, request }) => `${from} > ${to} ${new URL(request.url).pathname}`)).toEqual([
      "alexa > mcp /mcp",
      "alexa > company /authorize",
      "company > alexa /pitangui/api/skill/link/M0EXAMPLE00001",
      "alexa > company /token",
      "alexa > mcp /mcp",
      "alexa > company /token",
      "alexa > mcp /mcp",
    ]);
  });

  it("M1: resource is in the authorization request and the code's token request, and in no refresh", async () => {
    const simulator = await startAddOn();
    await simulator.run("add-on");
    const asked = (await simulator.exchanges()).find(({ title }) => title.includes("shows the customer a link"));
    const query = new URL(asked?.request.url ?? "").searchParams;
    expect(query.getAll("resource")).toEqual(["https://mcp.example.com/mcp"]);
    expect(query.get("code_challenge_method")).toBe("S256");
    expect(query.get("scope")).toBe("openid mcp:tools mcp:resources");
    const resources = simulator.company.seen.map((form) => [form.get("grant_type"), form.get("resource")]);
    expect(resources.slice(-2)).toEqual([
      ["authorization_code", "https://mcp.example.com/mcp"],
      ["refresh_token", null],
    ]);
  });

  it.each([
    "event_stream",
    "open_event_stream",
    "sessions",
    "root_document_only",
    "two_authorization_servers",
  ] as const)("may be one with %s", async (variant) => {
    const simulator = await startAddOn(variant);
    expect(failedIn(await simulator.run("add-on"))).toEqual([]);
  });

  it("negotiates down to the older protocol version", async () => {
    const simulator = await startAddOn();
    const { checks } = await simulator.run("add-on-deploy", { protocolVersion: "2025-03-26" });
    expect(checks.find(({ name }) => name === "mcp_initialize")?.detail).toBe("protocol version 2025-03-26");
  });

  it("shows another customer's data after relinking, and a denial links nothing", async () => {
    const simulator = await startAddOn();
    const ran = await simulator.run("add-on-relink", { signInAgain: { email: "ben@example.com", password: "unused" } });
    expect(failedIn(ran)).toEqual([]);
    expect(ran.results?.at(-1)).toBe("Notes of ben@example.com");
    const denied = await simulator.run("add-on", { decision: "deny" });
    expect(denied.checks.find(({ name }) => name === "outcome")).toMatchObject({ ok: true });
    expect(await simulator.json("GET", "/simulator/links")).toEqual({ items: [] });
  });

  it("comes back at each of the four redirect hosts", async () => {
    for (const redirectHost of ["pitangui", "layla", "japan", "alexa"]) {
      const simulator = await startAddOn();
      await simulator.faults({ authorize: { redirectHost } });
      expect(failedIn(await simulator.run("add-on"))).toEqual([]);
      const { items } = await simulator.json<{ items: { redirectUri: string }[] }>("GET", "/simulator/attempts");
      expect(items.at(-1)?.redirectUri).toContain(`/${redirectHost}/api/skill/link/`);
    }
  });
});

describe("the deploy check finds each defect", () => {
  const DEFECTS: readonly (readonly [AddOnDefect, string, boolean])[] = [
    ["answers_without_token", "mcp_asks_for_token", true],
    ["other_resource_in_document", "resource_exact", false],
    ["no_authorization_server", "authorization_server", false],
    ["no_client_credentials", "server_grant_types", false],
    ["post_only", "server_client_secret_basic", false],
    ["service_token_with_refresh", "service_token_no_refresh", true],
    ["service_token_lives_a_day", "service_token_life", true],
    ["user_scope_for_service", "token_refuses_user_scope", true],
    ["any_resource", "token_refuses_other_resource", true],
    ["wrong_audience", "service_token_audience", true],
    ["knows_one_redirect_uri", "redirect_uris", true],
    ["refuses_openid", "authorize_accepts_scopes", true],
    ["pkce_optional", "authorize_requires_pkce", true],
    ["service_token_opens_data", "mcp_refuses_service_token", true],
    ["garbage_opens_data", "mcp_refuses_invalid_token", true],
    ["garbage_is_forbidden", "mcp_refuses_invalid_token", true],
    ["no_tools", "mcp_tools", true],
    ["chooses_unknown_version", "mcp_initialize", true],
  ];
  it.each(DEFECTS)("M1: %s fails %s", async (defect, name, deployed) => {
    const simulator = await startAddOn(defect);
    const ran = await simulator.run("add-on-deploy");
    const found = ran.checks.find((check) => check.name === name);
    expect(found).toMatchObject({ ok: false });
    expect(found?.rule).toBeTruthy();
    expect(await simulator.json("GET", "/simulator/add-on")).toMatchObject({ deployed });
  });

  it("without a listed tool the customer's part does not run", async () => {
    const simulator = await startAddOn("no_tools");
    expect(failedIn(await simulator.run("add-on"))).toEqual(["mcp_tools"]);
    expect(await simulator.json("GET", "/simulator/links")).toEqual({ items: [] });
  });

  it("the customer's part finds a missing refresh token, and data of the previous customer", async () => {
    const unrefreshable = await startAddOn("no_user_refresh_token");
    expect(failedIn(await unrefreshable.run("add-on"))).toContain("token_refresh_token");
    const leaking = await startAddOn("shows_the_previous_customer");
    const other = { signInAgain: { email: "ben@example.com", password: "unused" } };
    expect(failedIn(await leaking.run("add-on-relink", other))).toEqual(["nothing_of_the_previous_link"]);
  });
});

describe("the page", () => {
  it("explains how to configure an add-on, and how to deploy it", async () => {
    const simulator = await startAddOn();
    expect(await simulator.page()).toContain("Deploy the add-on");
    await simulator.call("/simulator/reset", { method: "POST", body: '{"skills":true}' });
    expect(await simulator.page()).toContain("npm run mcp");
    expect((await simulator.call("/simulator/add-on")).status).toBe(404);
  });

  it("M1: leads from a refused tool over the phone to the customer's data, refreshes, unlinks and links another", async () => {
    const simulator = await startAddOn();
    expect(await simulator.press("deploy")).toContain("Authentication checklist");
    expect(await simulator.press("ask", { tool: "list_notes" })).toContain("Link your Acme Notes account");
    expect(await simulator.linkOnPhone()).toContain("Your Acme Notes account has been successfully linked");
    expect(await simulator.press("ask", { tool: "list_notes" })).toContain("Notes of ann@example.com");
    expect(await simulator.press("refresh")).toContain("once");
    expect(await simulator.press("unlink")).not.toContain("Notes of");
    await simulator.press("ask", { tool: "list_notes" });
    await simulator.press("push");
    await simulator.linkOnPhone("ben@example.com");
    const page = await simulator.press("ask", { tool: "list_notes" });
    expect(page).toContain("Notes of ben@example.com");
    expect(page).not.toContain("before unlinking");
  });

  it("says so when a tool returns after relinking what it returned before", async () => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    for (const end of ["unlink", "ask"]) {
      await simulator.press("ask", { tool: "list_notes" });
      await simulator.linkOnPhone();
      await simulator.press("ask", { tool: "list_notes" });
      await simulator.press(end, { tool: "list_notes" });
    }
    expect(await simulator.page()).toContain("before unlinking");
  });

  it("opens the company's app, and shows a denial as Alexa does", async () => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    await simulator.press("ask", { tool: "list_notes" });
    const opened = await simulator.call("/alexa-plus/app", { method: "POST" });
    expect(opened.headers.get("location")).toMatch(/^http:\/\/127\.0\.0\.1:8788\/company\/app\/authorize\?.*resource=/);
    await simulator.linkOnPhone("ann@example.com", "deny");
    expect(await simulator.page()).toContain("We were unable to link Acme Notes at this time");
  });

  it("escapes what the company sends", async () => {
    const simulator = await startAddOn(undefined, { name: '<img src="x">' });
    await simulator.press("deploy");
    expect(await simulator.html()).not.toContain("<img");
  });

  it("an expired user token is refreshed before the call", async () => {
    const simulator = await startAddOn();
    await simulator.run("add-on");
    await simulator.json("POST", "/simulator/clock", { advanceSeconds: 7200 });
    await simulator.press("ask", { tool: "list_notes" });
    const { items } = await simulator.json<{ items: { refreshes: number }[] }>("GET", "/simulator/links");
    expect(items[0]?.refreshes).toBe(2);
  });
});

describe("faults of Alexa+ and of the company", () => {
  it.each([
    [{ addOnMetadata: { withoutS256: true } }, "server_pkce"],
    [{ addOnMetadata: { resourceSlash: true } }, "resource_exact"],
  ])("M1: %j fails the deploy, and the page names the rule", async (faults, name) => {
    const simulator = await startAddOn();
    await simulator.faults(faults);
    const page = await simulator.press("deploy");
    expect(page).toContain("The deploy command fails.");
    expect(page).toContain(name);
    expect(page).not.toContain("list_notes");
    await simulator.faults({});
    await simulator.press("deploy");
    await simulator.faults(faults);
    const again = await simulator.press("deploy");
    expect(again).toContain("The deploy command fails.");
    expect(again).toContain("list_notes");
  });

  it.each([
    [{ authorize: { resource: "other" } }, "error=invalid_target"],
    [{ authorize: { resource: "slash" } }, "error=invalid_target"],
    [{ authorize: { resource: "twice" } }, "error=invalid_target"],
    [{ tokenClient: { resource: "other" } }, "400 invalid_target"],
    [{ tokenClient: { resource: "slash" } }, "400 invalid_target"],
  ])("M1: %j links nothing, and the page names the reason", async (faults, reason) => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    await simulator.faults(faults);
    await simulator.press("ask", { tool: "list_notes" });
    expect(await simulator.linkOnPhone()).toContain("We were unable to link Acme Notes");
    expect(await simulator.page()).toContain(reason);
  });

  it("M1: an absent resource means the registered one", async () => {
    const simulator = await startAddOn();
    await simulator.faults({ authorize: { resource: "missing" }, tokenClient: { resource: "missing" } });
    expect(failedIn(await simulator.run("add-on"))).toEqual([]);
    expect(
      simulator.company.seen.some((form) => form.get("grant_type") === "authorization_code" && !form.has("resource")),
    ).toBe(true);
  });

  it("M1: the service token at a user's tool is refused, and Alexa+ asks to link", async () => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    await simulator.faults({ mcp: { serviceToken: true } });
    const page = await simulator.press("ask", { tool: "list_notes" });
    expect(page).toContain("The MCP server returned 403");
    expect(page).toContain("Link your Acme Notes account");
  });

  it("a refused refresh deletes the link and what it showed, and Alexa+ asks to link again", async () => {
    const simulator = await startAddOn();
    await simulator.run("add-on");
    await simulator.faults({ refresh: { refused: true } });
    expect(await simulator.press("refresh")).toContain("The company refused the refresh with invalid_grant");
    const page = await simulator.press("ask", { tool: "list_notes" });
    expect(page).toContain("deleted the link");
    expect(page).not.toContain("Notes of");
    expect(await simulator.json("GET", "/simulator/links")).toEqual({ items: [] });
  });

  it("a 401 with WWW-Authenticate is noted, and linking works", async () => {
    const simulator = await startAddOn();
    await simulator.faults({ mcp: { wwwAuthenticate: true } });
    const ran = await simulator.run("add-on");
    expect(ran.ok).toBe(true);
    expect([...new Set(failedIn(ran))]).toEqual(["mcp_no_www_authenticate"]);
    await simulator.press("unlink");
    expect(await simulator.press("ask", { tool: "list_notes" })).toContain("Alexa+ ignores the header");
  });

  it("a slow MCP server is over budget, and still used", async () => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    await simulator.faults({ mcp: { delayMs: 550 } });
    expect(await simulator.press("ask", { tool: "list_notes" })).toContain("over budget");
    const { checks } = await simulator.run("add-on-deploy");
    expect(checks.find(({ name }) => name === "mcp_in_budget")).toMatchObject({ ok: false, level: "should" });
  });

  it("a token endpoint that moved is found by the next deploy only", async () => {
    const simulator = await startAddOn();
    await simulator.press("deploy");
    await simulator.faults({ addOnMetadata: { outdated: true } });
    await simulator.press("ask", { tool: "list_notes" });
    expect(await simulator.linkOnPhone()).toContain("We were unable to link");
    await simulator.press("deploy");
    expect(await simulator.json("GET", "/simulator/faults")).toEqual({});
    await simulator.press("ask", { tool: "list_notes" });
    expect(await simulator.linkOnPhone()).toContain("successfully linked");
  });
});

describe("PUT /simulator/add-on", () => {
  const put = async (body: unknown) => {
    const simulator = await startAddOn();
    const response = await simulator.call("/simulator/add-on", { method: "PUT", body: JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  };

  it.each([
    [{ resource: "http://mcp.example.com/mcp" }, "resource:"],
    [{ resource: "https://mcp.example.com/mcp#part" }, "resource:"],
    [{ resource: "https://user@mcp.example.com/mcp" }, "resource:"],
    [{ resource: `https://mcp.example.com/${"a".repeat(500)}` }, "resource:"],
    [{ resource: 1 }, "resource:"],
    [{ addOnId: undefined }, "addOnId:"],
    [{ serviceClientId: "other" }, "serviceClientSecret:"],
    [{ scopes: ["mcp:tools mcp:resources"] }, "scopes.0:"],
    [{ vendorId: "../x" }, "vendorId:"],
    [{ clientID: "x" }, "clientID: unknown field"],
  ])("refuses %j and names the field", async (changes, problem) => {
    const { status, text } = await put(addOn(changes));
    expect(status).toBe(400);
    expect(text).toContain(problem);
  });

  it("takes http on loopback, a service client and scopes, and hides the secrets", async () => {
    const { status, text } = await put(
      addOn({
        resource: "http://127.0.0.1:8789/mcp",
        serviceClientId: "notes-service",
        serviceClientSecret: "example-service-secret",
        scopes: ["openid", "mcp:tools"],
      }),
    );
    expect(status).toBe(200);
    expect(text).not.toMatch(/example-(notes|service)-secret/);
  });

  it("a scenario without an add-on is refused", async () => {
    const simulator = await startAddOn();
    await simulator.call("/simulator/reset", { method: "POST", body: '{"skills":true}' });
    expect(await simulator.run("add-on")).toMatchObject({ error: "invalid_body" });
  });
});
