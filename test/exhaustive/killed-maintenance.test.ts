import { afterEach, expect, it, vi } from "vitest";
import { DEMO, seedAccount } from "../support/accounts.ts";
import { admin, SKILL_BODY, SKILL_PATH } from "../support/admin.ts";
import { appUser, rows, seedLwa } from "../support/app-user.ts";
import { killEverywhere, linkedByAlexa, liveLinks, type World, type WritePath } from "../support/deaths.ts";
import { link, startAndApprove } from "../support/linking.ts";
import { insert } from "../support/rows.ts";
import { ALEXA_CLIENT, refresh, SKILL_ID, seedUser } from "../support/seeds.ts";
import { startService } from "../support/service.ts";
import { type Visitor, visit } from "../support/visitor.ts";

const DAY_MS = 24 * 3_600_000;

afterEach(() => vi.restoreAllMocks());

async function statusOf(world: World, token: string): Promise<number> {
  return (await world.service.request("/token", refresh(token))).status;
}

async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const erasure: WritePath = {
  name: "the erasure of a person",
  async begin(world) {
    const app = await appUser(world.sender, world.userId);
    await link(world.amazon, app);
    const { refresh_token: token } = await linkedByAlexa(world);
    const erase = () => admin(world.sender, "DELETE", `users/${world.userId}`);
    const gone = async () => {
      expect(await rows("SELECT id FROM users WHERE id = ?", world.userId)).toEqual([]);
      expect(await statusOf(world, token)).toBe(400);
    };
    return {
      step: async () => (await erase()).status,
      async next(answered) {
        if (answered !== undefined) await gone();
        expect([204, 404]).toContain((await erase()).status);
        await gone();
      },
      async abandoned(answered) {
        if (answered !== undefined) await gone();
      },
    };
  },
};

const importing: WritePath = {
  name: "an import of links",
  variables: { OIDC_ISSUER: "https://id.example.com", OIDC_CLIENT_ID: "alexa-link", OIDC_CLIENT_SECRET: "fake" },
  async begin(world) {
    const item = async (token: string, user: object) => ({
      skillId: SKILL_ID,
      user,
      refreshTokenSha256: await sha256Hex(token),
    });
    const items = [await item("old-one", { id: world.userId }), await item("old-two", { oidcSubject: "person-2" })];
    const send = () => admin(world.sender, "POST", "imports", { items });
    return {
      step: async () => (await send()).body.imported,
      async next(answered) {
        expect([2, undefined]).toContain(answered);
        expect((await send()).body).toMatchObject({ refused: 0 });
        expect([await statusOf(world, "old-one"), await statusOf(world, "old-two")]).toEqual([200, 200]);
        expect(await rows("SELECT id FROM grants")).toHaveLength(2);
        expect(await rows("SELECT id FROM users")).toHaveLength(2);
      },
    };
  },
};

const PREVIOUS_KEY = { MASTER_KEY: "B".repeat(43), MASTER_KEY_PREVIOUS: "A".repeat(43) };

/** Work for every part of the scheduled handler. */
const scheduledWork: WritePath = {
  name: "the scheduled work",
  variables: PREVIOUS_KEY,
  async begin(world) {
    const before = startService();
    await seedAccount(before, DEMO);
    await seedLwa(before);
    const faithful = await linkedByAlexa(world, await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com"));
    const app = await appUser(world.sender, world.userId);
    // Alexa has linked, but the outcome could not be stored.
    const { state, code } = await startAndApprove(world.amazon, app, "cut off");
    world.service.meter.faults.push({
      when: ({ sql }) => sql.includes("SET outcome = 'linked', grant_id"),
      throws: "before",
    });
    expect((await app.complete({ state, code })).status).toBe(503);
    world.service.meter.faults.length = 0;
    for (const held of world.amazon.linked.values()) world.tokens.add(held.refresh_token);
    world.service.clock.advance(91 * DAY_MS);
    expect(await statusOf(world, faithful.refresh_token)).toBe(200);
    const report = async () => (await admin(world.sender, "POST", "maintenance")).body;
    return {
      step: report,
      next: async () => void (await report()),
      async afterwards() {
        expect(await statusOf(world, faithful.refresh_token)).toBe(200);
        expect([...world.amazon.linked.keys()]).toEqual([]);
        expect(await liveLinks(world)).toEqual([]);
        expect((await report()).resealed).toBe(0);
        const sealedBefore = (await (await before.keyring()).seal("lwa-client-secret", "", "")).slice(0, 6);
        for (const [table, column] of [
          ["skills", "lwa_client_secret"],
          ["identities", "password_hash"],
        ]) {
          expect(await rows(`SELECT 1 FROM ${table} WHERE substr(${column}, 1, 6) = ?`, sealedBefore)).toEqual([]);
        }
        const keys = await rows<{ verifies_until: number | null }>("SELECT verifies_until FROM signing_keys");
        expect(keys.filter((key) => key.verifies_until === null)).toHaveLength(1);
        expect(await rows("SELECT 1 FROM codes")).toEqual([]);
      },
    };
  },
};

const alerting: WritePath = {
  name: "raising and clearing an alert",
  async begin(world) {
    const hourAt = world.service.clock.now - (world.service.clock.now % 3_600_000);
    await insert("oauthMetrics", { hourAt, name: "provider_unreachable", count: 20 }).run();
    const maintain = async () => (await admin(world.sender, "POST", "maintenance")).status;
    const kinds = async () => (await rows<{ kind: string }>("SELECT kind FROM audit WHERE kind LIKE 'alert_%'")).length;
    return {
      step: async () => {
        await maintain();
        world.service.clock.advance(3 * 3_600_000);
        return maintain();
      },
      async next() {
        world.service.clock.advance(3 * 3_600_000);
        await maintain();
        expect(await rows("SELECT 1 FROM alerts WHERE cleared_at IS NULL")).toEqual([]);
        const alerts = (await rows("SELECT 1 FROM alerts")).length;
        expect(alerts).toBeLessThanOrEqual(1);
        expect(await kinds()).toBe(2 * alerts);
      },
    };
  },
};

const keyRotation: WritePath = {
  name: "a rotation of the signing key",
  async begin(world) {
    const held = await linkedByAlexa(world);
    const rotate = async () => (await admin(world.sender, "POST", "keys/rotate", {})).status;
    return {
      step: rotate,
      async next() {
        expect(await rotate()).toBe(200);
        expect(await rows("SELECT 1 FROM signing_keys WHERE verifies_until IS NULL")).toHaveLength(1);
        expect(await rows("SELECT 1 FROM signing_keys")).toHaveLength(2);
        world.service.clock.advance(DAY_MS);
        expect(await statusOf(world, held.refresh_token)).toBe(200);
      },
    };
  },
};

const newSkill: WritePath = {
  name: "the registration of a skill",
  async begin(world) {
    const register = () => admin(world.sender, "POST", "skills", SKILL_BODY);
    return {
      step: async () => (await register()).status,
      async next(answered) {
        const again = await register();
        if (answered !== undefined) expect([answered, again.status]).toEqual([201, 409]);
        expect([201, 409]).toContain(again.status);
        // An operator who never saw the secret gets another one.
        const rotated = await admin(world.service, "POST", `${SKILL_PATH}/rotate-secret`, { overlapSeconds: 0 });
        expect(rotated.body.client).toMatchObject({ id: "alexa-acme-home", secret: expect.any(String) });
      },
    };
  },
};

function changing(
  name: string,
  method: string,
  path: string,
  body: unknown,
  check: (world: World) => Promise<void>,
): WritePath {
  return {
    name,
    async begin(world) {
      expect((await admin(world.service, "POST", "skills", SKILL_BODY)).status).toBe(201);
      const change = async () => (await admin(world.sender, method, path, body)).status;
      return {
        step: change,
        async next(answered) {
          if (answered !== undefined) await check(world);
          expect([200, 204, 404]).toContain(await change());
          await check(world);
        },
      };
    },
  };
}

const changesOfSkills = [
  changing("a change of a skill", "PATCH", SKILL_PATH, { name: "Acme House" }, async (world) => {
    expect((await admin(world.service, "GET", SKILL_PATH)).body.name).toBe("Acme House");
  }),
  changing("a new secret of a client", "POST", `${SKILL_PATH}/rotate-secret`, { overlapSeconds: 0 }, async () => {
    expect(
      await rows("SELECT 1 FROM clients WHERE id = 'alexa-acme-home' AND previous_secret_hash IS NOT NULL"),
    ).toHaveLength(1);
  }),
  changing("the removal of a skill", "DELETE", SKILL_PATH, undefined, async (world) => {
    expect((await admin(world.service, "GET", SKILL_PATH)).status).toBe(404);
    expect(await rows("SELECT 1 FROM clients WHERE id = 'alexa-acme-home'")).toEqual([]);
    expect(await rows("SELECT 1 FROM clients WHERE id = ?", ALEXA_CLIENT)).toHaveLength(1);
  }),
];

async function isSignedIn(browser: Visitor): Promise<boolean> {
  return (await browser.get("/account")).html.includes('action="/sign-out"');
}

const signingIn: WritePath = {
  name: "signing in",
  async begin(world) {
    await seedAccount(world.service, DEMO);
    const browser = visit(world.sender);
    const page = await browser.get("/sign-in");
    const post = async () => (await browser.post("/sign-in", { ...page.hidden("/sign-in"), ...DEMO })).status;
    return {
      step: post,
      async next(answered) {
        if (answered !== undefined) expect([answered, await isSignedIn(browser)]).toEqual([303, true]);
        expect(await post()).toBe(303);
        expect(await isSignedIn(browser)).toBe(true);
      },
    };
  },
};

const signingOutEverywhere: WritePath = {
  name: "signing out everywhere",
  async begin(world) {
    await seedAccount(world.service, DEMO);
    const [here, there] = [visit(world.sender), visit(world.sender)];
    for (const browser of [here, there]) await browser.signIn(DEMO.email, DEMO.password);
    const page = await here.get("/account");
    const post = () => here.post("/sign-out/everywhere", page.hidden("/sign-out/everywhere"));
    return {
      step: async () => (await post()).status,
      async next(answered) {
        if (answered !== undefined) expect(await isSignedIn(there)).toBe(false);
        expect((await post()).status).toBeLessThan(400);
        expect([await isSignedIn(here), await isSignedIn(there)]).toEqual([false, false]);
      },
    };
  },
};

const changingPassword: WritePath = {
  name: "a change of one's password",
  async begin(world) {
    await seedAccount(world.service, DEMO);
    const [here, there] = [visit(world.sender), visit(world.sender)];
    for (const browser of [here, there]) await browser.signIn(DEMO.email, DEMO.password);
    const page = await here.get("/account/password");
    const fields = { ...page.hidden("/account/password"), current: DEMO.password, password: "another-password-2" };
    return {
      step: async () => (await here.post("/account/password", fields)).status,
      async next(answered) {
        const works = async (password: string) =>
          (await visit(world.sender).signIn(DEMO.email, password)).status === 303;
        const [old, other] = [await works(DEMO.password), await works("another-password-2")];
        expect([old, other]).toEqual(answered !== undefined || other ? [false, true] : [true, false]);
        if (other) expect(await isSignedIn(there)).toBe(false);
      },
    };
  },
};

it.each([
  erasure,
  importing,
  scheduledWork,
  alerting,
  keyRotation,
  newSkill,
  ...changesOfSkills,
  signingIn,
  signingOutEverywhere,
  changingPassword,
])(
  "F5: killed anywhere in $name, nothing is lost, added or restored",
  async (path) => {
    expect(await killEverywhere(path)).toBeGreaterThan(1);
  },
  180_000,
);
