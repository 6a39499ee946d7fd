// What pages share: readable colours for any brand, and the choice of language.
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { LANGUAGES } from "../../test/support/languages.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";
import { contrast, readableOn, textOn } from "./color.ts";
import { en } from "./languages/en.ts";
import { loaded, textsFrom, waitInWords, wantedLanguages } from "./messages.ts";

const color = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, "0")}`);

describe("colours", () => {
  it("have the contrast of black on white", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
    expect(contrast("#777777", "#777777")).toBe(1);
  });

  it("P6: text on a button has enough contrast with any brand colour", () => {
    fc.assert(fc.property(color, (brand) => contrast(brand, textOn(brand)) >= 4.5));
  });

  it("P6: links and borders have enough contrast with any brand colour, on light and dark backgrounds", () => {
    fc.assert(
      fc.property(color, fc.constantFrom("#ffffff", "#1b1e24"), fc.constantFrom(3, 4.5), (brand, paper, ratio) => {
        return contrast(readableOn(paper, brand, ratio), paper) >= ratio;
      }),
    );
  });

  it("keep a brand colour that is already readable", () => {
    expect(readableOn("#ffffff", "#0b57d0", 4.5)).toBe("#0b57d0");
    expect(textOn("#0b57d0")).toBe("#ffffff");
    expect(textOn("#ffd400")).toBe("#000000");
  });
});

describe("Accept-Language", () => {
  it.each([
    ["", []],
    ["de", ["de"]],
    ["de-AT,de;q=0.9,en;q=0.8", ["de-at", "de", "en"]],
    ["en;q=0.1, fr ;q=0.9 , de", ["de", "fr", "en"]],
    ["en;q=0, de", ["de"]],
    ["en;q=x;q=1,de;q=0.5", ["de"]],
    [",,;;,q=1", ["q=1"]],
  ])("%j asks for %j", (header, wanted) => {
    expect(wantedLanguages(header)).toEqual(wanted);
  });

  it("is read without an error, whatever the header contains", () => {
    fc.assert(fc.property(fc.string(), (header) => Array.isArray(wantedLanguages(header))));
  });
});

describe("languages", () => {
  beforeEach(() => loaded.clear());

  /** Every text with its place; functions get values that must be in the text, as many as English has parameters. */
  function* textsOf(value: unknown, english: unknown = en, place = ""): Generator<[string, string, string[]]> {
    if (typeof english === "string") yield [place, value as string, []];
    else if (typeof english === "function") {
      const given = ["Acme {1}", "Öko"].slice(0, english.length);
      yield [place, (value as (...values: unknown[]) => string)(...given), given];
    } else {
      const texts = value as Record<string, unknown>;
      for (const [name, one] of Object.entries(english as object)) {
        yield* textsOf(texts[name], one, `${place}.${name}`);
      }
    }
  }

  const translations = [...LANGUAGES.keys()].filter((language) => language !== "en");
  const ask = (service: Service, path: string, language: string) =>
    service.request(path, { headers: { "accept-language": language } });

  it.each([...LANGUAGES.keys()])("%s has every text, with the values it is given", (language) => {
    for (const [place, text, given] of textsOf(LANGUAGES.get(language))) {
      expect([place, text.trim()]).not.toEqual([place, ""]);
      for (const value of given) expect([place, text]).toEqual([place, expect.stringContaining(value)]);
      expect([place, text]).not.toEqual([place, expect.stringMatching(/undefined|\[object|<|&/)]);
    }
  });

  it.each([...LANGUAGES.keys()])("%s is used when the browser asks for it", async (language) => {
    const service = startService();
    const visitor = visit(service);
    visitor.headers["accept-language"] = `${language}-XX,en;q=0.5`;
    const page = await visitor.get("/sign-in");
    expect(page.html).toContain(`<html lang="${language}"`);
    expect(page.html).toContain(LANGUAGES.get(language)?.signInButton);
    expect(page.headers.get("content-language")).toBe(language);
  });

  it.each(translations)("%s is built as it is written, with the values in their places", async (language) => {
    const built = await env.ASSETS.fetch(`https://assets.invalid/languages/${language}.json`);
    expect([...textsOf(textsFrom(await built.json()))]).toEqual([...textsOf(LANGUAGES.get(language))]);
  });

  it("are loaded once, by a page, and by nothing else", async () => {
    const service = startService();
    const paths: string[] = [];
    service.env.ASSETS = {
      ...env.ASSETS,
      fetch: (url: string) => {
        paths.push(new URL(url).pathname);
        return env.ASSETS.fetch(url);
      },
    } as Fetcher;
    for (const path of ["/token", "/introspect", "/revoke", "/userinfo", "/api/authorizations", "/api/links"]) {
      await ask(service, path, "de");
    }
    expect(paths).toEqual([]);
    for (const language of ["en", "nl", "de", "de-AT", "de"]) await ask(service, "/sign-in", language);
    expect(paths.filter((path) => path !== "/page.css")).toEqual(["/languages/de.json"]);
  });

  it.each([
    ["missing", async () => new Response(null, { status: 404 })],
    ["not JSON", async () => new Response("<!doctype html>")],
    ["incomplete", async () => new Response("{}")],
    ["out of reach", () => Promise.reject(new Error("assets are down"))],
  ])("a page is in English while its translation is %s", async (_, fetch) => {
    const service = startService();
    service.env.ASSETS = { ...env.ASSETS, fetch } as Fetcher;
    const english = await ask(service, "/sign-in", "fr");
    expect(english.status).toBe(200);
    expect(english.headers.get("content-language")).toBe("en");
    expect(await english.text()).toContain(en.signInButton);
    service.env.ASSETS = env.ASSETS;
    expect((await ask(service, "/sign-in", "fr")).headers.get("content-language")).toBe("fr");
  });

  it("are no pages themselves", async () => {
    const response = await ask(startService(), "/languages/de.json", "de");
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toMatch(/^text\/html/);
  });

  it.each([
    ["en", 1, "1 second"],
    ["en", 89, "89 seconds"],
    ["en", 90, "2 minutes"],
    ["de", 45, "45 Sekunden"],
    ["es", 45, "45 segundos"],
    ["fr", 1, "1\u00a0seconde"],
    ["it", 900, "15 minuti"],
    ["ja", 45, "45秒"],
    ["ja", 900, "15分"],
    ["pt", 1, "1 segundo"],
  ])("%s: a wait of %d seconds is %s", (language, seconds, words) => {
    expect(waitInWords(language, seconds)).toBe(words);
  });
});

describe("brand", () => {
  const ASSETS = { BRAND_LOGO_URL: "https://cdn.example.com/logo.svg", PRIVACY_URL: "https://www.example.com/privacy" };

  it("P6: shows name, logo and links of the company, and allows images from its logo host only", async () => {
    const service = startService({ BRAND_NAME: "Acme & <Söhne>", ...ASSETS });
    const page = await visit(service).get("/sign-in");
    expect(page.html).toContain("Sign in to Acme &amp; &lt;Söhne&gt;");
    expect(page.html).toContain('<img src="https://cdn.example.com/logo.svg" alt="Acme &amp; &lt;Söhne&gt;"');
    expect(page.html).toContain('href="https://www.example.com/privacy"');
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("img-src 'self' https://cdn.example.com;");
    const hash = /style-src ('sha256-[^']+')/.exec(policy)?.[1];
    const css = /<style>(.*?)<\/style>/s.exec(page.html)?.[1] ?? "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(css));
    expect(hash).toBe(`'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`);
  });

  it("shows the host name when no brand name is set", async () => {
    const page = await visit(startService()).get("/sign-in");
    expect(page.html).toContain("Sign in to link.example.com");
  });

  it("P8: an error page names remedies for known failures of the Alexa app, and an error id", async () => {
    const visitor = visit(startService());
    const page = await visitor.post("/sign-in", {});
    expect(page.html).toContain("Update the Alexa app on your phone");
    expect(page.html).toContain("alexa.amazon.com");
    expect(page.html).toMatch(/Error ID: <code>[A-Za-z0-9_-]{8}<\/code>/);
  });
});
