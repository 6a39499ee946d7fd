// What fills the console's lists: links, failures, an ended link, refused requests, an open alert, a second customer.
import type { Page } from "playwright-core";
import { call, DEMO_SKILL_ID, DEMO_USER } from "../../scripts/demo.ts";
import { ADMIN_TOKEN, type Stage } from "./harness.ts";

const REFUSED_REDIRECT_URI = "https://pitangui.amazon.com/api/skill/link/M0OTHER";
/** Enough requests of one client for its alert. */
const REFUSED_REQUESTS = 6;

/** Ids of what the console has a page for. */
export interface ConsoleData {
  readonly attempt: string;
  readonly customer: string;
}

/** The signed-in customer starts on the company's website, and denies there or allows there and at Amazon. */
export async function linkFromWebsite(stage: Stage, page: Page, decision: "allow" | "deny"): Promise<void> {
  const returnTo = `${stage.simulator}/company/done`;
  await page.goto(`${stage.service}/link/${DEMO_SKILL_ID}?return_to=${encodeURIComponent(returnTo)}&via=lwa`);
  const button = page.locator(`button[name=decision][value=${decision}]`);
  await button.click();
  if (decision === "allow") {
    await page.waitForURL(/\/ap\/oa/);
    await button.click();
  }
  await page.waitForURL((url) => !/^\/(ap\/oa|link\/)/.test(url.pathname));
}

async function setFaults(stage: Stage, faults: object): Promise<void> {
  const response = await fetch(`${stage.simulator}/simulator/faults`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(faults),
  });
  if (!response.ok) throw new Error(`the simulator refused the faults: ${await response.text()}`);
}

/** The admin API's response. Throws if it refuses. */
async function admin(stage: Stage, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const { status, json } = await call({ service: stage.service, adminToken: ADMIN_TOKEN }, method, path, body);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(json)}`);
  return json;
}

async function firstId(stage: Stage, path: string): Promise<string> {
  const { items } = (await admin(stage, "GET", path)) as { items: { id: string }[] };
  const [first] = items;
  if (!first) throw new Error(`${path}: empty`);
  return first.id;
}

/** Fills the lists. `page`: the signed-in customer's. `skillName`: the new name of the demo skill. */
export async function fillConsole(stage: Stage, page: Page, skillName: string): Promise<ConsoleData> {
  await linkFromWebsite(stage, page, "allow");
  const customer = await firstId(stage, `/users?email=${encodeURIComponent(DEMO_USER.email)}`);
  await admin(stage, "DELETE", `/users/${customer}/links`);
  await setFaults(stage, { enablement: { all: { status: 403 } } });
  await linkFromWebsite(stage, page, "allow");
  await setFaults(stage, {});
  await linkFromWebsite(stage, page, "allow");
  const query = new URLSearchParams({
    client_id: "alexa-acme-home",
    redirect_uri: REFUSED_REDIRECT_URI,
    response_type: "code",
    state: "of-nobody",
  });
  for (let i = 0; i < REFUSED_REQUESTS; i++) await fetch(`${stage.service}/authorize?${query}`);
  await fetch(`${stage.service}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("alexa-acme-home:wrong")}` },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: "none" }),
  });
  await admin(stage, "PATCH", `/skills/${DEMO_SKILL_ID}`, { name: skillName });
  await admin(stage, "POST", "/users", { ...DEMO_USER, email: "demo-2@example.com" });
  // Writes what is counted, for the scheduled work to look at.
  await admin(stage, "GET", "/refusals");
  await stage.scheduled();
  await firstId(stage, "/linkings?outcome=linked");
  return { attempt: await firstId(stage, "/linkings?outcome=failed"), customer };
}
