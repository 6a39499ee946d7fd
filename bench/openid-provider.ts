// `oidc-provider` on Node with its memory adapter: no storage at all. Settings are those of its documentation for JWT
// access tokens and refresh tokens, with a form for consent.
import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
// @ts-expect-error: it ships no types
import OpenIdProvider from "oidc-provider";
import { ISSUER } from "./http.ts";
import { CLIENT_SECRET, REDIRECT_URI, RESOURCE, SCOPES } from "./seeds.ts";

const OPAQUE_RESOURCE = `${RESOURCE}opaque`;

let milliseconds = 0;

type Payload = Record<string, unknown> & { consumed?: number; uid?: string; grantId?: string };

/** Everything it has stored: one process, one map. */
const stored = new Map<string, Payload>();
const idOfUid = new Map<string, string>();

/** The delay of the setting, then a map. */
class MemoryAdapter {
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  async upsert(id: string, payload: Payload): Promise<void> {
    await delay();
    stored.set(`${this.#model}:${id}`, payload);
    if (this.#model === "Session" && payload.uid !== undefined) idOfUid.set(payload.uid, id);
  }

  async find(id: string): Promise<Payload | undefined> {
    await delay();
    return stored.get(`${this.#model}:${id}`);
  }

  async findByUid(uid: string): Promise<Payload | undefined> {
    await delay();
    return stored.get(`${this.#model}:${idOfUid.get(uid)}`);
  }

  async consume(id: string): Promise<void> {
    await delay();
    const payload = stored.get(`${this.#model}:${id}`);
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    await delay();
    stored.delete(`${this.#model}:${id}`);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await delay();
    for (const [key, { grantId: of }] of stored) if (of === grantId) stored.delete(key);
  }
}

async function delay(): Promise<void> {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

interface Context {
  readonly path: string;
  readonly method: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  respond: boolean;
  readonly oidc: { readonly client: { readonly clientId: string } };
}

function makeProvider(): OpenIdProvider {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const client = {
    redirect_uris: [REDIRECT_URI],
    response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token"],
  };
  return new OpenIdProvider(ISSUER, {
    adapter: MemoryAdapter,
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig", kid: "bench" }] },
    clients: [
      { ...client, client_id: "alexa", client_secret: CLIENT_SECRET },
      { ...client, client_id: "app", token_endpoint_auth_method: "none" },
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    pkce: { required: (_: unknown, { clientId }: { clientId: string }) => clientId === "app" },
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ["obviously-fake-cookie-key"] },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    issueRefreshToken: async () => true,
    rotateRefreshToken: ({ oidc }: Context) => oidc.client.clientId === "app",
    ttl: { AccessToken: 3600, AuthorizationCode: 300, RefreshToken: 400 * 86_400, Grant: 400 * 86_400 },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_: unknown, __: unknown, oneOf?: string[]) => oneOf?.[0] ?? RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope: SCOPES.join(" "),
          audience: resource,
          accessTokenTTL: 3600,
          // Its introspection refuses JWTs, so that workload has opaque tokens.
          ...(resource === OPAQUE_RESOURCE
            ? { accessTokenFormat: "opaque" }
            : { accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } } }),
        }),
      },
    },
  });
}

/** Starts it on a loopback port of its own. The port. */
export async function startProvider(): Promise<number> {
  const provider = makeProvider();
  provider.use(async (context: Context, next: () => Promise<void>) => {
    if (!context.path.startsWith("/interaction/")) return next();
    context.respond = false;
    await interact(provider, context);
  });
  const handle = provider.callback() as (request: IncomingMessage, response: ServerResponse) => void;
  const server = createServer((request, response) => {
    if (request.url !== "/bench/delay") return handle(request, response);
    request.on("data", (text: Buffer) => {
      milliseconds = Number(text);
    });
    request.on("end", () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Link your account</title>
<h1>Allow Alexa to access your account?</h1><ul>${SCOPES.map((scope) => `<li>${scope}</li>`).join("")}</ul>
<form method="post"><button name="decision" value="allow">Allow</button></form></html>`;

/** Signs the person in without asking; shows the consent page on GET, and finishes on POST. */
async function interact(provider: OpenIdProvider, { req, res, method }: Context): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === "login") {
    return provider.interactionFinished(req, res, { login: { accountId: "user-1" } });
  }
  if (method === "GET") {
    res.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(PAGE);
    return;
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addResourceScope(params.resource ?? RESOURCE, SCOPES.join(" "));
  const consent = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(req, res, consent, { mergeWithLastSubmission: true });
}
