// simple-oauth2 5: no discovery, no PKCE of its own, HTTP Basic in two encodings.
import { createHash, randomBytes } from "node:crypto";
import { AuthorizationCode, type ModuleOptions } from "simple-oauth2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALEXA, type Issuer, REDIRECT_URI, SCOPE, startIssuer } from "./issuer.ts";

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer?.close());

type Dialect = NonNullable<ModuleOptions["options"]>;

describe("simple-oauth2", () => {
  it.each<[string, Dialect]>([
    ["HTTP Basic, form-encoded", { authorizationMethod: "header", credentialsEncodingMode: "strict" }],
    ["HTTP Basic, raw", { authorizationMethod: "header", credentialsEncodingMode: "loose" }],
    ["credentials in the body", { authorizationMethod: "body" }],
  ])("A1, A3: links, refreshes and revokes with %s", async (_, options) => {
    const client = new AuthorizationCode({
      client: { id: ALEXA.id, secret: ALEXA.secret },
      auth: {
        tokenHost: issuer.origin,
        tokenPath: "/token",
        revokePath: "/revoke",
        authorizePath: "/authorize",
      },
      options,
    });
    const verifier = randomBytes(32).toString("base64url");
    const pkce = {
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    };
    const asked = { redirect_uri: REDIRECT_URI, scope: SCOPE, state: randomBytes(16).toString("base64") };
    const back = await issuer.approve(client.authorizeURL({ ...asked, ...pkce }));
    expect(back.searchParams.get("state")).toBe(asked.state);

    const redeem = { code: back.searchParams.get("code") ?? "", redirect_uri: REDIRECT_URI, code_verifier: verifier };
    const linked = await client.getToken(redeem);
    expect(linked.expired()).toBe(false);
    expect(linked.token).toMatchObject({ token_type: "Bearer", scope: SCOPE });

    const refreshed = await linked.refresh();
    expect(refreshed.token.refresh_token).toBe(linked.token.refresh_token);
    expect(refreshed.token.access_token).not.toBe(linked.token.access_token);

    await refreshed.revokeAll();
    await expect(linked.refresh()).rejects.toMatchObject({ data: { payload: { error: "invalid_grant" } } });
  });
});
