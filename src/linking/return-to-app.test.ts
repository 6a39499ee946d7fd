// Back to an app by its own scheme: a page with one button, because browsers open such a scheme only from a tap.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { type Amazon, jsonResponse } from "../../test/support/amazon.ts";
import { type AppUser, appUser, RETURN_URL } from "../../test/support/app-user.ts";
import { LANGUAGES } from "../../test/support/languages.ts";
import { approve, decide, PAGE, signIn, startedAttempts, startPageWorld } from "../../test/support/link-page.ts";
import { SKILL_ID } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import type { Page, Visitor } from "../../test/support/visitor.ts";

const APP = "acme://alexa-done";
/** Every character that may be registered and means something in HTML or in the header. */
const ODD = "com.example.app:/done?a=1&b=%22'$;,url=x&amp=2";

let service: Service;
let amazon: Amazon;
let browser: Visitor;
let ada: AppUser;

beforeEach(async () => {
  const world = await startPageWorld();
  ({ service, amazon, browser } = world);
  await service.env.DB.prepare("UPDATE skills SET return_urls = ?")
    .bind(JSON.stringify([APP, ODD, RETURN_URL]))
    .run();
  ada = await appUser(service, world.userId);
});
afterEach(() => vi.restoreAllMocks());

function linksOf({ html }: Page): string[] {
  const main = html.slice(html.indexOf("<main>"), html.indexOf("</main>"));
  return [...main.matchAll(/<a\b[^>]*\shref="([^"]*)"/g)].map(([, href = ""]) =>
    href.replaceAll("&#39;", "'").replaceAll("&quot;", '"').replaceAll("&amp;", "&"),
  );
}

/** The parameters that the page's one button takes to the app; the page is as safe as any other. */
function opened(page: Page, app = APP): Record<string, string> {
  expect([page.status, page.location]).toEqual([200, null]);
  expect(page.headers.get("cache-control")).toBe("no-store, no-transform");
  expect(page.headers.get("referrer-policy")).toBe("no-referrer");
  expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  expect(page.html).not.toMatch(/<script|http-equiv="refresh"/);
  const links = linksOf(page);
  expect(links).toHaveLength(1);
  const [target = ""] = links;
  expect(page.headers.get("refresh")).toBe(`0;url=${target}`);
  expect(target.startsWith(`${app}${app.includes("?") ? "&" : "?"}`)).toBe(true);
  return Object.fromEntries(new URLSearchParams(target.slice(app.length + 1)));
}

describe("L10: an app's scheme gets a page with one button", () => {
  const callbackOf = async (platform: string, returnTo: string) => {
    const started = await ada.start({ platform, returnTo });
    return { state: started.state, path: new URL(started.redirectUri).pathname };
  };

  it.each([
    ["ios", APP],
    ["android", APP],
    ["web", APP],
    ["ios", ODD],
  ])("at the callback of an attempt of the app (%s, %s)", async (platform, app) => {
    const { state, path } = await callbackOf(platform, app);
    const before = await startedAttempts();
    const parked = opened(await browser.get(`${path}?state=${state}&code=AN1`), app);
    expect(parked).toEqual({ status: "parked", state, result: expect.stringMatching(/^[A-Za-z0-9._-]{100,}$/) });
    expect(opened(await browser.get(`${path}?state=${state}&error=access_denied`), app)).toEqual({
      status: "cancelled",
      state,
    });
    const failed = await browser.get(`${path}?state=${state}&error=%22%3E%3Cscript%3E&error_description=x`);
    expect(opened(failed, app)).toEqual({ status: "failed", reason: "amazon_denied", state });
    expect(await startedAttempts()).toEqual(before);
  });

  it.each([APP, ODD])("at the end of an attempt of our page, and after a denial (%s)", async (app) => {
    const page = `${PAGE}?return_to=${encodeURIComponent(app)}`;
    const callback = await approve(amazon, browser, page);
    const linked = opened(await browser.get(callback), app);
    expect(linked).toEqual({ status: "linked", state: expect.stringMatching(/^[A-Za-z0-9_-]{49}$/) });
    expect(opened(await browser.get(callback), app)).toEqual(linked);
    expect(opened(await decide(browser, await browser.get(page), "deny"), app)).toEqual({ status: "cancelled" });
    amazon.faults.push((seen) => (seen.what === "enable" ? jsonResponse({}, 403) : undefined));
    const failed = opened(await browser.get(await approve(amazon, browser, page, "another")), app);
    expect(failed).toMatchObject({ status: "failed", reason: "enablement_forbidden" });
  });

  it.each([...LANGUAGES])("in %s", async (language, text) => {
    browser.headers["accept-language"] = language;
    const { state, path } = await callbackOf("ios", APP);
    const page = await browser.get(`${path}?state=${state}&error=access_denied`);
    expect(page.html).toContain(`>${text.openApp.replaceAll("'", "&#39;")}</a>`);
  });

  it("but an https return URL gets a redirect without a page", async () => {
    const { state, path } = await callbackOf("ios", RETURN_URL);
    const page = await browser.get(`${path}?state=${state}&code=AN1`);
    expect([page.status, page.headers.get("refresh"), page.html]).toEqual([303, null, ""]);
    expect(page.location?.startsWith(`${RETURN_URL}?status=parked&`)).toBe(true);
  });

  it.each([
    "acme://alexa-done/",
    "acme://alexa-done?x=1",
    "ACME://alexa-done",
    "acme:alexa-done",
    "evil://alexa-done",
    "javascript:alert(1)",
  ])("never for %s, which is not registered", async (returnTo) => {
    const response = await ada.call("POST", "/api/links", { skillId: SKILL_ID, returnTo, platform: "ios" });
    expect(response.status).toBe(400);
    await response.text();
    await signIn(browser);
    const page = await browser.get(`${PAGE}?return_to=${encodeURIComponent(returnTo)}`);
    expect([page.status, page.location, page.headers.get("refresh")]).toEqual([400, null, null]);
    expect(linksOf(page)).toEqual([]);
  });
});

describe("L10: schemes that do not lead back into an app", () => {
  const schemes =
    "about,android-app,blob,callto,chrome,chrome-extension,content,data,devtools,edge,facetime,feed,file,filesystem,ftp,geo,intent,itms-services,jar,javascript,jscript,ldap,livescript,mailto,market,mhtml,moz-extension,ms-appinstaller,ms-msdt,ms-word,ms-settings,prefs,res,resource,safari-web-extension,search-ms,sftp,shell,sip,sms,smb,ssh,tel,telnet,vbscript,view-source,webcal,ws,wss,wyciwyg,x-apple-reminderkit";

  it.each(schemes.split(","))("%s cannot be registered", async (scheme) => {
    const local = startService();
    for (const url of [`${scheme}://x/y`, `${scheme}:/x`, `${scheme}:x`, `${scheme.toUpperCase()}://x`]) {
      const response = await admin(local, "POST", "skills", { ...SKILL_BODY, returnUrls: [url] });
      expect([url, response.status, response.body.code]).toEqual([url, 400, "invalid_body"]);
    }
  });

  it("schemes of apps whose names begin or end like those can be", async () => {
    const returnUrls = ["operahouse://x", "manuscript://x", "edgetech://x", "msacme://x", "com.example.data://x"];
    expect((await admin(startService(), "POST", "skills", { ...SKILL_BODY, returnUrls })).status).toBe(201);
  });
});
