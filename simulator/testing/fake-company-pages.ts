// The fake company's authorization URL: sign-in, consent, and the redirect back to Alexa.
import type { Company } from "./fake-company-state.ts";

const LONGEST_URL = 6000;

function page(status: number, html: string, headers: Record<string, string> = {}): Response {
  const head = '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Acme</title>';
  const document = html && `<!doctype html><html lang="en"><head>${head}</head><body>${html}</body></html>`;
  return new Response(document, { status, headers: { "content-type": "text/html;charset=UTF-8", ...headers } });
}

/** Creates the handler of `/authorize` and `/sign-in`. */
export function createPages(company: Company) {
  const { options, is } = company;
  const consumedStates = new Set<string>();

  async function authorize(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { searchParams } = url;
    const get = (name: string) => searchParams.get(name) ?? "";
    if (is("url_limit_6000") && request.url.length > LONGEST_URL) return page(414, "<h1>Too long</h1>");
    if (is("crashes_without_parameters") && !searchParams.has("redirect_uri")) return page(500, "<h1>Oops</h1>");
    if (is("head_not_allowed") && request.method === "HEAD") return page(405, "");
    const redirectUri = get("redirect_uri");
    const target = is("last_redirect_uri_wins") ? (searchParams.getAll("redirect_uri").at(-1) ?? "") : redirectUri;
    const repeated = searchParams.getAll("redirect_uri").length > 1 && !is("last_redirect_uri_wins");
    if (get("client_id") !== options.clientId && is("redirects_unknown_clients") && redirectUri)
      return seeOther(`${redirectUri}?error=unauthorized_client`);
    if (get("client_id") !== options.clientId || repeated || !isAllowed(redirectUri)) {
      return page(400, "<h1>Unknown client or redirect URI</h1>");
    }
    const state = returnedState(request.url);
    const fail = (error: string) =>
      seeOther(`${target}?error=${error}${is("error_without_state") ? "" : `&state=${state}`}`);
    const wrong = errorOf(searchParams);
    if (wrong) return is("errors_dead_end") ? page(400, `<h1>${wrong}</h1>`) : fail(wrong);
    if (is("get_mints_the_code") && request.method === "GET" && !searchParams.has("signed_in")) {
      if (consumedStates.has(state)) return page(400, "<h1>This link was used already</h1>");
      consumedStates.add(state);
    }
    if (options.signIn && !/\bsession=1\b/.test(request.headers.get("cookie") ?? ""))
      return seeOther(`/sign-in?next=${encodeURIComponent(`/authorize${url.search}&signed_in=1`)}`);
    if (request.method !== "POST") {
      const form =
        '<form method="post"><button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>';
      return request.method === "HEAD" ? page(200, "") : page(200, form);
    }
    if (new URLSearchParams(await request.text()).get("decision") === "deny") {
      return is("denial_dead_end") ? page(200, "<h1>Goodbye</h1>") : fail("access_denied");
    }
    if (is("no_redirect")) return page(200, "<h1>You are linked</h1>");
    const code = mintCode(target, searchParams);
    const separator = is("code_in_fragment") ? "#" : "?";
    const twice = is("code_twice") ? `&code=${code}` : "";
    return seeOther(`${target}${separator}code=${code}${twice}&state=${state}`, is("redirect_307") ? 307 : 303);
  }

  function isAllowed(redirectUri: string): boolean {
    const known = is("knows_two_hosts") ? options.redirectUris.slice(0, 2) : options.redirectUris;
    if (is("accepts_any_redirect_uri") || known.includes(redirectUri)) return true;
    if (!URL.canParse(redirectUri)) return false;
    if (is("ignores_case")) return known.some((uri) => uri.toLowerCase() === redirectUri.toLowerCase());
    if (is("accepts_uri_prefix")) return known.some((uri) => redirectUri.startsWith(uri));
    const origins = known.map((uri) => new URL(uri).origin);
    if (is("accepts_host_prefix")) return origins.some((origin) => redirectUri.startsWith(origin));
    return is("accepts_other_paths") && origins.includes(new URL(redirectUri).origin);
  }

  function errorOf(parameters: URLSearchParams): string | undefined {
    const get = (name: string) => parameters.get(name) ?? "";
    if (get("response_type") !== "code") return "unsupported_response_type";
    if (get("scope").includes("made-up")) return "invalid_scope";
    if (options.requiresPkce && !get("code_challenge")) return "invalid_request";
    const plain = get("code_challenge_method") === "plain";
    return plain && !is("accepts_plain") ? "invalid_request" : undefined;
  }

  function returnedState(url: string): string {
    const raw = /[?&]state=([^&#]*)/.exec(url)?.[1] ?? "";
    const cut = (length: number) => encodeURIComponent(decodeURIComponent(raw).slice(0, length));
    if (is("plus_becomes_space")) return raw.replaceAll("%2B", "%20");
    if (is("padding_lost")) return raw.replaceAll("%3D", "");
    if (is("state_cut_at_512")) return cut(512);
    if (is("state_cut_at_1000")) return cut(1000);
    if (is("state_in_lower_case_hex")) return raw.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
    if (is("state_decoded_twice")) return encodeURIComponent(decodeURIComponent(decodeURIComponent(raw)));
    return raw;
  }

  function mintCode(redirectUri: string, parameters = new URLSearchParams()): string {
    const code = `${company.next("c")}${is("long_code") ? "x".repeat(2500) : ""}`;
    if (is("new_code_ends_old")) for (const old of company.codes.values()) old.used = true;
    company.codes.set(code, {
      redirectUri,
      challenge: parameters.get("code_challenge"),
      plain: parameters.get("code_challenge_method") === "plain",
      used: false,
    });
    return code;
  }

  async function signIn(request: Request): Promise<Response> {
    const form = (note = "") =>
      `${note}<form method="post"><input name="email"><input type="password" name="password"><button>Sign in</button></form>`;
    if (request.method !== "POST") return page(200, form());
    const fields = new URLSearchParams(await request.text());
    const { user, password } = options.signIn ?? {};
    if (fields.get("email") !== user || fields.get("password") !== password) return page(401, form("<h1>Wrong</h1>"));
    const next = new URL(request.url).searchParams.get("next") ?? "/";
    return seeOther(next.startsWith("/authorize?") ? next : "/", 303, { "set-cookie": "session=1; Path=/; HttpOnly" });
  }

  function seeOther(location: string, status = 303, headers: Record<string, string> = {}): Response {
    return new Response(null, { status, headers: { location, ...headers } });
  }

  return { authorize, signIn, mintCode };
}
