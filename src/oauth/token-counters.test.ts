// Each request to /token is counted once, by grant type, outcome and latency, under the skill of the client it names.
import { env } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import {
  ALEXA_CLIENT,
  basic,
  exchange,
  form,
  refresh,
  SKILL_ID,
  seedCode,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { anotherIsolate, asAlexa, asService, failing, linkAlexa, seedCodeInKv } from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
});

/** What `run` adds to the counters of token requests, without the reasons of refusals. */
async function counted(run: () => Promise<unknown>, query = "", isolate = service): Promise<Record<string, number>> {
  const read = async () => {
    const { body } = await admin(isolate, "GET", `metrics${query}`);
    return (body.totals as { counts: Record<string, number> }).counts;
  };
  const before = await read();
  await run();
  const added = Object.entries(await read()).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(added.filter(([name, n]) => n > 0 && /^token_(?!error_)/.test(name)));
}

const OF_SKILL = `?skillId=${SKILL_ID}`;
/** The next round trip takes `ms` by the service's clock. */
const slow = (ms: number) =>
  service.meter.faults.push({ when: () => true, meanwhile: async () => service.clock.advance(ms), times: 1 });

it("successes, replays and wrong secrets count under the skill, and the milliseconds of all requests are summed", async () => {
  const { refresh_token } = await linkAlexa(service);
  const code = await seedCode();
  const requests = async () => {
    slow(250);
    await service.request("/token", exchange(code));
    await service.request("/token", exchange(code));
    slow(251);
    await service.request("/token", refresh(refresh_token));
    slow(4501);
    await service.request("/token", refresh(refresh_token));
    await service.request(
      "/token",
      form({ grant_type: "client_credentials" }, { authorization: basic(ALEXA_CLIENT, "x") }),
    );
  };
  expect(await counted(requests, OF_SKILL)).toEqual({
    token_exchange_success_250: 1,
    token_exchange_invalid_grant_50: 1,
    token_refresh_success_500: 1,
    token_refresh_success_more: 1,
    token_client_credentials_invalid_client_50: 1,
  });
  const { body } = await admin(service, "GET", "metrics");
  expect((body.totals as { counts: object }).counts).toMatchObject({
    token_milliseconds_exchange: 250,
    token_milliseconds_refresh: 251 + 4501,
  });
});

it("requests of clients without a skill, or of nobody, count in the unfiltered figures only", async () => {
  const requests = async () => {
    await service.request("/token", asService({ grant_type: "client_credentials" }));
    await service.request("/token", form({ grant_type: "refresh_token", refresh_token: "x" }));
    await service.request("/token", form({ grant_type: "authorization_code", client_id: "nobody" }));
  };
  const expected = {
    token_client_credentials_success_50: 1,
    token_refresh_invalid_client_50: 1,
    token_exchange_invalid_client_50: 1,
  };
  expect(await counted(requests)).toEqual(expected);
  expect(await counted(requests, OF_SKILL)).toEqual({});
});

it("a request with a repeated parameter counts under its grant type and skill", async () => {
  await linkAlexa(service);
  const repeated = asAlexa({ grant_type: "refresh_token" });
  const request = () => service.request("/token", { ...repeated, body: `${repeated.body}&scope=a&scope=b` });
  expect(await counted(request, OF_SKILL)).toEqual({ token_refresh_invalid_request_50: 1 });
});

it("grant types that are not ours, and bodies that cannot be read, count as no grant type's request", async () => {
  const requests = async () => {
    await service.request("/token", asAlexa({}));
    for (const grant_type of ["password", "constructor", "__proto__", "refresh_token ".repeat(3)]) {
      await service.request("/token", asAlexa({ grant_type }));
    }
    const twice = "grant_type=refresh_token&grant_type=refresh_token";
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    await service.request("/token", { method: "POST", headers, body: twice });
    await service.request("/token", { method: "POST", headers, body: "%" });
    await service.request("/token", { method: "POST", body: "grant_type=refresh_token" });
  };
  expect(await counted(requests)).toEqual({});
});

it("a storage fault counts as temporarily_unavailable, under the skill where this isolate knows the client", async () => {
  const { refresh_token } = await linkAlexa(service);
  const cold = anotherIsolate(service);
  const failedRefresh = (isolate: Service) => async () => {
    isolate.meter.faults.push(failing(({ sql }) => sql.includes("FROM grants"), "before", "D1_ERROR: down", 1));
    expect((await isolate.request("/token", refresh(refresh_token))).status).toBe(503);
  };
  const expected = { token_refresh_temporarily_unavailable_50: 1 };
  expect(await counted(failedRefresh(service), OF_SKILL)).toEqual(expected);
  expect(await counted(failedRefresh(cold), OF_SKILL, cold)).toEqual({});
  const again = anotherIsolate(service);
  expect(await counted(failedRefresh(again), "", again)).toEqual(expected);
});

it("an unexpected exception counts as server_error", async () => {
  await env.DB.prepare("UPDATE clients SET redirect_uris = 'not json' WHERE id = ?").bind(ALEXA_CLIENT).run();
  const silent = vi.spyOn(console, "log").mockImplementation(() => {});
  const request = async () => expect((await service.request("/token", exchange(await seedCode()))).status).toBe(500);
  expect(await counted(request)).toEqual({ token_exchange_server_error_50: 1 });
  silent.mockRestore();
});

it("a request that the deadline overtakes counts once, as temporarily_unavailable", { timeout: 20_000 }, async () => {
  await linkAlexa(service);
  const code = await seedCodeInKv(service);
  service.meter.faults.push({ when: ({ sql }) => sql.includes("UPDATE codes"), delayMs: 4200, times: 1 });
  const request = async () => expect((await service.request("/token", exchange(code))).status).toBe(503);
  expect(await counted(request, OF_SKILL)).toEqual({ token_exchange_temporarily_unavailable_50: 1 });
});

it("S11: the time that a caller takes to send the body is not counted: strangers must not make tokens look slow", async () => {
  const { refresh_token } = await linkAlexa(service);
  const { body, ...request } = refresh(refresh_token);
  const send = (controller: ReadableStreamDefaultController) => {
    service.clock.advance(3000);
    controller.enqueue(new TextEncoder().encode(String(body)));
    controller.close();
  };
  const slowly = new ReadableStream({ pull: send }, { highWaterMark: 0 });
  expect(await counted(() => service.request("/token", { ...request, body: slowly }))).toEqual({
    token_refresh_success_50: 1,
  });
});
