// Parameters without a value, at every endpoint of OAuth: omitted where optional, missing where required.
import { beforeEach, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { appBearer } from "../../test/support/app-bearer.ts";
import { query, STATE, signedIn } from "../../test/support/authorize.ts";
import { expectOAuthError } from "../../test/support/responses.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  basic,
  challengeOf,
  form,
  json,
  SKILL_ID,
  seedCode,
  seedEveryone,
  seedSkill,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { asAlexa, asService, linkAlexa, seedAppCode, VERIFIER } from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
  await seedAccount(service, DEMO);
});

const REDIRECT_URI = ALEXA_REDIRECT_URIS[0] ?? "";

/** Appends parameters without a value, in both forms. */
const FORMS = [
  ["name=", (name: string) => `${name}=`],
  ["name", (name: string) => name],
] as const;

it.each(
  FORMS.flatMap(([label, write]) =>
    [
      ["state"],
      ["scope"],
      ["response_mode"],
      ["code_challenge"],
      ["code_challenge_method"],
      ["code_challenge", "code_challenge_method"],
      ["resource"],
      ["link_attempt"],
      ["nonce"],
      ["state", "scope", "response_mode", "code_challenge", "code_challenge_method", "resource", "nonce"],
    ].map((names) => [label, names, write] as const),
  ),
)("B5: /authorize with %s for %j is the same as without it", async (_, names, write) => {
  const left = query(Object.fromEntries(names.map((name) => [name, undefined])));
  const visitor = await signedIn(service);
  const decide = async (path: string) => {
    const back = await visitor.submit(await visitor.open(path), { decision: "allow" });
    return (back.location ?? "").replace(/code=c0[\w-]{43}/, "code=C");
  };
  const expected = await decide(`/authorize?${left}`);
  expect(expected).toBe(`${REDIRECT_URI}?code=C${names.includes("state") ? "" : `&state=${STATE}`}`);
  const empty = names.map(write).join("&");
  expect(await decide(`/authorize?${left}&${empty}`)).toBe(expected);
  expect(await decide(`/app/authorize?${left}&${empty}`)).toBe(expected);
});

it.each(FORMS)("B5: /authorize with %s for what is required is refused as missing", async (_, write) => {
  const open = (overrides: Record<string, string | undefined>, empty: readonly string[]) =>
    service.request(`/authorize?${query(overrides)}&${empty.map(write).join("&")}`);
  for (const name of ["client_id", "redirect_uri"]) {
    const page = await open({ [name]: undefined }, [name]);
    expect(page.status, name).toBe(400);
    expect(page.headers.get("location")).toBeNull();
  }
  const refused = async (overrides: Record<string, string | undefined>, empty: readonly string[]) =>
    (await open(overrides, empty)).headers.get("location") ?? "";
  expect(await refused({ response_type: undefined }, ["response_type"])).toMatch(
    /error=invalid_request.*response_type%20is%20missing/,
  );
  await seedSkill({ id: "strict", skillId: `${SKILL_ID}-2`, requirePkce: true });
  const clients = [
    { client_id: "strict" },
    { client_id: APP_CLIENT, redirect_uri: encodeURIComponent(APP_REDIRECT_URI), scope: "links" },
  ];
  for (const client of clients) {
    for (const empty of [["code_challenge"], ["code_challenge", "code_challenge_method"]]) {
      expect(await refused(client, empty)).toMatch(/error=invalid_request.*code_challenge%20is%20required/);
    }
    expect(await refused({ ...client, code_challenge_method: "S256" }, ["code_challenge"])).toContain(
      "error=invalid_request",
    );
    const challenge = await challengeOf(VERIFIER);
    expect(await refused({ ...client, code_challenge: challenge }, ["code_challenge_method"])).toContain(
      "error=invalid_request",
    );
  }
});

it.each([
  ["client_id", 400],
  ["redirect_uri", 400],
  ["state", 400],
  ["response_type", 303],
  ["scope", 303],
])("B5: a %s that comes twice is repeated, even when one has no value", async (name, status) => {
  for (const again of [
    `${query()}&${name}=`,
    `${name}=&${query()}`,
    `${query({ [name]: undefined })}&${name}=&${name}`,
  ]) {
    const response = await service.request(`/authorize?${again}`);
    expect(response.status, again).toBe(status);
    if (status === 303) expect(response.headers.get("location")).toContain("error=invalid_request");
  }
});

it("B5: POST /api/authorizations takes a query's parameters without a value as omitted", async () => {
  const bearer = await appBearer(service, DEMO);
  const post = async (body: object) =>
    (
      await service.request("/api/authorizations", {
        method: "POST",
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      })
    ).json() as Promise<Record<string, string>>;
  const asked = `${query({ state: "", scope: "" })}&code_challenge=&code_challenge_method=&response_mode`;
  const described = await post({ query: asked });
  expect(described).toMatchObject({ scopes: [{ name: "profile" }, { name: "devices:control" }] });
  const { redirectTo = "" } = await post({ query: asked, ticket: described.ticket, decision: "allow" });
  expect(redirectTo).toMatch(/\?code=c0[\w-]{43}&source=app$/);
  expect(await post({ query: query({ redirect_uri: "" }) })).toMatchObject({ code: "redirect_uri_unregistered" });
  expect(await post({ query: query({ client_id: "" }) })).toMatchObject({ code: "client_unknown" });
});

const credentials = { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) };
const inBody = { client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET };

it("B5: every optional parameter of /token may come without a value", async () => {
  const { refresh_token } = await linkAlexa(service);
  const code = (origin?: "enablement") => seedCode(origin ? { origin } : {});
  const exchanging = async () => ({
    grant_type: "authorization_code",
    redirect_uri: REDIRECT_URI,
    code: await code(),
  });
  const refreshing = { grant_type: "refresh_token", refresh_token };
  const requests: [string, RequestInit][] = [];
  for (const name of ["client_id", "client_secret", "code_verifier", "scope", "resource", "audience", ""]) {
    requests.push([`exchange, ${name}`, form({ ...(await exchanging()), [name]: "" }, credentials)]);
    requests.push([`refresh, ${name}`, form({ ...refreshing, [name]: "" }, credentials)]);
    requests.push([`client credentials, ${name}`, asService({ grant_type: "client_credentials", [name]: "" })]);
  }
  requests.push(["body credentials", form({ ...refreshing, ...inBody, scope: "", code_verifier: "" })]);
  const ofApp = { client_id: APP_CLIENT, redirect_uri: APP_REDIRECT_URI, code_verifier: VERIFIER, client_secret: "" };
  requests.push(["app", form({ grant_type: "authorization_code", code: await seedAppCode(), ...ofApp })]);
  for (const [name, init] of requests) {
    expect((await service.request("/token", init)).status, name).toBe(200);
    const text = `${String(init.body)}&login_hint`;
    if (name.startsWith("refresh")) {
      expect((await service.request("/token", { ...init, body: text })).status, text).toBe(200);
    }
  }
});

it("B5: what /token, /revoke and /introspect require is missing when it has no value", async () => {
  const { refresh_token } = await linkAlexa(service);
  const code = await seedCode();
  const exchanging = { grant_type: "authorization_code", redirect_uri: REDIRECT_URI, code };
  const missing = async (path: string, fields: Record<string, string>, name: string) => {
    const response = await service.request(path, asAlexa({ ...fields, [name]: "" }));
    expect(await response.clone().json()).toEqual({
      error: "invalid_request",
      error_description: `${name} is missing`,
    });
    await expectOAuthError(response, 400, "invalid_request");
  };
  for (const name of Object.keys(exchanging)) await missing("/token", exchanging, name);
  await missing("/token", { grant_type: "refresh_token", refresh_token }, "refresh_token");
  for (const path of ["/revoke", "/introspect"]) await missing(path, {}, "token");
  const appCode = await seedAppCode();
  const ofApp = { grant_type: "authorization_code", code: appCode, redirect_uri: APP_REDIRECT_URI };
  const noVerifier = form({ ...ofApp, client_id: APP_CLIENT, code_verifier: "" });
  await expectOAuthError(await service.request("/token", noVerifier), 400, "invalid_grant");
  for (const path of ["/token", "/revoke", "/introspect"]) {
    const fields = { grant_type: "refresh_token", refresh_token, token: refresh_token };
    for (const client of [
      { ...inBody, client_id: "" },
      { ...inBody, client_secret: "" },
    ]) {
      await expectOAuthError(await service.request(path, form({ ...fields, ...client })), 401, "invalid_client");
    }
    const twice = { ...asAlexa({}), body: `grant_type=refresh_token&refresh_token=${refresh_token}&token=&token=x` };
    await expectOAuthError(await service.request(path, twice), 400, "invalid_request");
  }
  // Nothing of this spent the code or ended the link.
  expect((await service.request("/token", asAlexa(exchanging))).status).toBe(200);
  expect((await service.request("/token", asAlexa({ grant_type: "refresh_token", refresh_token }))).status).toBe(200);
});

it("B5: optional parameters of /revoke and /introspect may come without a value", async () => {
  const { access_token, refresh_token } = await linkAlexa(service);
  const empty = { token_type_hint: "", client_id: "", client_secret: "", resource: "" };
  const described = await service.request("/introspect", asAlexa({ token: access_token, ...empty }));
  expect(await json<object>(described)).toMatchObject({ active: true });
  expect((await service.request("/revoke", asAlexa({ token: refresh_token, ...empty }))).status).toBe(200);
  const after = await service.request("/introspect", asAlexa({ token: access_token }));
  expect(await json<object>(after)).toEqual({ active: false });
});
