// The service is killed at each round trip of what happens to a link later: status, unlinking, Alexa's events, Amazon's
// tokens for the backend.
import { afterEach, expect, it, vi } from "vitest";
import { type AppUser, appUser, rows } from "../support/app-user.ts";
import { killEverywhere, linkedByAlexa, liveLinks, type World, type WritePath } from "../support/deaths.ts";
import { asBackend, directive } from "../support/gateway.ts";
import { link } from "../support/linking.ts";
import { ALEXA_CLIENT, form, json, refresh, SKILL_ID } from "../support/seeds.ts";
import { eventBody } from "../support/skill-events.ts";
import { asAlexa } from "../support/tokens.ts";

const HOUR_MS = 3_600_000;
const HOOK = "https://hooks.example.com/alexa-link";
const WEBHOOKS = { WEBHOOK_URL: HOOK, WEBHOOK_SECRET: `whsec_${btoa("obviously-fake-webhook-key-00000")}` };

afterEach(() => vi.restoreAllMocks());

/** A customer of the app who has linked, and the tokens that Alexa holds. */
async function linkedInApp(world: World, ...accounts: string[]): Promise<{ app: AppUser; grants: string[] }> {
  const app = await appUser(world.sender, world.userId);
  const grants: string[] = [];
  for (const account of accounts) grants.push(await link(world.amazon, app, account));
  for (const held of world.amazon.linked.values()) world.tokens.add(held.refresh_token);
  return { app, grants };
}

async function refused(world: World, token: string): Promise<void> {
  expect((await world.service.request("/token", refresh(token))).status).toBe(400);
}

function unlinking(name: string, options: { readonly amazonIsDown?: boolean; readonly oneOfTwo?: boolean }): WritePath {
  return {
    name,
    variables: options.oneOfTwo || options.amazonIsDown ? {} : WEBHOOKS,
    async begin(world) {
      const sent: string[] = [];
      world.amazon.faults.push((seen) => {
        if (seen.url !== HOOK) return undefined;
        sent.push((JSON.parse(seen.body) as { type: string }).type);
        return new Response(null, { status: 204 });
      });
      const accounts = options.oneOfTwo ? ["one", "two"] : ["one"];
      const { app, grants } = await linkedInApp(world, ...accounts);
      if (options.amazonIsDown) {
        world.amazon.faults.push((seen) =>
          seen.what === "disable" ? new Response("down", { status: 503 }) : undefined,
        );
      }
      const path = `/api/links/${SKILL_ID}${options.oneOfTwo ? `/grants/${grants[0]}` : ""}`;
      const token = world.amazon.linked.get("one")?.refresh_token ?? "";
      const left = accounts.length - 1;
      const ended = async () => {
        await refused(world, token);
        expect(await liveLinks(world)).toHaveLength(left);
      };
      return {
        step: async () => (await app.callOnly("DELETE", path)).status,
        async next(answered) {
          expect([options.amazonIsDown ? 202 : 204, undefined]).toContain(answered);
          if (answered !== undefined) await ended();
          world.amazon.faults.length = 1;
          expect((await app.call("DELETE", path)).status).toBe(204);
          await ended();
          expect(world.amazon.linked.size).toBe(left);
        },
        async abandoned(answered) {
          world.amazon.faults.length = 1;
          if (answered !== undefined) await ended();
        },
        async afterwards() {
          if (options.oneOfTwo || options.amazonIsDown) return;
          const [{ n } = { n: -1 }] = await rows<{ n: number }>(
            "SELECT COUNT(*) AS n FROM grants WHERE skill_id IS NOT NULL AND revoked_at IS NOT NULL",
          );
          const removals = sent.filter((type) => type === "link.removed").length;
          // At least once, and never for a live link.
          expect([n === 0, removals === 0]).toEqual([removals === 0, n === 0]);
        },
      };
    },
  };
}

const statusThatEnds: WritePath = {
  name: "a status check that finds the skill disabled",
  async begin(world) {
    const { app } = await linkedInApp(world, "one");
    const [token = ""] = world.tokens;
    world.amazon.disable("one");
    const ask = async () =>
      (await json<{ status: string }>(await app.callOnly("GET", `/api/links/${SKILL_ID}`))).status;
    return {
      step: ask,
      async next() {
        expect(await ask()).toBe("not_linked");
        await refused(world, token);
      },
    };
  },
};

const statusThatRefreshes: WritePath = {
  name: "a status check that refreshes Amazon's tokens",
  async begin(world) {
    const { app } = await linkedInApp(world, "one");
    const ask = async () =>
      (await json<{ status: string }>(await app.callOnly("GET", `/api/links/${SKILL_ID}`))).status;
    // Amazon's token expires within the minute; ours is still valid after the restart.
    world.service.clock.advance(HOUR_MS - 50_000);
    return {
      step: ask,
      async next() {
        expect(await ask()).toBe("linked");
        expect(await liveLinks(world)).toHaveLength(1);
        expect(world.amazon.calls("lwa").length).toBeGreaterThan(1);
      },
    };
  },
};

function event(name: "SkillDisabled" | "SkillAccountLinked"): WritePath {
  return {
    name: `Alexa's event ${name}`,
    async begin(world) {
      const tokens = await linkedByAlexa(world);
      const about = { bodyToken: tokens.access_token, userId: "amzn1.ask.account.X", at: world.service.clock.now };
      const tell = async (which: string, body = eventBody({ ...about, name: which, requestId: `request-${which}` })) =>
        (await world.service.requestOnly("/alexa/events", asBackend(body))).status;
      return {
        step: () => tell(name),
        async next() {
          expect(await tell(name)).toBe(200);
          expect(await liveLinks(world)).toHaveLength(name === "SkillDisabled" ? 0 : 1);
          if (name === "SkillDisabled") return;
          const later = { userId: about.userId, at: world.service.clock.now };
          expect(await tell("SkillDisabled", eventBody(later))).toBe(200);
          expect(await liveLinks(world)).toEqual([]);
        },
        async abandoned(answered) {
          if (answered === undefined || name !== "SkillDisabled") return;
          expect(await liveLinks(world)).toEqual([]);
        },
      };
    },
  };
}

/** Login with Amazon redeems this code once. */
function offerGrantCode(world: World, code: string): string {
  let spent = false;
  world.amazon.faults.push((seen) => {
    if (seen.what !== "lwa" || new URLSearchParams(seen.body).get("code") !== code) return undefined;
    if (spent) return Response.json({ error: "invalid_grant" }, { status: 400 });
    spent = true;
    return Response.json({
      access_token: "Atza|fake",
      refresh_token: "Atzr|fake-refresh-one",
      token_type: "bearer",
      expires_in: 3600,
    });
  });
  return code;
}

async function gatewayToken(world: World, purpose: string): Promise<number> {
  const body = { userId: world.userId, purpose };
  return (await world.service.requestOnly("/api/event-gateway/token", asBackend(body))).status;
}

interface AlexaAnswer {
  readonly event?: { readonly header: { readonly name: string } };
}

const acceptGrant: WritePath = {
  name: "AcceptGrant",
  async begin(world) {
    const { access_token: token } = await linkedByAlexa(world);
    const body = directive(offerGrantCode(world, "ANgrantCode"), token);
    const accept = async () =>
      (await json<AlexaAnswer>(await world.service.requestOnly("/alexa/accept-grant", asBackend(body)))).event?.header
        .name;
    return {
      step: accept,
      async next(answered) {
        const name = await accept();
        if (answered !== undefined) expect([answered, name]).toEqual(["AcceptGrant.Response", "AcceptGrant.Response"]);
        // The code was spent and its tokens were lost with the service: an error response, and the next AcceptGrant
        // works.
        if (name === "ErrorResponse") {
          expect(world.amazon.calls("lwa")).toHaveLength(2);
          Object.assign(body, directive(offerGrantCode(world, "ANnextCode"), token));
          expect(await accept()).toBe("AcceptGrant.Response");
        }
        expect(await gatewayToken(world, "event_gateway")).toBe(200);
      },
    };
  },
};

const reciprocal: WritePath = {
  name: "reciprocal authorization",
  async begin(world) {
    const { access_token: token } = await linkedByAlexa(world);
    const give = async (code: string) => {
      const fields = { grant_type: "reciprocal_authorization_code", code, client_id: ALEXA_CLIENT };
      const response = await world.service.requestOnly(
        "/alexa/reciprocal",
        form(fields, { authorization: `Bearer ${token}` }),
      );
      return response.status;
    };
    const code = offerGrantCode(world, "ANreciprocalCode");
    return {
      step: () => give(code),
      async next(answered) {
        const status = await give(code);
        if (answered !== undefined) expect([answered, status]).toEqual([200, 200]);
        if (status !== 200) {
          expect([status, world.amazon.calls("lwa").length]).toEqual([400, 2]);
          expect(await give(offerGrantCode(world, "ANnextCode"))).toBe(200);
        }
        expect(await gatewayToken(world, "reciprocal")).toBe(200);
      },
    };
  },
};

const gatewayRefresh: WritePath = {
  name: "a refresh of event-gateway tokens",
  async begin(world) {
    // Amazon knows the refresh token of this account from its link.
    await linkedInApp(world, "one");
    const { access_token: token } = await linkedByAlexa(world);
    const body = directive(offerGrantCode(world, "ANgrantCode"), token);
    await world.service.request("/alexa/accept-grant", asBackend(body));
    world.service.clock.advance(HOUR_MS);
    return {
      step: () => gatewayToken(world, "event_gateway"),
      async next(answered) {
        expect([200, undefined]).toContain(answered);
        expect(await gatewayToken(world, "event_gateway")).toBe(200);
        const calls = world.amazon.calls("lwa").length;
        expect(await gatewayToken(world, "event_gateway")).toBe(200);
        expect(world.amazon.calls("lwa")).toHaveLength(calls);
      },
    };
  },
};

const revocation: WritePath = {
  name: "Alexa's revocation of a token",
  async begin(world) {
    const { refresh_token: token } = await linkedByAlexa(world);
    const revoke = async () => (await world.service.requestOnly("/revoke", asAlexa({ token }))).status;
    return {
      step: revoke,
      async next(answered) {
        if (answered !== undefined) await refused(world, token);
        expect(await revoke()).toBe(200);
        await refused(world, token);
      },
      async abandoned(answered) {
        if (answered !== undefined) await refused(world, token);
      },
    };
  },
};

it.each([
  unlinking("unlinking the skill", {}),
  unlinking("unlinking the skill while Amazon is down", { amazonIsDown: true }),
  unlinking("unlinking one of two links", { oneOfTwo: true }),
  statusThatEnds,
  statusThatRefreshes,
  event("SkillDisabled"),
  event("SkillAccountLinked"),
  acceptGrant,
  reciprocal,
  gatewayRefresh,
  revocation,
])(
  "F5: killed anywhere in $name, nothing is lost, added or restored",
  async (path) => {
    const deaths = await killEverywhere(path);
    expect(deaths).toBeGreaterThan(1);
  },
  180_000,
);
