// What a stranger can make the service fetch by events that Alexa never sent.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CERTIFICATE_URL, chainKeys, chainPem, sign } from "../../test/support/alexa-signer.ts";
import { json, seedSkill } from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { deliver, eventBody, post, startWithAlexa } from "../../test/support/skill-events.ts";

let service: Service;
let files: Map<string, () => Response | Promise<Response>>;
let fetched: string[];

beforeEach(async () => {
  ({ service, files, fetched } = await startWithAlexa());
  await seedSkill();
});
afterEach(() => vi.restoreAllMocks());

const urlOf = (name: string | number) => `https://s3.amazonaws.com/echo.api/${name}.pem`;
const FORGED = btoa("\0".repeat(256));

/** A stranger's event, with a certificate of the stranger's choice. Status, and the reason of a refusal. */
async function forge(url: string, body = eventBody({ at: service.clock.now })): Promise<string> {
  const response = await post(service, body, { signaturecertchainurl: url, "signature-256": FORGED });
  const { status, reason = "" } = await json<{ status: number; reason?: string }>(response);
  return `${status} ${reason}`.trim();
}
const statusOf = async (response: Promise<Response>) => (await response).status;

describe("S11: an event of a skill that is not registered", () => {
  it("fetches nothing, whatever its certificate and signature", async () => {
    const body = eventBody({ skillId: "amzn1.ask.skill.of-somebody-else" });
    for (let i = 0; i < 5; i++) expect(await forge(urlOf(i), body)).toBe("400 skill_unknown");
    expect(await statusOf(post(service, body))).toBe(400);
    expect(fetched).toEqual([]);
  });

  it("nor does one whose certificate URL has a query or a fragment", async () => {
    for (const end of ["?", "?a=1", "#", "#a", "?a#b"]) {
      expect(await forge(CERTIFICATE_URL + end)).toBe("400 certificate_url_refused");
    }
    expect(fetched).toEqual([]);
  });

  it("nor does one that writes a known certificate's URL with percent signs, which could evict it", async () => {
    for (const end of ["%2Epem", ".p%65m", ".%70em"]) {
      expect(await forge(CERTIFICATE_URL.replace(".pem", end))).toBe("400 certificate_url_refused");
    }
    expect(fetched).toEqual([]);
  });
});

describe("S11: refusals of certificates are remembered for a minute", () => {
  it.each<[string, () => Promise<() => Response>, string]>([
    ["404", async () => () => new Response("<Error/>", { status: 404 }), "certificate_not_found"],
    ["403", async () => () => new Response("<Error/>", { status: 403 }), "certificate_not_found"],
    [
      "a redirect",
      async () => () => new Response(null, { status: 302, headers: { location: "/" } }),
      "certificate_not_found",
    ],
    ["a file of 100 KB", async () => () => new Response("x".repeat(100 * 1024)), "certificate_not_found"],
    ["HTML", async () => () => new Response("<html></html>"), "certificate_malformed"],
    [
      "a chain without its authority",
      async () => {
        const pem = await chainPem({ without: "intermediate" });
        return () => new Response(pem);
      },
      "certificate_untrusted",
    ],
  ])("%s", async (_, respond, reason) => {
    const respondNow = await respond();
    files.set(urlOf("bad"), () => respondNow());
    for (const wait of [29_999, 30_000, 0]) {
      expect(await forge(urlOf("bad"))).toBe(`400 ${reason}`);
      service.clock.advance(wait);
    }
    expect(fetched).toHaveLength(1);
    const good = await chainPem();
    files.set(urlOf("bad"), () => new Response(good));
    service.clock.advance(1);
    expect(
      await statusOf(post(service, eventBody({ at: service.clock.now }), { signaturecertchainurl: urlOf("bad") })),
    ).toBe(200);
  });

  it("a server that is down is asked again at once", async () => {
    files.set(CERTIFICATE_URL, () => new Response("", { status: 503 }));
    expect(await statusOf(deliver(service))).toBe(503);
    const good = await chainPem();
    files.set(CERTIFICATE_URL, () => new Response(good));
    expect(await statusOf(deliver(service))).toBe(200);
  });
});

describe("S11: fetches", () => {
  it("of 500 anonymous events with a URL each are at most 60 in a minute, and a known certificate still works", async () => {
    expect(await statusOf(deliver(service))).toBe(200);
    for (let i = 0; i < 500; i++) {
      files.set(urlOf(i), () => new Response("<Error/>", { status: 404 }));
      expect(await forge(urlOf(i))).toMatch(/^400 certificate_not_found$|^503$/);
    }
    expect(fetched.length).toBeLessThanOrEqual(60);
    expect(fetched.length).toBeGreaterThan(50);
    expect(await statusOf(deliver(service))).toBe(200);
    service.clock.advance(60_000);
    const before = fetched.length;
    expect(await forge(urlOf("next"))).toBe("503");
    expect(fetched.length).toBe(before + 1);
  });

  it("of 100 anonymous events at once are at most 60", async () => {
    files.set(CERTIFICATE_URL, async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return new Response("<Error/>", { status: 404 });
    });
    await Promise.all(Array.from({ length: 100 }, () => forge(CERTIFICATE_URL)));
    expect(fetched.length).toBeLessThanOrEqual(60);
  });

  it("of certificates that were evicted: when 20 are cached, only the oldest goes", async () => {
    const pem = await chainPem();
    const good = async (name: number) => {
      files.set(urlOf(name), () => new Response(pem));
      const body = eventBody({ at: service.clock.now });
      return statusOf(post(service, body, { signaturecertchainurl: urlOf(name) }));
    };
    for (let i = 0; i <= 20; i++) expect(await good(i)).toBe(200);
    expect(fetched).toHaveLength(21);
    for (let i = 1; i <= 20; i++) expect(await good(i)).toBe(200);
    expect(fetched).toHaveLength(21);
    expect(await good(0)).toBe(200);
    expect(fetched).toHaveLength(22);
    expect(await good(1)).toBe(200);
    expect(fetched).toHaveLength(23);
    expect(await good(3)).toBe(200);
    expect(fetched).toHaveLength(23);
  });

  it("a certificate that was fetched again counts as new", async () => {
    const { other } = await chainKeys();
    const pem = await chainPem();
    const renewed = await chainPem({ leaf: { keys: other } });
    const send = async (name: number, key?: CryptoKey) => {
      const body = eventBody({ at: service.clock.now });
      const signature = await sign(body, key);
      return statusOf(post(service, body, { signaturecertchainurl: urlOf(name), "signature-256": signature }));
    };
    for (let i = 0; i < 20; i++) {
      files.set(urlOf(i), () => new Response(pem));
      expect(await send(i)).toBe(200);
    }
    service.clock.advance(60_000);
    files.set(urlOf(0), () => new Response(renewed));
    expect(await send(0, other.privateKey)).toBe(200);
    files.set(urlOf(20), () => new Response(pem));
    expect(await send(20)).toBe(200);
    const before = fetched.length;
    expect(await send(0, other.privateKey)).toBe(200);
    expect(fetched).toHaveLength(before);
  });
});
