// Skill events and grants: signatures, injected faults, and AcceptGrant as a condition of linking.
import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { CHAIN_VARIANTS } from "../state/store.ts";
import { LWA, SERVICE, SIMULATOR, startSimulator } from "../testing/test-simulator.ts";
import { makeCertificates } from "./certificates.ts";

const EVENTS = { eventsUrl: `${SERVICE}/alexa/events` };

function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
    (one) => new X509Certificate(one),
  );
}

interface Received {
  readonly headers: Headers;
  readonly body: string;
}

/** A simulator whose company also receives events and AcceptGrant, records them, and returns `response`. */
async function simulatorWithBackend(
  changes: Record<string, unknown>,
  response: (path: string) => Response = () => new Response(),
) {
  const received: Received[] = [];
  const simulator = await startSimulator(changes);
  const oauth = simulator.company.fetch;
  simulator.company.fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith("/alexa/")) return oauth(request);
    received.push({ headers: request.headers, body: new TextDecoder().decode(await request.arrayBuffer()) });
    return response(pathname);
  };
  return { ...simulator, received };
}

async function verify(simulator: Awaited<ReturnType<typeof simulatorWithBackend>>, one: Received): Promise<boolean> {
  // workerd warns of `text()` on a type that it does not know as text.
  const pem = async (path: string) => new TextDecoder().decode(await (await simulator.call(path)).arrayBuffer());
  const url = one.headers.get("signaturecertchainurl") ?? "";
  const [leaf, intermediate] = certificatesIn(await pem(url));
  const root = new X509Certificate(await pem("/simulator/certificate-root"));
  const chained = leaf && intermediate && leaf.verify(intermediate.publicKey) && intermediate.verify(root.publicKey);
  if (!chained || leaf.checkHost("echo-api.amazon.com", { subject: "never" }) === undefined) return false;
  const der = new Uint8Array(leaf.publicKey.export({ type: "spki", format: "der" }));
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("spki", der, algorithm, false, ["verify"]);
  const signature = Uint8Array.from(atob(one.headers.get("signature-256") ?? ""), (char) => char.charCodeAt(0));
  return crypto.subtle.verify(algorithm, key, signature, new TextEncoder().encode(one.body));
}

describe("certificates", () => {
  it("S4: the good chain ends at the root, and each bad chain has its own defect", async () => {
    const now = Date.parse("2026-11-01T12:00:00Z");
    const { rootPem, chains } = await makeCertificates(now);
    const root = new X509Certificate(rootPem);
    const [leaf, intermediate] = certificatesIn(chains.good);
    expect(intermediate?.ca && intermediate.checkIssued(root) && intermediate.verify(root.publicKey)).toBe(true);
    expect(leaf && intermediate && leaf.checkIssued(intermediate) && leaf.verify(intermediate.publicKey)).toBe(true);
    expect(Date.parse(certificatesIn(chains.expired)[0]?.validTo ?? "")).toBeLessThan(now);
    expect(certificatesIn(chains.wrong_host)[0]?.checkHost("echo-api.amazon.com")).toBeUndefined();
    expect(certificatesIn(chains.other_root)[1]?.verify(root.publicKey)).toBe(false);
    expect(certificatesIn(chains.missing_intermediate)).toHaveLength(1);
  });

  it("are served under /echo.api/ and nowhere else", async () => {
    const simulator = await startSimulator();
    for (const variant of CHAIN_VARIANTS) {
      expect((await simulator.call(`/echo.api/echo-api-cert-${variant}.pem`)).status).toBe(200);
    }
    expect((await simulator.call("/echo.api/other.pem")).status).toBe(404);
  });
});

describe("skill events", () => {
  it("SkillEnabled and SkillAccountLinked are sent after linking, signed, the latter with the access token", async () => {
    const simulator = await simulatorWithBackend(EVENTS);
    await simulator.linkFromAlexa();
    const types = simulator.received.map((one) => JSON.parse(one.body).request.type);
    expect(types).toEqual(["AlexaSkillEvent.SkillEnabled", "AlexaSkillEvent.SkillAccountLinked"]);
    for (const one of simulator.received) expect(await verify(simulator, one)).toBe(true);
    const linked = JSON.parse(simulator.received[1]?.body ?? "{}");
    expect(linked.request.body.accessToken).toMatch(/^at_fake/);
    expect(linked.session).toBeUndefined();
    expect(simulator.received[0]?.headers.get("signaturecertchainurl")).toBe(
      `${SIMULATOR}/echo.api/echo-api-cert-good.pem`,
    );
  });

  it("a speaker's own link has the person's token, and the account keeps its own", async () => {
    const simulator = await simulatorWithBackend(EVENTS);
    await simulator.linkFromAlexa();
    simulator.received.length = 0;
    const started = await simulator.post("/alexa-app/enable", { person: "ada" });
    const authorizeUrl = started.headers.get("location") ?? "";
    const decided = await simulator.company.fetch(authorizeUrl, {
      method: "POST",
      body: new URLSearchParams({ decision: "allow" }),
    });
    await simulator.call(decided.headers.get("location") ?? "");
    const { items } = await simulator.json<{ items: { person?: string; userId: string }[] }>("GET", "/simulator/links");
    expect(items.map(({ person }) => person)).toEqual([undefined, "ada"]);
    expect(items[0]?.userId).toBe(items[1]?.userId);
    const { context, request } = JSON.parse(simulator.received[1]?.body ?? "{}");
    expect(request.body.accessToken).toBe(context.System.person.accessToken);
    expect(context.System.user.accessToken).toMatch(/^at_fake/);
    expect(context.System.user.accessToken).not.toBe(request.body.accessToken);
    await simulator.post("/alexa-app/disable");
    expect(await simulator.json("GET", "/simulator/links")).toEqual({ items: [] });
  });

  it("the certificate URL is Amazon's when the simulator serves Amazon's hosts", async () => {
    const simulator = await simulatorWithBackend({ ...EVENTS, certificateOrigin: "https://s3.amazonaws.com" });
    await simulator.linkFromAlexa();
    expect(simulator.received[0]?.headers.get("signaturecertchainurl")).toMatch(
      /^https:\/\/s3\.amazonaws\.com\/echo\.api\//,
    );
    expect(await verify(simulator, simulator.received[0]!)).toBe(true);
  });

  it("U1: events can arrive twice, late and without a token", async () => {
    const simulator = await simulatorWithBackend(EVENTS);
    await simulator.linkFromAlexa();
    simulator.received.length = 0;
    await simulator.faults({ events: { duplicate: true, lateSeconds: 3000, withoutAccessToken: true } });
    await simulator.post("/alexa-app/disable");
    const [first, second] = simulator.received.map((one) => JSON.parse(one.body));
    expect(second.request.requestId).toBe(first.request.requestId);
    const sentAt = Date.parse((await simulator.exchanges()).at(-1)?.at ?? "");
    expect(sentAt - Date.parse(first.request.timestamp)).toBeGreaterThanOrEqual(3_000_000);
    expect(first.context.System.user).not.toHaveProperty("accessToken");
  });

  it.each([
    ["a wrong signature", { signature: "wrong" }],
    ["a signature of another body", { signature: "other_body" }],
    ["a certificate of another root", { certificate: "other_root" }],
    ["a certificate of another host", { certificate: "wrong_host" }],
    ["an incomplete chain", { certificate: "missing_intermediate" }],
  ])("S4: %s does not verify", async (_, events) => {
    const simulator = await simulatorWithBackend(EVENTS);
    await simulator.linkFromAlexa();
    await simulator.faults({ events });
    simulator.received.length = 0;
    await simulator.post("/alexa-app/disable");
    expect(await verify(simulator, simulator.received[0]!)).toBe(false);
  });

  it("S4: the events scenario fails a company that accepts every event", async () => {
    const simulator = await simulatorWithBackend(EVENTS);
    await simulator.linkFromAlexa();
    const run = { scenario: "events" };
    const verdict = await simulator.json<{ ok: boolean; checks: { name: string; ok: boolean }[] }>(
      "POST",
      "/simulator/run",
      run,
    );
    const unmet = verdict.checks.filter((check) => !check.ok).map((check) => check.name);
    expect(verdict.ok).toBe(false);
    expect(unmet).toContain("refuses_forged_signature");
    expect(unmet).toContain("disabled_ends_the_grant");
    expect(unmet).toHaveLength(11);
  });
});

describe("AcceptGrant", () => {
  const grants = {
    sendAlexaEvents: true,
    acceptGrant: { url: `${SERVICE}/alexa/accept-grant`, clientId: "service", clientSecret: "example" },
    eventGateway: { clientId: "amzn1.application-oa2-client.gateway", clientSecret: "example-gateway" },
  };
  const event = (name: string) =>
    Response.json({
      event: { header: { namespace: "Alexa.Authorization", name, messageId: "1", payloadVersion: "3" }, payload: {} },
    });

  it("O3: linking fails if AcceptGrant fails, although the tokens were valid", async () => {
    for (const response of [
      () => event("ErrorResponse"),
      () => new Response("oops", { status: 500 }),
      () => Response.json({}),
    ]) {
      const simulator = await simulatorWithBackend(grants, response);
      const { text } = await simulator.linkFromAlexa();
      expect(text).toContain("We were unable to link");
      expect(text).toContain("AcceptGrant");
      expect(await simulator.json("GET", "/simulator/links")).toEqual({ items: [] });
    }
  });

  it("has the region, the company's token, and a code that only the gateway client can redeem, without a redirect URI", async () => {
    const simulator = await simulatorWithBackend(grants, () => event("AcceptGrant.Response"));
    expect((await simulator.linkFromAlexa({ account: "emil" })).text).toContain("successfully linked");
    const { payload } = JSON.parse(simulator.received[0]?.body ?? "{}").directive;
    expect(payload.grantee.token).toMatch(/^at_fake/);
    const redeem = (client: { clientId: string; clientSecret: string }) =>
      simulator.post("/auth/o2/token", {
        grant_type: "authorization_code",
        code: payload.grant.code,
        client_id: client.clientId,
        client_secret: client.clientSecret,
      });
    expect((await redeem(LWA)).status).toBe(400);
    const redeemed = await redeem(grants.eventGateway);
    expect(redeemed.status).toBe(200);
    const { access_token } = await redeemed.json<{ access_token: string }>();
    const report = (region: string) =>
      simulator.call(`/${region}/v3/events`, {
        method: "POST",
        headers: { authorization: `Bearer ${access_token}` },
        body: "{}",
      });
    expect((await report("eu")).status).toBe(202);
    expect((await report("na")).status).toBe(403);
    await simulator.post("/accounts", { account: "emil" });
    await simulator.json("PUT", "/simulator/current-account", { id: "emil" });
    await simulator.post("/alexa-app/disable");
    expect((await report("eu")).status).toBe(403);
  });

  it("the reciprocal call has the company's token and a code of Amazon's", async () => {
    const simulator = await simulatorWithBackend({ reciprocalUrl: `${SERVICE}/alexa/reciprocal` });
    await simulator.linkFromAlexa();
    const form = new URLSearchParams(simulator.received[0]?.body);
    expect(form.get("grant_type")).toBe("reciprocal_authorization_code");
    expect(simulator.received[0]?.headers.get("authorization")).toMatch(/^Bearer at_fake/);
    const code = form.get("code") ?? "";
    const credentials = { client_id: LWA.clientId, client_secret: LWA.clientSecret };
    expect(
      (await simulator.post("/auth/o2/token", { grant_type: "authorization_code", code, ...credentials })).status,
    ).toBe(200);
  });
});
