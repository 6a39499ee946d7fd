// Amazon's redirect URIs: all of a vendor id's, and why one was refused.
import { describe, expect, it } from "vitest";
import { admin, SKILL_BODY } from "../../test/support/admin.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { visit } from "../../test/support/visitor.ts";

const HOSTS = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp", "alexa.amazon.com"];
const uris = (vendorId: string) => HOSTS.map((host) => `https://${host}/api/skill/link/${vendorId}`);
const VENDOR = SKILL_BODY.vendorId;
const CLIENT = SKILL_BODY.client.id;

async function authorize(service: Service, redirectUri: string, client = CLIENT) {
  const query = new URLSearchParams({ client_id: client, response_type: "code", redirect_uri: redirectUri });
  return (await service.request(`/authorize?${query}`)).status;
}

async function remedyOf(service: Service, redirectUri: string): Promise<string> {
  const { body } = await admin(service, "GET", "refusals");
  const items = body.items as { redirectUri: string; remedy: string }[];
  return items.find((item) => item.redirectUri === redirectUri)?.remedy ?? "";
}

describe("the vendor id", () => {
  it("R6: registers all four hosts, and each works", async () => {
    const service = startService();
    const made = await admin(service, "POST", "skills", SKILL_BODY);
    expect((made.body.client as { redirectUris: string[] }).redirectUris).toEqual(uris(VENDOR));
    for (const uri of uris(VENDOR)) expect(await authorize(service, uri), uri).toBe(200);
    await admin(service, "PATCH", `skills/${SKILL_BODY.id}`, { vendorId: "M1NEWVENDOR" });
    for (const uri of uris("M1NEWVENDOR")) expect(await authorize(service, uri), uri).toBe(200);
    for (const uri of uris(VENDOR)) expect(await authorize(service, uri), uri).toBe(400);
  });

  it("R6: by hand the first three are needed, the fourth is not", async () => {
    const service = startService();
    const { vendorId: _, ...byHand } = SKILL_BODY;
    for (const missing of HOSTS) {
      const redirectUris = uris(VENDOR).filter((uri) => !uri.includes(`//${missing}/`));
      const made = await admin(service, "POST", "skills", { ...byHand, redirectUris });
      if (missing === "alexa.amazon.com") expect(made.status).toBe(201);
      else {
        expect([made.status, made.body.code]).toEqual([422, "redirect_uris_incomplete"]);
        expect(made.body.missing).toEqual([`https://${missing}/api/skill/link/${VENDOR}`]);
      }
    }
  });
});

describe("the remedy for an unregistered redirect URI of Amazon's", () => {
  it("R6: wrong vendor id", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    for (const uri of uris("M9OTHERVENDOR")) {
      expect(await authorize(service, uri)).toBe(400);
      const remedy = await remedyOf(service, uri);
      expect(remedy).toMatch(/vendor id/i);
      for (const text of ["M9OTHERVENDOR", VENDOR]) expect(remedy).toContain(text);
      expect(remedy).not.toMatch(/unregistered host|wrong client/i);
    }
  });

  it("R6: unregistered host", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    const uri = `https://skills-store.amazon.com/api/skill/link/${VENDOR}`;
    expect(await authorize(service, uri)).toBe(400);
    const remedy = await remedyOf(service, uri);
    expect(remedy).toMatch(/unregistered host/i);
    expect(remedy).toContain("skills-store.amazon.com");
    expect(remedy).not.toMatch(/wrong vendor id|wrong client/i);
    const { vendorId: _, ...byHand } = SKILL_BODY;
    const other = { ...byHand, id: "amzn1.ask.skill.three-hosts", client: { id: "three-hosts" } };
    await admin(service, "POST", "skills", { ...other, redirectUris: uris("M3HOSTS").slice(0, 3) });
    const fourth = uris("M3HOSTS")[3] ?? "";
    expect(await authorize(service, fourth, "three-hosts")).toBe(400);
    expect(await remedyOf(service, fourth)).toMatch(/unregistered host.*alexa\.amazon\.com/i);
  });

  it("R6: wrong client", async () => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    const other = { ...SKILL_BODY, id: "amzn1.ask.skill.other", vendorId: "M2SECOND", client: { id: "alexa-second" } };
    await admin(service, "POST", "skills", other);
    const [uri = ""] = uris("M2SECOND");
    expect(await authorize(service, uri)).toBe(400);
    const remedy = await remedyOf(service, uri);
    expect(remedy).toMatch(/wrong client/i);
    expect(remedy).toContain("alexa-second");
    expect(remedy).not.toMatch(/unregistered host|wrong vendor id/i);
    const operator = visit(service);
    const signIn = await operator.get("/admin");
    await operator.post("/admin/session", { ...signIn.hidden("/admin/session"), token: ADMIN_TOKEN });
    expect((await operator.get("/admin")).html).toContain("alexa-second");
  });

  it("R6: no redirect URI of Amazon's at all, and one that was registered since", async () => {
    const service = startService();
    const { vendorId: _, ...byHand } = SKILL_BODY;
    const redirectUris = ["https://example.com/cb"];
    await admin(service, "POST", "skills", { ...byHand, redirectUris, force: true });
    const [uri = ""] = uris("M4LATER");
    expect(await authorize(service, uri)).toBe(400);
    expect(await remedyOf(service, uri)).toMatch(/no redirect URI of Amazon's.*M4LATER/);
    await admin(service, "PATCH", `skills/${SKILL_BODY.id}`, { vendorId: "M4LATER" });
    expect(await remedyOf(service, uri)).toMatch(/registered since/);
  });

  it.each([
    "https://pitangui.amazon.com.evil.test/api/skill/link/M0",
    "https://evil.test/https://pitangui.amazon.com/api/skill/link/M0",
    "http://pitangui.amazon.com/api/skill/link/M0",
    `https://pitangui.amazon.com/api/skill/link/${"M".repeat(5000)}`,
    "https://pitangui.amazon.com/api/skill/link/M0/../..",
  ])("R6: %s is not one of Amazon's", async (uri) => {
    const service = startService();
    await admin(service, "POST", "skills", SKILL_BODY);
    expect(await authorize(service, uri)).toBe(400);
    const { body } = await admin(service, "GET", "refusals");
    expect(String((body.items as { remedy: string }[])[0]?.remedy)).not.toMatch(/^Wrong|^Unregistered|evil|MMM/);
  });
});
