// openid-client 6 (certified relying party), used as its readme shows.
import { decodeJwt } from "jose";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALEXA, APP, BACKEND, type Issuer, REDIRECT_URI, SCOPE, startIssuer } from "./issuer.ts";

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer?.close());

function discover(id: string, authentication: client.ClientAuth): Promise<client.Configuration> {
  return client.discovery(new URL(issuer.origin), id, undefined, authentication, {
    algorithm: "oauth2",
    execute: [client.allowInsecureRequests],
  });
}

/** After discovery: requests a code with PKCE and state, and redeems it. */
async function link(config: client.Configuration, scope: string): Promise<client.TokenEndpointResponse> {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const authorizationUrl = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope,
    state: expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const back = await issuer.approve(authorizationUrl);
  return client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState });
}

describe("openid-client", () => {
  it.each([
    ["HTTP Basic, form-encoded", client.ClientSecretBasic(ALEXA.secret)],
    ["credentials in the body", client.ClientSecretPost(ALEXA.secret)],
  ])(
    "A1, A3: a confidential client with %s links, refreshes, asks who it is and revokes",
    async (_, authentication) => {
      const config = await discover(ALEXA.id, authentication);
      const first = await link(config, SCOPE);
      expect(first).toMatchObject({ token_type: "bearer", scope: SCOPE, expires_in: 3600 });

      const refreshed = await client.refreshTokenGrant(config, first.refresh_token ?? "");
      expect(refreshed.refresh_token).toBe(first.refresh_token);
      expect(refreshed.access_token).not.toBe(first.access_token);

      const own = await client.tokenIntrospection(config, refreshed.access_token);
      expect(own).toMatchObject({ active: true, client_id: ALEXA.id, scope: SCOPE });
      const userinfo = await client.fetchUserInfo(config, refreshed.access_token, own.sub ?? "");
      expect(userinfo).toMatchObject({ email: "ada@example.com", name: "Ada Example" });

      await client.tokenRevocation(config, refreshed.refresh_token ?? "");
      expect(await client.tokenIntrospection(config, refreshed.access_token)).toEqual({ active: false });
      await expect(client.refreshTokenGrant(config, first.refresh_token ?? "")).rejects.toMatchObject({
        error: "invalid_grant",
        status: 400,
      });
    },
  );

  it("a public app links with PKCE and follows the rotation of its refresh tokens", async () => {
    const config = await discover(APP.id, client.None());
    const first = await link(config, APP.scope);
    const second = await client.refreshTokenGrant(config, first.refresh_token ?? "");
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const third = await client.refreshTokenGrant(config, second.refresh_token ?? "");
    await client.tokenRevocation(config, third.refresh_token ?? "");
    await expect(client.refreshTokenGrant(config, third.refresh_token ?? "")).rejects.toMatchObject({
      error: "invalid_grant",
    });
  });

  it("a skill's backend gets a token of its own and introspects those of its skill", async () => {
    const alexa = await discover(ALEXA.id, client.ClientSecretBasic(ALEXA.secret));
    const backend = await discover(BACKEND.id, client.ClientSecretPost(BACKEND.secret));
    const linked = await link(alexa, SCOPE);
    expect(await client.tokenIntrospection(backend, linked.access_token)).toMatchObject({
      active: true,
      client_id: ALEXA.id,
    });
    const own = await client.clientCredentialsGrant(backend, { resource: "https://devices.example.com" });
    expect(decodeJwt(own.access_token)).toMatchObject({ aud: "https://devices.example.com", client_id: BACKEND.id });
    // The audience of a service's own token is the resource that it names, which verifies it with our keys.
    expect(await client.tokenIntrospection(backend, own.access_token)).toEqual({ active: false });
    expect(await client.tokenIntrospection(alexa, own.access_token)).toEqual({ active: false });
  });

  it("a wrong secret, and a verifier of another request, are errors that the library understands", async () => {
    const wrong = await discover(ALEXA.id, client.ClientSecretBasic("obviously-wrong-secret"));
    await expect(client.refreshTokenGrant(wrong, "rt_any")).rejects.toMatchObject({ status: 401 });

    const config = await discover(ALEXA.id, client.ClientSecretBasic(ALEXA.secret));
    const state = client.randomState();
    const back = await issuer.approve(
      client.buildAuthorizationUrl(config, {
        redirect_uri: REDIRECT_URI,
        scope: SCOPE,
        state,
        code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
        code_challenge_method: "S256",
      }),
    );
    const exchange = client.authorizationCodeGrant(config, back, {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: state,
    });
    await expect(exchange).rejects.toMatchObject({ error: "invalid_grant" });
  });
});
