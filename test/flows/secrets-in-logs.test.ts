// The OAuth endpoints, through success and every kind of refusal: no code, token, secret or verifier that a request or
// a response carries reaches the log, the counters or any row.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DEMO, seedAccount } from "../support/accounts.ts";
import { ADD_ON_BODY, ADD_ON_PATH, admin, serviceClientOf } from "../support/admin.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  basic,
  challengeOf,
  form,
  json,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedEveryone,
} from "../support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../support/service.ts";
import { takeSnapshot } from "../support/snapshots.ts";
import { failing, MINUTE } from "../support/tokens.ts";
import { Visitor } from "../support/visitor.ts";

const VERIFIER = "verifier-that-must-stay-secret-0123456789-abcdef";

let lines: string[] = [];
/** Values that must appear nowhere, by what they are. */
let secrets = new Map<string, string>();

beforeEach(async () => {
  lines = [];
  secrets = new Map();
  const listen = (...parts: unknown[]) => void lines.push(parts.map(String).join(" "));
  vi.stubGlobal("console", { ...console, log: listen, info: listen, warn: listen, error: listen, debug: listen });
  await seedEveryone();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function secret(what: string, value: string): string {
  expect(value.length, what).toBeGreaterThan(20);
  secrets.set(what, value);
  return value;
}

/** The secrets that these texts contain. */
const found = (texts: readonly string[]) =>
  [...secrets].filter(([, value]) => texts.some((text) => text.includes(value))).map(([what]) => what);

async function codeFor(visitor: Visitor, query: Readonly<Record<string, string>>): Promise<string> {
  let page = await visitor.open(`/authorize?${new URLSearchParams(query)}`);
  if (!page.html.includes('value="allow"')) page = await visitor.submit(page, { ...DEMO });
  const back = await visitor.submit(page, { decision: "allow" });
  return new URL(back.location ?? "https://nowhere.example").searchParams.get("code") ?? "";
}

/** Requests that are refused, each with secrets in every place that a client may put them. */
function refused(service: Service, held: Readonly<Record<string, string>>): Promise<Response>[] {
  const wrongSecret = secret("a wrong client secret", "wrong-secret-that-must-stay-secret-1");
  const strangeCode = secret("a code that nobody issued", `c0${"strange-code".padEnd(43, "Q")}`);
  const malformed = secret("a malformed code", "ANmalformed-code-that-must-stay-secret");
  const strangeToken = secret(
    "a refresh token that nobody issued",
    `rt_${"0".repeat(26)}_${"strange-token".padEnd(43, "Q")}`,
  );
  const otherToken = secret("another server's refresh token", "token-of-another-server-that-must-stay-secret");
  const jwt = secret("a forged access token", `${held.access?.slice(0, -20)}${"A".repeat(20)}`);
  const otherVerifier = secret("a wrong verifier", "wrong-verifier-that-must-stay-secret-0123456789");
  const right = { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) };
  const wrong = { authorization: basic(ALEXA_CLIENT, wrongSecret) };
  secret("the header of the right secret", right.authorization.slice("Basic ".length));
  secret("the header of a wrong secret", wrong.authorization.slice("Basic ".length));
  const redeem = { grant_type: "authorization_code", redirect_uri: ALEXA_REDIRECT_URIS[0], client_id: ALEXA_CLIENT };
  const tokenRequests: [Record<string, string | undefined>, Record<string, string>?][] = [
    [{ ...redeem, code: held.code }, wrong],
    [{ ...redeem, code: held.code, client_secret: wrongSecret }],
    [{ ...redeem, code: held.code, client_id: `client ${wrongSecret}`, client_secret: wrongSecret }],
    [{ ...redeem, code: held.code, redirect_uri: "https://evil.example.com" }, right],
    [{ ...redeem, code: held.code }, right],
    [{ ...redeem, code: strangeCode }, right],
    [{ ...redeem, code: malformed }, right],
    [{ ...redeem, code: held.fresh, code_verifier: otherVerifier }, right],
    [{ ...redeem, grant_type: otherToken, code: held.code }, right],
    [{ grant_type: "refresh_token", refresh_token: strangeToken }, right],
    [{ grant_type: "refresh_token", refresh_token: otherToken }, right],
    [{ grant_type: "refresh_token", refresh_token: held.appRefresh }, right],
    [{ grant_type: "refresh_token", refresh_token: held.refresh, scope: `profile ${strangeCode}` }, right],
    [{ grant_type: "refresh_token", refresh_token: held.refresh }, wrong],
    [
      { grant_type: "client_credentials", scope: strangeCode },
      { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) },
    ],
    [
      { grant_type: "client_credentials", resource: strangeCode },
      { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) },
    ],
    [{ grant_type: "password", username: "ada", password: wrongSecret }, right],
  ];
  const sent = tokenRequests.map(([fields, headers = {}]) => service.request("/token", form(fields, headers)));
  for (const path of ["/introspect", "/revoke"]) {
    for (const token of [held.access, held.refresh, held.appRefresh, jwt, strangeToken, otherToken, held.code]) {
      sent.push(service.request(path, form({ token }, wrong)));
      if (path === "/introspect") sent.push(service.request(path, form({ token }, right)));
    }
  }
  for (const token of [jwt, held.refresh, held.code, otherToken]) {
    sent.push(service.request("/userinfo", { headers: { authorization: `Bearer ${token}` } }));
    sent.push(service.request(`/userinfo?access_token=${token}`));
  }
  // Secrets where they do not belong: in queries, at the wrong endpoint, in bodies that cannot be read.
  const misplaced = new URLSearchParams({
    ...(redeem as Record<string, string>),
    code: strangeCode,
    client_secret: wrongSecret,
  });
  for (const path of ["/authorize", "/token", "/userinfo", "/revoke", "/nowhere/token"]) {
    sent.push(service.request(`${path}?${misplaced}`));
    sent.push(service.request(`${path}?${misplaced}`, form({ client_secret: wrongSecret, code: strangeCode }, wrong)));
    sent.push(
      service.request(path, { method: "POST", headers: { "content-type": "application/json" }, body: wrongSecret }),
    );
    sent.push(service.request(path, form({ code: `${strangeCode}&code=${malformed}`, grant_type: otherToken }, wrong)));
  }
  return sent;
}

it("T9: no code, token, secret or verifier reaches the log, the counters, the audit or any other row", async () => {
  const service = startService();
  await seedAccount(service, DEMO);
  const visitor = new Visitor(service);
  secret("the client secret", ALEXA_SECRET);
  secret("the backend's secret", SERVICE_SECRET);
  secret("the verifier", VERIFIER);
  secret("the admin token", ADMIN_TOKEN);
  secret("MASTER_KEY", "A".repeat(43));
  await admin(service, "POST", "skills", ADD_ON_BODY);
  const second = serviceClientOf(await admin(service, "PATCH", ADD_ON_PATH, { serviceClient: {} }));
  secret("the secret of an add-on's second client", second.secret ?? "");
  const replaced = await admin(service, "POST", `${ADD_ON_PATH}/rotate-secret?client=service`);
  secret("its next secret", serviceClientOf(replaced).secret ?? "");
  const request = { client_id: ALEXA_CLIENT, redirect_uri: ALEXA_REDIRECT_URIS[0] ?? "", response_type: "code" };
  const state = secret("the state", "state-that-must-stay-secret-0123456789");
  const right = { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) };
  const redeem = { grant_type: "authorization_code", redirect_uri: request.redirect_uri };

  const code = secret("a code", await codeFor(visitor, { ...request, state }));
  const fresh = secret(
    "a code with a challenge",
    await codeFor(visitor, {
      ...request,
      state,
      code_challenge: await challengeOf(VERIFIER),
      code_challenge_method: "S256",
    }),
  );
  const tokens = await json(await service.request("/token", form({ ...redeem, code }, right)));
  const appCode = secret(
    "a code of the app",
    await codeFor(visitor, {
      client_id: APP_CLIENT,
      redirect_uri: APP_REDIRECT_URI,
      response_type: "code",
      code_challenge: await challengeOf(VERIFIER),
      code_challenge_method: "S256",
    }),
  );
  const asApp = { client_id: APP_CLIENT };
  const app = await json(
    await service.request(
      "/token",
      form({
        ...asApp,
        grant_type: "authorization_code",
        code: appCode,
        redirect_uri: APP_REDIRECT_URI,
        code_verifier: VERIFIER,
      }),
    ),
  );
  const held = {
    code,
    fresh,
    access: secret("an access token", tokens.access_token),
    refresh: secret("a refresh token", tokens.refresh_token),
    appRefresh: secret("a rotating refresh token", app.refresh_token),
  };
  secret("the secret part of a refresh token", tokens.refresh_token.slice(-43));
  secret("the secret part of a rotating one", app.refresh_token.slice(-43));
  // Success of every endpoint.
  await service.request("/token", form({ grant_type: "refresh_token", refresh_token: held.refresh }, right));
  let rotated = held.appRefresh;
  for (let i = 0; i < 3; i++) {
    const next = await json(
      await service.request("/token", form({ ...asApp, grant_type: "refresh_token", refresh_token: rotated })),
    );
    rotated = secret(`successor ${i}`, next.refresh_token);
    secret(`its access token ${i}`, next.access_token);
  }
  for (const token of [held.access, held.refresh]) await service.request("/introspect", form({ token }, right));
  await service.request("/userinfo", { headers: { authorization: `Bearer ${held.access}` } });

  for (const response of refused(service, held)) await response;
  // Storage that fails, with each of them again; then replays and retired tokens, which raise alerts.
  service.meter.faults.push({ ...failing(() => true, "before", "D1_ERROR: down", 60), mayMiss: true });
  for (const response of refused(service, held)) await response;
  service.meter.clear();
  service.clock.advance(5 * MINUTE);
  await service.request("/token", form({ ...redeem, code }, right));
  await service.request("/token", form({ ...asApp, grant_type: "refresh_token", refresh_token: held.appRefresh }));
  await service.request("/revoke", form({ token: held.refresh }, right));

  const events = new Set(
    lines.map((line) => (line.startsWith("{") ? (JSON.parse(line) as { event: string }).event : "")),
  );
  for (const event of ["code_redeemed", "token_refused", "code_replayed", "retired_token_reused"]) {
    expect([...events]).toContain(event);
  }
  expect(found(lines)).toEqual([]);
  // What operators read, which writes the counters first.
  const reports = await Promise.all(
    ["linkings", "refusals", "audit", "metrics"].map(async (path) =>
      JSON.stringify((await admin(service, "GET", path)).body),
    ),
  );
  expect(found(reports)).toEqual([]);
  const rows = [...(await takeSnapshot())].map(([table, all]) => `${table} ${JSON.stringify(all)}`);
  expect(rows.join()).toContain("code_replayed");
  expect(found(rows)).toEqual([]);
  const { keys } = await env.CODES.list();
  expect(found(keys.map(({ name }) => name))).toEqual([]);
});
