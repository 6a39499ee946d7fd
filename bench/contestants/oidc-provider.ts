// `oidc-provider`: a confidential client with stable refresh tokens, and a public one whose tokens rotate.
import {
  authorizationRequest,
  Browser,
  type Contestant,
  checkActive,
  codeFlow,
  type FlowSettings,
  PKCE,
  publicTokenRequests,
} from "../exercise.ts";
import { basic, type Connection, form, type Outgoing } from "../http.ts";
import { CLIENT_SECRET, REDIRECT_URI, RESOURCE } from "../seeds.ts";

const SECRET = basic("alexa", CLIENT_SECRET);

function request(fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}) {
  return ["/token", form(fields, headers)] as readonly [string, Outgoing];
}

export function oidcProvider(connection: Connection): Contestant {
  const browser = new Browser(connection);
  // Its consent page is shown when the client asks for it; otherwise it would be skipped from the second time on.
  const authorize = (client: string, more: Readonly<Record<string, string>>) => () =>
    `/auth?${authorizationRequest(client, { prompt: "consent", ...more })}`;
  const confidential = (resource: string): FlowSettings => ({
    connection,
    browser: () => browser,
    authorize: authorize("alexa", { resource }),
    exchange: (code) =>
      request({ grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, resource }, SECRET),
    refresh: (token) => request({ grant_type: "refresh_token", refresh_token: token, resource }, SECRET),
  });
  const alexa = codeFlow(confidential(RESOURCE));
  const opaque = codeFlow(confidential(`${RESOURCE}opaque`));
  const app = codeFlow({
    connection,
    browser: () => browser,
    authorize: authorize("app", PKCE),
    ...publicTokenRequests("/token", () => "app"),
  });
  let accessToken: Promise<string> | undefined;
  return {
    async setUp() {
      await browser.open(authorize("alexa", {})());
      browser.shareCookies(/^_session/);
    },
    workloads: {
      authorize: alexa.authorize,
      consent: alexa.consent,
      exchange: alexa.exchange,
      refresh: alexa.refresh,
      "rotating-refresh": app.refresh,
      async introspection() {
        accessToken ??= opaque.tokens().then(({ access_token }) => access_token);
        const token = await accessToken;
        return {
          send: () => connection.send("/token/introspection", form({ token }, SECRET)),
          check: checkActive,
        };
      },
    },
  };
}
