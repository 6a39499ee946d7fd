// POST /alexa/events: requests that are refused, and that they change nothing.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CERTIFICATE_URL, chainKeys, chainPem, sign } from "../../test/support/alexa-signer.ts";
import { SERVICE_BASIC } from "../../test/support/gateway.ts";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  basic,
  json,
  refresh,
  SERVICE_CLIENT,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import { type Service, START } from "../../test/support/service.ts";
import { deliver, eventBody, link, post, startWithAlexa } from "../../test/support/skill-events.ts";

const HOUR_MS = 3600_000;

let service: Service;
let files: Map<string, () => Response | Promise<Response>>;
let fetched: string[];

beforeEach(async () => {
  ({ service, files, fetched } = await startWithAlexa());
  await seedSkill();
  await seedUser();
});
afterEach(() => vi.restoreAllMocks());

async function stillRefreshes(tokens: { refresh_token: string }): Promise<boolean> {
  const response = await service.request("/token", refresh(tokens.refresh_token));
  await response.text();
  return response.status === 200;
}
async function eventRows(): Promise<number> {
  return (await env.DB.prepare("SELECT COUNT(*) AS n FROM skill_events").first<number>("n")) ?? -1;
}
async function reasonOf(response: Response): Promise<string> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = await json<{ code: string; reason: string; status: number }>(response);
  expect(body).toMatchObject({ code: "event_refused", status: 400 });
  return body.reason;
}

describe("S4: a refused event changes nothing", () => {
  async function refused(send: (body: string) => Promise<Response>, seed: object = {}): Promise<string> {
    const { tokens } = await link(service);
    const body = eventBody({ accessToken: tokens.access_token, at: service.clock.now, ...seed });
    const reason = await reasonOf(await send(body));
    expect(await stillRefreshes(tokens)).toBe(true);
    expect(await eventRows()).toBe(0);
    return reason;
  }

  it.each([
    ["no signature", { "signature-256": "" }, "signature_wrong"],
    ["a signature that is not base64", { "signature-256": "%%%%" }, "signature_wrong"],
    ["a signature of another length", { "signature-256": btoa("short") }, "signature_wrong"],
    ["a signature made of zeros", { "signature-256": btoa("\0".repeat(256)) }, "signature_wrong"],
    ["no certificate URL", { signaturecertchainurl: "" }, "certificate_url_refused"],
    [
      "a certificate of another host",
      { signaturecertchainurl: "https://evil.test/echo.api/a.pem" },
      "certificate_url_refused",
    ],
    [
      "a certificate from outside /echo.api/",
      { signaturecertchainurl: "https://s3.amazonaws.com/echo.api/../x/a.pem" },
      "certificate_url_refused",
    ],
  ])("%s", async (_, headers, reason) => {
    expect(await refused((body) => post(service, body, headers as Record<string, string>))).toBe(reason);
    expect(fetched.filter((url) => url !== CERTIFICATE_URL)).toEqual([]);
  });

  it("a signature by another key", async () => {
    const { other } = await chainKeys();
    const reason = await refused(async (body) =>
      post(service, body, { "signature-256": await sign(body, other.privateKey) }),
    );
    expect(reason).toBe("signature_wrong");
  });

  it("a body with one space added after it was signed", async () => {
    const reason = await refused(async (body) => post(service, `${body} `, { "signature-256": await sign(body) }));
    expect(reason).toBe("signature_wrong");
  });

  it("only the old SHA-1 header", async () => {
    const reason = await refused(async (body) =>
      post(service, body, { "signature-256": "", signature: await sign(body) }),
    );
    expect(reason).toBe("signature_wrong");
  });

  it.each([
    [
      "a chain to another root",
      async () => {
        const { other } = await chainKeys();
        return chainPem({ intermediate: { issuer: { name: "Test Root", keys: other } } });
      },
      "certificate_untrusted",
    ],
    ["a chain without its authority", () => chainPem({ without: "intermediate" }), "certificate_untrusted"],
    ["another host's certificate", () => chainPem({ leaf: { hosts: ["a.example.com"] } }), "certificate_of_another"],
    ["a page instead of a certificate", async () => "<html></html>", "certificate_malformed"],
    ["a certificate of 100 KB", async () => "x".repeat(100 * 1024), "certificate_not_found"],
  ])("%s", async (_, pem, reason) => {
    const text = await pem();
    files.set(CERTIFICATE_URL, () => new Response(text));
    expect(await refused((body) => post(service, body))).toBe(reason);
  });

  it("F2: a certificate URL that redirects is not followed", async () => {
    const target = "https://s3.amazonaws.com/elsewhere.pem";
    files.set(CERTIFICATE_URL, () => new Response(null, { status: 302, headers: { location: target } }));
    expect(await refused((body) => post(service, body))).toBe("certificate_not_found");
    expect(fetched).not.toContain(target);
  });

  it("a certificate that cannot be downloaded", async () => {
    files.set(CERTIFICATE_URL, () => new Response("<Error/>", { status: 403 }));
    expect(await refused((body) => post(service, body))).toBe("certificate_not_found");
  });

  it("a skill that is not registered here", async () => {
    const reason = await refused((body) => post(service, body), { skillId: "amzn1.ask.skill.of-somebody-else" });
    expect(reason).toBe("skill_unknown");
  });

  it.each([
    ["invalid JSON", "{"],
    ["an empty body", ""],
    ["an array", "[]"],
    ["no application", JSON.stringify({ context: { System: {} }, request: { type: "x", requestId: "r" } })],
    ["no request", JSON.stringify({ context: { System: { application: { applicationId: SKILL_ID } } } })],
    ["invalid UTF-8", "\u00ff"],
  ])("%s, though signed", async (_, body) => {
    const response = await post(service, body);
    expect(await reasonOf(response)).toBe("body_malformed");
    expect(fetched).toEqual([]);
  });

  it("more than 256 KB: 413, and no certificate is fetched", async () => {
    const response = await post(service, eventBody().padEnd(256 * 1024 + 1));
    expect(response.status).toBe(413);
    expect(fetched).toEqual([]);
    expect((await post(service, eventBody().padEnd(256 * 1024))).status).toBe(200);
  });

  it("another method: 405", async () => {
    expect((await service.request("/alexa/events")).status).toBe(405);
  });
});

describe("U2: a Lambda forwards its unsigned events as a service client", () => {
  const forward = (authorization: string, seed: object = {}) =>
    service.request("/alexa/events", {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: eventBody({ at: service.clock.now, ...seed }),
    });

  it("is accepted for its own skills", async () => {
    await seedAppAndService();
    const { tokens } = await link(service);
    expect((await forward(SERVICE_BASIC, { accessToken: tokens.access_token })).status).toBe(200);
    expect(await stillRefreshes(tokens)).toBe(false);
    expect(fetched).toEqual([]);
  });

  it("is refused for other skills, when late, with wrong credentials, and with a wrong signature", async () => {
    await seedAppAndService(["amzn1.ask.skill.0001-other"]);
    const { tokens } = await link(service);
    const seed = { accessToken: tokens.access_token };
    expect(await reasonOf(await forward(SERVICE_BASIC, seed))).toBe("skill_unknown");
    expect(await reasonOf(await forward(SERVICE_BASIC, { ...seed, at: START - HOUR_MS - 1000 }))).toBe(
      "timestamp_outside_window",
    );
    for (const authorization of [basic(SERVICE_CLIENT, "wrong"), basic(ALEXA_CLIENT, ALEXA_SECRET), "Bearer x"]) {
      expect((await forward(authorization, seed)).status).toBe(401);
    }
    const forged = { authorization: SERVICE_BASIC, "signature-256": btoa("\0".repeat(256)) };
    expect(await reasonOf(await post(service, eventBody(seed), forged))).toBe("signature_wrong");
    expect(await stillRefreshes(tokens)).toBe(true);
  });
});

describe("S4: time window", () => {
  const tooFar = "timestamp_outside_window";
  it.each(["SkillEnabled", "SkillDisabled", "SkillAccountLinked", "SkillPermissionAccepted", "SkillPermissionChanged"])(
    "%s may be at most an hour off, either way",
    async (name) => {
      expect((await deliver(service, { name, at: START - HOUR_MS })).status).toBe(200);
      expect((await deliver(service, { name, at: START + HOUR_MS })).status).toBe(200);
      expect(await reasonOf(await deliver(service, { name, at: START - HOUR_MS - 1000 }))).toBe(tooFar);
      expect(await reasonOf(await deliver(service, { name, at: START + HOUR_MS + 1000 }))).toBe(tooFar);
    },
  );

  it("all other requests may be at most 150 seconds off", async () => {
    for (const type of ["LaunchRequest", "AlexaSkillEvent.ProactiveSubscriptionChanged"]) {
      expect((await deliver(service, { type, at: START - 150_000 })).status).toBe(200);
      expect((await deliver(service, { type, at: START + 150_000 })).status).toBe(200);
      expect(await reasonOf(await deliver(service, { type, at: START - 151_000 }))).toBe(tooFar);
      expect(await reasonOf(await deliver(service, { type, at: START + 151_000 }))).toBe(tooFar);
    }
  });

  it("a name that only starts like that of an event may not be an hour off", async () => {
    expect(await reasonOf(await deliver(service, { name: "SkillDisabledX", at: START - 200_000 }))).toBe(tooFar);
    expect(await reasonOf(await deliver(service, { type: "SkillDisabled.X", at: START - 200_000 }))).toBe(tooFar);
  });
});

describe("certificates are cached", () => {
  it("one fetch serves many events, and a new chain at the same URL is fetched after a minute", async () => {
    for (let count = 0; count < 5; count++) expect((await deliver(service)).status).toBe(200);
    expect(fetched).toEqual([CERTIFICATE_URL]);
    const { other } = await chainKeys();
    const renewed = await chainPem({ leaf: { keys: other } });
    files.set(CERTIFICATE_URL, () => new Response(renewed));
    const signedWithNewKey = async () => {
      const body = eventBody({ at: service.clock.now });
      return post(service, body, { "signature-256": await sign(body, other.privateKey) });
    };
    expect((await signedWithNewKey()).status).toBe(400);
    service.clock.advance(60_000);
    expect((await signedWithNewKey()).status).toBe(200);
    expect(fetched).toHaveLength(2);
  });

  it("S4: a cached certificate is refused after its expiry and before its start", async () => {
    const dates = { notBefore: new Date(START - HOUR_MS), notAfter: new Date(START + HOUR_MS) };
    const pem = await chainPem({ leaf: { dates } });
    files.set(CERTIFICATE_URL, () => new Response(pem));
    expect((await deliver(service)).status).toBe(200);
    service.clock.advance(HOUR_MS + 1);
    expect(await reasonOf(await deliver(service))).toBe("certificate_outside_validity");
    service.clock.advance(-2 * HOUR_MS - 2);
    expect(await reasonOf(await deliver(service))).toBe("certificate_outside_validity");
  });

  it("forged signatures do not cause more than one fetch a minute", async () => {
    await deliver(service);
    for (let count = 0; count < 10; count++) {
      await deliver(service, {}).then((response) => expect(response.status).toBe(200));
      await post(service, eventBody(), { "signature-256": btoa("\0".repeat(256)) });
    }
    expect(fetched).toHaveLength(1);
  });
});

describe("S4: without ALEXA_CERT_ROOTS, the public roots of the build count", () => {
  const send = () => deliver(service, {});

  beforeEach(async () => {
    ({ service, files, fetched } = await startWithAlexa({ ALEXA_CERT_ROOTS: "" }));
  });

  it("a chain to another root is refused", async () => {
    expect(await reasonOf(await send())).toBe("certificate_untrusted");
  });

  it("while they cannot be read, the response is 503 and the verdict is not remembered", async () => {
    const down = { fetch: async () => new Response(null, { status: 404 }) } as unknown as Fetcher;
    service.env.ASSETS = down;
    expect((await send()).status).toBe(503);
    expect(await eventRows()).toBe(0);
    service.env.ASSETS = env.ASSETS;
    expect(await reasonOf(await send())).toBe("certificate_untrusted");
  });
});
