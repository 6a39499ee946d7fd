// `@openauthjs/openauth`. It has public clients and rotating refresh tokens only.
import { authorizationRequest, Browser, type Contestant, codeFlow, PKCE, publicTokenRequests } from "../exercise.ts";
import type { Connection } from "../http.ts";

export function openauth(connection: Connection): Contestant {
  let browser: Browser;
  const flow = codeFlow({
    connection,
    browser: () => browser,
    authorize: () => `/authorize?${authorizationRequest("alexa", PKCE)}`,
    ...publicTokenRequests("/token", () => "alexa"),
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
