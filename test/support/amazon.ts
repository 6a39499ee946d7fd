// A small Amazon for tests: Login with Amazon, endpoint discovery and the enablement API in three regions, in place of
// `fetch`.
import { expect, vi } from "vitest";
import { toBase64Url, utf8 } from "../../src/crypto/encoding.ts";
import { ALEXA_CLIENT, ALEXA_SECRET, basic, form, json, type TokenResponse } from "./seeds.ts";
import type { Service } from "./service.ts";

export const LWA_CLIENT_ID = "amzn1.application-oa2-client.test";
export const LWA_CLIENT_SECRET = "obviously-fake-lwa-secret";

const HOSTS = {
  NA: "https://api.amazonalexa.com",
  EU: "https://api.eu.amazonalexa.com",
  FE: "https://api.fe.amazonalexa.com",
} as const;
export type RegionName = keyof typeof HOSTS;

/** One outbound request as this Amazon saw it. */
export interface Seen {
  readonly what: "lwa" | "discovery" | "enable" | "look" | "disable";
  readonly region: RegionName | null;
  readonly authorization: string | null;
  readonly body: string;
  readonly url: string;
  readonly redirect: string;
}

export type Responder = (seen: Seen, usual: () => Promise<Response>) => Response | Promise<Response>;

export interface Amazon {
  readonly seen: Seen[];
  /** Amazon account → region of its host; `NA` unless set. */
  readonly regionOf: Map<string, RegionName>;
  /** Amazon account → our token response that its Alexa holds. */
  readonly linked: Map<string, TokenResponse>;
  /** A refresh returns another refresh token, and the presented one ends. */
  rotating: boolean;
  /** Replaces responses: the first entry that returns one wins. */
  readonly faults: ((seen: Seen, usual: () => Promise<Response>) => Response | Promise<Response> | undefined)[];
  /** The customer approves at Amazon. Returns the callback's URL. */
  approve(address: string, account?: string): Promise<URL>;
  /** The requests of these kinds, as `enable NA`. */
  calls(...kinds: Seen["what"][]): string[];
  /** Revokes Amazon's tokens of an account, as "disable" in the Alexa app does. */
  disable(account: string): void;
}

export function jsonResponse(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}

export function htmlResponse(status = 200): Response {
  return new Response("<html><body>Sorry</body></html>", { status, headers: { "content-type": "text/html" } });
}

/** What fetch rejects with at its time limit. */
export function timeOut(): never {
  throw new DOMException("The operation was aborted due to timeout", "TimeoutError");
}

interface IssuedCode {
  readonly account: string;
  readonly redirectUri: string;
  readonly challenge: string;
  used: boolean;
}

function exchangeOfAlexa(code: string, redirectUri: string): RequestInit {
  return form(
    { grant_type: "authorization_code", code, redirect_uri: redirectUri, client_id: ALEXA_CLIENT },
    { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) },
  );
}

/**
 * Replaces `fetch` by this Amazon until `vi.restoreAllMocks()`. It redeems our codes at the service before it responds,
 * with the token request that `redeem` gives.
 */
export function startAmazon(service: Service, redeem = exchangeOfAlexa): Amazon {
  const codes = new Map<string, IssuedCode>();
  const accountOfToken = new Map<string, string>();
  let number = 0;
  const issueTokens = (account: string) => {
    number++;
    const accessToken = `Atza|fake-access-${number}`;
    accountOfToken.set(accessToken, account);
    const refreshToken = `Atzr|fake-refresh-${account}${amazon.rotating ? `-${number}` : ""}`;
    accountOfToken.set(refreshToken, account);
    return {
      access_token: accessToken,
      refresh_token: refreshToken,
      expires_in: "3600",
      token_type: "bearer",
    };
  };

  const amazon: Amazon = {
    seen: [],
    regionOf: new Map(),
    linked: new Map(),
    rotating: false,
    faults: [],
    async approve(address, account = "amazon-account-1") {
      const url = new URL(address);
      expect(url.searchParams.get("client_id")).toBe(LWA_CLIENT_ID);
      expect(url.searchParams.get("scope")).toBe("alexa::skills:account_linking");
      expect(url.searchParams.get("code_challenge_method")).toBe("S256");
      const code = `ANfakeAmazonCode${++number}`;
      const redirectUri = url.searchParams.get("redirect_uri") ?? "";
      codes.set(code, { account, redirectUri, challenge: url.searchParams.get("code_challenge") ?? "", used: false });
      return new URL(`${redirectUri}?code=${code}&state=${url.searchParams.get("state")}`);
    },
    calls(...kinds) {
      return amazon.seen
        .filter((seen) => kinds.includes(seen.what))
        .map((seen) => (seen.region ? `${seen.what} ${seen.region}` : seen.what));
    },
    disable(account) {
      amazon.linked.delete(account);
      for (const [token, owner] of accountOfToken) if (owner === account) accountOfToken.delete(token);
    },
  };

  const lwa = async (seen: Seen): Promise<Response> => {
    const fields = new URLSearchParams(seen.body);
    if (fields.get("client_id") !== LWA_CLIENT_ID || fields.get("client_secret") !== LWA_CLIENT_SECRET) {
      return jsonResponse({ error: "invalid_client" }, 401);
    }
    if (fields.get("grant_type") === "refresh_token") {
      const presented = fields.get("refresh_token") ?? "";
      const account = accountOfToken.get(presented);
      if (amazon.rotating) accountOfToken.delete(presented);
      return account ? jsonResponse(issueTokens(account)) : jsonResponse({ error: "invalid_grant" }, 400);
    }
    const code = codes.get(fields.get("code") ?? "");
    const verifier = fields.get("code_verifier") ?? "";
    const challenge = toBase64Url(await crypto.subtle.digest("SHA-256", utf8(verifier)));
    if (!code || code.used || code.redirectUri !== fields.get("redirect_uri") || code.challenge !== challenge) {
      return jsonResponse({ error: "invalid_grant", error_description: "raw text of Amazon" }, 400);
    }
    code.used = true;
    return jsonResponse(issueTokens(code.account));
  };

  const enablement = async (seen: Seen): Promise<Response> => {
    if (!seen.authorization?.startsWith("Bearer ")) return jsonResponse({ message: "Bearer" }, 400);
    const account = accountOfToken.get(seen.authorization.slice("Bearer ".length));
    if (!account) return jsonResponse({ message: "Unauthorized" }, 401);
    if ((amazon.regionOf.get(account) ?? "NA") !== seen.region) return jsonResponse({ message: "Not found" }, 404);
    const state = (status: string) => ({
      skill: { id: "x" },
      user: { id: `amzn1.ask.account.${account}` },
      accountLink: { status },
      status: "ENABLED",
    });
    if (seen.what === "look") {
      return amazon.linked.has(account) ? jsonResponse(state("LINKED")) : jsonResponse({ message: "Not found" }, 404);
    }
    if (seen.what === "disable") {
      amazon.disable(account);
      return new Response(null, { status: 204 });
    }
    const body = JSON.parse(seen.body) as {
      stage: string;
      accountLinkRequest: { redirectUri: string; authCode: string; type: string };
    };
    const { redirectUri, authCode, type } = body.accountLinkRequest;
    if (type !== "AUTH_CODE" || !["development", "live"].includes(body.stage))
      return jsonResponse({ message: "Bad request" }, 400);
    const redeemed = await service.requestOnly("/token", redeem(authCode, redirectUri));
    const tokens = await json(redeemed);
    if (redeemed.status !== 200) return jsonResponse({ message: "Invalid account linking credentials" }, 400);
    amazon.linked.set(account, tokens);
    return jsonResponse(state("LINKED"), 201);
  };

  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const region = (Object.keys(HOSTS) as RegionName[]).find((name) => HOSTS[name] === url.origin) ?? null;
    const what =
      url.href === "https://api.amazon.com/auth/o2/token"
        ? "lwa"
        : url.pathname === "/v1/alexaApiEndpoint"
          ? "discovery"
          : request.method === "POST"
            ? "enable"
            : request.method === "GET"
              ? "look"
              : "disable";
    const seen: Seen = {
      what,
      region: what === "discovery" ? null : region,
      authorization: request.headers.get("authorization"),
      body: new TextDecoder().decode(await request.arrayBuffer()),
      url: request.url,
      redirect: request.redirect,
    };
    amazon.seen.push(seen);
    const usual = async () => {
      if (what === "lwa") return lwa(seen);
      if (what === "discovery") {
        const account = accountOfToken.get(seen.authorization?.slice("Bearer ".length) ?? "") ?? "";
        return jsonResponse({ endpoints: [new URL(HOSTS[amazon.regionOf.get(account) ?? "NA"]).host] });
      }
      return enablement(seen);
    };
    for (const fault of amazon.faults) {
      const response = fault(seen, usual);
      if (response !== undefined) return response;
    }
    return usual();
  });
  return amazon;
}
