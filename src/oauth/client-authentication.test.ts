// Client authentication in every form.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { expectOAuthError } from "../../test/support/responses.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  basic,
  form,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedCode,
  seedEveryone,
  seedSkill,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { asAlexa, DAY, linkAlexa, MINUTE } from "../../test/support/tokens.ts";
import { sha256 } from "../crypto/hash.ts";

const FORM = "application/x-www-form-urlencoded";

beforeEach(seedEveryone);

const _post = (body: BodyInit, headers: Record<string, string> = { "content-type": FORM }): RequestInit => ({
  method: "POST",
  headers,
  body,
});

describe("client authentication", () => {
  /** A refresh: succeeds only if the client has authenticated. */
  async function attempt(service: Service, fields: Record<string, string>, authorization?: string) {
    const { refresh_token } = await linkAlexa(service);
    const init = form(
      { grant_type: "refresh_token", refresh_token, ...fields },
      authorization === undefined ? {} : { authorization },
    );
    return service.request("/token", init);
  }
  const right = basic(ALEXA_CLIENT, ALEXA_SECRET);

  const matrix: [string, Record<string, string>, string | undefined, number, string?][] = [
    ["Basic", {}, right, 200],
    ["Basic with the same client_id in the body, as Alexa sends it", { client_id: ALEXA_CLIENT }, right, 200],
    ["Basic with the scheme in lower case", {}, right.replace("Basic", "basic"), 200],
    ["Basic with more spaces", {}, right.replace(" ", "   "), 200],
    ["credentials in the body", { client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET }, undefined, 200],
    [
      "the right secret both by Basic and in the body",
      { client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET },
      right,
      400,
      "invalid_request",
    ],
    [
      "Basic with a secret but no client_id in the body",
      { client_secret: ALEXA_SECRET },
      right,
      400,
      "invalid_request",
    ],
    ["Basic with another client_id in the body", { client_id: SERVICE_CLIENT }, right, 400, "invalid_request"],
    ["a wrong secret by Basic", {}, basic(ALEXA_CLIENT, "wrong"), 401, "invalid_client"],
    [
      "a wrong secret in the body",
      { client_id: ALEXA_CLIENT, client_secret: "wrong" },
      undefined,
      401,
      "invalid_client",
    ],
    ["an empty secret by Basic", {}, basic(ALEXA_CLIENT, ""), 401, "invalid_client"],
    ["a confidential client without a secret", { client_id: ALEXA_CLIENT }, undefined, 401, "invalid_client"],
    ["an unknown client by Basic", {}, basic("nobody", ALEXA_SECRET), 401, "invalid_client"],
    ["an unknown client in the body", { client_id: "nobody", client_secret: "x" }, undefined, 401, "invalid_client"],
    ["an unknown client without a secret", { client_id: "nobody" }, undefined, 401, "invalid_client"],
    ["no client at all", {}, undefined, 401, "invalid_client"],
    ["a secret without a client", { client_secret: ALEXA_SECRET }, undefined, 401, "invalid_client"],
    ["a public client with a secret", { client_id: APP_CLIENT, client_secret: "x" }, undefined, 401, "invalid_client"],
    ["a public client by Basic", {}, basic(APP_CLIENT, ""), 401, "invalid_client"],
    ["another client's secret", {}, basic(ALEXA_CLIENT, SERVICE_SECRET), 401, "invalid_client"],
    ["a bearer token instead of Basic", {}, "Bearer abc", 401, "invalid_client"],
  ];
  for (const [name, fields, authorization, status, error] of matrix) {
    it(`A3: ${name} gives ${status} ${error ?? ""}`, async () => {
      const service = startService();
      const response = await attempt(service, fields, authorization);
      expect(response.status).toBe(status);
      const usedBasic = authorization?.toLowerCase().startsWith("basic") === true;
      expect(response.headers.get("www-authenticate")?.startsWith("Basic") ?? false).toBe(status === 401 && usedBasic);
      if (error) await expectOAuthError(response, status, error);
    });
  }

  it("A2: a malformed Basic header is 401 invalid_client at every endpoint", async () => {
    const service = startService();
    const headers = [
      "Basic",
      "Basic ",
      "Basic  ",
      "Basic !!!",
      `Basic ${btoa("no-colon")}`,
      `Basic ${btoa(":secret-only")}`,
      `Basic ${btoa("100%:100%")}`,
      `Basic ${btoa("%zz:%")}`,
      "Basic 4pyT4pyT",
      "Basic //79",
      "Basic abc_-def",
      "Basic YQ=",
      "Basic YQ===",
      `Basic ${"A".repeat(10_240)}`,
      `${right}, ${right}`,
      `Basic ${btoa("a:b")} extra`,
    ];
    for (const path of ["/token", "/revoke", "/introspect"]) {
      for (const authorization of headers) {
        const response = await service.request(
          path,
          form({ grant_type: "client_credentials", token: "x" }, { authorization }),
        );
        await expectOAuthError(response, 401, "invalid_client");
      }
    }
  });

  it("A1: an imported secret with special characters works raw and form-encoded; the first colon ends the client id", async () => {
    const secret = "a+b/c=d%e:f g&ü";
    await seedSkill({ id: "imported-client", secret, skillId: "amzn1.ask.skill.imported" });
    const service = startService();
    const code = async () => ({
      grant_type: "authorization_code",
      code: await seedCode({ clientId: "imported-client" }),
      redirect_uri: ALEXA_REDIRECT_URIS[0],
    });
    const utf8Basic = (text: string) => `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
    const formEncoded = new URLSearchParams({ "": secret }).toString().slice(1);
    for (const encoded of [secret, encodeURIComponent(secret), formEncoded]) {
      const response = await service.request(
        "/token",
        form(await code(), { authorization: utf8Basic(`imported-client:${encoded}`) }),
      );
      expect(response.status, encoded).toBe(200);
    }
    for (const wrong of ["a b/c=d%e:f g&ü", `${secret} `, "a+b/c=d%e"]) {
      const response = await service.request(
        "/token",
        form(await code(), { authorization: utf8Basic(`imported-client:${wrong}`) }),
      );
      expect(response.status, wrong).toBe(401);
    }
  });

  it("A4: an unknown client gets the same response as a wrong secret, whatever the length of the secret", async () => {
    const service = startService();
    const responses = new Set<string>();
    for (const id of [ALEXA_CLIENT, "nobody"]) {
      for (const length of [0, 1, 42, 43, 44, 500]) {
        const response = await service.request(
          "/token",
          form({ grant_type: "client_credentials" }, { authorization: basic(id, "x".repeat(length)) }),
        );
        responses.add(`${response.status} ${await response.text()} ${response.headers.get("www-authenticate")}`);
      }
    }
    expect(responses.size).toBe(1);
  });

  it("A4: during a rotation both secrets work, even in an isolate that has cached the client; then only the new one", async () => {
    const service = startService();
    await linkAlexa(service);
    const [before, after] = [await sha256(ALEXA_SECRET), await sha256("fake-secret-after-rotation")];
    await env.DB.prepare(
      "UPDATE clients SET previous_secret_hash = ?, previous_secret_expires_at = ?, secret_hash = ? WHERE id = ?",
    )
      .bind(before, service.clock.now + DAY, after, ALEXA_CLIENT)
      .run();
    const credentials = (secret: string) => form({ token: "x" }, { authorization: basic(ALEXA_CLIENT, secret) });
    // The cached client has only the old secret. The new one must not be refused because of it.
    expect((await service.request("/introspect", credentials("fake-secret-after-rotation"))).status).toBe(200);
    expect((await service.request("/introspect", credentials(ALEXA_SECRET))).status).toBe(200);
    service.clock.advance(DAY);
    expect((await service.request("/introspect", credentials(ALEXA_SECRET))).status).toBe(401);
    expect((await service.request("/introspect", credentials("fake-secret-after-rotation"))).status).toBe(200);
  });

  it("A3: a confidential client may switch between Basic and the body", async () => {
    const service = startService();
    const fields = { token: "x", client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET };
    expect((await service.request("/introspect", form(fields))).status).toBe(200);
    expect((await service.request("/introspect", asAlexa({ token: "x" }))).status).toBe(200);
  });

  it("a new client works at once, and a deleted one is refused after at most a minute", async () => {
    const service = startService();
    expect(
      (await service.request("/introspect", form({ token: "x" }, { authorization: basic("late", "fake-late-secret") })))
        .status,
    ).toBe(401);
    await seedSkill({ id: "late", secret: "fake-late-secret", skillId: "amzn1.ask.skill.late" });
    const late = form({ token: "x" }, { authorization: basic("late", "fake-late-secret") });
    expect((await service.request("/introspect", late)).status).toBe(200);
    await env.DB.prepare("DELETE FROM clients WHERE id = 'late'").run();
    service.clock.advance(MINUTE);
    expect((await service.request("/introspect", late)).status).toBe(401);
  });
});
