// Operators who are signed in by Cloudflare Access, and everything that pretends to be its assertion.
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { rows } from "../../test/support/app-user.ts";
import { SKILL_ID, seedSkill } from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";
import { parseConfig } from "../env.ts";

const TEAM = "https://acme.cloudflareaccess.com";
const AUD = "f".repeat(64);
const VARIABLES = { ACCESS_TEAM_DOMAIN: "acme.cloudflareaccess.com", ACCESS_AUD: AUD };
const HEADER = "cf-access-jwt-assertion";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let keys: Pair;
let others: Pair;
let certs: () => Response | Promise<Response>;
let fetched: number;
let service: Service;

beforeAll(async () => {
  [keys, others] = [
    await generateKeyPair("RS256", { extractable: true }),
    await generateKeyPair("RS256", { extractable: true }),
  ];
});

const jwks = async (pair: Pair, kid = "k1") =>
  Response.json({ keys: [{ ...(await exportJWK(pair.publicKey)), kid, alg: "RS256", use: "sig" }] });

beforeEach(() => {
  fetched = 0;
  certs = () => jwks(keys);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    expect([request.url, request.redirect]).toEqual([`${TEAM}/cdn-cgi/access/certs`, "manual"]);
    fetched++;
    return certs();
  });
  service = startService(VARIABLES);
});
afterEach(() => vi.restoreAllMocks());

interface Seed {
  readonly claims?: JWTPayload;
  readonly without?: readonly string[];
  readonly header?: Readonly<Record<string, unknown>>;
  readonly pair?: Pair;
}
async function assertion({ claims = {}, without = [], header = {}, pair = keys }: Seed = {}): Promise<string> {
  const now = Math.floor(service.clock.now / 1000);
  const all: JWTPayload = {
    aud: [AUD],
    email: "Ada@Example.com",
    exp: now + 60,
    iat: now,
    nbf: now,
    iss: TEAM,
    type: "app",
    identity_nonce: "6ei69kawdKzMIAPF",
    sub: "7335d417-61da-459d-899c-0a01c76a2f94",
    ...claims,
  };
  const payload = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
  return new SignJWT(payload)
    .setProtectedHeader({ alg: "RS256", kid: "k1", typ: "JWT", ...header })
    .sign(pair.privateKey);
}
const unsigned = (header: object, payload: object) =>
  [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");

const open = async (token: string | undefined, where = service, path = "/admin") => {
  const response = await where.request(path, token === undefined ? {} : { headers: { [HEADER]: token } });
  return { status: response.status, html: await response.text() };
};
/** What the console says to this assertion. */
async function verdict(token: string | undefined, where = service): Promise<string> {
  const { status, html } = await open(token, where);
  if (html.includes('href="/cdn-cgi/access/logout"')) return "console";
  if (status === 503) return "503";
  return html.includes('name="token"') ? "token form" : `${status}`;
}

describe("an assertion of Cloudflare Access", () => {
  it("S22: opens the console in the name of its person, without a cookie of ours", async () => {
    const { status, html } = await open(await assertion());
    expect(status).toBe(200);
    expect(html).toContain("ada@example.com");
    expect(html).toContain('href="/cdn-cgi/access/logout"');
    expect(html).not.toContain("read only");
  });

  it.each<[string, Seed]>([
    ["of another team", { claims: { iss: "https://evil.cloudflareaccess.com" } }],
    ["of the same team over http", { claims: { iss: TEAM.replace("https", "http") } }],
    ["for another application", { claims: { aud: ["0".repeat(64)] } }],
    ["without an audience", { without: ["aud"] }],
    ["that has expired", { claims: { exp: 1 } }],
    ["without an expiry", { without: ["exp"] }],
    ["that is not valid yet", { claims: { nbf: 4_000_000_000 } }],
    ["signed by another key with a known id", {}],
    ["of a service token", { without: ["email"], claims: { common_name: "e367826f93b8d71185e03fe518aff3b4.access" } }],
    ["of the whole organisation and not of an application", { claims: { type: "org" } }],
    ["without a type", { without: ["type"] }],
    ["whose address is empty", { claims: { email: "" } }],
    ["whose address has a line break", { claims: { email: "ada@example.com\nBcc: eve@example.com" } }],
    ["whose address is a list", { claims: { email: ["ada@example.com"] as unknown as string } }],
    ["that is an access token by its header", { header: { typ: "at+jwt" } }],
  ])("S22: %s opens nothing", async (name, seed) => {
    const token = await assertion(name.startsWith("signed by") ? { pair: others } : seed);
    expect(await verdict(token)).toBe("token form");
  });

  it("S22: unsigned, signed with the public key as a secret, altered, repeated or oversized opens nothing", async () => {
    const [, payload = "", signature = ""] = (await assertion()).split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as JWTPayload;
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey)));
    const hmac = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "k1" }).sign(secret);
    const valid = await assertion();
    for (const token of [
      `${unsigned({ alg: "none" }, claims)}.`,
      `${unsigned({ alg: "none", kid: "k1" }, claims)}.${signature}`,
      hmac,
      `${unsigned({ alg: "RS256", kid: "k1" }, { ...claims, email: "eve@example.com" })}.${signature}`,
      `${valid}, ${valid}`,
      `Bearer ${valid}`,
      "",
      "x",
      `${valid}${"x".repeat(20_000)}`,
    ]) {
      expect([token.slice(0, 30), await verdict(token)]).toEqual([token.slice(0, 30), "token form"]);
    }
  });

  it("S22: counts only in the header, and not without the configuration", async () => {
    const token = await assertion();
    const cookie = { headers: { cookie: `CF_Authorization=${token}`, authorization: `Bearer ${token}` } };
    expect(await (await service.request("/admin", cookie)).text()).toContain('name="token"');
    expect(await verdict(token, startService())).toBe("token form");
  });

  it("S22: never opens the API", async () => {
    const token = await assertion();
    const call = { token: null, headers: { [HEADER]: token } };
    expect((await admin(service, "GET", "skills", undefined, call)).status).toBe(401);
    const without = startService({ ...VARIABLES, ADMIN_TOKEN: "" });
    expect((await admin(without, "GET", "skills", undefined, call)).body.code).toBe("admin_disabled");
    expect(await verdict(token, without)).toBe("console");
    expect(await verdict(undefined, without)).toBe("401");
    expect(await verdict("x", without)).toBe("401");
  });

  it("leaves the sign-in with ADMIN_TOKEN as it was, and comes before its cookie", async () => {
    const visitor = visit(service);
    const page = await visitor.get("/admin");
    await visitor.post("/admin/session", { ...page.hidden("/admin/session"), token: ADMIN_TOKEN });
    expect((await visitor.get("/admin")).html).toContain("ADMIN_TOKEN");
    visitor.headers[HEADER] = await assertion();
    expect((await visitor.get("/admin")).html).toContain("ada@example.com");
  });
});

describe("the team's keys", () => {
  it("are fetched once, and again after ten minutes", async () => {
    for (let i = 0; i < 3; i++) expect(await verdict(await assertion())).toBe("console");
    expect(fetched).toBe(1);
    service.clock.advance(10 * 60_000);
    expect(await verdict(await assertion())).toBe("console");
    expect(fetched).toBe(2);
  });

  it("are fetched once for an unknown key id, and then not for ten seconds", async () => {
    expect(await verdict(await assertion())).toBe("console");
    certs = () => jwks(others, "k2");
    const rotated = () => assertion({ pair: others, header: { kid: "k2" } });
    expect(await verdict(await rotated())).toBe("console");
    for (let i = 0; i < 5; i++) expect(await verdict(await assertion({ header: { kid: `x${i}` } }))).toBe("token form");
    expect(fetched).toBe(2);
    expect(await verdict(await rotated())).toBe("console");
    service.clock.advance(10_000);
    await verdict(await assertion({ header: { kid: "y" } }));
    expect(fetched).toBe(3);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ["the connection fails", () => Promise.reject(new TypeError("down"))],
    ["there is a 500", () => new Response("", { status: 500 })],
    ["there is a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.example/" } })],
    ["it is no key set", () => Response.json({ keys: "none" })],
    ["it is too large", () => new Response("x".repeat(70_000))],
  ])("S22: while %s, the response is 503 and not 401, and the server is not asked again at once", async (_, broken) => {
    certs = broken;
    expect([await verdict(await assertion()), await verdict(await assertion())]).toEqual(["503", "503"]);
    expect(fetched).toBe(1);
    certs = () => jwks(keys);
    service.clock.advance(10_000);
    expect(await verdict(await assertion())).toBe("console");
    certs = broken;
    service.clock.advance(10 * 60_000);
    expect(await verdict(await assertion())).toBe("console");
  });
});

it("while they cannot be fetched, ADMIN_TOKEN opens the console, and without it nothing does", async () => {
  certs = () => new Response("", { status: 500 });
  const visitor = visit(service);
  visitor.headers[HEADER] = await assertion();
  const page = await visitor.get("/admin/skills");
  expect([page.status, page.html]).toEqual([503, expect.stringContaining("or sign in here")]);
  const signedIn = await visitor.post("/admin/session", { ...page.hidden("/admin/session"), token: ADMIN_TOKEN });
  expect([signedIn.status, signedIn.location]).toEqual([303, "/admin/skills"]);
  expect((await visitor.get("/admin/skills")).html).toContain("ADMIN_TOKEN");
  const without = startService({ ...VARIABLES, ADMIN_TOKEN: "" });
  const { status, html } = await open(await assertion(), without);
  expect([status, html.includes('name="token"')]).toEqual([503, false]);
});

describe("roles", () => {
  it("S22: with ACCESS_ADMINS others only read, whatever the case of the address", async () => {
    service = startService({ ...VARIABLES, ACCESS_ADMINS: "ADA@example.com, bob@example.com" });
    expect((await open(await assertion())).html).not.toContain("read only");
    expect((await open(await assertion({ claims: { email: "eve@example.com" } }))).html).toContain(
      "eve@example.com (read only)",
    );
  });

  it("S22: a read-only operator sees no form that changes something, and a form of another operator is refused", async () => {
    service = startService({ ...VARIABLES, ACCESS_ADMINS: "ada@example.com, bob@example.com" });
    await seedSkill();
    const page = `/admin/skills/${SKILL_ID}`;
    const visitor = visit(service);
    const as = async (email: string) => {
      visitor.headers[HEADER] = await assertion({ claims: { email } });
      return visitor;
    };
    const ofAda = (await (await as("ada@example.com")).get(page)).hidden(`${page}/delete`);
    const { html } = await (await as("eve@example.com")).get(page);
    expect([html.includes(SKILL_ID), html.includes('method="post" action="/admin/skills')]).toEqual([true, false]);
    expect((await visitor.post(`${page}/delete`, ofAda)).status).toBe(403);
    // The same browser, another operator who may change things.
    expect((await (await as("bob@example.com")).post(`${page}/delete`, ofAda)).status).toBe(403);
    const asked = await (await as("ada@example.com")).post(`${page}/delete`, ofAda);
    visitor.headers[HEADER] = await assertion({ claims: { email: "ada@example.com", exp: 1 } });
    expect((await visitor.post(`${page}/delete`, asked.hidden(`${page}/delete`))).status).toBe(401);
    await (await as("ada@example.com")).post(`${page}/delete`, asked.hidden(`${page}/delete`));
    expect(await rows("SELECT kind, actor, details FROM audit")).toEqual([
      { kind: "skill_deleted", actor: "ada@example.com", details: SKILL_ID },
    ]);
  });
});

describe("the configuration", () => {
  const refusal = (variables: object) => {
    try {
      parseConfig({ ISSUER: "https://link.example.com", MASTER_KEY: "A".repeat(43), ...variables });
      return "accepted";
    } catch (error) {
      return (error as Error).message;
    }
  };

  it("needs both variables, and no list without them", () => {
    const both = "ACCESS_TEAM_DOMAIN and ACCESS_AUD are required";
    expect(refusal({ ACCESS_AUD: AUD })).toContain(`${both} together`);
    expect(refusal({ ACCESS_TEAM_DOMAIN: "acme.cloudflareaccess.com" })).toContain(`${both} together`);
    expect(refusal({ ACCESS_ADMINS: "ada@example.com" })).toContain(`${both} because ACCESS_ADMINS is set`);
    expect(refusal(VARIABLES)).toBe("accepted");
  });

  it.each([
    ["acme", "must be a host name"],
    ["https://acme.cloudflareaccess.com/", "must be a host name"],
    ["acme.cloudflareaccess.com/cdn-cgi", "must be a host name"],
    ["http://acme.cloudflareaccess.com", "must be a host name"],
    ["http://127.0.0.1:9", "must be https with a public ISSUER"],
  ])("refuses the team domain %s", (domain, rule) => {
    expect(refusal({ ...VARIABLES, ACCESS_TEAM_DOMAIN: domain })).toContain(`ACCESS_TEAM_DOMAIN ${rule}`);
  });

  it("takes an origin on this machine in development, and refuses lists of no addresses", () => {
    const local = { ISSUER: "http://localhost:8787", ACCESS_TEAM_DOMAIN: "http://127.0.0.1:9999", ACCESS_AUD: AUD };
    expect(refusal(local)).toBe("accepted");
    expect(refusal({ ...VARIABLES, ACCESS_ADMINS: "," })).toContain("ACCESS_ADMINS must name at least one address");
    expect(refusal({ ...VARIABLES, ACCESS_ADMINS: "ada" })).toContain("ACCESS_ADMINS must list e-mail addresses");
  });
});
