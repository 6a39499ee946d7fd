// The process is killed between the steps of linking and starts again on the same disk: nothing is lost.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Child, start, stop, untilReady } from "../../../scripts/children.ts";

const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const CLIENT = { id: "alexa-kill-test", secret: "obviously-fake-secret-of-the-kill-test" };
const PERSON = { email: "kill@example.com", password: "kill-password-1", name: "Kill Test" };
const REDIRECT_URI = "https://pitangui.amazon.com/api/skill/link/M0KILLVENDOR00";

let state: string;
let service: Child;
let origin: string;
let port: number;
/** Login with Amazon, and an Alexa that redeems our code and then never responds. */
let amazon: Server;
let heldByAlexa: string | undefined;
let enablementCalls = 0;
const cookies = new Map<string, string>();

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function begin(): Promise<void> {
  const elsewhere = `http://127.0.0.1:${(amazon.address() as AddressInfo).port}`;
  const variables = {
    MASTER_KEY: "A".repeat(43),
    ADMIN_TOKEN,
    PASSWORD_ITERATIONS: "1000",
    AMAZON_TOKEN_URL: `${elsewhere}/auth/o2/token`,
    ALEXA_API_URL: elsewhere,
    ALEXA_API_HOSTS: ["na", "eu", "fe"].map((region) => `${elsewhere}/${region}`).join(),
  };
  const vars = Object.entries(variables).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const flags = ["--ip", "127.0.0.1", "--port", String(port), "--persist-to", state, "--inspector-port", "0"];
  service = start(
    "service",
    "wrangler",
    ["dev", "--env", "test", ...flags, "--show-interactive-dev-session=false", ...vars],
    () => false,
  );
  await untilReady(service, `${origin}/healthz`);
}

/** wrangler and workerd at once, as a power cut would. */
async function killAndRestart(): Promise<void> {
  process.kill(-(service.process.pid ?? 0), "SIGKILL");
  await service.ended;
  await begin();
}

interface EnablementRequest {
  readonly accountLinkRequest: { readonly redirectUri: string; readonly authCode: string };
}

function startAmazon(): Promise<void> {
  amazon = createHttpServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += String(part);
    if (request.url === "/auth/o2/token") {
      response.setHeader("content-type", "application/json");
      const tokens = { access_token: "Atza|fake", refresh_token: "Atzr|fake", token_type: "bearer", expires_in: 3600 };
      response.end(JSON.stringify(tokens));
      return;
    }
    if (request.method !== "POST") {
      response.writeHead(404).end();
      return;
    }
    enablementCalls++;
    const { redirectUri, authCode } = (JSON.parse(body) as EnablementRequest).accountLinkRequest;
    const redeemed = await token({
      grant_type: "authorization_code",
      code: authCode,
      redirect_uri: redirectUri,
      client_id: CLIENT.id,
    });
    heldByAlexa = ((await redeemed.json()) as { refresh_token?: string }).refresh_token;
  });
  return new Promise((resolve) => amazon.listen(0, "127.0.0.1", resolve));
}

beforeAll(async () => {
  await startAmazon();
  state = mkdtempSync(join(tmpdir(), "alexa-link-kill-"));
  port = await freePort();
  origin = `http://localhost:${port}`;
  const migrated = spawnSync(
    "wrangler",
    ["d1", "migrations", "apply", "DB", "--local", "--env", "test", "--persist-to", state],
    { encoding: "utf8", env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" } },
  );
  if (migrated.status !== 0) throw new Error(migrated.stdout + migrated.stderr);
  await begin();
}, 120_000);
afterAll(async () => {
  if (service) await stop(service);
  amazon.closeAllConnections();
  amazon.close();
  rmSync(state, { recursive: true, force: true });
});

async function admin(path: string, body: unknown): Promise<void> {
  const response = await fetch(`${origin}/api/admin${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

async function visit(
  path: string,
  fields?: Record<string, string>,
): Promise<{ location: string | null; html: string }> {
  const response = await fetch(path.startsWith("http") ? path : origin + path, {
    redirect: "manual",
    headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    ...(fields ? { method: "POST", body: new URLSearchParams(fields) } : {}),
  });
  for (const line of response.headers.getSetCookie()) {
    const pair = line.split(";")[0] ?? "";
    cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
  }
  return { location: response.headers.get("location"), html: await response.text() };
}

/** The hidden fields of the page's form that goes to `action`. */
function hidden(html: string, action: string): Record<string, string> {
  const form = [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)]
    .map(([text]) => text)
    .find((text) => text.includes(`action="${action}`));
  const inputs = [...(form ?? "").matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
  return Object.fromEntries(inputs.map((match) => [match[1] ?? "", (match[2] ?? "").replaceAll("&amp;", "&")]));
}

function token(fields: Record<string, string>): Promise<Response> {
  const authorization = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString("base64")}`;
  return fetch(`${origin}/token`, { method: "POST", headers: { authorization }, body: new URLSearchParams(fields) });
}

it("C1: killed after each step, linking continues where it was, and the link stays", async () => {
  await admin("/skills", {
    id: "amzn1.ask.skill.0000-kill",
    name: "Kill Home",
    type: "smart_home",
    stage: "development",
    vendorId: "M0KILLVENDOR00",
    scopes: ["profile"],
    returnUrls: [],
    lwa: { clientId: "amzn1.application-oa2-client.kill", clientSecret: "obviously-fake-lwa-secret" },
    client: CLIENT,
  });
  await admin("/users", PERSON);
  await killAndRestart();

  const query = `client_id=${CLIENT.id}&response_type=code&state=s%3D&redirect_uri=${encodeURIComponent(REDIRECT_URI)}`;
  const signIn = await visit(`/authorize?${query}`);
  await killAndRestart();
  const signedIn = await visit("/sign-in", { ...hidden(signIn.html, "/sign-in"), ...PERSON });
  expect(signedIn.location).toContain("/authorize?");
  await killAndRestart();
  const consent = await visit(signedIn.location ?? "");
  const decided = await visit("/authorize/decision", {
    ...hidden(consent.html, "/authorize/decision"),
    decision: "allow",
  });
  const code = /[?&]code=([^&]+)/.exec(decided.location ?? "")?.[1] ?? "";
  expect(code).not.toBe("");
  await killAndRestart();
  const exchange = { grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, client_id: CLIENT.id };
  const exchanged = await token(exchange);
  expect(exchanged.status).toBe(200);
  const { refresh_token: refreshToken } = (await exchanged.json()) as { refresh_token: string };
  await killAndRestart();
  expect((await token({ grant_type: "refresh_token", refresh_token: refreshToken })).status).toBe(200);
  // Later than 30 s after the exchange, which a slow restart may take, this also revokes the grant.
  expect((await token(exchange)).status).toBe(400);
}, 180_000);

it("L3: killed while the enablement call is open, the tokens that Alexa redeemed work, and the attempt waits for the customer", async () => {
  const page = "/link/amzn1.ask.skill.0000-kill";
  const consent = await visit(page);
  const asked = await visit(page, { ...hidden(consent.html, page), decision: "allow" });
  const sent = new URL(asked.location ?? "").searchParams;
  const callback = `/link/callback?code=ANfakeAmazonCode&state=${sent.get("state")}`;
  const cutOff = visit(callback).catch(() => "cut off");
  while (heldByAlexa === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  await killAndRestart();
  expect(await cutOff).toBe("cut off");
  expect((await token({ grant_type: "refresh_token", refresh_token: heldByAlexa })).status).toBe(200);
  // While the killed run's time is not over, no second run starts: the page reloads. A slow restart may outlast that
  // time.
  const again = await visit(callback);
  expect(again.location).toBeNull();
  expect(enablementCalls > 1 || again.html.includes('http-equiv="refresh"')).toBe(true);
}, 120_000);
