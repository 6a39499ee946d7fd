// Creating accounts on the page: only where it is open, and without telling who has one already.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { type Page, type Visitor, visit } from "../../test/support/visitor.ts";

const LOCAL = { ISSUER: "http://localhost:8787" };
const GRACE = { email: "grace@example.com", password: "graces-password", name: "Grace" };

async function signUp(visitor: Visitor, fields: Record<string, string>, from = "/sign-up"): Promise<Page> {
  const page = await visitor.get(from);
  return visitor.post("/sign-up", { ...page.hidden("/sign-up"), ...fields });
}

async function users(): Promise<number> {
  const row = await env.DB.prepare("SELECT COUNT(*) AS n FROM users").first<{ n: number }>();
  return row?.n ?? -1;
}

describe("whether sign-up is open", () => {
  it.each([
    ["closed with a public issuer", {}, 404],
    ["open in development", LOCAL, 200],
    ["closed in development when configured so", { ...LOCAL, SIGN_UP: "closed" }, 404],
    ["closed without the password method", { ...LOCAL, ...amazonOnly() }, 404],
  ])("S5: %s", async (_, variables, status) => {
    const service = startService(variables);
    const visitor = visit(service);
    const page = await visitor.get("/sign-up");
    expect(page.status).toBe(status);
    if (status === 200) return;
    const posted = await visitor.post("/sign-up", GRACE);
    expect(posted.status).toBe(404);
    expect(await users()).toBe(0);
  });

  it("where it is closed, names the company's own page", async () => {
    const service = startService({ SIGN_UP_URL: "https://www.example.com/join" });
    const page = await visit(service).get("/sign-up");
    expect(page.status).toBe(404);
    expect(page.html).toContain('href="https://www.example.com/join"');
    expect((await visit(service).get("/sign-in")).html).toContain('href="https://www.example.com/join"');
  });
});

function amazonOnly() {
  return {
    SIGN_IN_METHODS: "amazon",
    AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.example",
    AMAZON_SIGN_IN_CLIENT_SECRET: "obviously-fake-secret",
  };
}

describe("signing up", () => {
  let service: Service;
  beforeEach(() => {
    service = startService(LOCAL);
  });

  it("makes the account, signs in, and goes on to where the visitor came from", async () => {
    const grace = visit(service);
    const signIn = await grace.get("/sign-in?continue_to=/somewhere%3Fa=b");
    const link = /href="(\/sign-up\?form=[^"]*)"/.exec(signIn.html)?.[1] ?? "";
    const answer = await signUp(grace, GRACE, link);
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe("/somewhere?a=b");
    expect((await grace.get("/account")).html).toContain(GRACE.email);
    expect((await visit(service, "192.0.2.77").signIn(GRACE.email, GRACE.password)).status).toBe(303);
  });

  it("answers an address that has an account like a new one, and lets nobody in", async () => {
    await addUser(service);
    const eve = visit(service);
    const taken = await signUp(eve, { email: EMAIL, password: "eves-password", name: "Eve" });
    const fresh = await signUp(visit(service), GRACE);
    expect(taken.status).toBe(fresh.status);
    expect(taken.headers.get("location")).toBe(fresh.headers.get("location"));
    expect([...taken.headers.keys()]).toEqual([...fresh.headers.keys()]);
    const shape = (value: string | undefined) => value?.length;
    expect(shape(eve.cookies.get("__Host-session"))).toBeGreaterThan(100);
    expect((await eve.get("/account")).html).toContain('action="/sign-in"');
    expect((await eve.signIn(EMAIL, "eves-password")).status).toBe(401);
    expect(await users()).toBe(2);
  });

  it("makes the same storage trips for taken and for new addresses", async () => {
    await addUser(service);
    const eve = visit(service);
    await eve.get("/sign-up");
    service.meter.clear();
    await signUp(eve, { email: EMAIL, password: "eves-password", name: "Eve" });
    const taken = service.meter.calls();
    service.meter.clear();
    await signUp(eve, GRACE);
    expect(service.meter.calls()).toEqual(taken);
  });

  it("signs the owner in when the password is right", async () => {
    await addUser(service);
    const ada = visit(service);
    await signUp(ada, { email: EMAIL, password: PASSWORD, name: "Ada again" });
    const account = await ada.get("/account");
    expect(account.html).toContain(EMAIL);
    expect(account.html).not.toContain("Ada again");
  });

  it("F3: is no way around the limits of guessing", async () => {
    await addUser(service);
    const eve = visit(service);
    const statuses: number[] = [];
    for (let i = 0; i < 10; i++) {
      statuses.push((await signUp(eve, { email: EMAIL, password: `wrong-password-${i}`, name: "Eve" })).status);
    }
    expect(statuses).toEqual([303, 303, 303, 303, 303, 429, 429, 429, 429, 429]);
    expect((await eve.signIn(EMAIL, PASSWORD)).status).toBe(429);
  });

  it("is limited per network", async () => {
    const eve = visit(service);
    await signUp(eve, GRACE);
    await env.DB.prepare("UPDATE throttles SET failures = 1000").run();
    const refused = await signUp(eve, { ...GRACE, email: "another@example.com" });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await users()).toBe(1);
  });

  it("of two at once with the same address one wins, and the other is signed in as nobody", async () => {
    const [one, two] = [visit(service), visit(service)];
    const forms = await Promise.all([one.get("/sign-up"), two.get("/sign-up")]);
    service.meter.faults.push({ when: () => true, delayMs: 20 });
    const answers = await Promise.all([
      one.post("/sign-up", { ...forms[0].hidden("/sign-up"), ...GRACE }),
      two.post("/sign-up", { ...forms[1].hidden("/sign-up"), ...GRACE, password: "another-password" }),
    ]);
    service.meter.faults.length = 0;
    expect(answers.map((answer) => answer.status)).toEqual([303, 303]);
    expect(await users()).toBe(1);
    const accounts = await Promise.all([one.get("/account"), two.get("/account")]);
    expect(accounts.filter((page) => page.html.includes(GRACE.email)).length).toBe(1);
  });

  it.each([
    ["no name", { name: "" }, "Please enter your name"],
    ["a name of blanks", { name: "   " }, "Please enter your name"],
    ["a name with a line break", { name: "Grace\r\nX: y" }, "Please enter your name"],
    ["a name of 101 characters", { name: "x".repeat(101) }, "Please enter your name"],
    ["no e-mail address", { email: "" }, "Please enter an e-mail address"],
    ["an address without @", { email: "grace" }, "Please enter an e-mail address"],
    ["two addresses", { email: "a@example.com,b@example.com" }, "Please enter an e-mail address"],
    ["an address with a blank inside", { email: "a b@example.com" }, "Please enter an e-mail address"],
    ["an address with a hidden character", { email: "gr\u200bace@example.com" }, "Please enter an e-mail address"],
    ["an address of 255 characters", { email: `${"x".repeat(243)}@example.com` }, "Please enter an e-mail address"],
    ["no password", { password: "" }, "at least 10 characters"],
    ["9 characters of password", { password: "123456789" }, "at least 10 characters"],
    ["9 emoji", { password: "😀".repeat(9) }, "at least 10 characters"],
    ["1,025 bytes of password", { password: "x".repeat(1025) }, "The password is too long"],
  ])("refuses %s, names it, and keeps the rest", async (_, change: Record<string, string>, message) => {
    const answer = await signUp(visit(service), { ...GRACE, ...change });
    expect(answer.status).toBe(400);
    expect(answer.html).toContain(message);
    expect(answer.html).toContain('aria-invalid="true"');
    expect(answer.html).not.toContain(GRACE.password);
    expect(await users()).toBe(0);
  });

  it.each([
    ["10 characters", "1234567890"],
    ["1,024 bytes", "x".repeat(1024)],
    ["blanks and controls", " \t\u0001 \u0000 abcdef "],
    ["ten emoji", "😀".repeat(10)],
  ])("takes a password of %s", async (_, password) => {
    expect((await signUp(visit(service), { ...GRACE, password })).status).toBe(303);
    expect((await visit(service, "192.0.2.77").signIn(GRACE.email, password)).status).toBe(303);
  });

  it("S3: needs a form of this browser", async () => {
    const page = await visit(service).get("/sign-up");
    const eve = visit(service);
    await eve.get("/sign-up");
    expect((await eve.post("/sign-up", GRACE)).status).toBe(403);
    expect((await eve.post("/sign-up", { ...page.hidden("/sign-up"), ...GRACE })).status).toBe(403);
    expect(await users()).toBe(0);
  });
});
