// `@cloudflare/workers-oauth-provider`. Its refresh tokens always rotate, so both refresh workloads are the same there,
// with a confidential and with a public client.
import { authorizationRequest, Browser, type Contestant, codeFlow, PKCE, publicTokenRequests } from "../exercise.ts";
import { basic, type Connection, form } from "../http.ts";
import { REDIRECT_URI } from "../seeds.ts";

const TOKEN = "/oauth/token";

interface SetUp {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly publicClientId: string;
  readonly cookie: string;
}

export function cloudflare(connection: Connection): Contestant {
  let registered: SetUp;
  let browser: Browser;
  const common = { connection, browser: () => browser };
  const secret = () => basic(registered.clientId, registered.clientSecret);
  const alexa = codeFlow({
    ...common,
    authorize: () => `/authorize?${authorizationRequest(registered.clientId)}`,
    exchange: (code) => [TOKEN, form({ grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI }, secret())],
    refresh: (token) => [TOKEN, form({ grant_type: "refresh_token", refresh_token: token }, secret())],
  });
  const app = codeFlow({
    ...common,
    authorize: () => `/authorize?${authorizationRequest(registered.publicClientId, PKCE)}`,
    ...publicTokenRequests(TOKEN, () => registered.publicClientId),
  });
  return {
    async setUp() {
      registered = JSON.parse((await connection.send("/bench/set-up")).body) as SetUp;
      const [name = "", value = ""] = registered.cookie.split("=");
      browser = new Browser(connection, new Map([[name, value]]));
    },
    workloads: {
      authorize: alexa.authorize,
      consent: alexa.consent,
      exchange: alexa.exchange,
      refresh: alexa.refresh,
      "rotating-refresh": app.refresh,
    },
  };
}
