// Personal and shared links told apart: what Alexa's messages show, what they cannot, and where it is said.
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
import { link, post, startWithAlexa, deliver } from "../../test/support/skill-events.ts";
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

/** What a grant's level is said to be, by the operators' API. */
async function levelOf({ grantId }: Linked): Promise<unknown> {
  const owner = await env.DB.prepare("SELECT user_id FROM grants WHERE id = ?").bind(grantId).first<string>("user_id");
  const response = await admin(service, "GET", `users/${owner}/links`);
  const items = response.body.items as { id: string; level: unknown }[];
  return items.find(({ id }) => id === grantId)?.level;
}

/** The backend asks who speaks, with tokens at these places. */
async function hear(user?: Linked, person?: Linked | null, skillId = SKILL_ID): Promise<Response> {
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

describe("a spoken request shows whose a link is", () => {
  it("the speaker's token is of a personal link, the account's of a shared one, and nothing is known before", async () => {
    expect([await levelOf(ada), await levelOf(family)]).toEqual([null, null]);
    await hear(family, ada);
    expect([await levelOf(ada), await levelOf(family)]).toEqual(["person", "account"]);
  });

  it("a recognized speaker without a link of their own shows nothing about them", async () => {
    await hear(family, null);
    expect([await levelOf(ada), await levelOf(family)]).toEqual([null, "account"]);
  });

  it("the same link at both places is the account's, also by two tokens of it", async () => {
    await hear(ada, ada);
    expect(await levelOf(ada)).toBe("account");
    const tokens = await json(await service.request("/token", refresh(family.tokens.refresh_token)));
    expect(tokens.access_token).not.toBe(family.tokens.access_token);
    await hear(family, { ...family, tokens });
    expect(await levelOf(family)).toBe("account");
  });

  it("what was once everybody's is not taken for one person's later, and the other way round it is corrected", async () => {
    await hear(undefined, ada);
    expect(await levelOf(ada)).toBe("person");
    await hear(ada);
    await hear(undefined, ada);
    expect(await levelOf(ada)).toBe("account");
  });

  it("costs one D1 read, and one write after the answer only where something was new", async () => {
    await hear(family, ada);
    service.meter.clear();
    await hear(family, ada);
    expect(service.meter.calls()).toEqual(["DB.all"]);
    const another = await link(service, { userId: ADA });
    service.meter.clear();
    await hear(family, another);
    expect(service.meter.calls()).toEqual(["DB.all", "DB.batch"]);
  });

  it("the write after the answer changes nothing that weighs more, has ended, or is of another skill by then", async () => {
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

  it("a write that fails spoils no answer, and the next request makes up for it", async () => {
    service.meter.faults.push({ when: ({ sql }) => sql.startsWith("UPDATE grants SET level_shown"), throws: "before" });
    expect((await hear(family, ada)).status).toBe(200);
    expect(await levelOf(ada)).toBeNull();
    service.meter.clear();
    await hear(family, ada);
    expect(await levelOf(ada)).toBe("person");
  });
});

describe("S4: nobody says whose another's link is", () => {
  it("a backend speaks only about grants of its own skills, whatever skill it names", async () => {
    await seedSkill({ id: "alexa-other", skillId: OTHER_SKILL });
    await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
      .bind(JSON.stringify([OTHER_SKILL]), SERVICE_CLIENT)
      .run();
    expect((await hear(family, ada)).status).toBe(404);
    expect((await hear(family, ada, OTHER_SKILL)).status).toBe(200);
    expect([await levelOf(ada), await levelOf(family)]).toEqual([null, null]);
  });

  it("tokens that are altered, over, or of an ended link show nothing", async () => {
    const altered = { ...ada, tokens: { ...ada.tokens, access_token: `${ada.tokens.access_token.slice(0, -4)}AAAA` } };
    await hear(undefined, altered);
    await env.DB.prepare("UPDATE grants SET revoked_at = 1 WHERE id = ?").bind(family.grantId).run();
    await hear(family);
    service.clock.advance(3601_000);
    await hear(undefined, ada);
    const shown = await env.DB.prepare("SELECT COUNT(*) AS n FROM grants WHERE level_shown IS NOT NULL").first("n");
    expect(shown).toBe(0);
  });

  it("an event that nobody signed shows nothing", async () => {
    const forged = { "signature-256": btoa("\0".repeat(256)) };
    const body = JSON.stringify({ context: linkedEvent({ person: ada }), request: requestOf(ada) });
    expect((await post(service, body, forged)).status).toBe(400);
    expect(await levelOf(ada)).toBeNull();
    expect((await post(service, body)).status).toBe(200);
    expect(await levelOf(ada)).toBe("person");
  });

  it("a token of another skill's link in an event shows nothing", async () => {
    await seedSkill({ id: "alexa-other", skillId: OTHER_SKILL });
    await told({ person: ada, user: family, skillId: OTHER_SKILL, body: ada });
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
async function told(seed: { user?: Linked; person?: Linked; skillId?: string; body?: Linked; name?: string }) {
  const body = JSON.stringify({ context: linkedEvent(seed), request: requestOf(seed.body, seed.name) });
  expect((await post(service, body)).status).toBe(200);
}

describe("a skill event shows whose a link is", () => {
  it("the account's token in SkillAccountLinked: shared", async () => {
    await told({ body: family, user: family });
    expect(await levelOf(family)).toBe("account");
  });

  it("the speaker's token in SkillAccountLinked: personal, also beside the account's own", async () => {
    await told({ body: ada, person: ada, user: family });
    expect([await levelOf(ada), await levelOf(family)]).toEqual(["person", null]);
  });

  it("SkillEnabled with a speaker's token: personal", async () => {
    await told({ name: "SkillEnabled", person: ada });
    expect(await levelOf(ada)).toBe("person");
  });

  it("a token in the body alone, or beside another's, shows nothing", async () => {
    await told({ body: ada });
    await told({ body: ada, user: family });
    expect(await levelOf(ada)).toBeNull();
  });

  it("a person of an unexpected shape does not matter", async () => {
    const context = linkedEvent({ user: family });
    for (const person of ["x", 7, null, { accessToken: 7 }, []]) {
      const body = JSON.stringify({ context: { System: { ...context.System, person } }, request: requestOf(family) });
      expect((await post(service, body)).status).toBe(200);
    }
    expect(await levelOf(family)).toBe("account");
  });

  it("U1: events in any order and any number come to the same, and a spoken request outweighs them", async () => {
    const events = [() => told({ body: ada, person: ada }), () => told({ body: ada, user: ada })];
    for (const order of [events, events.toReversed(), [...events, ...events]]) {
      await env.DB.prepare("UPDATE grants SET level_shown = NULL").run();
      for (const event of order) await event();
      expect(await levelOf(ada)).toBe("account");
    }
    await hear(undefined, ada);
    expect(await levelOf(ada)).toBe("person");
    for (const event of events) await event();
    expect(await levelOf(ada)).toBe("person");
  });

  it("SkillDisabled with a speaker's token beside the account's ends the link that it names, and that one only", async () => {
    await told({ name: "SkillDisabled", user: family, person: ada });
    expect(await levelOf(family)).toBeUndefined();
    expect(await levelOf(ada)).toBeNull();
  });

  it("still costs one batch", async () => {
    await deliver(service, { name: "SkillEnabled", accessToken: ada.tokens.access_token });
    service.meter.clear();
    await told({ body: ada, person: ada, user: family });
    expect(service.meter.calls()).toEqual(["DB.batch"]);
  });
});

describe("where it is said", () => {
  it("in the app's API, in both forms", async () => {
    await hear(family, ada);
    const app = await appUser(service, ADA);
    const one = await json<{ grants: object[] }>(await app.call("GET", `/api/links/${SKILL_ID}`));
    expect(one.grants).toMatchObject([{ id: ada.grantId, level: "person" }]);
    const list = await json<{ links: { grants: object[] }[] }>(await app.call("GET", "/api/links"));
    expect(list.links[0]?.grants).toMatchObject([{ id: ada.grantId, level: "person" }]);
  });

  it("to operators, with each living link and for nobody who does not exist", async () => {
    await link(service, { userId: ADA });
    await hear(undefined, ada);
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
