// Passkeys: adding them, signing in with them, and what the pages show.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { createAuthenticator, FLAGS, type Oddity } from "../../test/support/authenticator.ts";
import {
  add,
  addForm,
  beginAdding,
  beginSignIn,
  PASSKEYS_ON,
  parsed,
  refusal,
  rows,
  send,
  signIn,
} from "../../test/support/passkeys.ts";
import { ALEXA_CLIENT, ALEXA_REDIRECT_URIS, seedSkill } from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";
import { toBase64Url, utf8 } from "../crypto/encoding.ts";

let service: Service;
let userId: string;
let ada: Visitor;
beforeEach(async () => {
  service = startService(PASSKEYS_ON);
  userId = await addUser(service);
  ada = visit(service);
});

describe("a passkey", () => {
  it.each(["ES256", "RS256"] as const)("is added on the account page and signs in (%s)", async (algorithm) => {
    const key = await createAuthenticator(algorithm);
    await ada.signIn(EMAIL, PASSWORD);
    const added = await add(ada, key, "  My phone ");
    expect([added.status, parsed(added)]).toEqual([201, { name: "My phone" }]);
    const elsewhere = visit(service);
    service.clock.advance(60_000);
    const answer = await signIn(elsewhere, key, userId);
    expect([answer.status, parsed(answer)]).toEqual([200, { continueTo: "/account" }]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const account = await elsewhere.get("/account");
    expect(account.html).toContain(EMAIL);
    expect(account.html).toContain("My phone");
    expect(await rows("SELECT counter, last_used_at FROM passkeys")).toEqual([
      { counter: 2, last_used_at: service.clock.now },
    ]);
    expect((await rows("SELECT kind FROM audit")).map((row) => row.kind)).toEqual(["passkey_added"]);
  });

  it("takes a new session, and costs three storage trips", async () => {
    const key = await createAuthenticator();
    await ada.signIn(EMAIL, PASSWORD);
    await add(ada, key);
    const before = ada.cookies.get("__Host-session");
    const { form, token, publicKey } = await beginSignIn(ada);
    const credential = await key.assert(publicKey.challenge, userId);
    service.meter.clear();
    await send(ada, "/sign-in/passkey", { form, token, credential });
    expect(service.meter.calls()).toHaveLength(3);
    expect(ada.cookies.get("__Host-session")).not.toBe(before);
  });

  it("asks for a key in the device, with the user verified, of algorithms that we accept, and none that is there already", async () => {
    const key = await createAuthenticator();
    await ada.signIn(EMAIL, PASSWORD);
    await add(ada, key);
    const { publicKey } = await beginAdding(ada);
    expect(publicKey).toMatchObject({
      rp: { id: new URL(ISSUER).hostname },
      user: { id: toBase64Url(utf8(userId)), name: EMAIL },
      pubKeyCredParams: [
        { type: "public-key", alg: -7 },
        { type: "public-key", alg: -257 },
      ],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      excludeCredentials: [{ type: "public-key", id: key.id, transports: ["internal"] }],
      attestation: "none",
    });
  });

  it("S5: the sign-in options are the same for everybody, and cost no storage", async () => {
    service.meter.clear();
    const first = await beginSignIn(ada);
    const second = await beginSignIn(visit(service));
    expect(service.meter.calls()).toEqual([]);
    expect(Object.keys(first.publicKey).sort()).toEqual(["challenge", "rpId", "timeout", "userVerification"]);
    expect({ ...first.publicKey, challenge: "" }).toEqual({ ...second.publicKey, challenge: "" });
    expect(first.publicKey.challenge).not.toBe(second.publicKey.challenge);
  });

  it("several of them stand side by side, and removing one leaves the others and the password", async () => {
    const [phone, laptop] = [await createAuthenticator(), await createAuthenticator("RS256")];
    await ada.signIn(EMAIL, PASSWORD);
    await add(ada, phone, "Phone");
    await add(ada, laptop, "Laptop");
    const [row] = await rows("SELECT id FROM passkeys WHERE name = 'Phone'");
    const path = `/account/passkeys/${row?.id}`;
    const asked = await ada.get(path);
    expect(asked.html).toContain("Remove passkey “Phone”?");
    expect(await rows("SELECT id FROM passkeys")).toHaveLength(2);
    const removed = await ada.post(path, asked.hidden(path));
    expect([removed.status, removed.headers.get("location")]).toEqual([303, "/account?done=passkey-removed"]);
    expect((await rows("SELECT kind FROM audit ORDER BY id")).at(-1)?.kind).toBe("passkey_removed");
    expect(refusal(await signIn(visit(service), phone, userId))).toEqual([422, "passkey_rejected"]);
    expect((await signIn(visit(service), laptop, userId)).status).toBe(200);
    expect((await visit(service).signIn(EMAIL, PASSWORD)).status).toBe(303);
    expect((await ada.post(path, asked.hidden(path))).status).toBe(303);
  });

  it("gets a plain name when it is given none, and goes with its user", async () => {
    await ada.signIn(EMAIL, PASSWORD);
    expect(parsed(await add(ada, await createAuthenticator()))).toEqual({ name: "Passkey" });
    await env.DB.prepare("DELETE FROM users").run();
    expect(await rows("SELECT id FROM passkeys")).toEqual([]);
  });

  it("a linking goes on where the password would have gone on, with the same steps", async () => {
    const key = await createAuthenticator();
    await ada.signIn(EMAIL, PASSWORD);
    await add(ada, key);
    await seedSkill();
    const from = `/authorize?client_id=${ALEXA_CLIENT}&response_type=code&state=x&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[0] ?? "")}`;
    const bob = visit(service);
    const { form, token, publicKey } = await beginSignIn(bob, from);
    const wrong = await key.assert(publicKey.challenge, userId, { type: "webauthn.create" });
    expect(refusal(await send(bob, "/sign-in/passkey", { form, token, credential: wrong }))[1]).toBe(
      "passkey_rejected",
    );
    const credential = await key.assert(publicKey.challenge, userId);
    const { continueTo } = parsed(await send(bob, "/sign-in/passkey", { form, token, credential }));
    expect(String(continueTo).startsWith(from)).toBe(true);
    expect((await bob.get(String(continueTo))).html).toContain('name="decision"');
    const [attempt] = await rows("SELECT user_id, steps FROM attempts");
    expect(attempt?.user_id).toBe(userId);
    expect((JSON.parse(attempt?.steps as string) as { name: string }[]).map((step) => step.name)).toEqual([
      "sign_in_failed",
      "signed_in",
    ]);
  });
});

describe("adding", () => {
  beforeEach(() => ada.signIn(EMAIL, PASSWORD));

  const ATTESTED = FLAGS.attested | FLAGS.present | FLAGS.verified;
  it.each<[string, Oddity]>([
    ["another origin", { origin: "https://evil.example.com" }],
    ["another relying party", { rpId: "evil.example.com" }],
    ["the type of a sign-in", { type: "webauthn.get" }],
    ["another challenge", { challenge: "A".repeat(43) }],
    ["no user present", { flags: ATTESTED & ~FLAGS.present }],
    ["no user verified", { flags: ATTESTED & ~FLAGS.verified }],
    ["no attested data", { flags: ATTESTED & ~FLAGS.attested }],
    ["an id that the authenticator did not name", { id: toBase64Url(new Uint8Array(20)) }],
    ["an algorithm that was not offered", { publicKeyAlgorithm: -8 }],
    ["a key of another algorithm", { publicKeyAlgorithm: -257 }],
    ["no key", { publicKey: toBase64Url(new Uint8Array(91)) }],
    ["a frame of another origin", { clientData: { crossOrigin: true } }],
  ])("a registration with %s is refused", async (_, oddity) => {
    expect(refusal(await add(ada, await createAuthenticator(), "", oddity))).toEqual([422, "passkey_rejected"]);
    expect(await rows("SELECT id FROM passkeys")).toEqual([]);
  });

  it("refuses weak RSA keys and other curves", async () => {
    for (const weak of [
      await createAuthenticator("RS256", { rsaBits: 1024 }),
      await createAuthenticator("ES256", { curve: "P-384" }),
    ]) {
      expect(refusal(await add(ada, weak))).toEqual([422, "passkey_rejected"]);
    }
  });

  it("needs the session that began it: another browser's, another user's, or one that has ended is not enough", async () => {
    const key = await createAuthenticator();
    const { form, token, publicKey } = await beginAdding(ada);
    const body = { form, token, credential: await key.register(publicKey.challenge) };
    const stranger = visit(service);
    expect(refusal(await send(stranger, "/account/passkeys", body))).toEqual([403, "csrf"]);

    await addUser(service, "eve@example.com");
    const adaSession = ada.cookies.get("__Host-session") ?? "";
    await ada.signIn("eve@example.com", PASSWORD);
    expect(refusal(await send(ada, "/account/passkeys", body))).toEqual([403, "session_needed"]);
    const evesForm = await addForm(ada);
    expect(refusal(await send(ada, "/account/passkeys", { ...body, form: evesForm }))).toEqual([
      400,
      "challenge_invalid",
    ]);
    ada.cookies.set("__Host-session", adaSession);
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    expect(refusal(await send(ada, "/account/passkeys", body))).toEqual([403, "session_needed"]);
    expect(refusal(await send(ada, "/account/passkeys/options", { form }))).toEqual([403, "session_needed"]);
    expect(await rows("SELECT id FROM passkeys")).toEqual([]);
  });

  it("S5: a session that was left open cannot get a key that stays", async () => {
    const form = await addForm(ada);
    service.clock.advance(15 * 60_000);
    expect(refusal(await send(ada, "/account/passkeys/options", { form }))).toEqual([403, "session_needed"]);
    const page = await ada.get("/account");
    expect(page.html).toContain("Sign in again to add a passkey");
    expect(page.html).not.toContain("data-form");
  });

  it("takes each challenge and each credential once", async () => {
    const key = await createAuthenticator();
    const { form, token, publicKey } = await beginAdding(ada);
    const credential = await key.register(publicKey.challenge);
    expect((await send(ada, "/account/passkeys", { form, token, credential })).status).toBe(201);
    expect(refusal(await send(ada, "/account/passkeys", { form, token, credential }))).toEqual([
      400,
      "challenge_invalid",
    ]);
    await addUser(service, "eve@example.com");
    const eve = visit(service);
    await eve.signIn("eve@example.com", PASSWORD);
    expect(refusal(await add(eve, key))).toEqual([409, "conflict"]);
    expect(await rows("SELECT user_id FROM passkeys")).toEqual([{ user_id: userId }]);
  });

  it("keeps at most twenty, and only for accounts with a password", async () => {
    await env.DB.prepare(
      `INSERT INTO passkeys SELECT 'k' || value, 'c' || value, ?, 'x', 'ES256', 0, '[]', 'n', 0, 0, 1, NULL
       FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]')`,
    )
      .bind(userId)
      .run();
    expect(refusal(await add(ada, await createAuthenticator()))).toEqual([409, "conflict"]);
    await env.DB.prepare("DELETE FROM passkeys").run();
    const form = await addForm(ada);
    await env.DB.prepare("UPDATE identities SET method = 'oidc'").run();
    expect(refusal(await send(ada, "/account/passkeys/options", { form }))).toEqual([403, "session_needed"]);
    expect((await ada.get("/account")).html).not.toContain("data-passkey");
  });

  it("does not show or remove the passkeys of others, and needs its own form", async () => {
    await add(ada, await createAuthenticator(), "Phone");
    const [row] = await rows("SELECT id FROM passkeys");
    const path = `/account/passkeys/${row?.id}`;
    await addUser(service, "eve@example.com");
    const eve = visit(service);
    await eve.signIn("eve@example.com", PASSWORD);
    expect((await eve.get(path)).status).toBe(303);
    expect((await eve.post(path, (await ada.get(path)).hidden(path))).status).toBe(403);
    expect((await ada.post(path, {})).status).toBe(403);
    const form = (await ada.get(path)).hidden(path);
    await env.DB.prepare("UPDATE users SET session_epoch = session_epoch + 1").run();
    expect((await ada.post(path, form)).html).toContain('action="/sign-in"');
    expect(await rows("SELECT id FROM passkeys")).toHaveLength(1);
  });
});

describe("the pages", () => {
  it("have a script only where passkeys are switched on, from one address of ours, and never inline", async () => {
    await ada.signIn(EMAIL, PASSWORD);
    for (const path of ["/sign-in", "/account"]) {
      const page = await ada.get(path);
      expect(page.html.match(/<script[^>]*>[^<]*<\/script>/g)).toEqual([
        '<script src="/passkeys.js" defer=""></script>',
      ]);
      const policy = page.headers.get("content-security-policy") ?? "";
      expect(policy).toContain(`script-src ${ISSUER}/passkeys.js; connect-src 'self';`);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain("unsafe");
      expect(policy).not.toContain("form-action");
    }
    for (const path of ["/sign-up", "/account/password", "/nowhere"]) {
      const page = await ada.get(path);
      expect(page.html).not.toContain("<script");
      expect(page.headers.get("content-security-policy")).not.toContain("script-src");
    }
    const script = await ada.get("/passkeys.js");
    expect([script.status, script.headers.get("content-type")]).toEqual([200, "text/javascript; charset=utf-8"]);
  });

  it("know nothing of passkeys where they are switched off", async () => {
    service = startService();
    const bob = visit(service);
    await bob.signIn(EMAIL, PASSWORD);
    for (const path of ["/sign-in", "/account"]) {
      const page = await bob.get(path);
      expect(page.html).not.toMatch(/passkey|webauthn|<script/i);
      expect(page.headers.get("content-security-policy")).not.toContain("script-src");
    }
    expect((await bob.get("/passkeys.js")).status).toBe(404);
    expect((await bob.get("/account/passkeys/x")).status).toBe(404);
    for (const path of ["/sign-in/passkey/options", "/sign-in/passkey", "/account/passkeys"]) {
      expect(refusal(await send(bob, path, {}))).toEqual([404, "not_found"]);
    }
  });

  it("offer the e-mail field to the browser's list of passkeys, and hide what needs the script", async () => {
    const page = await ada.get("/sign-in");
    expect(page.html).toContain('autocomplete="username webauthn"');
    expect(page.html).toMatch(/<div data-passkey="sign-in"[^>]* hidden/);
  });
});
