// Moving out: what another server needs to take over accounts and links, and that it can.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { exchange, json, refresh, SKILL_ID, seedAppAndService, seedCode, seedSkill } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";

let service: Service;
let ada: string;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  ada = await addUser(service);
});

type Item = Record<string, string>;

async function page(path: string): Promise<{ items: Item[]; nextCursor?: string }> {
  const { status, body } = await admin(service, "GET", `exports/${path}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body as { items: Item[]; nextCursor?: string };
}

async function all(path: string): Promise<Item[]> {
  const found: Item[] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const { items, nextCursor } = await page(`${path}${cursor === undefined ? "" : `&cursor=${cursor}`}`);
    found.push(...items);
    cursor = nextCursor;
  }
  return found;
}

const link = async () => json(await service.request("/token", exchange(await seedCode({ userId: ada }))));

/** Everything of before is gone: another deployment, with the same skill. */
async function anotherDeployment(): Promise<void> {
  await env.DB.exec("DELETE FROM users; DELETE FROM grants; DELETE FROM signing_keys;");
  service = startService({ MASTER_KEY: "B".repeat(43) });
}

describe("moving out", () => {
  it("gives accounts and links, page by page, without hashes of passwords", async () => {
    for (let i = 0; i < 4; i++) await addUser(service, `p${i}@example.com`);
    for (let i = 0; i < 3; i++) await link();
    const people = await all("users?limit=2");
    expect(people.map(({ email }) => email)).toEqual([
      EMAIL,
      "p0@example.com",
      "p1@example.com",
      "p2@example.com",
      "p3@example.com",
    ]);
    expect(people[0]).toEqual({ id: ada, email: EMAIL, name: expect.any(String), createdAt: expect.any(String) });
    const links = await all("links?limit=2");
    expect(links).toHaveLength(3);
    expect(links[0]).toEqual({
      skillId: SKILL_ID,
      clientId: "alexa-test",
      userId: ada,
      scope: expect.any(String),
      createdAt: expect.any(String),
      lastUsedAt: expect.any(String),
      grantId: expect.any(String),
      refreshSecretSha256: expect.any(String),
    });
    expect(await rows("SELECT kind FROM audit WHERE kind = 'password_hashes_exported'")).toEqual([]);
  });

  it("a page is one storage round trip", async () => {
    await link();
    for (const path of ["users", "users?passwordHashes=true", "links"]) {
      service.meter.clear();
      await page(path);
      expect(service.meter.calls().length).toBe(1);
    }
  });

  it("hashes of passwords are given on request only, and the audit log says so", async () => {
    const [person] = await all("users?passwordHashes=true");
    expect(person?.passwordHash).toMatch(/^pbkdf2-sha512\$1000\$[\w-]{22}\$[\w-]{86}$/);
    const { body } = await admin(service, "GET", "audit?alert=true");
    expect(body.items).toMatchObject([{ kind: "password_hashes_exported" }]);
  });

  it("leaves out ended links and the logins of apps", async () => {
    const { refresh_token: token } = await link();
    await link();
    await service.request("/revoke", refresh(token, { token }));
    await env.DB.prepare("UPDATE grants SET skill_id = NULL WHERE id = ?").bind(token.split("_")[1]).run();
    expect(await all("links?limit=1")).toHaveLength(1);
    await admin(service, "DELETE", `users/${ada}/links`);
    expect(await all("links?limit=1")).toEqual([]);
  });

  it("another deployment takes them over: passwords and Alexa's refresh tokens go on working there", async () => {
    const { refresh_token: token } = await link();
    const sha256 = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from("token-of-older"))).toString("hex");
    const older = { skillId: SKILL_ID, user: { id: ada }, refreshTokenSha256: sha256 };
    await admin(service, "POST", "imports", { items: [older] });
    const people = await all("users?passwordHashes=true");
    const links = await all("links?limit=50");
    await anotherDeployment();
    expect((await service.request("/token", refresh(token))).status).toBe(400);
    const made = await admin(service, "POST", "imports/users", { items: people });
    expect(made.body.items).toEqual([{ status: "imported", userId: ada }]);
    const items = links.map(({ clientId: _, lastUsedAt: __, userId, ...one }) => ({ ...one, user: { id: userId } }));
    for (const status of ["imported", "exists"]) {
      const moved = await admin(service, "POST", "imports", { items });
      expect(moved.body.items).toMatchObject([{ status }, { status }]);
    }
    for (const theirs of [token, "token-of-older"]) {
      const response = await service.request("/token", refresh(theirs));
      expect(await json(response)).toMatchObject({ refresh_token: theirs, token_type: "Bearer" });
    }
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(303);
    // And from there to the next.
    const again = await all("links?limit=50");
    const portable = (list: Item[]) =>
      list.map(({ lastUsedAt: _, ...one }) => one).sort((a, b) => (a.grantId ?? "").localeCompare(b.grantId ?? ""));
    expect(portable(again)).toEqual(portable(links));
  });

  it("a link that was moved and then ended is not restored by moving it again", async () => {
    await link();
    const [{ clientId: _, lastUsedAt: __, userId, ...one } = {} as Item] = await all("links?limit=50");
    await env.DB.exec("DELETE FROM grants");
    const items = [{ ...one, user: { id: userId } }];
    await admin(service, "POST", "imports", { items });
    await admin(service, "DELETE", `users/${ada}/links`);
    const { body } = await admin(service, "POST", "imports", { items });
    expect(body.items).toMatchObject([{ status: "ended" }]);
  });

  it.each([
    ["neither", {}],
    ["both", { refreshTokenSha256: "0".repeat(64), grantId: "0".repeat(26), refreshSecretSha256: "0".repeat(64) }],
    ["a link's id with the hash of all", { refreshTokenSha256: "0".repeat(64), grantId: "0".repeat(26) }],
    ["a secret without the link's id", { refreshSecretSha256: "0".repeat(64) }],
  ])("%s instead of one form of the token is refused", async (_, given) => {
    const { body } = await admin(service, "POST", "imports", {
      items: [{ skillId: SKILL_ID, user: { id: ada }, ...given }],
    });
    expect(body.items).toMatchObject([{ status: "refused", code: "token_missing" }]);
  });

  it.each([
    "users?limit=0",
    "users?limit=201",
    "users?cursor=x",
    "users?cursor=WzFd",
    "users?passwordHashes=yes",
    "users?passwordHashes=true&passwordHashes=true",
    "users?unknown=1",
    "links?cursor=WzFd",
    "links?limit=1&limit=2",
    "links?passwordHashes=true",
  ])("%s is a 400", async (path) => {
    expect((await admin(service, "GET", `exports/${path}`)).status).toBe(400);
  });
});
