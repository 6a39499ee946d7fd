// The doctor against small servers with one deliberate defect each: it names exactly that one.
import { afterEach, describe, expect, it, vi } from "vitest";
import { AREAS } from "../../doctor/areas.ts";
import { looksLikeMilliseconds } from "../../doctor/checks/token-response.ts";
import { isAt } from "../../doctor/customer.ts";
import type { Customer, Target } from "../../doctor/examination.ts";
import { examine } from "../../doctor/examine.ts";
import type { Result } from "../../doctor/report.ts";
import { amazonRedirectUri, REDIRECT_HOSTS, type RedirectHost } from "../../simulator/library/authorization-request.ts";
import { createBrowser } from "../../simulator/library/browser.ts";
import type { Fetch, TokenClient } from "../../simulator/library/token.ts";
import {
  type Breakage,
  createFakeCompany,
  FAULTS,
  type FakeCompanyOptions,
} from "../../simulator/testing/fake-company.ts";

const ISSUER = "https://link.example.com";
const SIGN_IN = { user: "demo@example.com", password: "demo-password-1" };
const URIS = (Object.keys(REDIRECT_HOSTS) as RedirectHost[]).map((host) => amazonRedirectUri(host, "M0EXAMPLE00001"));

interface Setup {
  readonly broken?: Breakage;
  readonly options?: Partial<FakeCompanyOptions>;
  readonly client?: Partial<TokenClient>;
  readonly target?: Partial<Target>;
  readonly customer?: false | "pastes";
}

afterEach(() => vi.restoreAllMocks());

/** Examines a fake company. Time passes only where the company says so. */
async function doctor({ broken, options, client, target, customer }: Setup) {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const wait = async (milliseconds: number) => {
    now += milliseconds;
  };
  const credentials = { clientId: "alexa-test", clientSecret: "example-secret", ...client };
  const company = createFakeCompany(
    { ...credentials, redirectUris: URIS, issuer: ISSUER, signIn: SIGN_IN, wait, ...options },
    broken,
  );
  const tokenUrl = `${ISSUER}/token`;
  const metadataUrl = `${ISSUER}/.well-known/oauth-authorization-server`;
  const metadata = (await (await company.fetch(metadataUrl)).json()) as Record<string, unknown>;
  const fetch: Fetch = (request) => {
    if (new URL(request.url).origin !== ISSUER) throw new Error(`a request to ${request.url}`);
    return company.fetch(request);
  };
  const { results, remaining } = await examine({
    target: {
      issuer: ISSUER,
      authorizationUrl: `${ISSUER}/authorize`,
      tokenUrl,
      metadata,
      metadataUrl,
      client: { tokenUrl, accessTokenScheme: "HTTP_BASIC", ...credentials },
      redirectUris: URIS,
      scopes: ["profile"],
      pkce: true,
      ...target,
    },
    fetch,
    ...(customer !== false && { customer: { ...customerOf(fetch), canRepeat: customer !== "pastes" } }),
  });
  return { results, remaining };
}

function customerOf(fetch: Fetch): Customer {
  const browser = createBrowser(fetch);
  return {
    canRepeat: true,
    async decide(request, decision) {
      const until = (url: string) => [request.redirectUri, ...URIS].some((uri) => isAt(url, uri));
      const visit = await browser.visit(request.url, {
        fields: { email: SIGN_IN.user, password: SIGN_IN.password },
        decision,
        until,
      });
      if (visit.arrived && !isAt(visit.url, request.redirectUri))
        return { arrived: false, why: "another redirect URI" };
      return visit;
    },
  };
}

function findings(results: readonly Result[]): string[] {
  return results.filter(({ outcome }) => outcome === "fail" || outcome === "warn").map(({ id }) => id);
}

const IDS = AREAS.flatMap(({ checks }) => checks.map(({ id }) => id));

describe("a correct server", () => {
  const servers: [what: string, setup: Setup][] = [
    ["with HTTP Basic and PKCE", {}],
    ["without PKCE", { target: { pkce: false } }],
    ["with the secret in the body", { client: { accessTokenScheme: "REQUEST_BODY_CREDENTIALS" } }],
    ["that requires PKCE", { options: { requiresPkce: true } }],
    ["that rotates refresh tokens", { options: { rotates: true } }],
  ];
  it.each(servers)("%s has no finding", async (_, setup) => {
    const { results, remaining } = await doctor(setup);
    expect(results.filter(({ outcome }) => outcome === "fail" || outcome === "warn")).toEqual([]);
    expect(results.map(({ id }) => id)).toEqual(IDS);
    expect(results.filter(({ outcome }) => outcome === "pass").length).toBeGreaterThan(50);
    expect(remaining.count).toBe(0);
  });
});

describe("a customer who cannot decide often", () => {
  it.each([
    ["a person who pastes two addresses", "pastes", 20],
    ["nobody", false, 1],
  ] as const)("%s: what was not reached is skipped, with a reason", async (_, customer, passed) => {
    const { results } = await doctor({ customer });
    expect(findings(results)).toEqual([]);
    expect(results.filter(({ outcome }) => outcome === "pass").length).toBeGreaterThan(passed);
    expect(results.filter(({ outcome, detail }) => outcome === "skipped" && detail === "")).toEqual([]);
  });

  it.each([
    [3_600_000, true],
    [86_400_000, true],
    [3600, false],
    [2_592_000, false],
    [7_776_000, false],
    [31_536_000, false],
  ])("T5: expires_in %i looks like milliseconds: %s", (seconds, expected) => {
    expect(looksLikeMilliseconds(seconds)).toBe(expected);
  });
});

describe("a server with one defect", () => {
  it.each(Object.entries(FAULTS) as [Breakage, string][])("V8: %s fails %s and no other check", async (broken, id) => {
    const { results } = await doctor({ broken });
    expect(
      findings(results),
      JSON.stringify(
        results.filter(({ outcome }) => /fail|warn/.test(outcome)),
        null,
        1,
      ),
    ).toEqual([id]);
    const finding = results.find((result) => result.id === id);
    for (const name of ["detail", "effect", "remedy", "source"] as const) expect(finding?.[name]).toMatch(/\w/);
  });
});
