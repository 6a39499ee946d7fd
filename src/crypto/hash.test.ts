// Comparison in constant time: what it returns, and that everything a caller could guess goes through it.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ALEXA_CLIENT, basic, form, refresh, seedEveryone } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  exchangeOfApp,
  linkAlexa,
  linkApp,
  OTHER_VERIFIER,
  refreshOfApp,
  seedAppCode,
} from "../../test/support/tokens.ts";
import { equalInConstantTime, sha256 } from "./hash.ts";

/** The values of each comparison. */
let compared: [string, string][] = [];

const textOf = (bytes: ArrayBuffer | ArrayBufferView) => new TextDecoder().decode(bytes as Uint8Array);

beforeEach(() => {
  compared = [];
  const real = crypto.subtle.timingSafeEqual.bind(crypto.subtle);
  vi.spyOn(crypto.subtle, "timingSafeEqual").mockImplementation((a, b) => {
    compared.push([textOf(a), textOf(b)]);
    return real(a, b);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("comparison", () => {
  it.each([
    ["", "", true],
    ["a", "a", true],
    ["a", "b", false],
    ["ab", "ba", false],
    ["a", "", false],
    ["", "a", false],
    ["abc", "ab", false],
    ["ab", "abc", false],
    ["aa", "a", false],
    ["é", "é", true],
    ["é", "e", false],
  ])("A4: of %j and %j is %j, and takes one comparison of equal lengths", (a, b, equal) => {
    expect(equalInConstantTime(a, b)).toBe(equal);
    expect(compared).toHaveLength(1);
    expect(compared[0]?.[0].length).toBe(compared[0]?.[1].length);
  });
});

describe("what a caller could guess", () => {
  /** A wrong guess, and the value that is compared for it: its hash, or of a rotating token its derived secret. */
  const cases: [what: string, guess: (service: Service) => Promise<{ response: Response; value: string }>][] = [
    [
      "a client secret",
      async (service) => {
        const authorization = basic(ALEXA_CLIENT, "wrong");
        const response = await service.request("/introspect", form({ token: "x" }, { authorization }));
        return { response, value: await sha256("wrong") };
      },
    ],
    [
      "the admin token",
      async (service) => {
        const response = await service.request("/api/admin/keys", { headers: { authorization: "Bearer wrong" } });
        return { response, value: await sha256("wrong") };
      },
    ],
    [
      "a stable refresh token",
      async (service) => {
        const wrong = `${(await linkAlexa(service)).refresh_token.slice(0, -2)}AA`;
        return { response: await service.request("/token", refresh(wrong)), value: await sha256(wrong.slice(-43)) };
      },
    ],
    [
      "a rotating refresh token",
      async (service) => {
        const wrong = `${(await linkApp(service)).refresh_token.slice(0, -2)}AA`;
        return { response: await service.request("/token", refreshOfApp(wrong)), value: wrong.slice(-43) };
      },
    ],
    [
      "a code verifier",
      async (service) => {
        const init = exchangeOfApp(await seedAppCode(), { code_verifier: OTHER_VERIFIER });
        return { response: await service.request("/token", init), value: await sha256(OTHER_VERIFIER) };
      },
    ],
  ];

  it.each(cases)("A4: %s is compared in constant time", async (_, guess) => {
    await seedEveryone();
    const { response, value } = await guess(startService());
    expect(response.ok).toBe(false);
    expect(compared.flat()).toContain(value);
    expect(compared.filter(([a, b]) => a.length !== b.length)).toEqual([]);
  });
});
