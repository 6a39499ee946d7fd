// What pages share: readable colours for any brand, and languages by weight.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LANGUAGES } from "../../test/support/languages.ts";
import { startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";
import { contrast, readableOn, textOn } from "./color.ts";
import { wantedLanguages } from "./messages.ts";

const color = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, "0")}`);

describe("colours", () => {
  it("have the contrast of black on white", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
    expect(contrast("#777777", "#777777")).toBe(1);
  });

  it("P6: text on a button of any brand colour can be read", () => {
    fc.assert(fc.property(color, (brand) => contrast(brand, textOn(brand)) >= 4.5));
  });

  it("P6: links and edges of any brand colour can be seen, on light and on dark paper", () => {
    fc.assert(
      fc.property(color, fc.constantFrom("#ffffff", "#1b1e24"), fc.constantFrom(3, 4.5), (brand, paper, ratio) => {
        return contrast(readableOn(paper, brand, ratio), paper) >= ratio;
      }),
    );
  });

  it("keep a brand colour that is readable already", () => {
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

  it("never fails, whatever is sent", () => {
    fc.assert(fc.property(fc.string(), (header) => Array.isArray(wantedLanguages(header))));
  });
});

describe("languages", () => {
  /** Every text with its place; functions are called with values that must come back in them. */
  function* textsOf(value: unknown, place = ""): Generator<[string, string, string[]]> {
    if (typeof value === "string") yield [place, value, []];
    else if (typeof value === "function") {
      const given = ["«one»", "«two»"].slice(0, value.length);
      yield [place, (value as (...values: unknown[]) => string)(...given), given];
    } else {
      for (const [name, one] of Object.entries(value as object)) yield* textsOf(one, `${place}.${name}`);
    }
  }

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
});

describe("brand", () => {
  const ASSETS = { BRAND_LOGO_URL: "https://cdn.example.com/logo.svg", PRIVACY_URL: "https://www.example.com/privacy" };

  it("P6: shows name, logo and links of the company, and loads nothing from anywhere else", async () => {
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

  it("without a name, shows the host of the address bar", async () => {
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
