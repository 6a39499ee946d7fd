// Sign-in at a real OpenID provider (oidc-provider), on loopback HTTP: discovery, PKCE, nonce, keys.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import { Visitor } from "../support/visitor.ts";
import { CLIENT_ID, CLIENT_SECRET, type RunningProvider, startProvider } from "./openid-provider.ts";

let provider: RunningProvider;
let harness: ReturnType<typeof createTestHarness>;
let origin: string;

beforeAll(async () => {
  provider = await startProvider();
  harness = createTestHarness({
    workers: [
      {
        configPath: "wrangler.toml",
        env: "test",
        vars: {
          BRAND_NAME: "Acme",
          SIGN_IN_METHODS: "oidc",
          OIDC_ISSUER: provider.issuer,
          OIDC_CLIENT_ID: CLIENT_ID,
          OIDC_CLIENT_SECRET: CLIENT_SECRET,
        },
        secrets: { MASTER_KEY: "A".repeat(43) },
      },
    ],
  });
  const url = (await harness.listen()).url;
  url.hostname = "localhost";
  origin = url.origin;
  provider.register(origin);
  await harness.getWorker().applyD1Migrations("DB");
});
afterAll(async () => {
  await harness?.close();
  provider?.close();
});

/** A customer's browser, as both servers see it. */
function customer() {
  const on = (base: string) =>
    new Visitor({ request: (path, init) => fetch(new URL(path, base), { redirect: "manual", ...init }) }, base);
  return { here: on(origin), there: on(provider.issuer) };
}

/** Submits the sign-in button and signs in at the provider. Returns the address that it redirects to. */
async function throughProvider(browser: ReturnType<typeof customer>, from = "/account"): Promise<string> {
  const page = await browser.here.open(from);
  expect(page.html).toContain("Continue with Acme");
  const away = await browser.here.submit(page, {});
  expect(away.location).toContain(`${provider.issuer}/auth?`);
  let back = await browser.there.open(away.location ?? "");
  // The provider ends the first customer's session with a form that a script submits.
  if (back.html.includes("Submitting Callback")) back = await browser.there.submit(back, {});
  expect(back.location).toContain(`${origin}/sign-in/oidc/callback?`);
  return back.location ?? "";
}

describe("a real identity provider", () => {
  it("signs a customer in, with the name from userinfo", async () => {
    provider.customer = "ada";
    const browser = customer();
    const account = await browser.here.open(await throughProvider(browser));
    expect(account.status).toBe(200);
    expect(account.html).toContain("ada@example.com");
    expect(account.html).toContain("ada of the provider");
  });

  it("S11: comes back to an address as long as the longest authorization request, in cookies over real HTTP", async () => {
    provider.customer = "ada";
    const browser = customer();
    const query = `state=${"Ab9%3D".repeat(1500)}`;
    const back = await throughProvider(browser, `/sign-in?continue_to=${encodeURIComponent(`/account?${query}`)}`);
    expect([...browser.here.cookies.keys()].filter((name) => name.startsWith("sign-in-")).length).toBeGreaterThan(2);
    const page = await browser.here.send(back);
    expect([page.status, page.location]).toEqual([303, `/account?${query}`]);
  });

  it("S3: the same callback works neither twice nor in another browser", async () => {
    provider.customer = "ada";
    const browser = customer();
    const back = await throughProvider(browser);
    expect((await customer().here.open(back)).status).toBe(403);
    expect((await browser.here.open(back)).status).toBe(200);
    expect((await browser.here.open(back)).status).toBe(403);
  });

  it("after signing out here, another customer can sign in although the provider remembers the first", async () => {
    provider.customer = "ada";
    const browser = customer();
    const account = await browser.here.open(await throughProvider(browser));
    await browser.here.submit(account, {});
    provider.customer = "grace";
    const second = await browser.here.open(await throughProvider(browser));
    expect(second.html).toContain("grace@example.com");
    expect(second.html).not.toContain("ada@example.com");
  });

  it("a customer who cancels at the provider can try again", async () => {
    provider.customer = "cancels";
    const browser = customer();
    const page = await browser.here.open(await throughProvider(browser));
    expect(page.html).toContain("was cancelled");
    provider.customer = "ada";
    const away = await browser.here.submit(page, {});
    const back = await browser.there.open(away.location ?? "");
    expect((await browser.here.open(back.location ?? "")).html).toContain("ada@example.com");
  });

  it("after an outage between redirect and callback the callback still works", async () => {
    provider.customer = "ada";
    const browser = customer();
    const back = await throughProvider(browser);
    provider.down = true;
    const page = await browser.here.open(back);
    expect(page.status).toBe(503);
    expect(page.headers.get("retry-after")).toBe("5");
    provider.down = false;
    const away = await browser.here.submit(page, {});
    const second = await browser.there.open(away.location ?? "");
    expect((await browser.here.open(second.location ?? "")).html).toContain("ada@example.com");
  });

  it("a code that the provider never issued signs nobody in", async () => {
    provider.customer = "ada";
    const browser = customer();
    const back = new URL(await throughProvider(browser));
    back.searchParams.set("code", "made-up");
    const page = await browser.here.open(back.href);
    expect(page.status).toBe(401);
    expect((await browser.here.open("/account")).html).not.toContain("ada@example.com");
  });
});
