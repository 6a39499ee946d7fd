// Pages while the build's files cannot be read.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { startService } from "../../test/support/service.ts";
import { sha256 } from "../crypto/hash.ts";
import { en } from "./languages/en.ts";

it("a page without its style sheet is plain, works, and keeps its CSP; the next page has it again", async () => {
  const service = startService();
  service.env.ASSETS = { fetch: () => Promise.reject(new Error("assets are down")) } as unknown as Fetcher;
  const plain = await service.request("/sign-in");
  expect(plain.status).toBe(200);
  const html = await plain.text();
  expect(html).toContain(en.signInButton);
  const css = /<style>([^<]*)<\/style>/.exec(html)?.[1] ?? "";
  expect(css).toContain("--brand:");
  expect(css).not.toContain("main{");
  const hash = (await sha256(css)).replaceAll("-", "+").replaceAll("_", "/");
  expect(plain.headers.get("content-security-policy")).toContain(`style-src 'sha256-${hash}='`);
  service.env.ASSETS = env.ASSETS;
  expect(await (await service.request("/sign-in")).text()).toContain("main{");
});
