// passport-oauth2: a company's own website that signs its visitors in with us, behind a plain HTTP server.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import passport from "passport";
import { Strategy, type VerifyCallback } from "passport-oauth2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALEXA, type Issuer, SCOPE, startIssuer } from "./issuer.ts";

interface Visitor {
  readonly email: string;
  readonly refreshToken: string;
}

class AcmeStrategy extends Strategy {
  override userProfile(accessToken: string, done: (error?: unknown, profile?: unknown) => void): void {
    this._oauth2.useAuthorizationHeaderforGET(true);
    this._oauth2.get(`${issuer.origin}/userinfo`, accessToken, (error, body) => {
      if (error) done(error);
      else done(null, JSON.parse(String(body)));
    });
  }

  /** The library does not refresh; websites do it themselves. */
  refresh(refreshToken: string): Promise<{ accessToken: string; refreshToken: string }> {
    return new Promise((resolve, reject) => {
      this._oauth2.getOAuthAccessToken(refreshToken, { grant_type: "refresh_token" }, (error, access, next) => {
        if (error) reject(error);
        else resolve({ accessToken: access ?? "", refreshToken: next ?? "" });
      });
    });
  }
}

type WebRequest = IncomingMessage & { query?: Record<string, string>; session?: object; user?: Visitor };

let website: Server;
let websiteOrigin: string;
let issuer: Issuer;
let strategy: AcmeStrategy;
/** The one visitor's session; a real site keeps one per cookie. */
const session = {};

function answer(request: WebRequest, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", websiteOrigin);
  request.query = Object.fromEntries(url.searchParams);
  request.session = session;
  passport.authenticate(strategy, { session: false })(request, response, (error?: unknown) => {
    response.statusCode = error ? 500 : 200;
    response.end(error ? String(error) : JSON.stringify(request.user));
  });
}

beforeAll(async () => {
  website = createServer(answer);
  await new Promise<void>((resolve) => website.listen(0, "127.0.0.1", resolve));
  websiteOrigin = `http://127.0.0.1:${(website.address() as AddressInfo).port}`;
  issuer = await startIssuer(`${websiteOrigin}/callback`);
  strategy = new AcmeStrategy(
    {
      authorizationURL: `${issuer.origin}/authorize`,
      tokenURL: `${issuer.origin}/token`,
      clientID: ALEXA.id,
      clientSecret: ALEXA.secret,
      callbackURL: `${websiteOrigin}/callback`,
      scope: SCOPE.split(" "),
      state: true,
      pkce: true,
    },
    (_accessToken: string, refreshToken: string, profile: { email: string }, done: VerifyCallback) =>
      done(null, { email: profile.email, refreshToken }),
  );
});
afterAll(async () => {
  website.closeAllConnections();
  website.close();
  await issuer?.close();
});

describe("passport-oauth2", () => {
  it("A3: signs a visitor in with state, PKCE and credentials in the body, and refreshes later", async () => {
    const start = await fetch(`${websiteOrigin}/login`, { redirect: "manual" });
    const back = await issuer.approve(start.headers.get("location") ?? "");
    const landed = await fetch(back);
    const visitor = (await landed.json()) as Visitor;
    expect(landed.status).toBe(200);
    expect(visitor.email).toBe("ada@example.com");
    const refreshed = await strategy.refresh(visitor.refreshToken);
    expect(refreshed.refreshToken).toBe(visitor.refreshToken);
  });

  it("reports a denial as its own error", async () => {
    const start = await fetch(`${websiteOrigin}/login`, { redirect: "manual" });
    const back = await issuer.deny(start.headers.get("location") ?? "");
    const landed = await fetch(back);
    expect([landed.status, await landed.text()]).toEqual([401, "Unauthorized"]);
  });
});
