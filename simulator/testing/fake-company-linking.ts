// The other half of the fake company: a minimal version of linking that starts at the company, by page and by API.
import { encodeParameters, rawParameter, rawQuery } from "../library/encoding.ts";
import { challengeOf } from "../library/pkce.ts";
import type { Fetch } from "../library/token.ts";

export interface LinkingCompany {
  readonly origin: string;
  readonly skillId: string;
  readonly stage: string;
  readonly lwa: { readonly clientId: string; readonly clientSecret: string };
  /** Sends a request to Amazon, which is the simulator. */
  readonly amazon: Fetch;
  readonly amazonOrigin: string;
  /** `parameters` of the authorization request, with its PKCE challenge. */
  readonly mintCode: (redirectUri: string, parameters?: URLSearchParams) => string;
}

interface Started {
  readonly redirectUri: string;
  readonly returnTo: string;
}

const VERIFIER = "exampleVerifier-0123456789-abcdefghijklmnopqrstuvwxyz";
const SEE_OTHER = 303;

/** Serves the company's linking endpoints; returns undefined for all other URLs. */
export function createFakeLinking(company: LinkingCompany) {
  const started = new Map<string, Started>();
  let amazonToken: { token: string; endpoint: string } | undefined;
  let sequence = 0;

  async function urlsFor(redirectUri: string, returnTo: string) {
    const state = `s_${++sequence}`;
    started.set(state, { redirectUri, returnTo });
    const query = encodeParameters({
      client_id: company.lwa.clientId,
      scope: "alexa::skills:account_linking",
      response_type: "code",
      redirect_uri: redirectUri,
      state,
      code_challenge: await challengeOf(VERIFIER),
      code_challenge_method: "S256",
    });
    const app = encodeParameters({ fragment: "skill-account-linking-consent", skill_stage: company.stage });
    return {
      state,
      redirectUri,
      alexaAppUrl: `${company.amazonOrigin}/spa/skill-account-linking-consent?${app}&${query}`,
      loginWithAmazonUrl: `${company.amazonOrigin}/ap/oa?${query}`,
    };
  }

  async function complete(state: string, code: string): Promise<boolean> {
    const { redirectUri } = started.get(state) ?? { redirectUri: "" };
    const form = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: VERIFIER };
    const credentials = { client_id: company.lwa.clientId, client_secret: company.lwa.clientSecret };
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = encodeParameters({ ...form, ...credentials });
    const response = await company.amazon(
      new Request(`${company.amazonOrigin}/auth/o2/token`, { method: "POST", headers, body }),
    );
    const { access_token: token } = (await response.json()) as { access_token?: string };
    if (!token) return false;
    const bearer = { authorization: `Bearer ${token}` };
    const discovery = await company.amazon(
      new Request(`${company.amazonOrigin}/v1/alexaApiEndpoint`, { headers: bearer }),
    );
    const { endpoints } = (await discovery.json()) as { endpoints: string[] };
    amazonToken = { token, endpoint: endpoints[0] ?? "" };
    const accountLinkRequest = { redirectUri, authCode: company.mintCode(redirectUri), type: "AUTH_CODE" };
    return (await enablement("POST", { stage: company.stage, accountLinkRequest })).status === 201;
  }

  async function enablement(method: string, body?: unknown): Promise<Response> {
    const url = `${amazonToken?.endpoint}/v1/users/~current/skills/${company.skillId}/enablement`;
    const headers = { authorization: `Bearer ${amazonToken?.token}`, "content-type": "application/json" };
    return company.amazon(
      new Request(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }),
    );
  }

  async function status(): Promise<string> {
    return amazonToken && (await enablement("GET")).status === 200 ? "linked" : "not_linked";
  }

  async function callback(query: URLSearchParams, parked: boolean): Promise<Response> {
    const state = query.get("state") ?? "";
    const { returnTo = "" } = started.get(state) ?? {};
    if (query.has("error")) return redirect(`${returnTo}?status=cancelled&state=${state}`);
    const code = query.get("code") ?? "";
    if (parked) return redirect(`${returnTo}?status=parked&state=${state}&result=sealed.${code}`);
    const linked = await complete(state, code);
    return redirect(
      `${returnTo}?status=${linked ? "linked" : "failed"}&state=${state}${linked ? "" : "&reason=enablement_rejected"}`,
    );
  }

  async function api(request: Request, path: string): Promise<Response> {
    if (request.headers.get("authorization") !== "Bearer app_token")
      return Response.json({ code: "unauthenticated" }, { status: 401 });
    const body = request.method === "POST" ? ((await request.json()) as Record<string, string>) : {};
    if (path === "/api/links") {
      const redirectUri = `${company.origin}${body.platform === "web" ? "/link/callback" : "/app/callback"}`;
      return Response.json(await urlsFor(redirectUri, body.returnTo ?? ""), { status: 201 });
    }
    if (path === "/api/links/complete") {
      if (body.error) return Response.json({ code: "amazon_denied" }, { status: 422 });
      const code = body.code ?? body.result?.replace("sealed.", "") ?? "";
      const linked = await complete(body.state ?? "", code);
      return linked
        ? Response.json({ skillId: company.skillId, status: "linked" })
        : Response.json({ code: "enablement_rejected" }, { status: 422 });
    }
    if (path === "/api/authorizations") return decide(body);
    if (request.method === "DELETE") {
      await enablement("DELETE");
      amazonToken = undefined;
      return new Response(null, { status: 204 });
    }
    return Response.json({ skillId: company.skillId, status: await status() });
  }

  function decide({ query = "", ticket, decision }: Record<string, string>): Response {
    const redirectUri = decodeURIComponent(rawParameter(query, "redirect_uri") ?? "");
    if (!ticket)
      return Response.json({
        skillName: "Acme",
        scopes: [{ name: "profile", description: "See your name" }],
        account: "demo@example.com",
        ticket: "t",
      });
    const state = rawParameter(query, "state");
    const response =
      decision === "allow"
        ? `code=${company.mintCode(redirectUri, new URLSearchParams(query))}`
        : "error=access_denied";
    return Response.json({ redirectTo: `${redirectUri}?${response}&state=${state}&source=app` });
  }

  return async (request: Request): Promise<Response | undefined> => {
    const { pathname, searchParams } = new URL(request.url);
    const raw = rawQuery(request.url);
    if (pathname === "/authorize" && searchParams.get("client_id") === "demo-app") {
      if (request.method === "GET")
        return page('<form method="post"><button name="decision" value="allow">Allow</button></form>');
      return redirect(`${searchParams.get("redirect_uri")}?code=app_code&state=${rawParameter(raw, "state")}`);
    }
    if (pathname === "/token" && request.method === "POST") {
      const form = new URLSearchParams(new TextDecoder().decode(await request.clone().arrayBuffer()));
      if (form.get("client_id") !== "demo-app") return undefined;
      return Response.json({
        access_token: "app_token",
        token_type: "Bearer",
        expires_in: 3600,
        refresh_token: "app_refresh",
      });
    }
    if (pathname.startsWith("/api/")) return api(request, pathname);
    if (pathname === "/link/callback" || pathname === "/app/callback")
      return callback(searchParams, pathname === "/app/callback");
    if (!pathname.startsWith("/link/")) return undefined;
    if (request.method === "GET") {
      return page(
        '<form method="post"><button name="decision" value="allow">Yes</button><button name="decision" value="deny">No</button></form>',
      );
    }
    const returnTo = searchParams.get("return_to") ?? "";
    if ((await request.formData()).get("decision") === "deny") return redirect(`${returnTo}?status=cancelled`);
    return redirect((await urlsFor(`${company.origin}/link/callback`, returnTo)).loginWithAmazonUrl);
  };
}

function redirect(location: string): Response {
  return new Response(null, { status: SEE_OTHER, headers: { location } });
}

function page(html: string): Response {
  return new Response(html, { headers: { "content-type": "text/html" } });
}
