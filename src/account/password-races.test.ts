// A change of the password that is overtaken between the check of the old one and the write of the new one.
import { env } from "cloudflare:workers";
import { beforeEach, expect, it } from "vitest";
import { admin } from "../../test/support/admin.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD, runtimeOf } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";
import { changeUser, setPassword, type VerifiedPassword } from "../sign-in/accounts.ts";
import { endEveryLogin, endSession, type SessionKey, signOutEverywhere } from "../storage/users/sessions.ts";
import { readPasswordIdentity } from "../storage/users/users.ts";

const OPERATORS = "password-of-the-operator";
const OVERTAKEN = "password-of-the-visitor";

let service: Service;
let userId: string;
let verified: VerifiedPassword;
beforeEach(async () => {
  service = startService();
  userId = await addUser(service);
  await visit(service).signIn(EMAIL, PASSWORD);
  const session = await env.DB.prepare(
    'SELECT s.id AS "sessionId", u.id AS "userId", u.session_epoch AS epoch FROM sessions s JOIN users u ON u.id = s.user_id',
  ).first<SessionKey>();
  const identity = await readPasswordIdentity(env.DB, userId);
  if (!session || !identity) throw new Error("not signed in");
  verified = { ...identity, session };
});

it("S13: a password reset is not undone by a change under way, and the sessions that followed it go on", async () => {
  const rt = await runtimeOf(service);
  await changeUser(rt, userId, { password: OPERATORS }, "ADMIN_TOKEN");
  const ada = visit(service);
  await ada.signIn(EMAIL, OPERATORS);
  expect(await setPassword(rt, OVERTAKEN, verified)).toEqual({ refused: "not_found" });
  expect((await ada.get("/account")).html).toContain(EMAIL);
  expect((await visit(service).signIn(EMAIL, OVERTAKEN)).status).toBe(401);
  expect((await visit(service).signIn(EMAIL, OPERATORS)).status).toBe(303);
});

it.each([
  ["signed out", endSession],
  ["signed out everywhere", signOutEverywhere],
])("S13: a session that was %s meanwhile changes no password", async (_, end) => {
  await end(env.DB, verified.session, service.clock.now);
  expect(await setPassword(await runtimeOf(service), OVERTAKEN, verified)).toEqual({ refused: "not_found" });
  expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(303);
});

it.each([
  [
    "the owner changes the password",
    async () => void (await setPassword(await runtimeOf(service), OVERTAKEN, verified)),
  ],
  [
    "an operator resets it",
    async () => void (await changeUser(await runtimeOf(service), userId, { password: OVERTAKEN }, "ADMIN_TOKEN")),
  ],
])("S13: a change of address under way keeps the newer password when %s", async (_, meanwhile) => {
  service.meter.faults.push({ when: ({ sql }) => sql.includes("UPDATE identities SET subject"), times: 1, meanwhile });
  const moved = await admin(service, "PATCH", `users/${userId}`, { email: "lovelace@example.com" });
  expect([moved.status, moved.body.email]).toEqual([200, "lovelace@example.com"]);
  expect((await visit(service).signIn("lovelace@example.com", PASSWORD)).status).toBe(401);
  expect((await visit(service).signIn("lovelace@example.com", OVERTAKEN)).status).toBe(303);
  expect((await visit(service).signIn(EMAIL, OVERTAKEN)).status).toBe(401);
});

it.each([
  [
    "an operator's reset",
    async () => void (await changeUser(await runtimeOf(service), userId, { password: OPERATORS }, "ADMIN_TOKEN")),
  ],
  ["the owner's new password", async () => void (await setPassword(await runtimeOf(service), OPERATORS, verified))],
  ["an operator's sign-out", async () => void (await endEveryLogin(env.DB, userId, service.clock.now, "ADMIN_TOKEN"))],
  ["the owner's sign-out everywhere", () => signOutEverywhere(env.DB, verified.session, service.clock.now)],
])("S13: a sign-in under way during %s leaves neither a session nor a known browser", async (_, meanwhile) => {
  service.meter.faults.push({ when: ({ sql }) => sql.includes("INSERT INTO sessions"), times: 1, meanwhile });
  const eve = visit(service);
  await eve.signIn(EMAIL, PASSWORD);
  expect((await eve.get("/account")).html).not.toContain(EMAIL);
  expect((await env.DB.prepare("SELECT id FROM sessions").all()).results).toEqual([]);
});
