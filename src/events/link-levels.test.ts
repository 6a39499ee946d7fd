// Personal and shared links: what Alexa's messages show, what they do not, and where the level is reported.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { appUser } from "../../test/support/app-user.ts";
import { asBackend } from "../../test/support/gateway.ts";
import {
  json,
  refresh,
  SERVICE_CLIENT,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
  seedUser,
} from "../../test/support/seeds.ts";
import type { Service } from "../../test/support/service.ts";
import { deliver, link, post, startWithAlexa } from "../../test/support/skill-events.ts";
import { type LevelShown, noteLevels } from "../storage/grants/link-levels.ts";

const ADA = "0useraaaaaaaaaaaaaaaaaaaaa";
const FAMILY = "0userffffffffffffffffffff";
const HOUSEHOLD = "amzn1.ask.account.HOUSEHOLD";
const PERSON = "amzn1.ask.person.ADA";
const OTHER_SKILL = "amzn1.ask.skill.0001-other";

type Linked = Awaited<ReturnType<typeof link>>;

let service: Service;
let ada: Linked;
let family: Linked;

beforeEach(async () => {
  ({ service } = await startWithAlexa());
  await seedSkill();
  await seedAppAndService();
  await seedUser(ADA);
  await seedUser(FAMILY, "family@example.com");
  ada = await link(service, { userId: ADA });
  family = await link(service, { userId: FAMILY });
});
afterEach(() => vi.restoreAllMocks());

/** The level of a grant that the admin API reports. */
async function levelOf({ grantId }: Linked): Promise<unknown> {
  const owner = await env.DB.prepare("SELECT user_id FROM grants WHERE id = ?").bind(grantId).first<string>("user_id");
  const response = await admin(service, "GET", `users/${owner}/links`);
  const items = response.body.items as { id: string; level: unknown }[];
  return items.find(({ id }) => id === grantId)?.level;
}

/** The backend asks who speaks, with tokens at these places. */
async function askWhoSpeaks(user?: Linked, person?: Linked | null, skillId = SKILL_ID): Promise<Response> {
  const tokenOf = (one?: Linked | null) => (one ? { accessToken: one.tokens.access_token } : {});
  const System = {
    application: { applicationId: skillId },
    user: { userId: HOUSEHOLD, ...tokenOf(user) },
    ...(person === undefined ? {} : { person: { personId: PERSON, ...tokenOf(person) } }),
  };
  const response = await service.request("/api/personalization", asBackend({ context: { System } }));
  await response.text();
  return response;
}

describe("a spoken request shows the level of a link", () => {
  it("a person's token shows a personal link, the account's token a shared one", async () => {
    expect([await levelOf(ada), await levelOf(family)]).toEqual([null, null]);
    await askWhoSpeaks(family, ada);
    expect([await levelOf(ada), await levelOf(family)]).toEqual(["person", "account"]);
  });

  it("a recognized person without a token shows no personal link", async () => {
    await askWhoSpeaks(family, null);
    expect([await levelOf(ada), await levelOf(family)]).toEqual([null, "account"]);
  });

  it("a link whose tokens are at both places is shared", async () => {
    await askWhoSpeaks(ada, ada);
    expect(await levelOf(ada)).toBe("account");
    const tokens = await json(await service.request("/token", refresh(family.tokens.refresh_token)));
    expect(tokens.access_token).not.toBe(family.tokens.access_token);
    await askWhoSpeaks(family, { ...family, tokens });
    expect(await levelOf(family)).toBe("account");
  });

  it("a personal link can become shared, and a shared link never becomes personal", async () => {
    await askWhoSpeaks(undefined, ada);
    expect(await levelOf(ada)).toBe("person");
    await askWhoSpeaks(ada);
    await askWhoSpeaks(undefined, ada);
    expect(await levelOf(ada)).toBe("account");
  });

  it("takes at most one read, and a write after the response only when the level is new", async () => {
    await askWhoSpeaks(family, ada);
    service.meter.clear();
    await askWhoSpeaks(family, ada);
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
    const another = await link(service, { userId: ADA });
    service.meter.clear();
    await askWhoSpeaks(family, another);
    expect(service.meter.calls().length).toBeLessThanOrEqual(2);
  });

  it("the write does not change a stronger level, a revoked grant or another skill's grant", async () => {
    const shown = () =>
      env.DB.prepare("SELECT level_shown FROM grants WHERE id = ?").bind(ada.grantId).first("level_shown");
    const note = (level: LevelShown, skillId = SKILL_ID) =>
      noteLevels(env.DB, skillId, new Map([[ada.grantId, level]]));
    await note(2, OTHER_SKILL);
    expect(await shown()).toBeNull();
    for (const level of [2, 1, 3, 1, 4, 3] as const) await note(level);
    expect(await shown()).toBe(4);
    await env.DB.prepare("UPDATE grants SET level_shown = 1, revoked_at = 1").run();
    await note(4);
    expect(await shown()).toBe(1);
  });

  it("a failed write does not fail the request, and the next request writes again", async () => {
    service.meter.faults.push({ when: ({ sql }) => sql.startsWith("UPDATE grants SET level_shown"), throws: "before" });
    expect((await askWhoSpeaks(family, ada)).status).toBe(200);
    expect(await levelOf(ada)).toBeNull();
    service.meter.clear();
    await askWhoSpeaks(family, ada);
    expect(await levelOf(ada)).toBe("person");
  });
});

describe("S4: a level is accepted only from its skill's backend or from Alexa", () => {
  it("a backend can set levels only for grants of its own skills, whatever skill it names", async () => {
    await seedSkill({ id: "alexa-other", skillId: OTHER_SKILL });
    await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
      .bind(JSON.stringify([OTHER_SKILL]), SERVICE_CLIENT)
      .run();
    expect((await askWhoSpeaks(family, ada)).status).toBe(404);
    expect((await askWhoSpeaks(family, ada, OTHER_SKILL)).status).toBe(200);
    expect([await levelOf(ada), await levelOf(family)]).toEqual([null, null]);
  });

  it("tokens that are altered, expired or of a revoked link show no level", async () => {
    const altered = { ...ada, tokens: { ...ada.tokens, access_token: `${ada.tokens.access_token.slice(0, -4)}AAAA` } };
    await askWhoSpeaks(undefined, altered);
    await env.DB.prepare("UPDATE grants SET revoked_at = 1 WHERE id = ?").bind(family.grantId).run();
    await askWhoSpeaks(family);
    service.clock.advance(3601_000);
    await askWhoSpeaks(undefined, ada);
    const shown = await env.DB.prepare("SELECT COUNT(*) AS n FROM grants WHERE level_shown IS NOT NULL").first("n");
    expect(shown).toBe(0);
  });

  it("an event without a valid signature shows no level", async () => {
    const forged = { "signature-256": btoa("\0".repeat(256)) };
    const body = JSON.stringify({ context: linkedEvent({ person: ada }), request: requestOf(ada) });
    expect((await post(service, body, forged)).status).toBe(400);
    expect(await levelOf(ada)).toBeNull();
    expect((await post(service, body)).status).toBe(200);
    expect(await levelOf(ada)).toBe("person");
  });

  it("a token of another skill's link in an event shows no level", async () => {
    await seedSkill({ id: "alexa-other", skillId: OTHER_SKILL });
    await sendEvent({ person: ada, user: family, skillId: OTHER_SKILL, body: ada });
    expect([await levelOf(ada), await levelOf(family)]).toEqual([null, null]);
  });
});

function requestOf(body?: Linked, name = "SkillAccountLinked") {
  return {
    type: `AlexaSkillEvent.${name}`,
    requestId: crypto.randomUUID(),
    timestamp: new Date(service.clock.now).toISOString(),
    ...(body && { body: { accessToken: body.tokens.access_token } }),
  };
}
function linkedEvent(seed: { user?: Linked; person?: Linked | null; skillId?: string }) {
  const tokenOf = (one?: Linked | null) => (one ? { accessToken: one.tokens.access_token } : {});
  return {
    System: {
      application: { applicationId: seed.skillId ?? SKILL_ID },
      user: { userId: HOUSEHOLD, ...tokenOf(seed.user) },
      ...(seed.person === undefined ? {} : { person: { personId: PERSON, ...tokenOf(seed.person) } }),
    },
  };
}
async function sendEvent(seed: { user?: Linked; person?: Linked; skillId?: string; body?: Linked; name?: string }) {
  const body = JSON.stringify({ context: linkedEvent(seed), request: requestOf(seed.body, seed.name) });
  expect((await post(service, body)).status).toBe(200);
}

describe("a skill event shows the level of a link", () => {
  it("SkillAccountLinked with the account's token: shared", async () => {
    await sendEvent({ body: family, user: family });
    expect(await levelOf(family)).toBe("account");
  });

  it("SkillAccountLinked with a person's token: personal, also beside the account's token", async () => {
    await sendEvent({ body: ada, person: ada, user: family });
    expect([await levelOf(ada), await levelOf(family)]).toEqual(["person", null]);
  });

  it("SkillEnabled with a person's token: personal", async () => {
    await sendEvent({ name: "SkillEnabled", person: ada });
    expect(await levelOf(ada)).toBe("person");
  });

  it("a token only in the body, or beside that of another link, shows no level", async () => {
    await sendEvent({ body: ada });
    await sendEvent({ body: ada, user: family });
    expect(await levelOf(ada)).toBeNull();
  });

  it("a malformed person is ignored", async () => {
    const context = linkedEvent({ user: family });
    for (const person of ["x", 7, null, { accessToken: 7 }, []]) {
      const body = JSON.stringify({ context: { System: { ...context.System, person } }, request: requestOf(family) });
      expect((await post(service, body)).status).toBe(200);
    }
    expect(await levelOf(family)).toBe("account");
  });

  it("U1: the order and number of events do not matter, and a spoken request overrides them", async () => {
    const events = [() => sendEvent({ body: ada, person: ada }), () => sendEvent({ body: ada, user: ada })];
    for (const order of [events, events.toReversed(), [...events, ...events]]) {
      await env.DB.prepare("UPDATE grants SET level_shown = NULL").run();
      for (const event of order) await event();
      expect(await levelOf(ada)).toBe("account");
    }
    await askWhoSpeaks(undefined, ada);
    expect(await levelOf(ada)).toBe("person");
    for (const event of events) await event();
    expect(await levelOf(ada)).toBe("person");
  });

  it("SkillDisabled revokes only the link of the account's token, not that of a person's token", async () => {
    await sendEvent({ name: "SkillDisabled", user: family, person: ada });
    expect(await levelOf(family)).toBeUndefined();
    expect(await levelOf(ada)).toBeNull();
  });

  it("an event with levels takes at most one storage round trip", async () => {
    await deliver(service, { name: "SkillEnabled", accessToken: ada.tokens.access_token });
    service.meter.clear();
    await sendEvent({ body: ada, person: ada, user: family });
    expect(service.meter.calls().length).toBeLessThanOrEqual(1);
  });
});

describe("where the level is reported", () => {
  it("in the app's API, for one link and in the list", async () => {
    await askWhoSpeaks(family, ada);
    const app = await appUser(service, ADA);
    const one = await json<{ grants: object[] }>(await app.call("GET", `/api/links/${SKILL_ID}`));
    expect(one.grants).toMatchObject([{ id: ada.grantId, level: "person" }]);
    const list = await json<{ links: { grants: object[] }[] }>(await app.call("GET", "/api/links"));
    expect(list.links[0]?.grants).toMatchObject([{ id: ada.grantId, level: "person" }]);
  });

  it("in the admin API, with each live link; an unknown user is 404", async () => {
    await link(service, { userId: ADA });
    await askWhoSpeaks(undefined, ada);
    const { status, body } = await admin(service, "GET", `users/${ADA}/links`);
    expect(status).toBe(200);
    const items = body.items as { id: string }[];
    expect(items).toHaveLength(2);
    expect(items.find(({ id }) => id === ada.grantId)).toEqual({
      id: ada.grantId,
      flow: "alexa_app",
      skillId: SKILL_ID,
      name: "Acme Home",
      level: "person",
      createdAt: expect.stringMatching(/Z$/),
      lastUsedAt: expect.stringMatching(/Z$/),
    });
    expect((await admin(service, "GET", "users/nobody/links")).status).toBe(404);
  });
});
