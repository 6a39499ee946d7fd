// `oidc-provider` with a sign-in page and a consent page, as its documentation sets it up.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
// @ts-expect-error: it ships no types
import OpenIdProvider from "oidc-provider";
import { CLIENT, type ForeignServer, PERSON, page, REDIRECT_URIS } from "./foreign-server.ts";

interface Context {
  readonly path: string;
  readonly method: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  respond: boolean;
}

/**
 * Starts it on a loopback port of its own. `settings` are added to the least that it needs: a client, an account, pages.
 */
export async function startOidcProvider(settings: Readonly<Record<string, unknown>> = {}): Promise<ForeignServer> {
  let handle: (request: IncomingMessage, response: ServerResponse) => void;
  const server: Server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  handle = providerAt(issuer, settings).callback();
  return {
    issuer,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function providerAt(issuer: string, settings: Readonly<Record<string, unknown>>): OpenIdProvider {
  const provider = new OpenIdProvider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [...REDIRECT_URIS],
        response_types: ["code"],
        grant_types: ["authorization_code", "refresh_token"],
      },
    ],
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ["obviously-fake-cookie-key"] },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    ...settings,
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  });
  provider.use(async (context: Context, next: () => Promise<void>) => {
    if (!context.path.startsWith("/interaction/")) return next();
    context.respond = false;
    await interact(provider, context);
  });
  return provider;
}

async function interact(provider: OpenIdProvider, { req, res, method }: Context): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  const show = (status: number, body: string) =>
    void res.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end(body);
  const signIn = page(
    "Sign in",
    `<form method="post" autocomplete="off">
      <input required type="text" name="login" placeholder="Enter your login">
      <input required type="password" name="password" placeholder="and password">
      <button type="submit">Sign in</button></form>`,
  );
  const consent = page("Authorize", `<form method="post"><button autofocus type="submit">Continue</button></form>`);
  if (method === "GET") return show(200, prompt.name === "login" ? signIn : consent);
  if (prompt.name === "login") {
    const given = new URLSearchParams(await text(req));
    if (given.get("login") !== PERSON.name || given.get("password") !== PERSON.password) return show(401, signIn);
    return provider.interactionFinished(req, res, { login: { accountId: PERSON.name } });
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? "openid");
  return provider.interactionFinished(
    req,
    res,
    { consent: { grantId: await grant.save() } },
    { mergeWithLastSubmission: true },
  );
}
