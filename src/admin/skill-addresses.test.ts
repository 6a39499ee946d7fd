// Addresses of skills: which can be registered and which cannot.
import { describe, expect, it } from "vitest";
import { admin, clientOf, redirectUrisOf, SKILL_BODY, SKILL_PATH } from "../../test/support/admin.ts";
import { ISSUER, startService } from "../../test/support/service.ts";

/** Spelled so that a browser or a lax comparison reads them differently. */
const HOSTILE = [
  "javascript:alert(1)",
  "JavaScript:alert(1)",
  "javascript://app.example.com/%0aalert(1)",
  "java\tscript:alert(1)",
  "data:text/html,x",
  "DATA:text/html,x",
  "data://text/html,x",
  "vbscript:x",
  "file:///etc/passwd",
  "blob:https://app.example.com/1",
  "intent://x#Intent;end",
  "//evil.test",
  "/\\evil.test",
  "https:/app.example.com/",
  "https:app.example.com",
  "https://app.example.com\\@evil.test/",
  "https://app.example.com@evil.test/",
  "https://user:secret@app.example.com/",
  "https://app.example.com/#fragment",
  "https://app.exam\tple.com/",
  "https://app.example.com/\n",
  " https://app.example.com/",
  "https://app.example.com/ ",
  "https://app.example.com/a b",
  "https://*.example.com/",
  "https://APP.example.com/",
  "HTTPS://app.example.com/",
  "https://app.example.com:443/",
  "https://ä.example.com/",
  "https://",
  "https:///app.example.com",
  "https://0x7f.1/",
  "https://app.example.com:99999/",
  "ftp://app.example.com/",
  "",
  "app.example.com",
  `https://app.example.com/${"a".repeat(2048)}`,
];

describe("addresses", () => {
  it("S7: hostile spellings are refused in every list, in production and in development", async () => {
    for (const variables of [{}, { ISSUER: "http://localhost:8787" }]) {
      const service = startService(variables);
      for (const field of ["extraRedirectUris", "returnUrls", "redirectUris"]) {
        for (const address of HOSTILE) {
          const response = await admin(service, "POST", "skills", { ...SKILL_BODY, [field]: [address] });
          expect([field, address.slice(0, 60), response.status, response.body.code]).toEqual([
            field,
            address.slice(0, 60),
            400,
            "invalid_body",
          ]);
        }
      }
    }
  });

  it("O6: http is accepted only in development and only for loopback hosts", async () => {
    const local = startService({ ISSUER: "http://localhost:8787" });
    const simulator = "http://127.0.0.1:8788/pitangui/api/skill/link/M2EXAMPLEVENDOR";
    const made = await admin(local, "POST", "skills", {
      ...SKILL_BODY,
      extraRedirectUris: [simulator],
      returnUrls: ["http://localhost:3000/done"],
    });
    expect(made.status).toBe(201);
    expect(clientOf(made).redirectUris).toEqual([...redirectUrisOf("M2EXAMPLEVENDOR"), simulator]);
    const other = {
      ...SKILL_BODY,
      id: "amzn1.ask.skill.0000-other",
      client: {},
      extraRedirectUris: ["http://192.168.0.2/"],
    };
    expect((await admin(local, "POST", "skills", other)).status).toBe(400);
    const remote = startService();
    expect((await admin(remote, "POST", "skills", { ...SKILL_BODY, extraRedirectUris: [simulator] })).status).toBe(400);
  });

  it("return URLs may be deep links of an app, redirect URIs may not", async () => {
    const service = startService();
    const urls = ["acme://linked", "com.example.app:/linked", "https://app.example.com:8443/done?a=1"];
    const made = await admin(service, "POST", "skills", { ...SKILL_BODY, returnUrls: urls });
    expect(made.status).toBe(201);
    expect(made.body.returnUrls).toEqual(urls);
    const redirect = await admin(service, "PATCH", SKILL_PATH, { extraRedirectUris: ["acme://linked"] });
    expect(redirect.status).toBe(400);
  });

  it("R5: our own callbacks cannot be registered as redirect URIs", async () => {
    const service = startService();
    for (const path of ["/link/callback", "/app/callback"]) {
      const response = await admin(service, "POST", "skills", {
        ...SKILL_BODY,
        extraRedirectUris: [`${ISSUER}${path}`],
      });
      expect([path, response.status]).toEqual([path, 400]);
    }
  });
});
