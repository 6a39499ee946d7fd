// Firewalls and servers that refuse Alexa's client, each with one mistake; and association files.
import { describe, expect, it } from "vitest";
import { associationFiles } from "../../doctor/checks/association-files.ts";
import { mcp } from "../../doctor/checks/mcp.ts";
import { reachability } from "../../doctor/checks/reachability.ts";
import type { Examination } from "../../doctor/examination.ts";
import { examine as run } from "../../doctor/examine.ts";
import { USER_AGENT } from "../../simulator/library/token.ts";
import { examinationOf, examine, findings, TARGET, withOutcome } from "./doctor-support.ts";

const HTML = { "content-type": "text/html; charset=UTF-8" };
type Bend = (request: Request, count: number) => Response | undefined;

/** A server with metadata, keys and a token endpoint; `bend` responds first. */
function server(bend: Bend = () => undefined) {
  const seen: Request[] = [];
  return {
    seen,
    async fetch(request: Request): Promise<Response> {
      seen.push(request);
      const bent = bend(request, seen.length);
      if (bent) return bent;
      if (new URL(request.url).pathname !== "/token") return Response.json({ keys: [] });
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    },
  };
}

const isToken = ({ url }: Request) => url.endsWith("/token");
const isJava = ({ headers }: Request) => headers.get("user-agent") === USER_AGENT;
const page = (status: number, text: string, headers: Record<string, string> = {}) =>
  new Response(`<!doctype html><title>${text}</title>`, { status, headers: { ...HTML, ...headers } });

const target = { ...TARGET, metadataUrl: "https://link.example.com/.well-known/oauth-authorization-server" };

async function reach(bend?: Bend, given: Partial<Examination> = {}) {
  const { fetch, seen } = server(bend);
  const results = await examine(reachability, examinationOf({ target, fetch, ...given }));
  return { results, found: findings(results), seen };
}

describe("reachability", () => {
  it("a server that responds alike to everybody passes everything", async () => {
    const { results, found, seen } = await reach();
    expect(found).toEqual([]);
    expect(withOutcome(results, "skipped")).toEqual([]);
    expect(results.get("many_requests_quickly")?.detail).toBe("all 20 got a response");
    const java = seen.filter(isJava);
    expect(java.length).toBe(23);
    expect(
      java.flatMap(({ headers }) => ["cookie", "accept-language", "origin"].filter((name) => headers.has(name))),
    ).toEqual([]);
  });

  it.each<[string, Bend, string]>([
    ["Cloudflare", () => page(403, "Just a moment...", { "cf-mitigated": "challenge" }), "Bot Fight Mode"],
    ["Cloudflare", () => page(503, "Just a moment..."), "Super Bot Fight Mode"],
    ["Cloudflare", () => page(403, "Attention Required! | Cloudflare"), "I'm under attack"],
    [
      "Cloudflare",
      () => new Response("error code: 1010", { status: 403, headers: { "content-type": "text/plain" } }),
      "Skip",
    ],
    [
      "AWS WAF",
      () => new Response("", { status: 202, headers: { "x-amzn-waf-action": "challenge" } }),
      "Challenge rules",
    ],
    ["Imperva", () => page(200, '<script src="/_Incapsula_Resource?SWJIYLWA=1"></script>'), "Imperva"],
    ["Akamai", () => page(403, "Access Denied https://errors.edgesuite.net/18.abc"), "Akamai"],
    ["Vercel", () => page(429, "Vercel Security Checkpoint", { "x-vercel-mitigated": "challenge" }), "Vercel"],
    ["DataDome", () => page(403, "<script src=https://geo.captcha-delivery.com/c.js>"), "DataDome"],
  ])("a challenge of %s is named, with what to do about it", async (by, bend, advice) => {
    const { results, found } = await reach((request) =>
      isToken(request) && isJava(request) ? bend(request, 0) : undefined,
    );
    expect(found).toEqual(["no_bot_challenge"]);
    expect(results.get("no_bot_challenge")).toMatchObject({ outcome: "fail", detail: expect.stringContaining(by) });
    expect(results.get("no_bot_challenge")?.remedy).toContain(advice);
    expect(results.get("many_requests_quickly")?.outcome).toBe("skipped");
  });

  it.each<[string, string, Bend]>([
    [
      "same_for_every_client",
      "fail",
      (request) => (isToken(request) && isJava(request) ? new Response("no", { status: 403 }) : undefined),
    ],
    [
      "same_for_every_client",
      "fail",
      (request) => {
        if (isToken(request) && isJava(request)) throw new Error("connection reset");
        return undefined;
      },
    ],
    [
      "same_for_every_client",
      "fail",
      (request) => (!request.headers.has("accept-language") ? new Response("", { status: 406 }) : undefined),
    ],
    [
      "responds_to_alexa",
      "fail",
      (request) => {
        if (isToken(request)) throw new Error("socket hang up");
        return undefined;
      },
    ],
    [
      "no_cookie_demanded",
      "fail",
      (request) =>
        request.headers.has("cookie")
          ? undefined
          : new Response(null, { status: 302, headers: { location: request.url, "set-cookie": "seen=1" } }),
    ],
    [
      "token_url_does_not_redirect",
      "fail",
      (request) =>
        isToken(request)
          ? new Response(null, { status: 308, headers: { location: "https://www.example.com/token" } })
          : undefined,
    ],
    [
      "token_url_does_not_redirect",
      "fail",
      (request) =>
        isToken(request) ? new Response(null, { status: 301, headers: { location: "/token/" } }) : undefined,
    ],
    [
      "metadata_does_not_redirect",
      "warn",
      (request) =>
        isToken(request) ? undefined : new Response(null, { status: 302, headers: { location: "/other" } }),
    ],
    [
      "many_requests_quickly",
      "fail",
      (request, count) => (isToken(request) && count > 12 ? new Response("slow down", { status: 429 }) : undefined),
    ],
    [
      "many_requests_quickly",
      "fail",
      (request, count) => (isToken(request) && count > 12 ? new Response("", { status: 503 }) : undefined),
    ],
  ])("W3: one mistake, one finding: %s is a %s", async (id, outcome, bend) => {
    const { results, found } = await reach(bend);
    expect(found).toEqual([id]);
    expect(results.get(id)).toMatchObject({ outcome });
  });

  it("a limit that meets an unregistered client is only a warning", async () => {
    const { client: _, ...without } = target;
    const { results, found } = await reach(
      (request, count) => (isToken(request) && count > 12 ? new Response("", { status: 429 }) : undefined),
      { target: without },
    );
    expect(found).toEqual(["many_requests_quickly"]);
    expect(results.get("many_requests_quickly")).toMatchObject({ outcome: "warn" });
  });

  it("a server without metadata has only its token URL looked at", async () => {
    const { metadataUrl: _, metadata: __, ...without } = target;
    const { results, found, seen } = await reach(undefined, { target: without });
    expect(found).toEqual([]);
    expect(seen.every(isToken)).toBe(true);
    expect(results.get("metadata_does_not_redirect")?.outcome).toBe("skipped");
  });

  it("a token URL that refuses Alexa is one finding: nothing else is asked of it", async () => {
    const { fetch, seen } = server((request) =>
      isToken(request) && isJava(request) ? page(403, "Just a moment...") : undefined,
    );
    const { results } = await run({ target, fetch, areas: [reachability, mcp] });
    const found = results.filter(({ outcome }) => outcome === "fail");
    expect(found.map(({ id }) => id)).toEqual(["no_bot_challenge"]);
    expect(seen.filter(isToken)).toHaveLength(1);
    const skipped = results.find(({ id }) => id === "mcp_service_token_issued");
    expect(skipped).toMatchObject({ outcome: "skipped", detail: expect.stringContaining("no_bot_challenge failed") });
  });

  it("the secret is sent with the many requests only, never in those that compare", async () => {
    const { seen } = await reach();
    const withSecret = seen.filter(({ headers }) => headers.has("authorization"));
    expect(withSecret.length).toBe(20);
    expect(withSecret.every(isToken)).toBe(true);
  });
});

const APPLE = "/.well-known/apple-app-site-association";
const ANDROID = "/.well-known/assetlinks.json";
const PRINT = Array.from({ length: 32 }, () => "AB").join(":");
const GOOD: Record<string, unknown> = {
  [APPLE]: { applinks: { details: [{ appIDs: ["ABCDE12345.com.example.app"], components: [{ "/": "/app/*" }] }] } },
  [ANDROID]: [
    {
      relation: ["delegate_permission/common.handle_all_urls"],
      target: { namespace: "android_app", package_name: "com.example.app", sha256_cert_fingerprints: [PRINT] },
    },
  ],
};

async function files(bent: Record<string, Response | object> = {}) {
  const fetch = async (request: Request) => {
    const { pathname } = new URL(request.url);
    const found = bent[pathname] ?? GOOD[pathname];
    return found instanceof Response ? found : Response.json(found);
  };
  const results = await examine(associationFiles, examinationOf({ fetch }));
  return { results, found: findings(results) };
}

const apple = (detail: object) => ({
  [APPLE]: { applinks: { details: [{ appIDs: ["ABCDE12345.com.example.app"], ...detail }] } },
});

describe("association files", () => {
  it("L7: files as Apple and Google ask for them pass", async () => {
    const { results, found } = await files();
    expect(found).toEqual([]);
    expect(withOutcome(results, "pass")).toHaveLength(5);
  });

  it.each([
    ["404", () => new Response("", { status: 404 })],
    ["a page for every address", () => page(200, "Welcome")],
    ["503", () => new Response("", { status: 503 })],
  ])("missing files are skipped: %s", async (_, response) => {
    const { results } = await files({ [APPLE]: response(), [ANDROID]: response() });
    expect(withOutcome(results, "skipped")).toHaveLength(5);
  });

  it.each<[string, Record<string, Response | object>]>([
    [
      "apple_association_file",
      { [APPLE]: new Response(null, { status: 301, headers: { location: "https://www.example.com/" } }) },
    ],
    [
      "apple_association_file",
      { [APPLE]: new Response(JSON.stringify(GOOD[APPLE]), { headers: { "content-type": "text/plain" } }) },
    ],
    ["apple_association_file", { [APPLE]: new Response("{", { headers: { "content-type": "application/json" } }) }],
    ["apple_association_shape", { [APPLE]: { applinks: { details: [] } } }],
    ["apple_association_shape", { [APPLE]: [] }],
    ["apple_association_shape", apple({ components: [] })],
    ["apple_association_shape", apple({ appIDs: ["com.example.app"], components: [{ "/": "/app/*" }] })],
    ["apple_association_paths", apple({ components: [{ "/": "/*" }] })],
    ["apple_association_paths", apple({ components: [{ "/": "/auth*" }] })],
    ["apple_association_paths", apple({ paths: ["*"] })],
    ["apple_association_paths", apple({ paths: ["/authorize"] })],
    ["android_association_file", { [ANDROID]: new Response(null, { status: 302, headers: { location: "/" } }) }],
    ["android_association_shape", { [ANDROID]: [] }],
    ["android_association_shape", { [ANDROID]: { relation: [] } }],
    [
      "android_association_shape",
      {
        [ANDROID]: [
          {
            relation: ["delegate_permission/common.handle_all_urls"],
            target: {
              namespace: "android_app",
              package_name: "com.example.app",
              sha256_cert_fingerprints: [PRINT.toLowerCase()],
            },
          },
        ],
      },
    ],
  ])("L7: one mistake, one finding: %s", async (id, bent) => {
    const { found } = await files(bent);
    expect(found).toEqual([id]);
  });

  it.each([
    [{ components: [{ "/": "/authorize*", exclude: true }, { "/": "*" }] }],
    [{ components: [{ "/": "/*", "?": { state: "?*" } }, { "/": "/app/*" }] }],
    [{ paths: ["NOT /authorize", "*"] }],
    [{ paths: ["/app/*"] }],
  ])("an app that leaves the sign-in page to browsers passes: %j", async (detail) => {
    expect((await files(apple(detail))).found).toEqual([]);
  });

  it("hostile files end nothing", async () => {
    const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`;
    const json = (text: string) => new Response(text, { headers: { "content-type": "application/json" } });
    for (const text of [
      deep,
      "null",
      '"text"',
      '{"applinks":{"details":[null,1,{"components":[{"/":7}]}]}}',
      '[{"target":5}]',
    ]) {
      const { found } = await files({ [APPLE]: json(text), [ANDROID]: json(text) });
      expect(found).toContain("android_association_shape");
    }
  });
});
