// Importing accounts of another server, and their owners' first sign-in with the password that they had there.
import { hashSync } from "bcryptjs";
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { SKILL_ID, seedSkill } from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";
import { PERSON_REFUSALS } from "./import-people-api.ts";

const PASSWORD = "pässwörd-of-old";
const BCRYPT = "$2b$04$abcdefghijklmnopqrstuugHCLMmQz7PO79j3QUqrG7zy.BRK/y7e";
const OTHER_BCRYPT = BCRYPT.replace("gHCL", "hHCL");
const EMAIL = "ada@example.com";
const OIDC = {
  SIGN_IN_METHODS: "password,oidc",
  OIDC_ISSUER: "https://id.example.com",
  OIDC_CLIENT_ID: "example-client",
  OIDC_CLIENT_SECRET: "obviously-fake-secret",
};

let service: Service;
beforeEach(() => {
  service = startService();
});

interface Result {
  readonly status: string;
  readonly userId?: string;
  readonly code?: string;
  readonly detail?: string;
}

async function importing(...items: object[]): Promise<Result[]> {
  const { status, body } = await admin(service, "POST", "imports/users", { items });
  expect(status, JSON.stringify(body)).toBe(200);
  const results = body.items as Result[];
  expect(body.imported).toBe(results.filter((one) => one.status === "imported").length);
  expect(body.refused).toBe(results.filter((one) => one.status === "refused").length);
  return results;
}

const hashes = () => rows<{ subject: string; password_hash: string }>("SELECT subject, password_hash FROM identities");

describe("an imported account", () => {
  it("has the id, the name and the time that it had, and its hash is stored sealed", async () => {
    const given = { id: "old|4711", email: "Ada@Example.com", name: " Ada ", createdAt: "2024-05-01T00:00:00Z" };
    expect(await importing({ ...given, passwordHash: BCRYPT })).toEqual([{ status: "imported", userId: "old|4711" }]);
    const { body } = await admin(service, "GET", `users/${encodeURIComponent("old|4711")}`);
    expect(body).toEqual({ id: "old|4711", email: EMAIL, name: "Ada", createdAt: "2024-05-01T00:00:00.000Z" });
    expect(JSON.stringify(await hashes())).not.toContain("$2b$");
  });

  it("signs in with the password that it had, and from then on has a hash of ours", async () => {
    await importing({ email: EMAIL, passwordHash: BCRYPT });
    const [before] = await hashes();
    expect((await visit(service).signIn(EMAIL, "not-the-password")).status).toBe(401);
    expect(await hashes()).toEqual([before]);
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(303);
    const [after] = await hashes();
    expect(after?.password_hash).not.toBe(before?.password_hash);
    // The password is compared as ours are now: normalised.
    expect((await visit(service).signIn(EMAIL, PASSWORD.normalize("NFD"))).status).toBe(303);
    expect(await hashes()).toEqual([after]);
  });

  it("a try takes one storage round trip, as any other", async () => {
    await importing({ email: EMAIL, passwordHash: BCRYPT });
    const page = visit(service);
    await page.get("/sign-in");
    service.meter.clear();
    await page.signIn(EMAIL, "not-the-password");
    expect(service.meter.calls()).toEqual(["DB.batch"]);
  });

  it("S13: a reset by an operator during the first sign-in is not undone by the new hash", async () => {
    const [made] = await importing({ email: EMAIL, passwordHash: BCRYPT });
    const page = visit(service);
    await page.get("/sign-in");
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("UPDATE identities SET password_hash"),
      times: 1,
      meanwhile: () => admin(service, "PATCH", `users/${made?.userId}`, { password: "set-by-the-operator" }),
    });
    await page.signIn(EMAIL, PASSWORD);
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(401);
    expect((await visit(service).signIn(EMAIL, "set-by-the-operator")).status).toBe(303);
  });

  it("guesses are throttled as for any account", async () => {
    await importing({ email: EMAIL, passwordHash: BCRYPT });
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await visit(service).signIn(EMAIL, `wrong-${i}-password`)).status);
    expect(statuses.at(-1)).toBe(429);
  });

  it("moves to another address with its hash", async () => {
    const [made] = await importing({ email: EMAIL, passwordHash: BCRYPT });
    await admin(service, "PATCH", `users/${made?.userId}`, { email: "ada.new@example.com" });
    expect((await visit(service).signIn("ada.new@example.com", PASSWORD)).status).toBe(303);
  });

  it("a password of more than 1,024 bytes is wrong, whatever bcrypt would cut off", async () => {
    await importing({ email: EMAIL, passwordHash: hashSync("x".repeat(72), 4) });
    expect((await visit(service).signIn(EMAIL, "x".repeat(1025))).status).toBe(401);
    expect((await visit(service).signIn(EMAIL, "x".repeat(80))).status).toBe(303);
  });

  it("without a hash it gets a password from an operator", async () => {
    const [made] = await importing({ email: EMAIL });
    expect((await visit(service).signIn(EMAIL, "any-password-1")).status).toBe(401);
    await admin(service, "PATCH", `users/${made?.userId}`, { password: "set-by-the-operator" });
    expect((await visit(service).signIn(EMAIL, "set-by-the-operator")).status).toBe(303);
  });

  it("of an identity provider or of Amazon is known by its subject", async () => {
    service = startService(OIDC);
    const people = [
      { id: "one", oidcSubject: "sub-1", oidcIssuer: OIDC.OIDC_ISSUER, email: "one@example.com" },
      { id: "two", amazonSubject: "amzn1.account.TWO" },
    ];
    expect(await importing(...people)).toEqual([
      { status: "imported", userId: "one" },
      { status: "imported", userId: "two" },
    ]);
    expect(await rows("SELECT method, issuer, subject, user_id FROM identities ORDER BY user_id")).toEqual([
      { method: "oidc", issuer: OIDC.OIDC_ISSUER, subject: "sub-1", user_id: "one" },
      { method: "amazon", issuer: "https://www.amazon.com", subject: "amzn1.account.TWO", user_id: "two" },
    ]);
  });

  it("owns the links that name its id", async () => {
    await seedSkill();
    await importing({ id: "old-1", email: EMAIL });
    const link = { skillId: SKILL_ID, user: { id: "old-1" }, refreshTokenSha256: "0".repeat(64) };
    expect((await admin(service, "POST", "imports", { items: [link] })).body).toMatchObject({ imported: 1 });
  });
});

describe("importing accounts", () => {
  it("again changes nothing, also after the owner has another password", async () => {
    const person = { id: "old-1", email: EMAIL, passwordHash: BCRYPT };
    await importing(person);
    await admin(service, "PATCH", "users/old-1", { password: "set-by-the-operator", name: "Ada" });
    const before = await rows("SELECT * FROM users JOIN identities ON user_id = id");
    expect(await importing(person, { ...person, id: "old-2", passwordHash: OTHER_BCRYPT, name: "Eve" })).toEqual([
      { status: "exists", userId: "old-1" },
      { status: "exists", userId: "old-1" },
    ]);
    expect(await rows("SELECT * FROM users JOIN identities ON user_id = id")).toEqual(before);
  });

  it("of one address or one id given twice, the first counts, and no account gets a second way in", async () => {
    expect(
      await importing(
        { id: "a", email: EMAIL, passwordHash: BCRYPT },
        { id: "b", email: "ADA@example.com", passwordHash: OTHER_BCRYPT },
        { id: "a", email: "eve@example.com", passwordHash: OTHER_BCRYPT },
      ),
    ).toMatchObject([
      { status: "imported" },
      { status: "exists", userId: "a" },
      { status: "refused", code: "id_taken" },
    ]);
    const [later] = await importing({ id: "a", email: "eve@example.com", passwordHash: OTHER_BCRYPT });
    expect(later).toMatchObject({ status: "refused", code: "id_taken" });
    expect((await hashes()).map(({ subject }) => subject)).toEqual([EMAIL]);
  });

  it("a hundred take one storage round trip", async () => {
    const people = Array.from({ length: 100 }, (_, i) => ({ email: `p${i}@example.com`, passwordHash: BCRYPT }));
    service.meter.clear();
    expect((await importing(...people)).every(({ status }) => status === "imported")).toBe(true);
    expect(service.meter.calls()).toEqual(["DB.batch"]);
  });

  it("a lost response is repeated, and nobody is created twice", async () => {
    service.meter.faults.push({
      when: ({ sql }) => sql.includes("INSERT INTO users"),
      throws: "after",
      message: "Network connection lost",
      times: 1,
    });
    expect(await importing({ id: "a", email: EMAIL })).toEqual([{ status: "exists", userId: "a" }]);
    expect(await hashes()).toHaveLength(1);
  });

  it.each([
    ["identity_missing", { name: "Ada" }],
    ["identity_missing", { oidcSubject: "s", amazonSubject: "a" }],
    ["identity_missing", { oidcSubject: "s", passwordHash: BCRYPT }],
    ["identity_missing", { amazonSubject: "s", email: EMAIL, passwordHash: BCRYPT }],
    ["email_invalid", { email: "ada" }],
    ["email_invalid", { email: "a@b@c" }],
    ["email_invalid", { email: "ﷺ".repeat(30) }],
    ["name_invalid", { email: EMAIL, name: "\u0000" }],
    ["name_invalid", { email: EMAIL, name: "x".repeat(101) }],
    ["created_in_future", { email: EMAIL, createdAt: new Date(START + 1000).toISOString() }],
    ["oidc_not_configured", { oidcSubject: "s" }],
    ["hash_unsupported", { email: EMAIL, passwordHash: "5f4dcc3b5aa765d61d8327deb882cf99" }],
    ["hash_too_costly", { email: EMAIL, passwordHash: `$2b$15$${"a".repeat(53)}` }],
    ["hash_unsupported", { email: EMAIL, passwordHash: `pbkdf2-sha512$100001$${"a".repeat(22)}$${"a".repeat(86)}` }],
  ])("%s refuses the item and no other", async (code, item) => {
    const [wrong, right] = await importing(item, { email: "right@example.com" });
    expect(wrong).toMatchObject({ status: "refused", code });
    expect(wrong?.detail).toBeTruthy();
    expect(JSON.stringify(wrong)).not.toContain("aaaa");
    expect(right).toMatchObject({ status: "imported" });
  });

  it("refuses people of another identity provider than ours", async () => {
    service = startService(OIDC);
    const [wrong] = await importing({ oidcSubject: "s", oidcIssuer: "https://other.example.com" });
    expect(wrong).toMatchObject({ code: "oidc_issuer_differs" });
  });

  it("every code has a text", () => {
    expect(Object.values(PERSON_REFUSALS).every((text) => text.endsWith("."))).toBe(true);
  });

  it.each([
    ["no items", { items: [] }],
    ["101 items", { items: Array.from({ length: 101 }, () => ({ email: EMAIL })) }],
    ["an unknown field", { items: [{ email: EMAIL, password: "correct-horse-1" }] }],
    ["an id with a space", { items: [{ id: "a b", email: EMAIL }] }],
    ["an id with a slash", { items: [{ id: "../skills", email: EMAIL }] }],
    ["an id of 101 characters", { items: [{ id: "a".repeat(101), email: EMAIL }] }],
    ["a hash of 1,001 characters", { items: [{ email: EMAIL, passwordHash: "a".repeat(1001) }] }],
    ["a hash that is a list", { items: [{ email: EMAIL, passwordHash: [BCRYPT] }] }],
    ["a time that is none", { items: [{ email: EMAIL, createdAt: "yesterday" }] }],
    ["an empty subject", { items: [{ oidcSubject: "" }] }],
    ["no list", { items: { email: EMAIL } }],
  ])("%s is a 400, and nobody is imported", async (_, body) => {
    const response = await admin(service, "POST", "imports/users", body);
    expect(response.status).toBe(400);
    expect(await hashes()).toEqual([]);
  });
});
