// Signing in and out over HTTP: the forms, the responses, the cookies.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD, runtimeOf } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";
import { hashPassword } from "./password-hash.ts";

async function count(table: string): Promise<number> {
  const row = await env.DB.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first<{ n: number }>();
  return row?.n ?? -1;
}

let service: Service;
let userId: string;
beforeEach(async () => {
  service = startService();
  userId = await addUser(service);
});

describe("signing in", () => {
  it("P7: redirects with 303 to the requested page, signed in", async () => {
    const ada = visit(service);
    const response = await ada.signIn(EMAIL, PASSWORD, "/account");
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/account");
    const account = await ada.get("/account");
    expect(account.status).toBe(200);
    expect(account.html).toContain(EMAIL);
  });

  it("accepts an email address with spaces around it and in upper case", async () => {
    const response = await visit(service).signIn("  ADA@Example.COM ", PASSWORD);
    expect(response.status).toBe(303);
  });

  it("P6: the page shows the error next to the form and keeps the email address", async () => {
    const response = await visit(service).signIn(EMAIL, "wrong-password");
    expect(response.status).toBe(401);
    expect(response.html).toContain("Wrong email or password.");
    expect(response.html).toContain(`value="${EMAIL}"`);
    expect(response.html).toMatch(/aria-describedby="form-error"/);
    expect(response.html).not.toContain("wrong-password");
  });

  it("S5: does not reveal which accounts exist", async () => {
    const known = await visit(service).signIn(EMAIL, "wrong-password");
    const unknown = await visit(service, "192.0.2.2").signIn("eve@example.com", "wrong-password");
    const withoutValues = (html: string) => html.replace(/value="[^"]*"/g, "").replace(/\?form=[^"]*/g, "");
    expect(unknown.status).toBe(known.status);
    expect(withoutValues(unknown.html)).toBe(withoutValues(known.html));
    expect([...unknown.headers.keys()]).toEqual([...known.headers.keys()]);
  });

  it("S5: makes the same storage calls for existing and unknown accounts", async () => {
    const page = visit(service);
    await page.get("/sign-in");
    service.meter.clear();
    await page.signIn(EMAIL, "wrong-password");
    const known = service.meter.calls();
    service.meter.clear();
    await page.signIn("eve@example.com", "wrong-password");
    expect(service.meter.calls()).toEqual(known);
    expect(known).toEqual(["DB.batch"]);
  });

  it("takes at most two storage round trips when the password is right", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect(service.meter.calls().length).toBeLessThanOrEqual(2);
  });

  it("P2: rendering the page makes no storage call", async () => {
    const ada = visit(service);
    for (const path of ["/sign-in", "/sign-in?continue_to=/account", "/account"]) await ada.get(path);
    await service.request("/sign-in", { method: "HEAD" });
    expect(service.meter.calls()).toEqual([]);
  });

  it("P4: two open tabs both work", async () => {
    const ada = visit(service);
    const first = await ada.get("/sign-in?continue_to=/first");
    const second = await ada.get("/sign-in?continue_to=/second");
    const fields = { email: EMAIL, password: PASSWORD };
    const late = await ada.post("/sign-in", { ...second.hidden("/sign-in"), ...fields });
    const early = await ada.post("/sign-in", { ...first.hidden("/sign-in"), ...fields });
    expect([late, early].map((response) => response.headers.get("location"))).toEqual(["/second", "/first"]);
  });

  it("S3: every sign-in sets a new session cookie", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const first = ada.cookies.get("__Host-session");
    const browser = ada.cookies.get("__Host-browser");
    await ada.signIn(EMAIL, PASSWORD);
    expect(ada.cookies.get("__Host-session")).not.toBe(first);
    expect(ada.cookies.get("__Host-browser")).toBe(browser);
  });

  it("S3: a new sign-in replaces that of the same browser, and signs out no other browser, however often", async () => {
    const laptop = visit(service, "192.0.2.9");
    await laptop.signIn(EMAIL, PASSWORD);
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const copy = ada.cookies.get("__Host-session") ?? "";
    for (let i = 0; i < 22; i++) {
      service.clock.advance(1000);
      expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
    }
    expect(await count("sessions")).toBe(2);
    expect((await laptop.get("/account")).html).toContain(EMAIL);
    expect((await ada.get("/account")).html).toContain(EMAIL);
    ada.cookies.set("__Host-session", copy);
    expect((await ada.get("/account")).html).not.toContain(EMAIL);
  });

  it("P5: both cookies are host-only, Secure, HttpOnly and SameSite=Lax", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    expect(ada.setCookies.length).toBe(2);
    for (const cookie of ada.setCookies) {
      expect(cookie).toMatch(/^__Host-(browser|session)=/);
      expect(cookie).toMatch(/; Secure/);
      expect(cookie).toMatch(/; HttpOnly/);
      expect(cookie).toMatch(/; Path=\//);
      expect(cookie).toMatch(/; SameSite=Lax/);
      expect(cookie).not.toMatch(/domain/i);
    }
  });

  it("S3: a session cookie does not work in another browser", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const eve = visit(service);
    await eve.get("/sign-in");
    eve.cookies.set("__Host-session", ada.cookies.get("__Host-session") ?? "");
    const account = await eve.get("/account");
    expect(account.html).not.toContain(EMAIL);
    expect(account.html).toContain('action="/sign-in"');
  });
});

describe("accounts", () => {
  it("there is no sign-up, and the page links to the company's own pages when they are configured", async () => {
    const pages = { SIGN_UP_URL: "https://www.example.com/join", RESET_PASSWORD_URL: "https://www.example.com/reset" };
    const linked = await visit(startService(pages)).get("/sign-in");
    for (const address of Object.values(pages)) expect(linked.html).toContain(`href="${address}"`);
    const plain = await visit(service).get("/sign-in");
    expect(plain.html).not.toContain('class="links"');
    for (const issuer of ["https://link.example.com", "http://localhost:8787"]) {
      const visitor = visit(startService({ ISSUER: issuer }));
      expect((await visitor.get("/sign-up")).status).toBe(404);
      expect((await visitor.post("/sign-up", { email: EMAIL, password: PASSWORD, name: "Eve" })).status).toBe(404);
    }
  });
});

describe("every page", () => {
  it("P7: has headers against framing, caching and leaks, and no form-action", async () => {
    const ada = visit(service);
    const broken = { headers: { "content-type": "text/plain" }, body: "x" };
    const pages = [
      await ada.get("/sign-in"),
      await ada.get("/account"),
      await ada.get("/nowhere"),
      await ada.post("/sign-in", {}),
      await ada.post("/sign-in", {}, broken),
      await ada.post("/sign-out", {}),
      await ada.signIn(EMAIL, "wrong-password"),
    ];
    for (const page of pages) {
      const policy = page.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("form-action");
      expect(policy).not.toContain("unsafe");
      expect(policy).not.toContain("script-src");
      expect(page.headers.get("x-frame-options")).toBe("DENY");
      expect(page.headers.get("cache-control")).toBe("no-store, no-transform");
      expect(page.headers.get("referrer-policy")).toBe("no-referrer");
      expect(page.headers.get("x-content-type-options")).toBe("nosniff");
      expect(page.html.startsWith("<!doctype html><html lang=")).toBe(true);
      expect(page.html).toContain('name="viewport"');
      expect(page.html).not.toMatch(/<script|javascript:| on[a-z]+="| style="/i);
      expect(page.html).not.toMatch(/(src|href)="https?:/);
    }
  });

  it("P6: uses the visitor's language by weight, English otherwise", async () => {
    const ada = visit(service);
    const language = async (header: string) => {
      ada.headers["accept-language"] = header;
      return /<html lang="([^"]*)"/.exec((await ada.get("/sign-in")).html)?.[1];
    };
    expect(await language("de-AT,de;q=0.9,en;q=0.8")).toBe("de");
    expect(await language("en;q=0.5, de;q=0.9")).toBe("de");
    expect(await language("de;q=0, en;q=0.1")).toBe("en");
    expect(await language("xx-YY, tlh")).toBe("en");
    expect(await language(",;q=,;;=,de;q=nonsense")).toBe("en");
    expect(await language(`${"x,".repeat(5000)}de`)).toBe("en");
  });
});

describe("signing out", () => {
  it("ends the session, also for copies of its cookie", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const copy = ada.cookies.get("__Host-session") ?? "";
    const account = await ada.get("/account");
    const response = await ada.post("/sign-out", account.hidden("/sign-out"));
    expect(response.status).toBe(303);
    expect(ada.cookies.has("__Host-session")).toBe(false);
    ada.cookies.set("__Host-session", copy);
    expect((await ada.get("/account")).html).not.toContain(EMAIL);
  });

  it("S3: requires a form that we rendered", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    for (const path of ["/sign-out", "/sign-out/everywhere"]) {
      expect((await ada.post(path, {})).status).toBe(403);
      expect((await ada.get(path)).status).toBe(405);
    }
    expect((await ada.get("/account")).html).toContain(EMAIL);
  });

  it("works from a page that was open for days", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const account = await ada.get("/account");
    service.clock.advance(3 * 24 * 3600 * 1000);
    await ada.post("/sign-out", account.hidden("/sign-out"));
    expect(ada.cookies.has("__Host-session")).toBe(false);
  });

  it("everywhere: signs out all browsers, and signing in again works", async () => {
    const phone = visit(service);
    const laptop = visit(service, "192.0.2.9");
    await phone.signIn(EMAIL, PASSWORD);
    await laptop.signIn(EMAIL, PASSWORD);
    const account = await laptop.get("/account");
    const response = await laptop.post("/sign-out/everywhere", account.hidden("/sign-out/everywhere"));
    expect(response.status).toBe(303);
    expect((await phone.get("/account")).html).not.toContain(EMAIL);
    await phone.signIn(EMAIL, PASSWORD);
    expect((await phone.get("/account")).html).toContain(EMAIL);
  });

  it("everywhere: a session that has ended cannot end the others", async () => {
    const stolen = visit(service);
    const laptop = visit(service, "192.0.2.9");
    await stolen.signIn(EMAIL, PASSWORD);
    await laptop.signIn(EMAIL, PASSWORD);
    const form = (await stolen.get("/account")).hidden("/sign-out");
    const copy = stolen.cookies.get("__Host-session") ?? "";
    await stolen.post("/sign-out", form);
    stolen.cookies.set("__Host-session", copy);
    await stolen.post("/sign-out/everywhere", form);
    expect((await laptop.get("/account")).html).toContain(EMAIL);
  });

  it("deleting a user signs them out", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    await env.DB.prepare("DELETE FROM users WHERE id = ?").bind(userId).run();
    expect((await ada.get("/account")).html).not.toContain(EMAIL);
    expect(await count("sessions")).toBe(0);
  });
});

describe("password hashes", () => {
  it("F1: a hash of fewer rounds still verifies, and is replaced at sign-in", async () => {
    const old = await hashPassword(await runtimeOf(service, 500), EMAIL, PASSWORD);
    await env.DB.prepare("UPDATE identities SET password_hash = ?").bind(old).run();
    const ada = visit(service);
    expect((await ada.signIn(EMAIL, "wrong-password")).status).toBe(401);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
    const row = await env.DB.prepare("SELECT password_hash FROM identities").first<{ password_hash: string }>();
    expect(row?.password_hash).not.toBe(old);
    const opened = await (await service.keyring()).open("password-hash", EMAIL, row?.password_hash ?? "");
    expect(opened?.plaintext).toMatch(/^pbkdf2-sha512\$1000\$/);
    expect((await ada.signIn(EMAIL, PASSWORD)).status).toBe(303);
  });

  it("a hash copied to another account does not work there", async () => {
    await addUser(service, "eve@example.com", "eves-own-password");
    await env.DB.prepare(
      "UPDATE identities SET password_hash = (SELECT password_hash FROM identities WHERE subject = 'eve@example.com')",
    ).run();
    expect((await visit(service).signIn(EMAIL, "eves-own-password")).status).toBe(503);
  });

  it.each<[string | null, number]>([
    [null, 401],
    ["", 503],
    ["AAAAAA.garbage", 503],
    ["not a hash", 503],
  ])("no password matches the stored value %j; one that does not open is no wrong password", async (stored, status) => {
    await env.DB.prepare("UPDATE identities SET password_hash = ?").bind(stored).run();
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(status);
  });

  it("different Unicode forms of a password are the same password", async () => {
    await addUser(service, "zoe@example.com", "Passwort-für-Zoë".normalize("NFC"));
    const response = await visit(service).signIn("zoe@example.com", "Passwort-für-Zoë".normalize("NFD"));
    expect(response.status).toBe(303);
  });

  it("a hash sealed under the previous master key verifies and is sealed again", async () => {
    const next = startService({ MASTER_KEY: "B".repeat(43), MASTER_KEY_PREVIOUS: "A".repeat(43) });
    expect((await visit(next).signIn(EMAIL, PASSWORD)).status).toBe(303);
    const last = startService({ MASTER_KEY: "B".repeat(43) });
    expect((await visit(last).signIn(EMAIL, PASSWORD)).status).toBe(303);
  });
});
