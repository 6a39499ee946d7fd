// Missing, repeated, oversized, malformed and hostile values of every field of POST /sign-in.
import { beforeEach, describe, expect, it } from "vitest";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await addUser(service);
});

describe("the form", () => {
  const fields = { email: EMAIL, password: PASSWORD };

  it.each([
    ["missing", undefined],
    ["empty", ""],
    ["garbage", "AAAAAA.notsealed"],
    ["huge", "A".repeat(40_000)],
    ["not text", "\u0000\uffff"],
  ])("S3: a form token that is %s is a 403 page", async (_, token) => {
    const ada = visit(service);
    await ada.get("/sign-in");
    const response = await ada.post("/sign-in", token === undefined ? fields : { form: token, ...fields });
    expect(response.status).toBe(403);
    expect(response.headers.get("content-type")).toMatch(/^text\/html/);
    expect(ada.cookies.has("__Host-session")).toBe(false);
    expect(service.meter.calls()).toEqual([]);
  });

  it("S3: a form rendered for another browser is refused", async () => {
    const eve = await visit(service).get("/sign-in");
    const ada = visit(service);
    await ada.get("/sign-in");
    const response = await ada.post("/sign-in", { ...eve.hidden("/sign-in"), ...fields });
    expect(response.status).toBe(403);
  });

  it("S3: the token of another form is refused", async () => {
    const ada = visit(service);
    await ada.signIn(EMAIL, PASSWORD);
    const signOut = (await ada.get("/account")).hidden("/sign-out");
    const response = await ada.post("/sign-in", { ...signOut, ...fields });
    expect(response.status).toBe(403);
  });

  it("after an hour the page says that the form was open for too long", async () => {
    const ada = visit(service);
    const page = await ada.get("/sign-in");
    service.clock.advance(60 * 60 * 1000);
    const response = await ada.post("/sign-in", { ...page.hidden("/sign-in"), ...fields });
    expect(response.status).toBe(400);
    expect(response.html).toContain("This page was open for too long");
  });

  it.each([
    ["e-mail left out", { password: PASSWORD }],
    ["password left out", { email: EMAIL }],
    ["both empty", { email: "", password: "" }],
  ])("%s: the page asks for both fields", async (_, given: Record<string, string>) => {
    const ada = visit(service);
    const page = await ada.get("/sign-in");
    const response = await ada.post("/sign-in", { ...page.hidden("/sign-in"), ...given });
    expect(response.status).toBe(400);
    expect(response.html).toContain("Please enter your email address and your password.");
  });

  it.each<[string, [string, string][]]>([
    [
      "e-mail",
      [
        ["email", "eve@example.com"],
        ["email", EMAIL],
        ["password", PASSWORD],
      ],
    ],
    [
      "password",
      [
        ["email", EMAIL],
        ["password", "wrong-password"],
        ["password", PASSWORD],
      ],
    ],
    [
      "form token",
      [
        ["form", "x"],
        ["email", EMAIL],
        ["password", PASSWORD],
      ],
    ],
  ])("W4: a repeated %s is refused", async (_, pairs) => {
    const ada = visit(service);
    const page = await ada.get("/sign-in");
    const response = await ada.post("/sign-in", [...Object.entries(page.hidden("/sign-in")), ...pairs]);
    expect(response.status).toBe(400);
    expect(ada.cookies.has("__Host-session")).toBe(false);
  });

  it.each([
    ["JSON", { "content-type": "application/json" }, "{}"],
    ["multipart", { "content-type": "multipart/form-data; boundary=x" }, "--x--"],
    ["no type", { "content-type": "" }, "a=b"],
    ["broken escapes", {}, "form=%zz"],
    ["broken UTF-8", {}, "form=%ff%fe"],
    ["too much", {}, `form=${"x".repeat(60_000)}`],
  ])("W4: a body of %s is a 400 page", async (_, headers, body) => {
    const response = await visit(service).post("/sign-in", {}, { headers, body });
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toMatch(/^text\/html/);
  });

  it.each([
    ["markup", '"><script>alert(1)</script>@example.com'],
    ["a line break", "ada@example.com\r\nSet-Cookie: x=y"],
    ["a NUL", "ada\u0000@example.com"],
    ["10,000 characters", `${"a".repeat(10_000)}@example.com`],
    ["half a surrogate pair", "\ud800@example.com"],
    ["SQL", "' OR 1=1 --"],
  ])("an email address with %s is refused like a wrong one and is escaped on the page", async (_, email) => {
    const response = await visit(service).signIn(email, PASSWORD);
    expect(response.status).toBe(401);
    expect(response.html).not.toContain("<script>");
    expect(response.html.length).toBeLessThan(20_000);
  });

  it("a password of more than 1,024 bytes is refused like a wrong one", async () => {
    const response = await visit(service).signIn(EMAIL, PASSWORD + "x".repeat(10_000));
    expect(response.status).toBe(401);
  });

  it.each([
    "//evil.test",
    "/\\evil.test",
    "\\/evil.test",
    "https://evil.test/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "/\t/evil.test",
    "\t//evil.test",
    "/%0d%0aSet-Cookie:x=y\r\n",
    "/ä",
    "account",
    "",
    `/${"a".repeat(21_000)}`,
  ])("S7: continue_to %j is replaced by the account page", async (continueTo) => {
    const ada = visit(service);
    const response = await ada.signIn(EMAIL, PASSWORD, `/sign-in?continue_to=${encodeURIComponent(continueTo)}`);
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/account");
  });

  it("B1: a long path with a query is kept unchanged", async () => {
    const path = `/authorize?client_id=x&state=${"%2F~+%3D".repeat(1000)}&redirect_uri=https%3A%2F%2Fa.example`;
    const response = await visit(service).signIn(EMAIL, PASSWORD, `/sign-in?continue_to=${encodeURIComponent(path)}`);
    expect(response.headers.get("location")).toBe(path);
  });
});
