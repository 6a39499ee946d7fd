// Refused calls of Alexa and of skill backends, as operators list them: by client, reason, link and minute.
import { env } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import {
  ALEXA_CLIENT,
  APP_CLIENT,
  basic,
  exchange,
  form,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedCode,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { type Service, START, startService } from "../../test/support/service.ts";
import { asAlexa, grantIdOf, linkAlexa, linkApp, refreshOfApp } from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
});

const refusals = async (query: string) =>
  (await admin(service, "GET", `refusals?${query}`)).body.items as Record<string, unknown>[];

const minute = new Date(START - (START % 60_000)).toISOString();
const wrongSecret = (id: string) => form({ grant_type: "refresh_token" }, { authorization: basic(id, "wrong") });

it("a refused refresh is listed with its client, reason and link, and the id in the log", async () => {
  const { refresh_token } = await linkAlexa(service);
  await env.DB.prepare("UPDATE grants SET revoked_at = ?, revoked_reason = 'unlinked'").bind(START).run();
  const lines = vi.spyOn(console, "log").mockImplementation(() => {});
  for (let i = 0; i < 2; i++) await service.request("/token", refresh(refresh_token));
  const logged = lines.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>);
  lines.mockRestore();
  const of = { clientId: ALEXA_CLIENT, reason: "grant_revoked", grantId: grantIdOf(refresh_token) };
  const [item, ...others] = await refusals("endpoint=token");
  expect(others).toEqual([]);
  expect(item).toMatchObject({ endpoint: "token", ...of, redirectUri: "", count: 2 });
  // One line for each of them; the list has the id of the latest of the minute.
  expect(logged).toHaveLength(2);
  expect(logged).toMatchObject([0, 1].map(() => ({ event: "token_refused", ...of })));
  expect(item?.recent).toEqual([{ at: minute, count: 2, errorId: logged[1]?.requestId }]);
});

it("codes, wrong secrets and unknown clients are told apart, and /authorize's list has none of them", async () => {
  await linkAlexa(service);
  await service.request("/token", exchange(`c0${"x".repeat(43)}`));
  await service.request("/token", exchange(await seedCode(), { redirect_uri: "https://evil.test/" }));
  await service.request("/token", wrongSecret(ALEXA_CLIENT));
  await service.request("/token", wrongSecret("nobody"));
  await service.request("/token", form({ grant_type: "refresh_token" }));
  await service.request("/token", asAlexa({ grant_type: "password" }));
  const listed = (await refusals("endpoint=token")).map(({ clientId, reason, grantId }) => [clientId, reason, grantId]);
  expect(new Set(listed)).toEqual(
    new Set([
      [ALEXA_CLIENT, "code_unknown", null],
      [ALEXA_CLIENT, "redirect_uri_mismatch", null],
      [ALEXA_CLIENT, "invalid_client", null],
      ["", "client_unknown", null],
      [ALEXA_CLIENT, "grant_type_unsupported", null],
    ]),
  );
  expect(await refusals("")).toEqual([]);
  expect(await refusals(`endpoint=token&clientId=${ALEXA_CLIENT}`)).toHaveLength(4);
  expect(await refusals(`clientId=${ALEXA_CLIENT}`)).toEqual([]);
});

it("S11: a public client, whom anyone can name, leaves one row for made-up tokens, and a link only for its own", async () => {
  const { refresh_token } = await linkApp(service);
  for (let i = 0; i < 60; i++) {
    const madeUp = `rt_${String(i).padStart(26, "0")}_${"Q".repeat(43)}`;
    await service.request("/token", refreshOfApp(madeUp));
  }
  const forged = refresh_token.replace(/.{43}$/, "A".repeat(43));
  await service.request("/token", refreshOfApp(forged));
  await service.request("/token", {
    ...refreshOfApp(refresh_token),
    body: `${refreshOfApp(refresh_token).body}&scope=x`,
  });
  const listed = await refusals(`endpoint=token&clientId=${APP_CLIENT}`);
  expect(new Set(listed.map(({ reason, grantId, count }) => [reason, grantId, count]))).toEqual(
    new Set([
      ["refresh_token_unknown", null, 61],
      ["scope_exceeds_grant", grantIdOf(refresh_token), 1],
    ]),
  );
});

it("S11: refused links of one client do not displace its refused redirect URIs", async () => {
  const evil = `/authorize?client_id=${ALEXA_CLIENT}&response_type=code&redirect_uri=https%3A%2F%2Fevil.test%2F`;
  await service.request(evil);
  await linkAlexa(service);
  for (let i = 0; i < 60; i++) {
    await service.request("/token", refresh(`rt_${String(i).padStart(26, "0")}_${"Q".repeat(43)}`));
  }
  expect(await refusals("endpoint=token")).toHaveLength(50);
  expect(await refusals("endpoint=authorize")).toMatchObject([{ redirectUri: "https://evil.test/", count: 1 }]);
});

it("refused events and AcceptGrant directives are listed too", async () => {
  const event = {
    version: "1.0",
    context: { System: { application: { applicationId: "amzn1.ask.skill.of-nobody" }, user: {} } },
    request: { type: "AlexaSkillEvent.SkillDisabled", requestId: "r", timestamp: new Date(START).toISOString() },
  };
  const authorization = basic(SERVICE_CLIENT, SERVICE_SECRET);
  const headers = { "content-type": "application/json", authorization };
  await service.request("/alexa/events", { method: "POST", headers, body: JSON.stringify(event) });
  expect(await refusals("endpoint=events")).toMatchObject([
    { clientId: "", reason: "skill_unknown", skillId: "amzn1.ask.skill.of-nobody", count: 1 },
  ]);
  const payload = {
    grant: { type: "OAuth2.AuthorizationCode", code: "ANdNAVhyhqirUelHGEHA" },
    grantee: { type: "BearerToken", token: "x" },
  };
  const header = { namespace: "Alexa.Authorization", name: "AcceptGrant", messageId: "m", payloadVersion: "3" };
  const directive = { directive: { header, payload } };
  await service.request("/alexa/accept-grant", { method: "POST", headers, body: JSON.stringify(directive) });
  expect(await refusals("endpoint=accept_grant")).toMatchObject([
    { clientId: SERVICE_CLIENT, reason: "grantee_unknown", grantId: null, count: 1 },
  ]);
});

it("an unknown, repeated or oversized filter of the list is 400", async () => {
  const queries = ["endpoint=x", "endpoint=token&endpoint=token", `clientId=${"x".repeat(256)}`, "reason=x"];
  for (const query of queries) {
    const { status, body } = await admin(service, "GET", `refusals?${query}`);
    expect([query, status, body.code]).toEqual([query, 400, "invalid_query"]);
  }
});
