// `@openauthjs/openauth`. It has public clients and rotating refresh tokens only.
import { authorizationRequest, Browser, type Contestant, codeFlow, PKCE } from "../exercise.ts";
import { type Connection, form } from "../http.ts";
import { REDIRECT_URI, VERIFIER } from "../seeds.ts";

export function openauth(connection: Connection): Contestant {
  let browser: Browser;
  const flow = codeFlow({
    connection,
    browser: () => browser,
    authorize: () => `/authorize?${authorizationRequest("alexa", PKCE)}`,
    exchange: (code) => [
      "/token",
      form({
        grant_type: "authorization_code",
        code,
        redirect_uri: REDIRECT_URI,
        client_id: "alexa",
        code_verifier: VERIFIER,
      }),
    ],
    refresh: (token) => ["/token", form({ grant_type: "refresh_token", refresh_token: token, client_id: "alexa" })],
  });
  return {
    async setUp() {
      const { cookie } = JSON.parse((await connection.send("/bench/set-up")).body) as { cookie: string };
      const [name = "", value = ""] = cookie.split("=");
      browser = new Browser(connection, new Map([[name, value]]));
    },
    workloads: {
      authorize: flow.authorize,
      consent: flow.consent,
      exchange: flow.exchange,
      refresh: flow.refresh,
      "rotating-refresh": flow.refresh,
    },
  };
}
