// The Worker as deploy builds it, on loopback HTTP, with the clients that other people's libraries play, and one
// customer.

import { expect } from "vitest";
import { createTestHarness } from "wrangler";
import { Visitor } from "../../support/visitor.ts";

export const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const CUSTOMER = { email: "ada@example.com", password: "obviously-fake-password-1", name: "Ada Example" };
export const OTHER_CUSTOMER = {
  email: "grace@example.com",
  password: "obviously-fake-password-2",
  name: "Grace Example",
};
const SKILL_ID = "amzn1.ask.skill.0000-clients";

export const SCOPE = "profile email devices:control";

/**
 * Confidential, as a company that moves over from another server would bring it: form-encoding changes its secret (A1).
 */
export const ALEXA = { id: "alexa-test", secret: "obviously/fake+secret=of%20the:client" };
/** Public: the company's app. */
export const APP = { id: "test-app", scope: "links" };
/** Confidential: the skill's backend. */
export const BACKEND = { id: "test-service", secret: "obviously-fake-secret-of-the-test-service" };

/** The redirect URI of most clients. No server listens there: the customer's browser stops before it. */
export const REDIRECT_URI = "http://127.0.0.1:9/callback";

export interface Issuer {
  /** `http://localhost:<port>`, without trailing slash. */
  readonly origin: string;
  /**
   * What a customer does who opens this address for the first time: signs in, approves. Gives the address the browser
   * is sent to.
   */
  approve(authorizationUrl: URL | string, customer?: typeof CUSTOMER): Promise<URL>;
  /** The same customer, who denies. */
  deny(authorizationUrl: URL | string): Promise<URL>;
  /** Stops it. Throws when its log contains an unexpected exception or a secret, `others` included. */
  close(...others: readonly string[]): Promise<void>;
}

/**
 * Starts the service and registers the clients through the admin API; `redirectUri` for those that listen themselves.
 */
export async function startIssuer(redirectUri = REDIRECT_URI): Promise<Issuer> {
  const harness = createTestHarness({
    workers: [
      {
        configPath: "wrangler.toml",
        env: "test",
        vars: { PASSWORD_ITERATIONS: "1000" },
        secrets: { MASTER_KEY: "A".repeat(43), ADMIN_TOKEN },
      },
    ],
  });
  const url = (await harness.listen()).url;
  url.hostname = "localhost";
  const { origin } = url;
  await harness.getWorker().applyD1Migrations("DB");
  await register(origin, "skills", {
    id: SKILL_ID,
    name: "Acme Home",
    type: "smart_home",
    stage: "development",
    redirectUris: [redirectUri],
    force: true,
    scopes: SCOPE.split(" "),
    returnUrls: ["https://app.example.com/alexa/done"],
    client: ALEXA,
  });
  await register(origin, "clients", {
    id: APP.id,
    kind: "app",
    name: "Acme app",
    redirectUris: [redirectUri],
    scopes: [APP.scope],
  });
  await register(origin, "clients", {
    ...BACKEND,
    kind: "service",
    name: "Acme backend",
    skillIds: [SKILL_ID],
    resources: ["https://devices.example.com"],
  });
  await register(origin, "users", CUSTOMER);
  await register(origin, "users", OTHER_CUSTOMER);
  return {
    origin,
    approve: (authorizationUrl, customer = CUSTOMER) => decide(origin, String(authorizationUrl), "allow", customer),
    deny: (authorizationUrl) => decide(origin, String(authorizationUrl), "deny", CUSTOMER),
    async close(...others) {
      const logs = JSON.stringify(harness.getLogs());
      await harness.close();
      expect(logs).toContain("code_redeemed");
      for (const never of [
        "unhandled_exception",
        ALEXA.secret,
        BACKEND.secret,
        CUSTOMER.password,
        CUSTOMER.email,
        ...others,
      ]) {
        expect(logs).not.toContain(never);
      }
    },
  };
}

async function register(origin: string, what: string, body: object): Promise<void> {
  const response = await fetch(`${origin}/api/admin/${what}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status !== 201) throw new Error(`${what}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}

async function decide(
  origin: string,
  authorizationUrl: string,
  decision: "allow" | "deny",
  { email, password }: typeof CUSTOMER,
): Promise<URL> {
  const browser = new Visitor(
    { request: (path, init) => fetch(new URL(path, origin), { redirect: "manual", ...init }) },
    origin,
  );
  const signIn = await browser.open(authorizationUrl);
  if (signIn.location !== null) throw new Error(`sent away before sign-in: ${signIn.location}`);
  const consent = await browser.submit(signIn, { email, password });
  const back = await browser.submit(consent, { decision });
  if (back.location === null) throw new Error(`no redirect after consent (${back.status}): ${back.html.slice(0, 500)}`);
  return new URL(back.location);
}
