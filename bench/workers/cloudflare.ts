// `@cloudflare/workers-oauth-provider` as its documentation sets it up: the authorization-server role, with its helpers
// for the consent page.
import { OAuthAuthorizationServer } from "@cloudflare/workers-oauth-provider";
import { withDelay } from "./delay.ts";
import { consentPage, sessionCookie, signedInUser } from "./session.ts";

interface Bindings {
  readonly OAUTH_KV: KVNamespace;
  readonly ISSUER: string;
  readonly REDIRECT_URI: string;
}

let built: OAuthAuthorizationServer<Bindings> | undefined;

function serverOf(env: Bindings): OAuthAuthorizationServer<Bindings> {
  built ??= new OAuthAuthorizationServer<Bindings>({
    issuer: env.ISSUER,
    resources: ["https://api.example.com/"],
    scopesSupported: ["profile", "devices:control"],
    accessTokenTTL: 3600,
  });
  return built;
}

export default withDelay<Bindings>(async (request, env, context) => {
  const server = serverOf(env);
  const { pathname } = new URL(request.url);
  if (pathname === "/authorize") return authorize(request, env, server);
  if (pathname === "/bench/set-up") return setUp(env, server);
  return server.fetch(request, env, context);
});

async function authorize(
  request: Request,
  env: Bindings,
  server: OAuthAuthorizationServer<Bindings>,
): Promise<Response> {
  const userId = await signedInUser(request);
  if (userId === undefined) return new Response("Sign in", { status: 401 });
  const oauth = server.getOAuthApi(env);
  if (request.method === "GET") {
    const asked = await oauth.parseAuthRequest(request);
    const details = await oauth.describeConsent(asked);
    const consent = await oauth.beginConsent(asked);
    consent.headers.set("content-type", "text/html; charset=utf-8");
    const page = consentPage(details.clientName, details.scope, { handle: consent.handle });
    return new Response(page, { headers: consent.headers });
  }
  const form = await request.formData();
  const approved = await oauth.approveConsent(request, String(form.get("handle")));
  const { redirectTo } = await oauth.completeAuthorization({
    request: approved.request,
    userId,
    metadata: {},
    scope: approved.request.scope,
    props: { userId },
    // A second account link of a person does not end the first. It also saves the library a list of grants.
    revokeExistingGrants: false,
  });
  approved.headers.set("location", redirectTo);
  return new Response(null, { status: 302, headers: approved.headers });
}

/** Registers a confidential and a public client. */
async function setUp(env: Bindings, server: OAuthAuthorizationServer<Bindings>): Promise<Response> {
  const oauth = server.getOAuthApi(env);
  const client = { redirectUris: [env.REDIRECT_URI], clientName: "Alexa" };
  const confidential = await oauth.createClient({ ...client, tokenEndpointAuthMethod: "client_secret_basic" });
  const open = await oauth.createClient({ ...client, tokenEndpointAuthMethod: "none" });
  return Response.json({
    clientId: confidential.clientId,
    clientSecret: confidential.clientSecret,
    publicClientId: open.clientId,
    cookie: await sessionCookie("user-1"),
  });
}
