// The conformance checks pass a correct server and fail each deliberately broken one, for the right reason.
import { describe, expect, it } from "vitest";
import type { Check } from "../library/checks.ts";
import type { Breakage } from "../testing/fake-company.ts";
import { startSimulator } from "../testing/test-simulator.ts";

async function conformance(broken?: Breakage, changes: Record<string, unknown> = {}) {
  const simulator = await startSimulator(changes, broken);
  if (broken === "slow_token") await simulator.faults({ tokenClient: { limitMs: 10 } });
  return simulator.json<{ ok: boolean; checks: Check[] }>("POST", "/simulator/run", { scenario: "conformance" });
}

function unmet(checks: readonly Check[]): string[] {
  return [...new Set(checks.filter((check) => !check.ok && check.level === "must").map((check) => check.name))];
}

describe("a correct server", () => {
  it.each([
    ["HTTP_BASIC", true],
    ["HTTP_BASIC", false],
    ["REQUEST_BODY_CREDENTIALS", true],
  ])("passes every check with %s and PKCE %s", async (accessTokenScheme, pkce) => {
    const { ok, checks } = await conformance(undefined, { accessTokenScheme, pkce });
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.length).toBeGreaterThan(50);
  });
});

describe("V8: a deliberately broken server fails", () => {
  const cases: [lesson: string, broken: Breakage, check: string][] = [
    ["R1: it knows two of Alexa's three hosts", "knows_two_hosts", "links_in_every_region"],
    ["R2: it redirects to any URL", "accepts_any_redirect_uri", "foreign_redirects_refused"],
    ["B1: a plus in state becomes a space", "plus_becomes_space", "response_state"],
    ["B1: the padding of state is lost", "padding_lost", "response_state"],
    ["B3: state is cut at 512 characters", "state_cut_at_512", "response_state"],
    ["P2: a GET uses up the request", "get_mints_the_code", "stray_openings_harmless"],
    ["L6: a denial is not returned to Alexa", "denial_dead_end", "denial_returns_to_alexa"],
    ["W1: the token response is text/html", "html_content_type", "token_content_type"],
    ["W1: the token response starts with a byte order mark", "byte_order_mark", "token_json"],
    ["W2: the token URL is slower than Alexa's limit", "slow_token", "token_in_time"],
    ["W3: the token URL requires a browser's headers", "needs_browser_headers", "token_status"],
    ["T5: no refresh token", "no_refresh_token", "token_refresh_token"],
    ["T5: token_type is something else", "token_type_standard", "token_type_bearer"],
    ["T5: no expires_in in the refresh response", "no_expires_in_on_refresh", "refresh_expires_in"],
    ["T6: tokens live under 360 s", "short_token_life", "token_life"],
    ["T6: the same access token again", "same_access_token", "refresh_gives_a_fresh_token"],
    ["T1: the old refresh token stops working at once", "strict_rotation", "refresh_survives_a_lost_response"],
    ["T2: parallel refreshes are refused", "parallel_refreshes_collide", "refresh_in_parallel"],
    ["T8: a server error is returned as invalid_grant", "error_is_invalid_grant", "refresh_status"],
    ["C4: a code is redeemed more than once in parallel", "code_race", "code_won_once_in_parallel"],
    ["C6: the redirect URI is not compared at the exchange", "code_ignores_redirect_uri", "code_bound_to_redirect_uri"],
    ["C7: a code works twice", "code_works_twice", "code_works_once"],
    ["S6: the verifier is not checked", "code_ignores_verifier", "code_needs_the_verifier"],
    ["A3: the secret is not checked", "code_ignores_secret", "code_needs_the_secret"],
    ["A3: HTTP Basic, which the skill uses, does not work", "body_only", "basic_authentication"],
    ["U5: a second link revokes the first", "new_link_revokes_old", "links_side_by_side"],
  ];
  it.each(cases)("%s", async (_, broken, check) => {
    const { ok, checks } = await conformance(broken);
    expect(ok).toBe(false);
    expect(unmet(checks)).toEqual([check]);
  });

  const warnings: [lesson: string, broken: Breakage, accessTokenScheme: string, check: string][] = [
    ["A3: only HTTP Basic works", "basic_only", "HTTP_BASIC", "body_authentication"],
    ["A3: only the body works", "body_only", "REQUEST_BODY_CREDENTIALS", "basic_authentication"],
  ];
  it.each(warnings)("%s, and is warned if the skill uses it", async (_, broken, accessTokenScheme, check) => {
    const { ok, checks } = await conformance(broken, { accessTokenScheme });
    expect(ok).toBe(true);
    expect(checks.filter((each) => !each.ok)).toMatchObject([{ name: check, level: "should" }]);
  });
});

describe("the authorize scenario", () => {
  it("links without a person and lists what was checked", async () => {
    const simulator = await startSimulator();
    const run = { scenario: "authorize", account: "fumi" };
    const verdict = await simulator.json<{ ok: boolean; linkId: string; checks: Check[] }>(
      "POST",
      "/simulator/run",
      run,
    );
    expect(verdict.checks.filter((check) => !check.ok)).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect((await simulator.exchanges()).every((exchange) => exchange.linkId === verdict.linkId)).toBe(true);
    const refresh = await simulator.json<{ ok: boolean }>("POST", "/simulator/run", { scenario: "refresh", count: 20 });
    expect(refresh.ok).toBe(true);
  });

  it("counts an intended denial as success", async () => {
    const simulator = await startSimulator();
    const verdict = await simulator.json("POST", "/simulator/run", { scenario: "authorize", decision: "deny" });
    expect(verdict).toMatchObject({ ok: true });
  });

  it("reports where the customer got stuck", async () => {
    const simulator = await startSimulator({}, "denial_dead_end");
    const verdict = await simulator.json<{ checks: Check[] }>("POST", "/simulator/run", {
      scenario: "authorize",
      decision: "deny",
    });
    expect(verdict.checks[0]?.detail).toContain("Goodbye");
  });

  it("refuses an unknown scenario by name", async () => {
    const simulator = await startSimulator();
    const response = await simulator.call("/simulator/run", { method: "POST", body: '{"scenario":"dance"}' });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("scenario")]);
  });
});
