// The five questions of an operator, each answered from the console alone: why can this customer not link, how did
// linking do this week, which refreshes failed today, who was unlinked and why, and is Amazon or are we at fault.
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { call, DEMO_USER } from "../../scripts/demo.ts";
import { linkFromWebsite } from "./console-data.ts";
import { ADMIN_TOKEN, chromiumPath, raiseStage, type Stage, signIn } from "./harness.ts";

const ENABLE = "form[action$='/enable'] button";
const ALLOW = "button[name=decision][value=allow]";
const DENY = "button[name=decision][value=deny]";

type Faults = Readonly<Record<string, unknown>>;

/** Faults whose request is refused before the customer has signed in: they are found by the minute. */
const BEFORE_THE_SIGN_IN: readonly (readonly [what: string, faults: Faults, says: readonly string[]])[] = [
  ["a wrong client id in Amazon's console", { authorize: { wrongClientId: true } }, ["client unknown", "Client ID"]],
  [
    "a redirect URI of another vendor",
    { authorize: { wrongRedirectUri: true } },
    ["redirect uri unregistered", "/api/skill/link/", "vendorId"],
  ],
  ["a scope that the skill does not have", { authorize: { scope: "nope" } }, ["invalid scope"]],
  ["a state that is too long", { authorize: { stateLength: 10_000 } }, ["state too long"]],
];

/** Faults that end an attempt from the Alexa app: they are found by the customer. */
const FROM_THE_ALEXA_APP: readonly (readonly [what: string, faults: Faults, says: readonly string[]])[] = [
  [
    "a wrong client secret in Amazon's console",
    { tokenClient: { wrongSecret: true } },
    ["Alexa has not come to /token yet", "invalid client", "enter Client ID and Secret in the developer console again"],
  ],
  ["a wrong PKCE verifier", { tokenClient: { verifier: "wrong" } }, ["verifier mismatch"]],
  ["another redirect URI at the token URL", { tokenClient: { wrongRedirectUri: true } }, ["redirect uri mismatch"]],
  [
    "AcceptGrant with a code that Amazon refuses",
    { acceptGrant: { badCode: true } },
    ["AcceptGrant was refused (code_rejected)"],
  ],
];

/** Faults of Amazon that end an attempt from the company's website: they are found by the customer. */
const FROM_THE_WEBSITE: readonly (readonly [what: string, faults: Faults, says: readonly string[]])[] = [
  [
    "Login with Amazon refuses the skill's pair",
    { lwaResponse: { error: "invalid_client" } },
    ["amazon_code_rejected_invalid_client", "Login with Amazon does not know this client id and secret"],
  ],
  ["the customer declines at Amazon", { consent: { error: "access_denied" } }, ["amazon denied", "declined at Amazon"]],
  [
    "Alexa refuses the enablement",
    { enablement: { all: 403 } },
    ["enablement forbidden", "Alexa responded with 403", "Alexa never came to /token"],
  ],
  [
    "Alexa enables the skill and does not link it",
    { enablementResponse: { notLinked: true } },
    ["enablement not linked", "reports no link"],
  ],
];

describe("an operator finds in the console", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let phone: BrowserContext;
  let customer: Page;
  let operator: Page;

  const setFaults = (faults: Faults) =>
    fetch(`${stage.simulator}/simulator/faults`, { method: "PUT", body: JSON.stringify(faults) });
  const resetSimulator = () => fetch(`${stage.simulator}/simulator/reset`, { method: "POST" });
  const admin = (method: string, path: string, body?: object) =>
    call({ service: stage.service, adminToken: ADMIN_TOKEN }, method, path, body);

  beforeAll(async () => {
    stage = await raiseStage();
    phone = await stage.phone();
    customer = await phone.newPage();
    await signIn(customer, stage);
    operator = await (await stage.browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    await operator.goto(`${stage.service}/admin`);
    await operator.fill("#token", ADMIN_TOKEN);
    await operator.click("button[type=submit]");
    await operator.waitForURL(/\/admin$/);
  });
  beforeEach(() => setFaults({}));
  afterAll(() => stage?.close());

  /** What the console says about the customer's latest attempt, from the search field on. */
  async function latestAttempt(): Promise<string> {
    await operator.goto(`${stage.service}/admin`);
    await operator.fill("#q", DEMO_USER.email);
    await operator.press("#q", "Enter");
    await operator.waitForURL(/\/admin\/customers\//);
    await operator.locator('a[href*="/admin/attempts/"]').first().click();
    await operator.waitForURL(/\/admin\/attempts\/./);
    return operator.locator("main").innerText();
  }

  /** What the console says about this minute, from the search field on. */
  async function thisMinute(): Promise<string> {
    await operator.goto(`${stage.service}/admin`);
    await operator.fill("#q", new Date().toISOString().slice(0, 16).replace("T", " "));
    await operator.press("#q", "Enter");
    await operator.waitForURL(/\/admin\/search/);
    return operator.locator("main").innerText();
  }

  /** Follows a link of the console by its words. */
  async function follow(name: string | RegExp): Promise<void> {
    await operator.getByRole("link", { name, exact: true }).locator("visible=true").first().click();
  }

  /** Opens a page of the console from its navigation. */
  async function openPage(name: string): Promise<void> {
    await operator.goto(`${stage.service}/admin`);
    await follow(name);
  }

  async function unlink(): Promise<void> {
    const { json } = await admin("GET", `/users?email=${encodeURIComponent(DEMO_USER.email)}`);
    const [{ id } = { id: "" }] = (json as { items: { id: string }[] }).items;
    expect((await admin("DELETE", `/users/${id}/links`)).status).toBeLessThan(300);
  }

  async function startInTheAlexaApp(): Promise<void> {
    await customer.goto(`${stage.simulator}/alexa-app`);
    await customer.locator(ENABLE).first().click();
  }

  describe("why a customer cannot link", () => {
    it.each(BEFORE_THE_SIGN_IN)("%s", async (_, faults, says) => {
      await setFaults(faults);
      await startInTheAlexaApp();
      const text = await thisMinute();
      for (const words of says) expect(text).toContain(words);
    });

    it.each(FROM_THE_ALEXA_APP)("%s", async (_, faults, says) => {
      await setFaults(faults);
      await startInTheAlexaApp();
      await customer.locator(ALLOW).click();
      await customer.waitForURL(/\/api\/skill\/link\//);
      const text = await latestAttempt();
      for (const words of says) expect(text).toContain(words);
    });

    it.each(FROM_THE_WEBSITE)("%s", async (_, faults, says) => {
      await setFaults(faults);
      await linkFromWebsite(stage, customer, "allow");
      const text = await latestAttempt();
      for (const words of says) expect(text).toContain(words);
    });

    it("the customer denied", async () => {
      await resetSimulator();
      await startInTheAlexaApp();
      await customer.locator(DENY).click();
      await customer.waitForURL(/\/api\/skill\/link\//);
      const text = await latestAttempt();
      for (const words of ["cancelled", "denied by user"]) expect(text).toContain(words);
    });
  });

  it("how linking did this week: what was started and completed, the rate, and why the rest failed", async () => {
    await linkFromWebsite(stage, customer, "allow");
    await operator.goto(`${stage.service}/admin`);
    const text = await operator.locator("main").innerText();
    for (const words of ["Initiations", "Completions", "Completion rate", "Why attempts did not link"]) {
      expect(text).toContain(words);
    }
    expect(text).toContain("enablement forbidden");
    const report = await admin("GET", "/metrics?period=day");
    const { linking } = (report.json as { totals: { linking: { total: Record<string, number> } } }).totals;
    expect(linking.total.completions).toBeGreaterThan(0);
    expect(text).toContain(`${((linking.total.completionRate ?? 0) * 100).toFixed(1)}%`);
  });

  it("who was unlinked and why", async () => {
    await unlink();
    await openPage("Links");
    await follow(/^Ended/);
    const row = operator.locator("#links > li").first();
    expect(await row.innerText()).toContain("ended by operator");
    await row.locator('a[href*="/admin/customers/"]').first().click();
    expect(await operator.locator("main").innerText()).toContain(DEMO_USER.email);
  });

  it("which refreshes failed today, and of which customer", async () => {
    // Alexa does not hear of it when an operator ends a link that began in the Alexa app, and goes on refreshing.
    await resetSimulator();
    await startInTheAlexaApp();
    await customer.locator(ALLOW).click();
    await customer.waitForURL(/\/api\/skill\/link\//);
    await unlink();
    await fetch(`${stage.simulator}/simulator/run`, { method: "POST", body: JSON.stringify({ scenario: "refresh" }) });
    await openPage("Refused requests");
    await follow("token requests");
    await operator.getByLabel("Range").selectOption("today");
    await operator.getByRole("button", { name: "Apply" }).first().click();
    await operator.waitForURL(/range=1d/);
    const row = operator.locator("#refusals > li", { hasText: "grant revoked" }).first();
    await row.locator('a[href*="/admin/customers/"]').click();
    expect(await operator.locator("main").innerText()).toContain(DEMO_USER.email);
  });

  it("whether Amazon or this server is at fault", async () => {
    await setFaults({ lwa: 503 });
    for (let i = 0; i < 6; i++) await linkFromWebsite(stage, customer, "allow");
    await stage.scheduled();
    await operator.goto(`${stage.service}/admin`);
    expect(await operator.locator("main").innerText()).toContain("Open alerts");
    await follow("Alerts");
    const amazons = await operator.locator("#open").innerText();
    for (const words of ["amazon unavailable", "server_error", "check Amazon's status page"]) {
      expect(amazons).toContain(words);
    }
    await setFaults({ tokenClient: { wrongSecret: true } });
    for (let i = 0; i < 10; i++) {
      await fetch(`${stage.simulator}/simulator/run`, { method: "POST", body: '{"scenario":"authorize"}' });
    }
    await openPage("Operations");
    await operator.getByRole("button", { name: /Run/ }).click();
    await openPage("Alerts");
    const ours = operator.locator("#open li", { hasText: "invalid client burst" });
    expect(await ours.innerText()).toContain("enter Client ID and Secret on the skill's Account Linking page again");
    await ours.getByRole("link", { name: "Refused requests" }).click();
    expect(await operator.locator("#refusals > li").first().innerText()).toContain("invalid client");
  });
});
