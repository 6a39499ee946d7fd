// This service: Alexa's client, the company's app and its skill backend, and one customer.
import {
  authorizationRequest,
  Browser,
  type Contestant,
  checkActive,
  codeFlow,
  expectStatus,
  PKCE,
  publicTokenRequests,
  tokensIn,
  WrongResponse,
} from "../exercise.ts";
import { basic, type Connection, form, type Outgoing } from "../http.ts";
import { ADMIN_TOKEN, CLIENT_SECRET, REDIRECT_URI, SCOPES } from "../seeds.ts";
import { startAmazon } from "../simulated-amazon.ts";

const SKILL_ID = "amzn1.ask.skill.0000-benchmark";
const RETURN_URL = "https://app.example.com/alexa/done";
const PERSON = { email: "ada@example.com", password: "obviously-fake-password", name: "Ada" };
const SKILL = {
  id: SKILL_ID,
  name: "Acme Home",
  type: "smart_home",
  vendorId: "M2BENCHVENDOR",
  scopes: SCOPES.map((name) => ({ name, descriptions: { en: `What ${name} allows` } })),
  returnUrls: [RETURN_URL],
  lwa: { clientId: "amzn1.application-oa2-client.bench", clientSecret: CLIENT_SECRET },
  client: { id: "alexa", secret: CLIENT_SECRET },
};
const CLIENTS = [
  {
    id: "app",
    kind: "app",
    name: "Acme app",
    redirectUris: [REDIRECT_URI],
    scopes: ["links", "profile"],
    skillIds: [],
  },
  {
    id: "backend",
    kind: "service",
    name: "Acme backend",
    redirectUris: [],
    scopes: [],
    skillIds: [SKILL_ID],
    secret: CLIENT_SECRET,
  },
];

function json(method: string, token: string, body: unknown): Outgoing {
  return {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}

export function alexaLink(connection: Connection): Contestant {
  const browser = new Browser(connection);
  const secret = basic("alexa", CLIENT_SECRET);
  const common = { connection, browser: () => browser };
  const alexa = codeFlow({
    ...common,
    authorize: () => `/authorize?${authorizationRequest("alexa")}`,
    exchange: (code) => [
      "/token",
      form({ grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, client_id: "alexa" }, secret),
    ],
    refresh: (token) => [
      "/token",
      form({ grant_type: "refresh_token", refresh_token: token, client_id: "alexa" }, secret),
    ],
  });
  const app = codeFlow({
    ...common,
    authorize: () => `/authorize?${authorizationRequest("app", { ...PKCE, scope: "links profile" })}`,
    ...publicTokenRequests("/token", () => "app"),
  });
  let accessToken: Promise<string> | undefined;
  let appToken: Promise<string> | undefined;
  const backend = basic("backend", CLIENT_SECRET);

  async function admin(path: string, body: unknown): Promise<void> {
    expectStatus(await connection.send(`/api/admin${path}`, json("POST", ADMIN_TOKEN, body)), 201);
  }

  return {
    async setUp() {
      await admin("/skills", SKILL);
      for (const client of CLIENTS) await admin("/clients", client);
      await admin("/users", PERSON);
      const page = await browser.open("/sign-in");
      const { email, password } = PERSON;
      expectStatus(await browser.submit("/sign-in", page, { email, password }), 200);
      browser.shareCookies(/./);
    },
    workloads: {
      authorize: alexa.authorize,
      consent: alexa.consent,
      exchange: alexa.exchange,
      refresh: alexa.refresh,
      "rotating-refresh": app.refresh,
      async introspection() {
        accessToken ??= alexa.tokens().then(({ access_token }) => access_token);
        const token = await accessToken;
        return { send: () => connection.send("/introspect", form({ token }, backend)), check: checkActive };
      },
      /** The app starts; the customer approves at Amazon; the app completes, and Amazon redeems our code meanwhile. */
      async "app-to-app"() {
        appToken ??= app.tokens().then(({ access_token }) => access_token);
        const token = await appToken;
        const amazon = await startAmazon(async (code, redirectUri) => {
          const fields = { grant_type: "authorization_code", code, redirect_uri: redirectUri, client_id: "alexa" };
          tokensIn(await connection.send("/token", form(fields, secret)));
        });
        return {
          async send() {
            const order = { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios" };
            const started = await connection.send("/api/links", json("POST", token, order));
            const { state } = JSON.parse(expectStatus(started, 201).body) as { state: string };
            return connection.send("/api/links/complete", json("POST", token, { state, code: amazon.approve() }));
          },
          check(response) {
            const { status } = JSON.parse(expectStatus(response, 200).body) as { status: unknown };
            if (status !== "linked") throw new WrongResponse("a link", response);
          },
        };
      },
    },
  };
}
