// Event-gateway tokens that Login with Amazon or the gateway refuses: what is forgotten, and what is not.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import {
  asBackend,
  directive,
  GATEWAY_CLIENT_ID,
  GATEWAY_SECRET,
  seedGatewayCredentials,
  startLwa,
} from "../../test/support/gateway.ts";
import { json, SKILL_ID, seedAppAndService, seedSkill, seedUser } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { link } from "../../test/support/skill-events.ts";

const USER = "0useraaaaaaaaaaaaaaaaaaaaa";
const HOUR_MS = 3_600_000;
const RIGHT_PAIR = { clientId: GATEWAY_CLIENT_ID, clientSecret: GATEWAY_SECRET };

let service: Service;
let lwa: ReturnType<typeof startLwa>;

beforeEach(async () => {
  service = startService();
  lwa = startLwa();
  await seedSkill();
  await seedAppAndService();
  await seedUser();
  await seedGatewayCredentials(service);
  const { tokens } = await link(service);
  const accepted = await service.request(
    "/alexa/accept-grant?region=NA",
    asBackend(directive(lwa.code(), tokens.access_token)),
  );
  expect(await accepted.text()).toContain("AcceptGrant.Response");
});
afterEach(() => vi.restoreAllMocks());

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly accessToken?: string;
  readonly endpoint?: string;
}

async function ask(body: unknown = { userId: USER }, method = "POST"): Promise<Answer> {
  const response = await service.request("/api/event-gateway/token", asBackend(body, undefined, method));
  if (response.status === 204) return { status: 204 };
  return { ...(await json<Answer>(response)), status: response.status };
}
const held = () => env.DB.prepare("SELECT COUNT(*) AS n FROM amazon_tokens").first<number>("n");

async function setPair(eventGateway: object): Promise<void> {
  expect((await admin(service, "PATCH", `skills/${SKILL_ID}`, { eventGateway })).status).toBe(200);
}

describe("T11: a refresh that Login with Amazon refuses", () => {
  it.each([
    ["another client", { clientId: "amzn1.application-oa2-client.other", clientSecret: "obviously-fake-other-secret" }],
    ["another secret", { ...RIGHT_PAIR, clientSecret: "obviously-fake-old-secret" }],
  ])("for a pair of %s loses nothing that the right pair can use", async (_, pair) => {
    for (const [code, error] of [
      [400, "invalid_grant"],
      [401, "invalid_client"],
      [400, "unauthorized_client"],
    ] as const) {
      service.clock.advance(2 * HOUR_MS);
      lwa.respond = () => Response.json({ error }, { status: code });
      await setPair(pair);
      for (let i = 0; i < 2; i++) expect(await ask()).toMatchObject({ status: 503, code: "amazon_unavailable" });
      lwa.respond = undefined;
      await setPair(RIGHT_PAIR);
      expect(await ask()).toMatchObject({ status: 200, accessToken: expect.stringMatching(/^Atza\|fake-/) });
    }
  });

  it("for the pair that got the tokens with invalid_grant: they are forgotten, and the link stays", async () => {
    service.clock.advance(2 * HOUR_MS);
    lwa.refreshTokens.clear();
    expect(await ask()).toMatchObject({ status: 404, code: "grant_not_found" });
    expect(await held()).toBe(0);
    expect(await env.DB.prepare("SELECT revoked_at FROM grants").first("revoked_at")).toBeNull();
  });
});
