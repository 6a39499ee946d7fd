// Alexa+ add-ons, each with one defect: the doctor names exactly that one.
import { describe, expect, it } from "vitest";
import { mcp } from "../../doctor/checks/mcp.ts";
import type { Customer, Target } from "../../doctor/examination.ts";
import { examine } from "../../doctor/examine.ts";
import { type AddOnDefect, createFakeAddOn, ISSUER, RESOURCE } from "../../simulator/testing/fake-add-on.ts";

const CLIENT = { clientId: "alexa-notes", clientSecret: "obviously-fake-notes-secret" };
const REDIRECT_URI = "https://pitangui.amazon.com/api/skill/link/M0EXAMPLE00001";

const TARGET: Target = {
  issuer: ISSUER,
  authorizationUrl: "https://link.example.com/authorize",
  tokenUrl: "https://link.example.com/token",
  client: { ...CLIENT, tokenUrl: "https://link.example.com/token", accessTokenScheme: "HTTP_BASIC" },
  redirectUris: [REDIRECT_URI],
  scopes: ["mcp:tools"],
  pkce: true,
  resource: RESOURCE,
};

/** Examines the fake with this defect. */
async function look(defect?: AddOnDefect, target: Partial<Target> = {}) {
  const company = createFakeAddOn({ ...CLIENT, redirectUris: [REDIRECT_URI] }, defect);
  const customer: Customer = {
    canRepeat: true,
    async decide({ url }) {
      const body = new URLSearchParams({ email: "ann@example.com", decision: "allow" });
      const response = await company.fetch(new Request(url, { method: "POST", body }));
      const location = response.headers.get("location");
      return location ? { arrived: true, url: location } : { arrived: false, why: `status ${response.status}` };
    },
  };
  const { results } = await examine({
    target: { ...TARGET, ...target },
    fetch: (request) => company.fetch(request),
    customer,
    areas: [mcp],
  });
  const of = (...outcomes: string[]) => results.filter(({ outcome }) => outcomes.includes(outcome)).map(({ id }) => id);
  return { results, found: of("warn", "fail"), skipped: of("skipped") };
}

describe("an add-on", () => {
  it("M1: without a defect passes everything that can be tried", async () => {
    const { found, skipped, results } = await look();
    expect(found).toEqual([]);
    expect(skipped).toEqual(["mcp_refuses_other_audience"]);
    expect(results.length).toBe(mcp.checks.length);
  });

  it.each<[AddOnDefect, string[]]>([
    ["root_document_only", ["mcp_resource_document_at_both"]],
    ["other_resource_in_document", ["mcp_resource_exact"]],
    ["no_authorization_server", ["mcp_authorization_server"]],
    ["no_client_credentials", ["mcp_server_grant_types"]],
    ["post_only", ["mcp_server_client_secret_basic"]],
    ["service_token_with_refresh", ["mcp_service_token_no_refresh"]],
    ["service_token_lives_a_day", ["mcp_service_token_life"]],
    ["user_scope_for_service", ["mcp_service_token_refuses_user_scope"]],
    ["any_resource_for_service", ["mcp_service_token_refuses_other_resource"]],
    ["any_audience", ["mcp_service_token_refuses_other_resource", "mcp_refuses_other_audience"]],
    ["any_resource_at_authorize", ["mcp_authorize_refuses_other_resource"]],
    ["any_resource_for_codes", ["mcp_code_refuses_other_resource"]],
    ["wrong_audience", ["mcp_service_token_audience", "mcp_user_token_audience"]],
    ["service_token_for_issuer", ["mcp_service_token_audience"]],
    ["refresh_loses_resource", ["mcp_refresh_keeps_the_resource"]],
    ["service_scope_for_customer", ["mcp_user_token_scope"]],
    ["www_authenticate", ["mcp_no_www_authenticate"]],
    ["no_s256", ["mcp_server_pkce"]],
    ["resource_document_redirects", ["mcp_resource_document"]],
    ["html_errors", ["mcp_token_errors"]],
    ["customer_refused", ["mcp_accepts_customers_token"]],
    ["token_in_query", ["mcp_refuses_token_in_query"]],
    ["notification_refused", ["mcp_initialized"]],
    ["newest_version_only", ["mcp_protocol_versions"]],
    ["refuses_openid", ["mcp_authorize_accepts_scopes"]],
    ["pkce_optional", ["mcp_authorize_requires_pkce"]],
    ["service_token_opens_data", ["mcp_refuses_service_token"]],
    ["garbage_opens_data", ["mcp_refuses_invalid_token"]],
    ["garbage_is_forbidden", ["mcp_refuses_invalid_token"]],
    ["no_tools", ["mcp_tools"]],
    ["chooses_unknown_version", ["mcp_initialize"]],
    ["no_user_refresh_token", ["mcp_user_token_has_refresh_token"]],
    ["event_stream", []],
    ["open_event_stream", []],
    ["sessions", []],
    ["two_authorization_servers", []],
  ])("M1: with the defect %s has the finding %j", async (defect, expected) => {
    const { results, found } = await look(defect);
    expect(found).toEqual(expected);
    for (const { id, detail, effect, remedy, source } of results.filter((each) => expected.includes(each.id))) {
      expect([id, detail, effect, remedy, source].every((text) => (text ?? "").length > 2)).toBe(true);
    }
  });

  it("M1: whose metadata names another authorization server first is not examined with that one", async () => {
    const { found, skipped } = await look(undefined, { issuer: "https://login.example.com" });
    expect(found).toEqual(["mcp_authorization_server"]);
    expect(skipped).toContain("mcp_server_pkce");
  });

  it("without --mcp is skipped, and without a client only what needs none is checked", async () => {
    const { resource: _, ...without } = TARGET;
    const nothing = await look(undefined, { ...without, resource: undefined as never });
    expect([nothing.found, nothing.skipped.length]).toEqual([[], mcp.checks.length]);
    const alone = await look(undefined, { client: undefined as never });
    expect(alone.found).toEqual([]);
    expect(alone.results.find(({ id }) => id === "mcp_refuses_missing_token")?.outcome).toBe("pass");
    expect(alone.skipped).toContain("mcp_service_token_issued");
  });
});
