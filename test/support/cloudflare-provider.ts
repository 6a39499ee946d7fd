// `@cloudflare/workers-oauth-provider` as its documentation sets it up, with a sign-in page and a consent page.
import { OAuthAuthorizationServer } from "@cloudflare/workers-oauth-provider";

interface Bindings {
  readonly OAUTH_KV: KVNamespace;
  readonly PERSON: string;
  readonly PASSWORD: string;
  readonly REDIRECT_URIS: string;
  /** What the library is told about the client and about earlier grants. */
  readonly SETTINGS: Settings;
}

interface Settings {
  readonly tokenEndpointAuthMethod: string;
  /** Whether a second link ends the first. */
  readonly revokeExistingGrants?: boolean;
}

let built: OAuthAuthorizationServer<Bindings> | undefined;

function serverAt(issuer: string): OAuthAuthorizationServer<Bindings> {
  built ??= new OAuthAuthorizationServer<Bindings>({
    issuer,
    resources: [`${issuer}/api`],
    scopesSupported: ["profile", "offline_access"],
  });
  return built;
}

export default {
  async fetch(request: Request, env: Bindings, context: ExecutionContext): Promise<Response> {
    const { pathname, origin } = new URL(request.url);
    const server = serverAt(origin);
    if (pathname === "/authorize") return authorize(request, env, server);
    if (pathname === "/test/client") return register(env, server);
    return server.fetch(request, env, context);
  },
};

async function authorize(
  request: Request,
  env: Bindings,
  server: OAuthAuthorizationServer<Bindings>,
): Promise<Response> {
  const oauth = server.getOAuthApi(env);
  const signedIn = request.headers.get("cookie")?.includes("person=ada") ?? false;
  if (request.method === "GET" || request.method === "HEAD") {
    let asked: Awaited<ReturnType<typeof oauth.parseAuthRequest>>;
    try {
      asked = await oauth.parseAuthRequest(request);
    } catch (error) {
      const { redirectTo } = error as { redirectTo?: string };
      if (redirectTo !== undefined) return Response.redirect(redirectTo, 302);
      return html("Not a valid request", `<p>${String(error).replace(/[<&]/g, "")}</p>`, 400);
    }
    if (!signedIn) return html("Sign in", SIGN_IN);
    const consent = await oauth.beginConsent(asked);
    const page = html("Allow Alexa to access your account?", consentForm(consent.handle));
    return withHeaders(page, consent.headers);
  }
  const form = await request.formData();
  if (form.has("password")) {
    if (form.get("email") !== env.PERSON || form.get("password") !== env.PASSWORD) return html("Sign in", SIGN_IN, 401);
    const headers = { location: request.url, "set-cookie": "person=ada; Path=/; HttpOnly; SameSite=Lax" };
    return new Response(null, { status: 303, headers });
  }
  if (form.get("decision") !== "allow") {
    const { headers } = await oauth.denyConsent(request, String(form.get("handle")));
    return new Response(null, { status: 302, headers });
  }
  const approved = await oauth.approveConsent(request, String(form.get("handle")));
  const { redirectTo } = await oauth.completeAuthorization({
    request: approved.request,
    userId: "ada",
    metadata: {},
    scope: approved.request.scope,
    props: {},
    ...(env.SETTINGS.revokeExistingGrants !== undefined && {
      revokeExistingGrants: env.SETTINGS.revokeExistingGrants,
    }),
  });
  approved.headers.set("location", redirectTo);
  return new Response(null, { status: 302, headers: approved.headers });
}

async function register(env: Bindings, server: OAuthAuthorizationServer<Bindings>): Promise<Response> {
  const { clientId, clientSecret } = await server.getOAuthApi(env).createClient({
    redirectUris: env.REDIRECT_URIS.split(","),
    clientName: "Alexa",
    tokenEndpointAuthMethod: env.SETTINGS.tokenEndpointAuthMethod,
  });
  return Response.json({ id: clientId, secret: clientSecret });
}

const SIGN_IN = `<form method="post"><label>E-mail <input name="email" type="email"></label>
<label>Password <input name="password" type="password"></label><button>Sign in</button></form>`;

function consentForm(handle: string): string {
  return `<form method="post"><input type="hidden" name="handle" value="${handle}">
<button name="decision" value="allow">Allow</button><button name="decision" value="deny">Deny</button></form>`;
}

function html(title: string, body: string, status = 200): Response {
  return new Response(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><h1>${title}</h1>${body}</body></html>`,
    { status, headers: { "content-type": "text/html; charset=utf-8" } },
  );
}

function withHeaders(response: Response, headers: Headers): Response {
  for (const [name, value] of headers) if (name !== "content-type") response.headers.append(name, value);
  return response;
}
