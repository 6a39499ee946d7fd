// A real OpenID provider (oidc-provider) on loopback HTTP, whose customers do what the test sets.
import { createServer, type Server } from "node:http";
// @ts-expect-error: it ships no types
import OpenIdProvider from "oidc-provider";

export const CLIENT_ID = "alexa-link";
export const CLIENT_SECRET = "obviously-fake-secret-of-the-provider";

export interface RunningProvider {
  readonly issuer: string;
  /** What customers do there: sign in, or cancel. */
  customer: string | "cancels";
  /** Whether it responds with 503 to every request. */
  down: boolean;
  /** Registers our callback. */
  register(origin: string): void;
  close(): void;
}

/** Starts it on a port of its own; `register` names the service before the first request. */
export async function startProvider(): Promise<RunningProvider> {
  let handler: ReturnType<OpenIdProvider["callback"]>;
  const server: Server = createServer((request, response) => {
    if (running.down) {
      response.writeHead(503).end("down");
      return;
    }
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const issuer = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const running: RunningProvider = {
    issuer,
    customer: "ada",
    down: false,
    register(origin) {
      handler = makeProvider(issuer, origin, () => running.customer).callback();
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return running;
}

function makeProvider(issuer: string, origin: string, customer: () => string): OpenIdProvider {
  const provider = new OpenIdProvider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [`${origin}/sign-in/oidc/callback`],
        response_types: ["code"],
        grant_types: ["authorization_code"],
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `${id} of the provider` }),
    }),
    cookies: { keys: ["obviously-fake-key"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
  });
  provider.use(async (context: { path: string; req: unknown; res: unknown; respond: boolean }, next: () => unknown) => {
    if (!context.path.startsWith("/interaction/")) return next();
    context.respond = false;
    const { req, res } = context;
    const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
    if (customer() === "cancels") {
      const refusal = { error: "access_denied", error_description: "the customer cancelled" };
      return provider.interactionFinished(req, res, refusal);
    }
    if (prompt.name === "login") {
      return provider.interactionFinished(req, res, { login: { accountId: customer() } });
    }
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const consent = { consent: { grantId: await grant.save() } };
    return provider.interactionFinished(req, res, consent, { mergeWithLastSubmission: true });
  });
  return provider;
}
