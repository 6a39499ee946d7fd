// Forms that other sites post to our pages. Browsers send no `SameSite=Lax` cookie with them, but keep what comes back.
import { beforeEach, describe, expect, it } from "vitest";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/env.ts";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { query, signedIn } from "../../test/support/authorize.ts";
import { ALEXA_REDIRECT_URIS, form, SKILL_ID, seedEveryone } from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import { formsOf, Visitor } from "../../test/support/visitor.ts";

const config = parseConfig({ ISSUER, MASTER_KEY: "A".repeat(43) });
/** Every address that a form can be posted to. */
const TARGETS = [
  ...new Set(
    createApp(config)
      .routes.filter(({ method, path }) => method === "POST" && !path.startsWith("/api/"))
      .map(({ path }) => path.replace(/:skillId/, SKILL_ID).replace(/:\w+/, "0grant")),
  ),
];

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
  await seedAccount(service, DEMO);
});

describe("a form that another site posts", () => {
  it("is tried at all pages that take forms", () => {
    expect(TARGETS).toEqual(
      expect.arrayContaining([
        "/sign-in",
        "/sign-out",
        "/sign-out/everywhere",
        "/authorize/decision",
        `/link/${SKILL_ID}`,
        "/account/password",
        "/account/links/0grant",
        "/admin/session",
        "/admin/sign-out",
      ]),
    );
  });

  it.each(TARGETS)("replaces and removes no cookie of the browser (%s)", async (target) => {
    const stranger = new Visitor(service);
    const theirs = (await stranger.get("/sign-in")).hidden("/sign-in");
    const bodies = [{}, { form: "x", transaction: "x" }, { ...theirs, email: DEMO.email, password: DEMO.password }];
    for (const body of bodies) {
      const response = await service.request(target, form(body, { origin: "https://evil.example" }));
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(response.status).toBeGreaterThanOrEqual(400);
    }
  });

  it("leaves the person signed in, and the consent page that is open usable", async () => {
    const ada = await signedIn(service);
    const consent = await ada.get(`/authorize?${query()}`);
    for (const target of TARGETS) {
      const response = await service.request(target, form({ form: "x" }, { origin: "https://evil.example" }));
      for (const line of response.headers.getSetCookie()) {
        const [name = "", value = ""] = (line.split(";")[0] ?? "").split("=");
        ada.cookies.set(name, value);
      }
    }
    const [shown] = formsOf(consent.html);
    const decided = await ada.post(shown?.action ?? "", { ...shown?.hidden, decision: "allow" });
    expect(decided.location?.split("?")[0]).toBe(ALEXA_REDIRECT_URIS[0]);
    expect((await ada.get("/account")).html).toContain(DEMO.email);
  });
});
