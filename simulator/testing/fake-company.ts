// A small OAuth server that tests the simulator: correct by default, with one deliberate defect on request.

import { challengeOf } from "../library/pkce.ts";
import { readText } from "../state/recording.ts";

export interface FakeCompanyOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
}

export type Breakage =
  | "accepts_any_redirect_uri"
  | "knows_two_hosts"
  | "plus_becomes_space"
  | "padding_lost"
  | "state_cut_at_512"
  | "get_mints_the_code"
  | "code_works_twice"
  | "code_ignores_redirect_uri"
  | "code_ignores_verifier"
  | "code_ignores_secret"
  | "basic_only"
  | "body_only"
  | "no_expires_in_on_refresh"
  | "no_refresh_token"
  | "token_type_standard"
  | "short_token_life"
  | "same_access_token"
  | "strict_rotation"
  | "error_is_invalid_grant"
  | "html_content_type"
  | "byte_order_mark"
  | "slow_token"
  | "new_link_revokes_old"
  | "denial_dead_end"
  | "needs_browser_headers";

interface Code {
  readonly redirectUri: string;
  readonly challenge: string | null;
  used: boolean;
}

/** Creates the server. `broken` names its defect. */
export function createFakeCompany(options: FakeCompanyOptions, broken?: Breakage) {
  const codes = new Map<string, Code>();
  const refreshTokens = new Set<string>();
  const consumedStates = new Set<string>();
  let sequence = 0;
  let lastAccessToken = "";

  async function authorize(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const raw = (name: string) => new RegExp(`[?&]${name}=([^&#]*)`).exec(request.url)?.[1];
    const redirectUri = url.searchParams.get("redirect_uri") ?? "";
    const known = broken === "knows_two_hosts" ? options.redirectUris.slice(0, 2) : options.redirectUris;
    const allowed = known.includes(redirectUri) || broken === "accepts_any_redirect_uri";
    if (url.searchParams.get("client_id") !== options.clientId || !allowed) {
      return new Response("<h1>Unknown client or redirect URI</h1>", {
        status: 400,
        headers: { "content-type": "text/html" },
      });
    }
    const state = returnedState(raw("state") ?? "", url.searchParams.get("state") ?? "");
    if (broken === "get_mints_the_code" && request.method === "GET") {
      if (consumedStates.has(state)) return new Response("<h1>This link was used already</h1>", { status: 400 });
      consumedStates.add(state);
    }
    if (request.method !== "POST") {
      const form =
        '<form method="post"><button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>';
      return new Response(request.method === "HEAD" ? null : form, { headers: { "content-type": "text/html" } });
    }
    if (new URLSearchParams(await readText(request)).get("decision") === "deny") {
      if (broken === "denial_dead_end")
        return new Response("<h1>Goodbye</h1>", { headers: { "content-type": "text/html" } });
      return new Response(null, {
        status: 303,
        headers: { location: `${redirectUri}?error=access_denied&state=${state}` },
      });
    }
    const code = `c_fake${++sequence}`;
    codes.set(code, { redirectUri, challenge: url.searchParams.get("code_challenge"), used: false });
    return new Response(null, { status: 303, headers: { location: `${redirectUri}?code=${code}&state=${state}` } });
  }

  function returnedState(raw: string, parsed: string): string {
    if (broken === "plus_becomes_space") return raw.replaceAll("%2B", "%20");
    if (broken === "padding_lost") return raw.replaceAll("%3D", "");
    return broken === "state_cut_at_512" ? encodeURIComponent(parsed.slice(0, 512)) : raw;
  }

  async function token(request: Request): Promise<Response> {
    const form = new URLSearchParams(await readText(request));
    if (broken === "slow_token") await new Promise((resolve) => setTimeout(resolve, 200));
    if (broken === "needs_browser_headers" && !request.headers.has("origin"))
      return new Response("blocked", { status: 403 });
    if (!authenticated(request, form)) return Response.json({ error: "invalid_client" }, { status: 401 });
    const typed = request.headers.get("content-type")?.startsWith("application/x-www-form-urlencoded");
    if (!typed || !form.has("grant_type")) return Response.json({ error: "invalid_request" }, { status: 400 });
    if (!/^(authorization_code|refresh_token)$/.test(form.get("grant_type") ?? "")) {
      return Response.json({ error: "unsupported_grant_type" }, { status: 400 });
    }
    if (form.get("grant_type") === "refresh_token") return refresh(form.get("refresh_token") ?? "");
    const code = codes.get(form.get("code") ?? "");
    const spent = code?.used === true && broken !== "code_works_twice";
    const elsewhere = code?.redirectUri !== form.get("redirect_uri") && broken !== "code_ignores_redirect_uri";
    const proven = !code?.challenge || code.challenge === (await challengeOf(form.get("code_verifier") ?? ""));
    if (!code || spent || elsewhere || !(proven || broken === "code_ignores_verifier")) {
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    }
    code.used = true;
    if (broken === "new_link_revokes_old") refreshTokens.clear();
    const refreshToken = `rt_fake${++sequence}`;
    refreshTokens.add(refreshToken);
    return response(refreshToken, false);
  }

  function authenticated(request: Request, form: URLSearchParams): boolean {
    if (broken === "code_ignores_secret") return true;
    const header = request.headers.get("authorization");
    if (header && broken !== "body_only")
      return header === `Basic ${btoa(`${options.clientId}:${options.clientSecret}`)}`;
    return broken !== "basic_only" && form.get("client_secret") === options.clientSecret;
  }

  function refresh(presented: string): Response {
    if (!refreshTokens.has(presented)) return Response.json({ error: "invalid_grant" }, { status: 400 });
    if (broken === "error_is_invalid_grant") return Response.json({ error: "invalid_grant" }, { status: 400 });
    if (broken !== "strict_rotation") return response(presented, true);
    refreshTokens.delete(presented);
    const next = `rt_fake${++sequence}`;
    refreshTokens.add(next);
    return response(next, true);
  }

  function response(refreshToken: string, again: boolean): Response {
    const fresh = broken === "same_access_token" && lastAccessToken ? lastAccessToken : `at_fake${++sequence}`;
    lastAccessToken = fresh;
    const body = JSON.stringify({
      access_token: fresh,
      token_type: broken === "token_type_standard" ? "standard" : "Bearer",
      expires_in:
        broken === "no_expires_in_on_refresh" && again ? undefined : broken === "short_token_life" ? 300 : 3600,
      refresh_token: broken === "no_refresh_token" ? undefined : refreshToken,
    });
    const type = broken === "html_content_type" ? "text/html" : "application/json;charset=UTF-8";
    const headers = { "content-type": type, "cache-control": "no-store", pragma: "no-cache" };
    return new Response(broken === "byte_order_mark" ? `\uFEFF${body}` : body, { headers });
  }

  return {
    /** Issues a code for the enablement call. */
    mintCode(redirectUri: string): string {
      const code = `c_fake${++sequence}`;
      codes.set(code, { redirectUri, challenge: null, used: false });
      return code;
    },
    async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      if (pathname === "/authorize") return authorize(request);
      return pathname === "/token" ? token(request) : new Response("not found", { status: 404 });
    },
  };
}
