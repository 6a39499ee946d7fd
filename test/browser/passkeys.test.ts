// Passkeys in a real Chromium with virtual authenticators: added, used by autofill and by button during an attempt, removed.
import type { BrowserContext, CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEMO_USER } from "../../scripts/demo.ts";
import { chromiumPath, raiseStage, type Stage, signIn } from "./harness.ts";

interface Device {
  readonly cdp: CDPSession;
  readonly authenticatorId: string;
}

/** An authenticator with a screen lock, for one page. Without `present` it waits for a touch. */
async function plugIn(page: Page, present = true): Promise<Device> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: present,
    },
  });
  return { cdp, authenticatorId };
}

async function unplug({ cdp, authenticatorId }: Device): Promise<void> {
  await cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
}

async function addPasskey(page: Page, stage: Stage, name: string): Promise<void> {
  await page.goto(`${stage.service}/account`);
  await page.fill("#passkey-name", name);
  await page.click("[data-passkey=add] button");
  await page.waitForURL(/done=passkey-added/);
}

const BUTTON = "[data-passkey=sign-in] button";

describe("passkeys", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let phone: BrowserContext;
  beforeAll(async () => {
    stage = await raiseStage({ SIGN_IN_METHODS: "password,passkey" });
  });
  afterEach(() => phone?.close());
  afterAll(() => stage?.close());

  const signedOut = () => phone.clearCookies();

  async function names(page: Page): Promise<string[]> {
    await page.goto(`${stage.service}/account`);
    return page
      .locator("ul.rows a[href^='/account/passkeys/']")
      .evaluateAll((links) => links.map((link) => link.closest("li")?.querySelector("strong")?.textContent ?? ""));
  }

  it("two are added, a linking from the Alexa app goes on with one of them, one is removed, the password still works", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    const faults: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" && !message.location().url.endsWith("/favicon.ico")) faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(error.message));
    await signIn(page, stage);
    const first = await plugIn(page);
    await addPasskey(page, stage, "Phone");
    await unplug(first);
    const second = await plugIn(page);
    await addPasskey(page, stage, "Laptop");
    expect(await names(page)).toEqual(["Phone", "Laptop"]);

    // The same device again: the browser knows that it has one.
    await page.click("[data-passkey=add] button");
    await page.waitForSelector("[data-passkey=add] .error");
    expect(await page.locator("[data-passkey=add] .error").innerText()).toContain("already");

    await signedOut();
    await page.goto(`${stage.simulator}/alexa-app`);
    await page.locator("form[action$='/enable'] button").first().click();
    await page.click("button[name=decision][value=allow]");
    await page.waitForURL(/\/api\/skill\/link\//);
    expect(await page.locator("body").innerText()).toContain("successfully linked");

    expect(await names(page)).toEqual(["Phone", "Laptop"]);
    await page.locator("a[href^='/account/passkeys/']").nth(1).click();
    await page.click("button.danger");
    await page.waitForURL(/done=passkey-removed/);
    expect(await names(page)).toEqual(["Phone"]);

    // The authenticator still has it, and the service refuses it.
    await signedOut();
    await page.goto(`${stage.service}/sign-in`);
    await page.waitForSelector("[data-passkey=sign-in] .error:visible");
    expect(await page.locator("[data-passkey=sign-in] .error").innerText()).toContain("did not work");
    await unplug(second);
    await signIn(page, stage);
    expect(await names(page)).toEqual(["Phone"]);
    expect(faults.filter((fault) => !fault.includes("422"))).toEqual([]);
  });

  it("autofill signs in without a touch of ours", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page, stage);
    await plugIn(page);
    await addPasskey(page, stage, "Autofill");
    await signedOut();
    await page.goto(`${stage.service}/sign-in?continue_to=/account%3Fx%3D1`);
    await page.waitForURL(/\/account\?x=1/);
    expect(await page.locator("body").innerText()).toContain(DEMO_USER.email);
  });

  it("the button signs in, and a refusal of the device is said and can be repeated", async () => {
    phone = await stage.phone({ locale: "de-DE" });
    const page = await phone.newPage();
    // As in a browser without autofill of passkeys.
    await page.addInitScript(() => {
      Object.defineProperty(PublicKeyCredential, "isConditionalMediationAvailable", { value: async () => false });
    });
    await signIn(page, stage);
    const { cdp, authenticatorId } = await plugIn(page);
    await addPasskey(page, stage, "");
    await signedOut();
    await page.goto(`${stage.service}/sign-in`);
    await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
    await page.click(BUTTON);
    await page.waitForSelector("[data-passkey=sign-in] .error:visible");
    expect(await page.locator("[data-passkey=sign-in] .error").innerText()).toContain("noch einmal");
    await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
    await page.click(BUTTON);
    await page.waitForURL(/\/account/);
    expect(await page.locator("body").innerText()).toContain(DEMO_USER.email);
  });

  it("P6: without scripts the page offers the password and nothing that would not work", async () => {
    phone = await stage.phone({ javaScript: false });
    const page = await phone.newPage();
    await page.goto(`${stage.service}/sign-in`);
    expect(await page.locator(BUTTON).isVisible()).toBe(false);
    await signIn(page, stage);
    expect(await page.locator("[data-passkey=add]").isVisible()).toBe(false);
    expect(await page.locator("body").innerText()).toContain("allow JavaScript");
  });

  it.each(["/sign-in", "/account"])(
    "P6: at 320 pixels nothing of %s sticks out, and buttons are big enough",
    async (path) => {
      phone = await stage.phone({ locale: "fr-FR" });
      const page = await phone.newPage();
      await page.setViewportSize({ width: 320, height: 640 });
      if (path === "/account") await signIn(page, stage);
      await page.goto(`${stage.service}${path}`);
      await page.waitForSelector("[data-passkey] button:visible");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
      const heights = await page
        .locator("button:visible, a:visible, input:visible")
        .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
      expect(Math.min(...heights)).toBeGreaterThanOrEqual(44);
    },
  );
});
