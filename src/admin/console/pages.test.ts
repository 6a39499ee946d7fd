// The console's addresses, and lists that have more rows than a page shows.
import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { operator } from "../../../test/support/operator.ts";
import { insert } from "../../../test/support/rows.ts";
import { SKILL_ID, seedSkill } from "../../../test/support/seeds.ts";
import { type Service, startService } from "../../../test/support/service.ts";
import type { Visitor } from "../../../test/support/visitor.ts";

let service: Service;
let visitor: Visitor;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  visitor = await operator(service);
});

it.each([
  ["/admin/", "/admin"],
  ["/admin//", "/admin"],
  ["/admin/attempts/", "/admin/attempts"],
  ["/admin/attempts/?zone=UTC&outcome=failed", "/admin/attempts?zone=UTC&outcome=failed"],
  [`/admin/skills/${SKILL_ID}/`, `/admin/skills/${SKILL_ID}`],
  ["/admin/nothing/", "/admin/nothing"],
  ["/admin//evil.example/", "/admin//evil.example"],
  [`/admin${"/".repeat(8000)}`, "/admin"],
  ["/admin/x%0d%0aset-cookie:a=b/", "/admin/x%0d%0aset-cookie:a=b"],
  ["/admin/%00%E2%80%AE%ff%5c%5cevil/", "/admin/%00%E2%80%AE%ff%5c%5cevil"],
])("an address with a slash at its end leads to the page without: %.60s", async (path, page) => {
  for (const method of ["GET", "HEAD"]) {
    const response = await service.request(path, { method, redirect: "manual" });
    expect([response.status, response.headers.get("location")]).toEqual([303, page]);
    expect(response.headers.get("cache-control")).toBe("no-store");
  }
});

it("a form is not sent on, and other paths with a slash at their end stay unknown", async () => {
  expect((await service.request("/admin/skills/new/", { method: "POST", body: "a=b" })).status).toBe(404);
  for (const path of ["/token/", "/authorize/", "/administrators/", "//admin/", "/account/"]) {
    expect([path, (await service.request(path)).status]).toEqual([path, 404]);
  }
  const { status, html } = await visitor.get("/admin/nothing");
  expect([status, html.includes("The console has no page at this address")]).toEqual([404, true]);
});

it.each([
  ["skills", /href="\/admin\/skills\/(s\d+)"/g],
  ["clients", /href="\/admin\/clients\/(s\d+)"/g],
] as const)("all %s are listed, page by page, each once", async (name, links) => {
  const ids = Array.from({ length: 120 }, (_, i) => `s${1000 + i}`);
  for (const id of ids) {
    if (name === "skills") {
      await insert("skills", { id, name: `Skill ${id}` }).run();
      await insert("clients", { id: `client-${id}`, kind: "alexa", skillId: id }).run();
    } else await insert("clients", { id, kind: "service" }).run();
  }
  const seen: string[] = [];
  let address: string | undefined = `/admin/${name}?zone=Asia%2FTokyo`;
  let pages = 0;
  while (address !== undefined && pages < 5) {
    const { html }: { html: string } = await visitor.get(address);
    seen.push(...[...html.replaceAll("?zone=Asia%2FTokyo", "").matchAll(links)].map(([, id = ""]) => id));
    expect(html.includes("First page")).toBe(pages > 0);
    address = /href="([^"]*cursor=[^"]*)">Next page/.exec(html)?.[1]?.replaceAll("&amp;", "&");
    if (address !== undefined) expect(address).toContain("zone=Asia%2FTokyo");
    pages++;
  }
  expect(pages).toBe(3);
  expect(seen).toEqual(ids);
  for (const cursor of ["x", "", "%00", "W10", "a".repeat(9000), "eyJpZCI6MX0&cursor=y"]) {
    const { status, html } = await visitor.get(`/admin/${name}?cursor=${cursor}`);
    expect([status, html.includes("s1000")]).toEqual([200, true]);
  }
});

it("a chosen skill that the choice does not list stays chosen", async () => {
  await env.DB.batch(Array.from({ length: 201 }, (_, i) => insert("skills", { id: `a${1000 + i}`, name: "A skill" })));
  const { html } = await visitor.get("/admin/attempts?skill=zzz");
  expect(html).toMatch(/<option value="zzz" selected[^>]*>zzz</);
  const known = await visitor.get("/admin/attempts?skill=a1000");
  expect(known.html.match(/<option value="a1000"/g)).toHaveLength(1);
});
