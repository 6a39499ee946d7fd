// The tokens of an add-on: those without a customer, and those of a customer.
import { buildAuthorizationRequest } from "../../simulator/library/authorization-request.ts";
import type { Check as Found } from "../../simulator/library/checks.ts";
import { rawParameter, rawQuery } from "../../simulator/library/encoding.ts";
import { claimsOf, requestServiceToken, SERVICE_SCOPE } from "../../simulator/library/service-token.ts";
import {
  codeExchangeRequest,
  readJsonObject,
  refreshRequest,
  serviceTokenRequest,
  type TokenClient,
} from "../../simulator/library/token.ts";
import type { Examination } from "../examination.ts";
import type { Check } from "../report.ts";
import { SERVICE_TOKEN, TOKENS } from "./mcp-catalogue.ts";

const OTHER = "https://mcp.other.example/mcp";

/** The same URI with a slash at the end, or without the one that it has. */
function withOtherSlash(resource: string): string {
  return resource.endsWith("/") ? resource.slice(0, -1) : `${resource}/`;
}

/** Notes what the simulator's library found, under the checks of the same name. */
export function note({ report }: Examination, checks: Readonly<Record<string, Check>>, found: readonly Found[]): void {
  for (const { name, ok, detail } of found) {
    const check = checks[name];
    if (check) report.expect(check, ok, detail, detail);
  }
}

/** Alexa+ uses HTTP Basic, whatever the metadata prefers. */
function clientOf({ target }: Examination): TokenClient | undefined {
  return target.client && { ...target.client, accessTokenScheme: "HTTP_BASIC" };
}

interface Sent {
  /** 0: no response. */
  readonly status: number;
  readonly json: Record<string, unknown>;
  readonly isJson: boolean;
}

async function send({ fetch }: Examination, request: Request): Promise<Sent> {
  try {
    const response = await fetch(request);
    const { json } = readJsonObject(new Uint8Array(await response.arrayBuffer()));
    return { status: response.status, json: json ?? {}, isJson: json !== undefined };
  } catch {
    return { status: 0, json: {}, isJson: false };
  }
}

function said({ status, json }: Sent): string {
  return typeof json.error === "string" ? `${status} ${json.error}` : String(status || "no response");
}

const audienceOf = (token: string) => claimsOf(token) && [claimsOf(token)?.aud].flat();

/** Checks the service token. `foreign`: tokens that the server issues for something other than the resource. */
export async function checkServiceToken(
  examination: Examination,
  resource: string,
  scopes: readonly string[],
): Promise<{ readonly token?: string; readonly foreign: readonly string[] }> {
  const { report, fetch, progress } = examination;
  const { serviceAudience, refusesUserScope, refusesOtherResource, errors } = TOKENS;
  const all: readonly Check[] = [
    ...Object.values<Check>(SERVICE_TOKEN),
    serviceAudience,
    refusesUserScope,
    refusesOtherResource,
    errors,
  ];
  const skipRest = (why: string) => {
    report.skipRest(all, why);
    return { foreign: [] };
  };
  const client = clientOf(examination);
  if (!client) return skipRest("needs a client id and its secret");
  progress("asking for a service token");
  const issued = await requestServiceToken(fetch, serviceTokenRequest(client, SERVICE_SCOPE, resource));
  if (issued.error === "unauthorized_client") return skipRest("another client of the add-on gets the service tokens");
  note(examination, SERVICE_TOKEN, issued.checks);
  if (report.outcomeOf(SERVICE_TOKEN.service_token_issued) !== "pass") return skipRest("there is no service token");

  const userScope = scopes.find((scope) => ![SERVICE_SCOPE, "openid"].includes(scope)) ?? "mcp:tools";
  const tier = await send(examination, serviceTokenRequest(client, userScope, resource));
  report.expect(refusesUserScope, tier.status >= 400, `${userScope}: ${said(tier)}`, `${userScope}: ${said(tier)}`);
  const foreign: string[] = [];
  const refusals = [tier];
  for (const other of [OTHER, withOtherSlash(resource)]) {
    const sent = await send(examination, serviceTokenRequest(client, SERVICE_SCOPE, other));
    refusals.push(sent);
    report.expect(refusesOtherResource, sent.status >= 400, `${other}: ${said(sent)}`, `${other}: ${said(sent)}`);
    const token = sent.json.access_token;
    if (typeof token === "string" && other === OTHER && audienceOf(token)?.includes(resource) !== true)
      foreign.push(token);
  }
  const odd = refusals.find(({ status, json }) => status >= 400 && (status > 401 || typeof json.error !== "string"));
  report.expect(
    errors,
    !odd,
    "status 400 or 401 with an error code",
    odd ? `a refusal is ${said(odd)} without a code` : "",
  );

  const token = issued.accessToken;
  const audience = token === undefined ? undefined : audienceOf(token);
  if (audience === undefined) report.skip(serviceAudience, "the token cannot be read; the MCP server judges it");
  else
    report.expect(
      serviceAudience,
      audience.includes(resource),
      `aud is ${resource}`,
      `aud is ${JSON.stringify(audience)}`,
    );
  skipRest("there is no usable service token");
  return { ...(token !== undefined && { token }), foreign };
}

/** Checks authorization requests, and what a customer's code gives. Returns the customer's access token. */
export async function checkCustomersToken(
  examination: Examination,
  resource: string,
  scopes: readonly string[],
): Promise<string | undefined> {
  const { report, target, obtainCode, progress } = examination;
  const client = clientOf(examination);
  if (!client || target.redirectUris.length === 0) {
    skipMissing(examination, "needs a client id, its secret and a redirect URI");
    return undefined;
  }
  progress("opening authorization requests for the add-on");
  await checkAuthorization(examination, client.clientId, resource, scopes);
  const first = await obtainCode({ resource, pkce: true });
  if ("why" in first) {
    skipMissing(examination, first.why);
    return undefined;
  }
  const sent = await send(examination, codeExchangeRequest(client, { ...first.grant, resource: OTHER }));
  report.expect(TOKENS.codeResource, sent.status >= 400, said(sent), `${OTHER}: ${said(sent)}`);
  remember(examination, sent);
  const second = await obtainCode({ resource, pkce: true });
  if ("why" in second) {
    skipMissing(examination, second.why);
    return undefined;
  }
  const redeemed = await send(examination, codeExchangeRequest(client, { ...second.grant, resource }));
  remember(examination, redeemed);
  const token = redeemed.json.access_token;
  const issued = redeemed.status === 200 && typeof token === "string";
  report.expect(TOKENS.userIssued, issued, "an access token", `the token response is ${said(redeemed)}`);
  if (issued) await checkToken(examination, client, resource, redeemed.json, token);
  skipMissing(examination, "there is no token of a customer");
  return issued ? token : undefined;
}

function skipMissing({ report }: Examination, why: string): void {
  report.skipRest(Object.values<Check>(TOKENS), why);
}

function remember({ keep }: Examination, { json }: Sent): void {
  if (typeof json.refresh_token === "string") keep(json.refresh_token);
}

async function checkToken(
  examination: Examination,
  client: TokenClient,
  resource: string,
  json: Record<string, unknown>,
  token: string,
): Promise<void> {
  const { report } = examination;
  const scope = json.scope ?? claimsOf(token)?.scope;
  if (typeof scope !== "string") report.skip(TOKENS.userScope, "the response does not name the scope");
  else report.expect(TOKENS.userScope, !scope.split(" ").includes(SERVICE_SCOPE), scope, `scope is ${scope}`);
  const audience = audienceOf(token);
  const names = audience?.includes(resource) === true;
  if (!audience) report.skip(TOKENS.userAudience, "the token cannot be read; the MCP server judges it");
  else report.expect(TOKENS.userAudience, names, `aud is ${resource}`, `aud is ${JSON.stringify(audience)}`);
  const refreshToken = json.refresh_token;
  const has = typeof refreshToken === "string" && refreshToken !== "";
  report.expect(TOKENS.userRefresh, has, "there is one", "the token response has no refresh_token");
  if (!has) {
    report.skip(TOKENS.refreshAudience, "there is no refresh token");
    return;
  }
  if (!names) {
    report.skip(TOKENS.refreshAudience, "the first token does not name the resource");
    return;
  }
  const refreshed = await send(examination, refreshRequest(client, refreshToken));
  remember(examination, refreshed);
  const next = typeof refreshed.json.access_token === "string" ? audienceOf(refreshed.json.access_token) : undefined;
  const found = next ? `aud is ${JSON.stringify(next)}` : `the refresh returned ${said(refreshed)}`;
  report.expect(TOKENS.refreshAudience, next?.includes(resource) === true, `aud is ${resource}`, found);
}

/** What the authorization endpoint returns at once; no customer signs in. */
async function checkAuthorization(
  { report, target, fetch }: Examination,
  clientId: string,
  resource: string,
  scopes: readonly string[],
): Promise<void> {
  const open = async (change: { pkce?: boolean; resource?: string; scopes?: readonly string[] }) => {
    const request = await buildAuthorizationRequest({
      authorizationUrl: target.authorizationUrl,
      clientId,
      redirectUri: target.redirectUris[0] ?? "",
      scopes: change.scopes ?? target.scopes,
      pkce: change.pkce ?? true,
      resources: [change.resource ?? resource],
    });
    try {
      const response = await fetch(new Request(request.url, { redirect: "manual" }));
      await response.body?.cancel();
      const location = response.headers.get("location") ?? "";
      const error = location.startsWith(request.redirectUri) ? rawParameter(rawQuery(location), "error") : undefined;
      const refused = error !== undefined || (response.status >= 400 && response.status < 500);
      return { refused, ok: !refused && response.status < 400, found: error ?? String(response.status) };
    } catch {
      return { refused: false, ok: false, found: "no response" };
    }
  };
  const plain = await open({});
  if (!plain.ok) {
    const why = `a plain authorization request is refused: ${plain.found}`;
    report.problem(TOKENS.authorizeScopes, why);
    return report.skipRest([TOKENS.authorizePkce, TOKENS.authorizeResource], why);
  }
  const asked = [...new Set(["openid", ...scopes.filter((scope) => scope !== SERVICE_SCOPE)])];
  const full = await open({ scopes: asked });
  report.expect(TOKENS.authorizeScopes, full.ok, asked.join(" "), `${asked.join(" ")}: ${full.found}`);
  const bare = await open({ pkce: false });
  report.expect(TOKENS.authorizePkce, bare.refused, bare.found, `a request without PKCE gets ${bare.found}`);
  for (const other of [OTHER, withOtherSlash(resource)]) {
    const { refused, found } = await open({ resource: other });
    report.expect(TOKENS.authorizeResource, refused, `${other}: ${found}`, `${other}: ${found}`);
  }
}
