// The fake company's token URL and revocation endpoint.
import { challengeOf } from "../library/pkce.ts";
import type { Code, Company, Grant } from "./fake-company-state.ts";

const NO_STORE = { "cache-control": "no-store", pragma: "no-cache" };
const CROWDED = 10;

interface Credentials {
  readonly id: string;
  readonly secret: string | undefined;
  readonly basic: boolean;
}

/** Creates the handlers of `/token` and `/revoke`. */
export function createTokens(company: Company) {
  const { options, is, codes, grants } = company;
  let lastAccessToken = "";

  const refuse = (error: string, status = 400, headers: Record<string, string> = {}) =>
    Response.json({ error }, { status, headers: { ...NO_STORE, ...headers } });
  const later = () => new Promise((resolve) => setTimeout(resolve, 1));

  async function token(request: Request): Promise<Response> {
    if (is("slow_token")) await options.wait?.(5000);
    if (is("sluggish_token")) await options.wait?.(1500);
    if (request.method !== "POST") return refuse("invalid_request", 405);
    if (is("needs_browser_headers") && !request.headers.has("origin")) return new Response("blocked", { status: 403 });
    if (is("token_url_redirects")) return new Response(null, { status: 307, headers: { location: "/oauth/token" } });
    const type = request.headers.get("content-type") ?? "";
    const form = new URLSearchParams(await request.text());
    if (is("json_body_crashes") && type.startsWith("application/json")) return new Response("oops", { status: 500 });
    const refused = authenticate(request, form);
    if (refused) return refused;
    if (!type.startsWith("application/x-www-form-urlencoded") || !form.has("grant_type"))
      return refuse("invalid_request");
    const grantType = form.get("grant_type");
    if (grantType === "refresh_token") return refresh(form.get("refresh_token") ?? "");
    if (grantType === "authorization_code") return redeem(form);
    return is("text_errors") ? new Response("unsupported", { status: 400 }) : refuse("unsupported_grant_type");
  }

  function credentialsIn(request: Request, form: URLSearchParams): Credentials {
    const header = request.headers.get("authorization");
    if (!header)
      return { id: form.get("client_id") ?? "", secret: form.get("client_secret") ?? undefined, basic: false };
    try {
      const text = atob(header.slice("Basic ".length));
      const colon = text.indexOf(":");
      return colon < 0 ? none() : { id: text.slice(0, colon), secret: text.slice(colon + 1), basic: true };
    } catch {
      return none();
    }
  }

  const none = (): Credentials => ({ id: "", secret: undefined, basic: true });

  /** Returns the refusal, or undefined if the client is Alexa's. */
  function authenticate(request: Request, form: URLSearchParams): Response | undefined {
    const credentials = credentialsIn(request, form);
    const { basic } = credentials;
    const refreshes = form.get("grant_type") === "refresh_token";
    const formRefused = (is("body_only") && basic) || (is("basic_only") && !basic);
    const anyForm = !formRefused && !(is("refresh_basic_only") && refreshes && !basic);
    if (anyForm && isRight(credentials, refreshes)) return undefined;
    if (is("mistake_spends_code")) spend(form.get("code"));
    if (is("refused_refresh_ends_link") && refreshes) end(form.get("refresh_token") ?? "");
    if (is("wrong_secret_is_400") && credentials.secret !== undefined) return refuse("invalid_request");
    const challenge: Record<string, string> =
      basic && !is("no_www_authenticate") ? { "www-authenticate": "Basic" } : {};
    return refuse("invalid_client", 401, challenge);
  }

  function isRight({ id, secret }: Credentials, refreshes: boolean): boolean {
    const anySecret =
      is("code_ignores_secret") ||
      (is("refresh_ignores_secret") && refreshes) ||
      (is("accepts_no_secret") && secret === undefined);
    const anyId = is(refreshes ? "refresh_ignores_client" : "code_ignores_client");
    return (anyId || id === options.clientId) && (anySecret || secret === options.clientSecret);
  }

  function spend(name: string | null): void {
    const code = codes.get(name ?? "");
    if (code) code.used = true;
  }

  async function redeem(form: URLSearchParams): Promise<Response> {
    const code = codes.get(form.get("code") ?? "");
    const spent = code?.used === true && !is("code_works_twice");
    const elsewhere = code?.redirectUri !== form.get("redirect_uri") && !is("code_ignores_redirect_uri");
    if (!code || spent || elsewhere || !(await isProven(code, form.get("code_verifier"))))
      return refuse("invalid_grant");
    if (is("code_race")) await later();
    // Nothing is awaited between the last look and the claim, so that one of several exchanges wins.
    else if (code.used && !is("code_works_twice")) return refuse("invalid_grant");
    code.used = true;
    if (is("new_link_revokes_old")) grants.length = 0;
    if (is("ten_links_at_most") && grants.length >= CROWDED) grants.shift();
    const refreshToken = company.next("rt");
    const grant: Grant = {
      live: new Set([refreshToken]),
      successor: undefined,
      busy: false,
      retired: new Set(),
    };
    grants.push(grant);
    return success(refreshToken, false);
  }

  async function isProven({ challenge, plain }: Code, verifier: string | null): Promise<boolean> {
    if (is("code_ignores_verifier")) return true;
    if (!challenge) return verifier === null || is("pkce_downgrade");
    if (verifier === null) return is("verifier_optional");
    if (plain) return challenge === verifier;
    return challenge === `${await challengeOf(verifier)}${is("pkce_broken") ? "=" : ""}`;
  }

  async function refresh(presented: string): Promise<Response> {
    const replayed = grants.find((each) => each.retired.has(presented));
    if (replayed && is("old_token_ends_link")) replayed.live.clear();
    const grant = grants.find((each) => each.live.has(presented));
    if (!grant || is("error_is_invalid_grant")) {
      return is("unknown_grant_is_401") ? refuse("invalid_token", 401) : refuse("invalid_grant");
    }
    if (is("parallel_refreshes_collide")) {
      if (grant.busy) return refuse("invalid_grant");
      grant.busy = true;
      await later();
      grant.busy = false;
    }
    if (is("strict_rotation")) {
      grant.live.clear();
      grant.successor = undefined;
    }
    if (!options.rotates && !is("strict_rotation", "old_token_ends_link", "successors_overwritten"))
      return success(presented, true);
    return success(await rotate(grant, presented), true);
  }

  /** The previous token lives until its successor is used; presented again, it gives the same successor. */
  async function rotate(grant: Grant, presented: string): Promise<string> {
    if (presented === grant.successor) {
      for (const old of grant.live) if (old !== presented) grant.retired.add(old);
      grant.live.clear();
      grant.live.add(presented);
      grant.successor = undefined;
    }
    const { successor } = grant;
    if (is("successors_overwritten")) await later();
    if (successor !== undefined) return successor;
    const made = company.next("rt");
    if (grant.successor !== undefined) grant.live.delete(grant.successor);
    grant.successor = made;
    grant.live.add(made);
    return made;
  }

  function success(refreshToken: string, again: boolean): Response {
    const fresh = is("same_access_token") && again ? lastAccessToken : company.next("at");
    lastAccessToken = fresh;
    const life = is("short_token_life") ? 300 : is("milliseconds") ? 3_600_000 : 3600;
    const fields: Record<string, unknown> = {
      access_token: is("huge_tokens") ? fresh.padEnd(5000, "x") : fresh,
      token_type: is("token_type_standard") ? "standard" : "Bearer",
      expires_in: is("expires_in_text") ? "3600" : life,
      refresh_token: refreshToken,
    };
    if (is("access_token_misnamed")) {
      fields.token = fields.access_token;
      delete fields.access_token;
    }
    if (is("no_expires_in") || (is("no_expires_in_on_refresh") && again)) delete fields.expires_in;
    if (is("no_refresh_token") || (is("no_refresh_token_on_refresh") && again)) delete fields.refresh_token;
    if (is("no_token_type_on_refresh") && again) delete fields.token_type;
    const json = JSON.stringify(fields);
    const body = is("form_encoded_tokens") ? new URLSearchParams(fields as Record<string, string>).toString() : json;
    return new Response(is("byte_order_mark") ? `\uFEFF${body}` : body, {
      status: is("token_status_201") && !again ? 201 : 200,
      headers: {
        "content-type": is("html_content_type") ? "text/html" : "application/json;charset=UTF-8",
        ...(!is("cacheable_tokens") && NO_STORE),
      },
    });
  }

  function end(refreshToken: string): boolean {
    const index = grants.findIndex((each) => each.live.has(refreshToken) || each.retired.has(refreshToken));
    if (index >= 0) grants.splice(index, 1);
    return index >= 0;
  }

  async function revoke(request: Request): Promise<Response> {
    const form = new URLSearchParams(await request.text());
    const refused = is("revocation_without_secret") ? undefined : authenticate(request, form);
    if (refused) return refused;
    if (is("revocation_ineffective")) return new Response(null, { status: 200 });
    const known = end(form.get("token") ?? "");
    return new Response(null, { status: known || !is("revocation_of_unknown_fails") ? 200 : 400 });
  }

  return { token, revoke };
}
