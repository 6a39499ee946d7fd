// Conformance checks: everything that Alexa may send to an account-linking server.

import { type AuthorizationRequest, buildAuthorizationRequest } from "./authorization-request.ts";
import { readAuthorizationResponse } from "./authorization-response.ts";
import { type Check, firstFailure, must, passed, should } from "./checks.ts";
import type { ConformanceTarget } from "./conformance-target.ts";
import { checkClientDialects, checkMalformedRequests, checkRefreshes } from "./conformance-token.ts";
import { randomText } from "./encoding.ts";
import {
  type CodeGrant,
  exchangeCode,
  explainOutcome,
  refreshTokens,
  type TokenClient,
  type Tokens,
  USER_AGENT,
} from "./token.ts";

export interface CodeInHand {
  readonly request: AuthorizationRequest;
  readonly grant: CodeGrant;
}

/** Runs every check against a server: one sign-in and about a dozen link attempts. */
export async function checkConformance(target: ConformanceTarget): Promise<Check[]> {
  const first = await linkOnce(target, target.redirectUris[0] ?? "");
  if (!first.tokens) return first.checks;
  const checks = [...first.checks];
  for (const part of [checkRegions, checkAuthorizePage, checkCodes, checkSecondAccount])
    checks.push(...(await part(target)));
  checks.push(...(await checkClientDialects(target, () => obtainCode(target))));
  checks.push(...(await checkMalformedRequests(target)));
  checks.push(...(await checkRefreshes(target, first.tokens)));
  return checks;
}

function makeRequest(target: ConformanceTarget, redirectUri: string, stateLength = 640): Promise<AuthorizationRequest> {
  const { authorizationUrl, client, scopes, pkce } = target;
  return buildAuthorizationRequest({
    authorizationUrl,
    clientId: client.clientId,
    redirectUri,
    scopes,
    pkce,
    stateLength,
  });
}

/** Gets one code through the customer's browser. */
export async function obtainCode(
  target: ConformanceTarget,
  redirectUri = target.redirectUris[0] ?? "",
  stateLength = 640,
) {
  const request = await makeRequest(target, redirectUri, stateLength);
  const url = await target.decide(request, "allow");
  if (url === undefined) return { request, checks: [must("response_returns", false, `no redirect to ${redirectUri}`)] };
  const response = readAuthorizationResponse(request, url);
  const grant = response.code ? { code: response.code, redirectUri, codeVerifier: request.codeVerifier } : undefined;
  return { request, checks: response.checks, ...(grant && passed(response.checks) && { grant }) };
}

async function linkOnce(
  target: ConformanceTarget,
  redirectUri: string,
  stateLength?: number,
): Promise<{ checks: Check[]; tokens?: Tokens }> {
  const obtained = await obtainCode(target, redirectUri, stateLength);
  if (!obtained.grant) return { checks: [...obtained.checks] };
  const outcome = await exchangeCode(target.fetch, target.client, obtained.grant, target.limitMs);
  return { checks: [...obtained.checks, ...outcome.checks], ...(outcome.tokens && { tokens: outcome.tokens }) };
}

async function checkRegions(target: ConformanceTarget): Promise<Check[]> {
  const checks: Check[] = [];
  for (const redirectUri of target.redirectUris) {
    const { tokens, checks: found } = await linkOnce(target, redirectUri);
    const detail = tokens ? `links at ${redirectUri}` : `${redirectUri}: ${firstFailure(found)?.detail}`;
    checks.push(must("links_in_every_region", tokens !== undefined, detail));
  }
  return checks;
}

async function checkAuthorizePage(target: ConformanceTarget): Promise<Check[]> {
  const redirectUri = target.redirectUris[0] ?? "";
  const long = await linkOnce(target, redirectUri, 4000);
  const longDetail = long.tokens
    ? "a state of 4,000 characters is returned unchanged"
    : `a state of 4,000 characters: ${firstFailure(long.checks)?.detail}`;
  return [
    must("long_state", long.tokens !== undefined, longDetail),
    await checkStrayOpenings(target, redirectUri),
    await checkDenial(target, redirectUri),
    ...(await checkForeignRedirects(target, redirectUri)),
  ];
}

/** Link previews, prefetches and Amazon's servers open the URL before the customer does. That must have no effect. */
async function checkStrayOpenings(target: ConformanceTarget, redirectUri: string): Promise<Check> {
  const request = await makeRequest(target, redirectUri);
  const strays: RequestInit[] = [
    { method: "HEAD", headers: { "user-agent": USER_AGENT } },
    { headers: { "user-agent": USER_AGENT } },
    { headers: { "sec-purpose": "prefetch", purpose: "prefetch" } },
  ];
  for (const init of strays) {
    const response = await target.fetch(new Request(request.url, { ...init, redirect: "manual" }));
    await response.body?.cancel();
    if (response.status >= 500)
      return must("stray_openings_harmless", false, `${init.method ?? "GET"} returned ${response.status}`);
  }
  const url = await target.decide(request, "allow");
  const code = url && readAuthorizationResponse(request, url).code;
  return must(
    "stray_openings_harmless",
    Boolean(code),
    code
      ? "HEAD, GET and a prefetch before the customer have no effect"
      : "after HEAD, GET and a prefetch the customer could not link",
  );
}

async function checkDenial(target: ConformanceTarget, redirectUri: string): Promise<Check> {
  const request = await makeRequest(target, redirectUri);
  const url = await target.decide(request, "deny");
  const response = url === undefined ? undefined : readAuthorizationResponse(request, url);
  const state = response?.checks.find((check) => check.name === "response_state")?.ok === true;
  const ok = response?.error === "access_denied" && state;
  return must(
    "denial_returns_to_alexa",
    ok,
    ok
      ? "a denial comes back with error and state"
      : "a denial does not come back to Alexa with error=access_denied and state",
  );
}

/** URLs that only look like Alexa's. A redirect to any of them would leak codes. */
async function checkForeignRedirects(target: ConformanceTarget, redirectUri: string): Promise<Check[]> {
  const { host } = new URL(redirectUri);
  const foreign = [
    redirectUri.replace(host, `${host}.evil.test`),
    redirectUri.replace(host, `${host}@evil.test`),
    `${redirectUri}/more`,
    `${redirectUri}/`,
    `${redirectUri}?x=1`,
    redirectUri.replace(/[^/]+$/, "M0OTHERVENDOR"),
    "https://evil.test/",
  ];
  const followed: string[] = [];
  for (const uri of foreign) {
    const request = await makeRequest(target, uri);
    const url = await target.decide(request, "allow");
    if (url !== undefined) followed.push(uri);
  }
  return [
    must(
      "foreign_redirects_refused",
      followed.length === 0,
      followed.length
        ? `redirects customers to ${followed.join(", ")}`
        : `${foreign.length} foreign redirect URIs refused`,
    ),
  ];
}

async function checkCodes(target: ConformanceTarget): Promise<Check[]> {
  const wrong: [name: string, what: string, change: (grant: CodeGrant) => CodeGrant, client?: TokenClient][] = [
    [
      "code_bound_to_redirect_uri",
      "another redirect URI",
      (grant) => ({ ...grant, redirectUri: `${grant.redirectUri}x` }),
    ],
    [
      "code_needs_the_secret",
      "a wrong client secret",
      (grant) => grant,
      { ...target.client, clientSecret: randomText(16) },
    ],
  ];
  if (target.pkce) {
    wrong.push([
      "code_needs_the_verifier",
      "a wrong verifier",
      (grant) => ({ ...grant, codeVerifier: randomText(48) }),
    ]);
    wrong.push(["code_needs_the_verifier", "no verifier", (grant) => ({ ...grant, codeVerifier: undefined })]);
  }
  const checks: Check[] = [];
  for (const [name, what, change, client = target.client] of wrong) {
    const { grant } = await obtainCode(target);
    if (!grant) return [must(name, false, "no code to try it with")];
    const refused = await exchangeCode(target.fetch, client, change(grant), target.limitMs);
    checks.push(
      must(
        name,
        !refused.ok && refused.status >= 400 && refused.status < 500,
        `${what} returns ${refused.status} ${refused.error ?? ""}`,
      ),
    );
    const honest = await exchangeCode(target.fetch, target.client, grant, target.limitMs);
    checks.push(
      should(
        "mistake_spends_no_code",
        honest.ok,
        honest.ok ? `after ${what} the correct request still works` : `${what} spent the code`,
      ),
    );
  }
  return [...checks, ...(await checkSingleUse(target))];
}

async function checkSingleUse(target: ConformanceTarget): Promise<Check[]> {
  const { grant } = await obtainCode(target);
  if (!grant) return [must("code_works_once", false, "no code to try it with")];
  const send = () => exchangeCode(target.fetch, target.client, grant, target.limitMs);
  const outcomes = await Promise.all(Array.from({ length: 20 }, send));
  const winners = outcomes.filter((outcome) => outcome.ok).length;
  const failure = outcomes.find((outcome) => outcome.status >= 500);
  const later = await send();
  return [
    must("code_won_once_in_parallel", winners === 1, `${winners} of 20 simultaneous redemptions succeeded`),
    should(
      "code_race_without_errors",
      !failure,
      failure ? `a simultaneous redemption returned ${failure.status}` : "no server error in the race",
    ),
    must(
      "code_works_once",
      later.status === 400 && later.error === "invalid_grant",
      `a later redemption returns ${later.status} ${later.error ?? ""}`,
    ),
  ];
}

/** A second link, such as a partner's phone, must not affect the first. */
async function checkSecondAccount(target: ConformanceTarget): Promise<Check[]> {
  const first = await linkOnce(target, target.redirectUris[0] ?? "");
  const second = await linkOnce(target, target.redirectUris.at(-1) ?? "");
  if (!first.tokens || !second.tokens) return [must("links_side_by_side", false, "could not link twice in a row")];
  const refreshed = await refreshTokens(target.fetch, target.client, first.tokens.refreshToken, target.limitMs);
  return [
    must(
      "links_side_by_side",
      refreshed.ok,
      refreshed.ok
        ? "a second link does not affect the first"
        : `a second link ended the first: ${explainOutcome(refreshed)}`,
    ),
  ];
}
