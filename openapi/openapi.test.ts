import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { createApp } from "../src/app.ts";
import { parseConfig } from "../src/env.ts";
import { schemaOf } from "../src/schema-of.ts";
import { ADD_ON_BODY, ADD_ON_PATH, type AdminResponse, admin, SKILL_BODY, SKILL_PATH } from "../test/support/admin.ts";
import { appUser } from "../test/support/app-user.ts";
import { insert } from "../test/support/rows.ts";
import {
  ALEXA_REDIRECT_URIS,
  exchange,
  json,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
} from "../test/support/seeds.ts";
import { startService } from "../test/support/service.ts";
import { asAlexa, linkAlexa, userinfo } from "../test/support/tokens.ts";
import { alertResponse } from "./alerts.ts";
import { authorizationResponse } from "./authorizations.ts";
import { clientResponse } from "./clients.ts";
import type { Content } from "./describe.ts";
import { type ApiDocument, COMPONENTS, openApiDocument, RESOURCES } from "./document.ts";
import { auditResponse, linkingResponse, metricsResponse, refusalResponse } from "./insight.ts";
import { keyResponse, maintenanceResponse, rotationResponse } from "./maintenance.ts";
import { introspectionResponse, tokenResponse, userinfoResponse } from "./oauth.ts";
import { healthResponse } from "./service.ts";
import { linkingRequestResponse, protectedResourceResponse, skillResponse } from "./skills.ts";
import { userResponse } from "./users.ts";
import { messageResponse, redeliveryResponse } from "./webhooks.ts";

const JSON_PATH = /^\/(api|alexa|\.well-known|openapi\.json|healthz|token|revoke|introspect|userinfo)(\/|$)/;

function registeredRoutes(): string[] {
  const config = parseConfig({ ISSUER: "https://link.example.com", MASTER_KEY: "A".repeat(43) });
  const routes = createApp(config)
    .routes.filter((route) => route.method !== "ALL" && JSON_PATH.test(route.path))
    .map((route) => `${route.method} ${route.path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`);
  return [...new Set(routes)].sort();
}

describe("the document", () => {
  it("describes every registered JSON route, and no other (beside the authorization page)", () => {
    const described = Object.entries(openApiDocument().paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
      .filter((route) => route !== "GET /authorize");
    expect(registeredRoutes().length).toBeGreaterThan(40);
    expect(described.sort()).toEqual(registeredRoutes());
  });

  it("is built into the asset that is served", async () => {
    const served = await json<ApiDocument>(await startService().request("/openapi.json"));
    const { servers, ...described } = openApiDocument();
    expect(served).toMatchObject(JSON.parse(JSON.stringify(described)));
  });

  it("is served with this server's origin, for an hour, to every origin", async () => {
    const response = await startService().request("/openapi.json");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(response.headers.get("cache-control")).toBe("public, max-age=3600");
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    const document = await json<ApiDocument>(response);
    expect(document).toMatchObject({ openapi: "3.1.0", servers: [{ url: "https://link.example.com" }] });
    expect(Object.keys(document.paths)).toContain("/api/links/{skillId}");
    const refused = await startService().request("/openapi.json", { method: "POST" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("has every operation, response and schema that it refers to, each id once", () => {
    const document = openApiDocument();
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(100);
    const components = document.components as unknown as Record<string, Record<string, unknown>>;
    for (const [, kind = "", name = ""] of references) expect(components[kind], name).toHaveProperty(name);
    const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = new Set(document.tags.map((tag) => tag.name));
    for (const match of text.matchAll(/"tags":\["([^"]+)"\]/g)) expect(tags).toContain(match[1]);
  });

  it("requires what the schemas require, and allows no other fields", () => {
    const { NewSkill } = openApiDocument().components.schemas;
    expect(NewSkill?.required).toEqual(["name", "type", "scopes", "returnUrls", "id"]);
    expect(NewSkill?.additionalProperties).toBe(false);
    expect(NewSkill?.properties?.scopes).toMatchObject({ minItems: 1, maxItems: 15 });
    expect(NewSkill?.properties?.scopes).toHaveProperty("items.anyOf.length", 2);
    expect(NewSkill?.properties?.vendorId).toHaveProperty("pattern", "^[A-Za-z0-9]{1,64}$");
  });

  it("shows examples that the schemas accept", () => {
    const shapeOf = (content: Content): z.ZodMiniType | undefined => {
      const { shape } = content;
      if (typeof shape === "function" || !("component" in shape || "listOf" in shape)) return schemaOf(shape);
      return "component" in shape ? COMPONENTS[shape.component]?.schema : undefined;
    };
    let checked = 0;
    for (const [path, methods] of RESOURCES.flatMap(({ paths }) => Object.entries(paths))) {
      for (const [method, operation] of Object.entries(methods)) {
        for (const content of [operation.body, ...Object.values(operation.responses).map((one) => one.content)]) {
          const shape = content && shapeOf(content);
          if (!shape || content.example === undefined) continue;
          const parsed = shape.safeParse(content.example);
          expect(parsed.success, `${method} ${path}: ${JSON.stringify(parsed.error?.issues)}`).toBe(true);
          checked++;
        }
      }
    }
    for (const [name, schema] of Object.entries(openApiDocument().components.schemas)) {
      for (const example of schema.examples ?? []) {
        expect(COMPONENTS[name]?.schema.safeParse(example).success, name).toBe(true);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(40);
  });
});

describe("real responses are as described", () => {
  const page = (item: z.ZodMiniType) =>
    z.strictObject({ items: z.array(item).check(z.minLength(1)), nextCursor: z.optional(z.string()) });
  const conforms = (shape: z.ZodMiniType, response: AdminResponse | { body: unknown }) => {
    const parsed = shape.safeParse(response.body);
    expect(parsed.success, JSON.stringify([parsed.error?.issues, response.body])).toBe(true);
  };

  it("for operators", async () => {
    const service = startService();
    conforms(skillResponse, await admin(service, "POST", "skills", SKILL_BODY));
    conforms(page(skillResponse), await admin(service, "GET", "skills?limit=1"));
    conforms(skillResponse, await admin(service, "PATCH", SKILL_PATH, { name: "Other" }));
    conforms(skillResponse, await admin(service, "POST", `${SKILL_PATH}/rotate-secret`));
    conforms(linkingRequestResponse, await admin(service, "GET", `${SKILL_PATH}/account-linking-request`));
    conforms(skillResponse, await admin(service, "POST", "skills", { ...ADD_ON_BODY, serviceClient: {} }));
    conforms(skillResponse, await admin(service, "POST", `${ADD_ON_PATH}/rotate-secret?client=service`));
    conforms(page(skillResponse), await admin(service, "GET", "skills"));
    conforms(protectedResourceResponse, await admin(service, "GET", `${ADD_ON_PATH}/protected-resource`));
    const client = await admin(service, "POST", "clients", { kind: "service", name: "Backend" });
    conforms(clientResponse, client);
    conforms(clientResponse, await admin(service, "POST", `clients/${client.body.id}/rotate-secret`));
    conforms(page(clientResponse), await admin(service, "GET", "clients"));
    const person = { email: "ada@example.com", password: "an-example-password", name: "Ada" };
    conforms(userResponse, await admin(service, "POST", "users", person));
    conforms(page(userResponse), await admin(service, "GET", "users?email=ada@example.com"));
    conforms(page(auditResponse), await admin(service, "GET", "audit"));
    await insert("alerts").run();
    conforms(page(alertResponse), await admin(service, "GET", "alerts"));
    conforms(metricsResponse, await admin(service, "GET", "metrics"));
    await insert("webhookOutbox").run();
    conforms(page(messageResponse), await admin(service, "GET", "webhooks"));
    const webhook = { WEBHOOK_URL: "https://hooks.example.com/", WEBHOOK_SECRET: `whsec_${btoa("f".repeat(32))}` };
    conforms(redeliveryResponse, await admin(startService(webhook), "POST", "webhooks/redeliver"));
    conforms(rotationResponse, await admin(service, "POST", "keys/rotate"));
    conforms(page(keyResponse), await admin(service, "GET", "keys"));
    conforms(maintenanceResponse, await admin(service, "POST", "maintenance"));
    conforms(healthResponse, await admin(service, "GET", "/healthz"));
    conforms(COMPONENTS.Problem!.schema, await admin(service, "POST", "skills", {}));
    conforms(COMPONENTS.Problem!.schema, await admin(service, "GET", "skills", undefined, { token: null }));
  });

  it("for customers, the app and Alexa", async () => {
    const service = startService();
    await seedSkill();
    await seedAppAndService();
    const ada = await appUser(service, await seedUser());
    const tokens = await linkAlexa(service);
    conforms(tokenResponse, { body: tokens });
    conforms(COMPONENTS.OAuthError!.schema, {
      body: await json(await service.request("/token", exchange("nonsense"))),
    });
    conforms(userinfoResponse, { body: await json(await userinfo(service, tokens.access_token)) });
    const known = await json(await service.request("/introspect", asAlexa({ token: tokens.access_token })));
    conforms(introspectionResponse, { body: known });
    conforms(COMPONENTS.Links!.schema, { body: await json(await ada.call("GET", "/api/links")) });
    conforms(COMPONENTS.Link!.schema, { body: await json(await ada.call("GET", `/api/links/${SKILL_ID}`)) });
    conforms(page(linkingResponse), await admin(service, "GET", "linkings"));
    const query = `client_id=alexa-test&response_type=code&state=x&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[0]!)}`;
    conforms(authorizationResponse, {
      body: await json(await ada.call("POST", "/api/authorizations", { query })),
    });
    await service.request(`/authorize?${query}x`);
    conforms(page(refusalResponse), await admin(service, "GET", "refusals"));
  });
});

describe("/docs", () => {
  it("P7: shows every operation on one page without script, in the headers of every page", async () => {
    const response = await startService().request("/docs");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(response.headers.get("cache-control")).toBe("no-store, no-transform");
    expect(response.headers.get("set-cookie")).toBeNull();
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("default-src 'none'");
    const html = await response.text();
    expect(html).not.toMatch(/<script|javascript:|\son\w+=/i);
    expect(html).toContain('name="viewport"');
    const shown = html.match(/<details class="op"/g)?.length;
    const operations = Object.values(openApiDocument().paths).flatMap((methods) => Object.keys(methods));
    expect(shown).toBe(operations.length);
    for (const path of Object.keys(openApiDocument().paths)) expect(html).toContain(`<code>${path}</code>`);
    expect(html).not.toContain("undefined");
    expect(html).not.toContain("[object Object]");
  });

  it("costs no storage round trip, and neither does the document", async () => {
    const service = startService();
    await service.request("/docs");
    await service.request("/openapi.json");
    expect(service.meter.calls()).toEqual([]);
  });
});
