// oauth4webapi 3: every step validated by hand, access tokens checked as a resource server would (RFC 9068).
import * as oauth from "oauth4webapi";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALEXA, APP, type Issuer, REDIRECT_URI, SCOPE, startIssuer } from "./issuer.ts";

const INSECURE = { [oauth.allowInsecureRequests]: true };

let issuer: Issuer;
let server: oauth.AuthorizationServer;
beforeAll(async () => {
  issuer = await startIssuer();
  const url = new URL(issuer.origin);
  const found = await oauth.discoveryRequest(url, { algorithm: "oauth2", ...INSECURE });
  server = await oauth.processDiscoveryResponse(url, found);
});
afterAll(() => issuer?.close());

async function link(client: oauth.Client, authentication: oauth.ClientAuth, scope: string) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint ?? "");
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: "code",
    scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  }).toString();
  const parameters = oauth.validateAuthResponse(server, client, await issuer.approve(url), state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    authentication,
    parameters,
    REDIRECT_URI,
    verifier,
    INSECURE,
  );
  return oauth.processAuthorizationCodeResponse(server, client, response);
}

async function refresh(client: oauth.Client, authentication: oauth.ClientAuth, token: string | undefined) {
  const response = await oauth.refreshTokenGrantRequest(server, client, authentication, token ?? "", INSECURE);
  return oauth.processRefreshTokenResponse(server, client, response);
}

describe("oauth4webapi", () => {
  it("RFC8414: the metadata passes its validation and names every endpoint that it uses", () => {
    expect(server).toMatchObject({
      issuer: issuer.origin,
      authorization_endpoint: `${issuer.origin}/authorize`,
      token_endpoint: `${issuer.origin}/token`,
      revocation_endpoint: `${issuer.origin}/revoke`,
      introspection_endpoint: `${issuer.origin}/introspect`,
      userinfo_endpoint: `${issuer.origin}/userinfo`,
      jwks_uri: `${issuer.origin}/.well-known/jwks.json`,
      code_challenge_methods_supported: ["S256"],
      grant_types_supported: expect.arrayContaining(["authorization_code", "refresh_token", "client_credentials"]),
      token_endpoint_auth_methods_supported: expect.arrayContaining(["client_secret_basic"]),
      scopes_supported: expect.arrayContaining(["links", ...SCOPE.split(" ")]),
    });
  });

  it.each([
    ["HTTP Basic, form-encoded", oauth.ClientSecretBasic(ALEXA.secret)],
    ["credentials in the body", oauth.ClientSecretPost(ALEXA.secret)],
  ])(
    "A1, A3: a confidential client with %s links, refreshes, introspects, asks userinfo and revokes",
    async (_, by) => {
      const client = { client_id: ALEXA.id };
      const tokens = await link(client, by, SCOPE);
      const next = await refresh(client, by, tokens.refresh_token);
      expect(next.refresh_token).toBe(tokens.refresh_token);

      const looked = await oauth.introspectionRequest(server, client, by, next.access_token, INSECURE);
      const introspection = await oauth.processIntrospectionResponse(server, client, looked);
      expect(introspection).toMatchObject({ active: true, client_id: ALEXA.id });

      const asked = await oauth.userInfoRequest(server, client, next.access_token, INSECURE);
      const user = await oauth.processUserInfoResponse(server, client, introspection.sub ?? "", asked);
      expect(user.email).toBe("ada@example.com");

      const revoked = await oauth.revocationRequest(server, client, by, next.access_token, INSECURE);
      await oauth.processRevocationResponse(revoked);
      await expect(refresh(client, by, tokens.refresh_token)).rejects.toMatchObject({ error: "invalid_grant" });
    },
  );

  it("RFC9068: a resource server validates the app's access token by the published keys", async () => {
    const tokens = await link({ client_id: APP.id }, oauth.None(), APP.scope);
    const request = new Request("http://localhost/api", {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    const claims = await oauth.validateJwtAccessToken(server, request, issuer.origin, INSECURE);
    expect(claims).toMatchObject({ iss: issuer.origin, client_id: APP.id, scope: APP.scope });
    await expect(
      oauth.validateJwtAccessToken(server, request, "https://another.example.com", INSECURE),
    ).rejects.toThrow();
  });

  it("a public app rotates its refresh tokens and can revoke the link", async () => {
    const client = { client_id: APP.id };
    const first = await link(client, oauth.None(), APP.scope);
    const second = await refresh(client, oauth.None(), first.refresh_token);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    const revoked = await oauth.revocationRequest(server, client, oauth.None(), second.refresh_token ?? "", INSECURE);
    await oauth.processRevocationResponse(revoked);
    await expect(refresh(client, oauth.None(), second.refresh_token)).rejects.toMatchObject({ error: "invalid_grant" });
  });
});
