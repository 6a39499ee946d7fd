// The Hono app: what every request gets (runtime, security headers), the routers, and the error boundary.
import type { Next } from "hono";
import { cors } from "hono/cors";
import { Hono } from "hono/tiny";
import type { RouterRoute } from "hono/types";
import { getPath } from "hono/utils/url";
import { accountPages } from "./account/account-routes.ts";
import { passwordPages } from "./account/change-password.tsx";
import { type MaintenanceReport, runMaintenance } from "./admin/maintenance.ts";
import { operationsRoutes } from "./admin/router.ts";
import { Caches } from "./caches.ts";
import { createKeyring, type Keyring } from "./crypto/keyring.ts";
import { randomSecret } from "./crypto/random.ts";
import { type Config, isDevelopment, issuerFor } from "./env.ts";
import { skillEventRoutes } from "./events/skill-events.ts";
import { apiDescriptionRoutes } from "./http/api-description.ts";
import { methodsOf } from "./http/methods.ts";
import { oauthError } from "./http/oauth-error.ts";
import { isAtIssuer, sameAddressOverHttps } from "./http/one-origin.ts";
import { problem } from "./http/problem.ts";
import { seeOther } from "./http/respond.ts";
import { linksApiRoutes } from "./linking/api.ts";
import { appAuthorizationRoutes } from "./linking/app-authorizations.ts";
import { deepLinkRoutes } from "./linking/app-links.ts";
import { callbackRoutes } from "./linking/callback.ts";
import { linkPageRoutes } from "./linking/link-page.ts";
import { authorizeRoutes } from "./oauth/authorize.ts";
import { introspect, introspectRoutes } from "./oauth/introspect.ts";
import { metadataRoutes } from "./oauth/metadata.ts";
import {
  isPostedTokenRequest,
  isTokenRequestByGet,
  noteMisplacedTokenRequest,
} from "./oauth/misplaced-token-request.ts";
import { revokeRoutes } from "./oauth/revoke.ts";
import { areUrlsSwapped } from "./oauth/swapped-urls.ts";
import { respondToTokenRequest, tokenRoutes } from "./oauth/token.ts";
import { userinfoRoutes } from "./oauth/userinfo.ts";
import { Counters } from "./observability/counters.ts";
import { createLog } from "./observability/log.ts";
import type { AppContext, AppEnv, Runtime } from "./runtime.ts";
import { signInRoutes } from "./sign-in/routes.ts";
import { acceptGrantRoutes } from "./skill-backend/accept-grant.ts";
import { gatewayTokenRoutes } from "./skill-backend/gateway-token.ts";
import { personalizationRoutes } from "./skill-backend/personalization.ts";
import { reciprocalRoutes } from "./skill-backend/reciprocal.ts";
import { StorageFault } from "./storage/sql.ts";
import { loadMessages, messagesFor } from "./ui/messages.ts";
import { noteShownError, renderErrorPage } from "./ui/page.tsx";

/** Adds routes to a router. */
type Routes = (app: Hono<AppEnv>) => void;

const CUSTOMER_ROUTES: readonly Routes[] = [
  forBrowsers,
  tokenRoutes,
  revokeRoutes,
  introspectRoutes,
  userinfoRoutes,
  metadataRoutes,
  authorizeRoutes,
  appAuthorizationRoutes,
  deepLinkRoutes,
  signInRoutes,
  accountPages,
  passwordPages,
  apiDescriptionRoutes,
  linksApiRoutes,
  callbackRoutes,
  linkPageRoutes,
  skillEventRoutes,
  acceptGrantRoutes,
  reciprocalRoutes,
  gatewayTokenRoutes,
  personalizationRoutes,
];

/** Paths of operators and of their programs. */
const OPERATOR_PATHS = /^\/(admin|api\/admin|metrics|healthz)(\/|$)/;

/** The format of a path's errors: OAuth's JSON, problem documents, or pages. */
type Dialect = "oauth" | "problem" | "page";

const OAUTH_PATHS = ["/token", "/revoke", "/introspect", "/userinfo", "/alexa/reciprocal"];

/** Public clients call these from web pages of any origin. Cookies have no effect there, so none are allowed. */
const CORS_PATHS = ["/token", "/revoke", "/userinfo"];

const EXPOSED_HEADERS = ["WWW-Authenticate", "Retry-After"];

/** POST requests that are responded to ahead of the router. Their routes are there for all other addresses. */
const DIRECT = [
  { path: "/token", respond: respondToTokenRequest },
  { path: "/introspect", respond: introspect },
];

/** On every response. */
const SECURITY_HEADERS = [
  ["referrer-policy", "no-referrer"],
  ["x-content-type-options", "nosniff"],
  ["strict-transport-security", "max-age=31536000"],
] as const;

function dialectOf(path: string): Dialect {
  if (OAUTH_PATHS.some((oauth) => path === oauth || path.startsWith(`${oauth}/`))) return "oauth";
  return /^\/(api|alexa|\.well-known|openapi\.json|healthz|metrics)(\/|$)/.test(path) ? "problem" : "page";
}

export interface App {
  readonly fetch: (request: Request, env: Env, context?: ExecutionContext) => Response | Promise<Response>;
  /** Every route. Reading it makes the routers. */
  readonly routes: readonly RouterRoute[];
}

export interface Service {
  readonly app: App;
  /** The scheduled work, outside any request. */
  scheduled(env: Env, background: (work: Promise<unknown>) => void): Promise<MaintenanceReport>;
}

/** The routes alone, for tests and callers that need no scheduled work. `now` gives milliseconds since 1970. */
export function createApp(config: Config, now: () => number = () => Date.now(), counters = new Counters()): App {
  return createService(config, now, counters).app;
}

/** The whole service. `now` is in milliseconds. Keys are derived later: a starting Worker may not use WebCrypto. */
export function createService(
  config: Config,
  now: () => number = () => Date.now(),
  counters = new Counters(),
): Service {
  const caches = new Caches();
  let keyring: Promise<Keyring> | undefined;
  // Without ISSUER only loopback origins are served.
  const development = config.issuer === undefined || isDevelopment(config.issuer);

  async function runtime(env: Env, issuer: string, background: (work: Promise<unknown>) => void): Promise<Runtime> {
    keyring ??= createKeyring(config.masterKey, config.previousMasterKey);
    // Made when it is first needed: a successful refresh leaves no line.
    let id: string | undefined;
    const requestId = () => {
      id ??= randomSecret(6);
      return id;
    };
    const log = createLog(() => ({ requestId: requestId() }));
    return {
      config,
      issuer,
      development,
      now,
      clockSkewSeconds: () => Math.round((now() - Date.now()) / 1000),
      keyring: await keyring,
      db: env.DB,
      codes: env.CODES,
      assets: env.ASSETS,
      caches,
      requestId,
      log,
      metrics: counters.of({ db: env.DB, log, now, requestId, background }),
      background,
    };
  }

  /** What programs call most. At exactly these addresses nothing of the router is needed. */
  const direct = new Map(DIRECT.map((endpoint) => [`${config.issuer}${endpoint.path}`, endpoint]));
  async function respondDirectly(
    { path, respond }: (typeof DIRECT)[number],
    request: Request,
    env: Env,
    background: Runtime["background"],
  ): Promise<Response> {
    const rt = await runtime(env, config.issuer ?? "", background);
    const response = await respond(rt, request).catch((error: Error) => oauthFailure(rt, path, error));
    if (CORS_PATHS.includes(path)) {
      response.headers.set("access-control-allow-origin", "*");
      response.headers.set("access-control-expose-headers", EXPOSED_HEADERS.join(","));
    }
    return secure(response);
  }

  async function withRuntime(c: AppContext, next: Next): Promise<Response | undefined> {
    const issuer = issuerFor(config, c.req.url);
    if (issuer === undefined) {
      return problem("not_configured", "Set the variable ISSUER to this server's public origin.");
    }
    if (!isAtIssuer(c.req.url, issuer) && c.req.path !== "/healthz") return atAnotherOrigin(c, issuer);
    const rt = await runtime(c.env, issuer, (work) => c.executionCtx.waitUntil(work));
    c.set("runtime", rt);
    if (dialectOf(c.req.path) === "page") await loadMessages(c);
    // The router treats `/token/` as `/token`; only the documented path exists.
    if (c.req.path.length > 1 && c.req.path.endsWith("/")) {
      c.res = consolePageWithoutSlash(c) ?? (await notFound(c));
    } else await next();
    // After the handlers, so that responses they built themselves and those of the error boundary get them too.
    secure(c.res);
    return undefined;
  }

  function routerOf(adders: readonly Routes[]): Hono<AppEnv> {
    const app = new Hono<AppEnv>();
    app.use("*", withRuntime);
    for (const addRoutes of adders) addRoutes(app);
    app.notFound((c) => {
      const allow = methodsOf(app, c.req.path);
      const here = allow.length === 0 || allow.includes(c.req.method);
      return here ? notFound(c) : wrongMethod(c, allow.join(", "));
    });
    app.onError(unexpected);
    return app;
  }

  // Each is made with its first request: a start for a token request makes none.
  let ofCustomers: Hono<AppEnv> | undefined;
  let ofOperators: Hono<AppEnv> | undefined;
  const customers = () => (ofCustomers ??= routerOf(CUSTOMER_ROUTES));
  const operators = () => (ofOperators ??= routerOf([operationsRoutes]));

  const app: App = {
    fetch: (request, env, context) => {
      const endpoint = request.method === "POST" ? direct.get(request.url) : undefined;
      if (endpoint && context) return respondDirectly(endpoint, request, env, (work) => context.waitUntil(work));
      const router = OPERATOR_PATHS.test(getPath(request)) ? operators() : customers();
      return router.fetch(request, env, context);
    },
    get routes() {
      return [customers(), operators()].flatMap(({ routes }) => routes);
    },
  };
  return {
    app,
    // There is no request whose origin could be used: without ISSUER this is development.
    scheduled: async (env, background) =>
      runMaintenance(await runtime(env, config.issuer ?? "http://localhost", background)),
  };
}

/** What browsers ask for by themselves: an icon, and whether a page of another origin may call an endpoint. */
function forBrowsers(app: Hono<AppEnv>): void {
  // A cached empty response keeps these requests out of the log.
  app.get("/favicon.ico", (c) => c.body(null, 204, { "cache-control": "public, max-age=86400" }));
  const publicClientCors = cors({
    origin: "*",
    allowMethods: ["GET", "POST"],
    allowHeaders: ["Authorization", "Content-Type"],
    exposeHeaders: EXPOSED_HEADERS,
    maxAge: 86_400,
  });
  for (const path of CORS_PATHS) app.use(path, publicClientCors);
}

/** Operators type addresses by hand: one of the console with a slash at its end leads to the one without. */
function consolePageWithoutSlash(c: AppContext): Response | undefined {
  const { pathname, search } = new URL(c.req.url); // Percent-encoded. c.req.path may have line breaks.
  if (!pathname.startsWith("/admin/") || !["GET", "HEAD"].includes(c.req.method)) return undefined;
  return seeOther(c, pathname.replace(/(?<!\/)\/+$/, "") + search);
}

function secure(response: Response): Response {
  for (const [name, value] of SECURITY_HEADERS) response.headers.set(name, value);
  return response;
}

/** A page over http goes to the issuer. Everything else is refused: forms and credentials belong to one origin. */
function atAnotherOrigin(c: AppContext, issuer: string): Response {
  const { method, path, url } = c.req;
  const dialect = dialectOf(path);
  const detail = `This server is ${issuer}.`;
  const page = dialect === "page" && (method === "GET" || method === "HEAD") && !c.req.header("authorization");
  const location = page ? sameAddressOverHttps(url, issuer) : undefined;
  if (location !== undefined) {
    return secure(new Response(null, { status: 308, headers: { location, "cache-control": "no-store" } }));
  }
  if (dialect === "oauth") return secure(oauthError({ status: 421, error: "invalid_request", description: detail }));
  if (dialect === "problem") return secure(problem("wrong_origin", detail));
  const headers = { "content-type": "text/plain; charset=UTF-8", "cache-control": "no-store" };
  return secure(new Response(`${detail}\n`, { status: 421, headers }));
}

async function wrongMethod(c: AppContext, allow: string): Promise<Response> {
  const dialect = dialectOf(c.req.path);
  if (dialect === "problem") return problem("method_not_allowed", `Allowed: ${allow}.`, {}, { allow });
  const swapped = await areUrlsSwapped(c);
  if (swapped) noteMisplacedTokenRequest(c, "urls_swapped");
  else if (c.req.path === "/token" && isTokenRequestByGet(c)) noteMisplacedTokenRequest(c, "token_request_by_get");
  if (dialect === "oauth") {
    const description = swapped
      ? "This is the token URL. Authorization requests go to /authorize. Are the two URLs swapped?"
      : `Allowed: ${allow}`;
    return oauthError({ status: 405, error: "invalid_request", description, headers: { allow } });
  }
  const { text } = messagesFor(c);
  c.header("allow", allow);
  const message = swapped ? text.swappedUrlsMessage : text.wrongMethodMessage;
  return renderErrorPage(c, { status: 405, title: text.wrongMethodTitle, message });
}

async function notFound(c: AppContext): Promise<Response> {
  const dialect = dialectOf(c.req.path);
  if (isTokenRequestByGet(c) || (await isPostedTokenRequest(c))) noteMisplacedTokenRequest(c, "token_path_unknown");
  if (dialect === "oauth") {
    return oauthError({ status: 404, error: "invalid_request", description: "No such endpoint" });
  }
  if (dialect === "problem") return problem("not_found");
  const { text } = messagesFor(c);
  return renderErrorPage(c, { status: 404, title: text.notFoundTitle, message: text.notFoundMessage });
}

function logUnexpected({ log }: Runtime, path: string, error: Error): void {
  const fields = { path, error: error.name, message: error.message.slice(0, 300) };
  if (error instanceof StorageFault) log.warn("storage_fault", fields);
  else log.alert("unhandled_exception", fields);
}

/** The error boundary of the OAuth endpoints. */
function oauthFailure(rt: Runtime, path: string, error: Error): Response {
  logUnexpected(rt, path, error);
  return oauthError(
    error instanceof StorageFault
      ? { status: 503, error: "temporarily_unavailable" }
      : { status: 500, error: "server_error" },
  );
}

function unexpected(error: Error, c: AppContext): Response | Promise<Response> {
  const rt = c.var.runtime;
  if (!rt) return problem("internal");
  const dialect = dialectOf(c.req.path);
  if (dialect === "oauth") return oauthFailure(rt, c.req.path, error);
  logUnexpected(rt, c.req.path, error);
  const transient = error instanceof StorageFault;
  const reason = transient ? "storage_fault" : error.name;
  if (dialect === "problem") {
    noteShownError(c, transient ? 503 : 500, reason);
    return problem(transient ? "temporarily_unavailable" : "internal", undefined, {
      errorId: rt.requestId(),
    });
  }
  const { text } = messagesFor(c);
  if (!transient)
    return renderErrorPage(c, { status: 500, title: text.errorTitle, message: text.errorMessage, reason });
  c.header("retry-after", "5");
  return renderErrorPage(c, { status: 503, title: text.unavailableTitle, message: text.unavailableMessage, reason });
}
