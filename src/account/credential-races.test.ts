// Each change of a person's credentials against each other, with 200 ms in front of storage.
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { seedAppAndService, seedSkill } from "../../test/support/seeds.ts";
import { ADMIN_TOKEN, type Service, startService } from "../../test/support/service.ts";
import { grantIdOf, linkAlexa, linkApp } from "../../test/support/tokens.ts";
import { addUser } from "../../test/support/users.ts";
import { type Page, type Visitor, visit } from "../../test/support/visitor.ts";

const OLD = "password-of-before";
const OWNERS = "password-of-the-owner";
const OPERATORS = "password-of-operators";

/** One person with two browsers, a link with Alexa and a login in the company's app. */
interface Person {
  readonly userId: string;
  readonly email: string;
  readonly newEmail: string;
  readonly alexa: string;
  readonly app: string;
  /** The forms of a signed-in browser, rendered before the race. */
  readonly forms: Readonly<Record<Act, () => Promise<boolean>>>;
}

type Act = "change" | "reset" | "email" | "signOut" | "unlink" | "erase";
const ACTS: readonly Act[] = ["change", "reset", "email", "signOut", "unlink", "erase"];
const PAIRS = ACTS.flatMap((first) => ACTS.map((second) => [first, second] as const));

async function person(service: Service, number: number): Promise<Person> {
  const email = `person${number}@example.com`;
  const newEmail = `moved${number}@example.com`;
  const userId = await addUser(service, email, OLD);
  const alexa = grantIdOf((await linkAlexa(service, { userId })).refresh_token);
  const app = grantIdOf((await linkApp(service, { userId })).refresh_token);
  const ada: Visitor = visit(service, `192.0.2.${number}`);
  await ada.signIn(email, OLD);
  const hidden = async (page: string, action = page) => (await ada.get(page)).hidden(action);
  const change = await hidden("/account/password");
  const signOut = await hidden("/account", "/sign-out/everywhere");
  const link = `/account/links/${alexa}`;
  const unlink = await hidden(link);
  const led = async (page: Promise<Page>, to: string) => (await page).location === to;
  const operator = async (method: string, body?: object) => {
    const response = await service.requestOnly(`/api/admin/users/${userId}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect([200, 204, 404]).toContain(response.status);
    return response.status !== 404;
  };
  return {
    userId,
    email,
    newEmail,
    alexa,
    app,
    forms: {
      change: () =>
        led(
          ada.post("/account/password", { ...change, current: OLD, password: OWNERS }),
          "/account?done=password-changed",
        ),
      reset: () => operator("PATCH", { password: OPERATORS }),
      email: () => operator("PATCH", { email: newEmail }),
      signOut: () => led(ada.post("/sign-out/everywhere", signOut), "/sign-in?done=signed-out"),
      unlink: () => led(ada.post(link, unlink), "/account?done=unlinked"),
      erase: () => operator("DELETE"),
    },
  };
}

async function isLive(grantId: string): Promise<boolean> {
  return (
    (await env.DB.prepare("SELECT 1 FROM grants WHERE id = ? AND revoked_at IS NULL").bind(grantId).first()) !== null
  );
}

/** Which of the passwords opens the account, under which address. */
async function ways(service: Service, { email, newEmail }: Person): Promise<string[]> {
  const found: string[] = [];
  for (const address of [email, newEmail]) {
    for (const password of [OLD, OWNERS, OPERATORS]) {
      // Each from a network of its own, so that no try slows another one down.
      const visitor = visit(service, `198.51.100.${found.length + password.length}`);
      if ((await visitor.signIn(address, password)).status === 303) found.push(`${address} ${password}`);
    }
  }
  return found;
}

it("S13: of any two changes at once, each that was confirmed is in effect, and the last one stands", {
  timeout: 120_000,
}, async () => {
  await seedSkill();
  await seedAppAndService();
  const service = startService();
  const people = await Promise.all(PAIRS.map((_, number) => person(service, number)));
  service.meter.clear();
  service.meter.faults.push({ when: () => true, delayMs: 200 });
  const done = await Promise.all(
    PAIRS.map(async ([first, second], index) => {
      const { forms } = people[index] as Person;
      const one = forms[first]();
      // Somewhere in the middle of the first one, at another place for each pair.
      await new Promise((resolve) => setTimeout(resolve, (index * 53) % 500));
      const results: [Act, boolean][] = [
        [second, await forms[second]()],
        [first, await one],
      ];
      return new Set(results.filter(([, confirmed]) => confirmed).map(([act]) => act));
    }),
  );
  await service.settled();
  service.meter.clear();
  service.clock.advance(24 * 3_600_000);
  for (const [index, pair] of PAIRS.entries()) {
    const who = people[index] as Person;
    const confirmed = done[index] as Set<Act>;
    const address = confirmed.has("email") ? who.newEmail : who.email;
    // A change by the owner that lost to a reset was refused, so a confirmed reset was the later one.
    const password = confirmed.has("reset") ? OPERATORS : confirmed.has("change") ? OWNERS : OLD;
    const about = `${pair.join(" and ")}, confirmed: ${[...confirmed].join(", ")}`;
    const erased = confirmed.has("erase");
    expect([about, await ways(service, who)]).toEqual([about, erased ? [] : [`${address} ${password}`]]);
    const loginsEnded = erased || ["change", "reset", "signOut"].some((act) => confirmed.has(act as Act));
    expect([about, await isLive(who.app)]).toEqual([about, !loginsEnded]);
    expect([about, await isLive(who.alexa)]).toEqual([about, !erased && !confirmed.has("unlink")]);
    // The operator's decision is never refused, unless the person is gone.
    for (const act of ["reset", "email", "erase"] as const) {
      if (pair.includes(act) && !erased) expect([about, confirmed.has(act)]).toEqual([about, true]);
    }
  }
});
