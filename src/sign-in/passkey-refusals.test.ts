import { beforeEach, describe, expect, it } from "vitest";
import {
  type Authenticator,
  createAuthenticator,
  FLAGS,
  type Oddity,
  toDer,
} from "../../test/support/authenticator.ts";
import {
  add,
  beginAdding,
  beginSignIn,
  PASSKEYS_ON,
  refusal,
  rows,
  send,
  signIn,
} from "../../test/support/passkeys.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { type Visitor, visit } from "../../test/support/visitor.ts";
import { toBase64Url, utf8 } from "../crypto/encoding.ts";
import { evenSignature } from "./passkey-ceremony.ts";

let service: Service;
let userId: string;
let ada: Visitor;
beforeEach(async () => {
  service = startService(PASSKEYS_ON);
  userId = await addUser(service);
  ada = visit(service);
});

describe("a sign-in that is wrong in one respect is refused", () => {
  let key: Authenticator;
  beforeEach(async () => {
    key = await createAuthenticator();
    await ada.signIn(EMAIL, PASSWORD);
    await add(ada, key);
  });

  it.each<[string, Oddity]>([
    ["another origin", { origin: "https://evil.example.com" }],
    ["the origin with a port", { origin: `${ISSUER}:8443` }],
    ["the origin over http", { origin: ISSUER.replace("https", "http") }],
    ["another relying party", { rpId: "evil.example.com" }],
    ["the parent domain", { rpId: "example.com" }],
    ["the type of a registration", { type: "webauthn.create" }],
    ["another challenge", { challenge: "A".repeat(43) }],
    ["no user present", { flags: FLAGS.verified }],
    ["no user verified", { flags: FLAGS.present }],
    ["backed up without being eligible", { flags: FLAGS.present | FLAGS.verified | FLAGS.backedUp }],
    ["eligibility that was not there before", { flags: FLAGS.present | FLAGS.verified | FLAGS.eligible }],
    ["attested data in an assertion", { flags: FLAGS.present | FLAGS.verified | FLAGS.attested }],
    ["bytes behind the authenticator data", { trailing: Uint8Array.of(0) }],
    ["a frame of another origin", { clientData: { crossOrigin: true } }],
    ["a page above it", { clientData: { topOrigin: "https://evil.example.com" } }],
    ["another user's handle", { userHandle: toBase64Url(utf8("0".repeat(26))) }],
    ["a counter that stands still", { counter: 1 }],
    ["a counter that went back to zero", { counter: 0 }],
    ["an unknown credential", { id: toBase64Url(new Uint8Array(20)) }],
  ])("%s", async (_, oddity) => {
    const elsewhere = visit(service);
    expect(refusal(await signIn(elsewhere, key, userId, oddity))).toEqual([422, "passkey_rejected"]);
    expect(elsewhere.cookies.has("__Host-session")).toBe(false);
    expect((await signIn(elsewhere, key, userId)).status).toBe(200);
  });

  it("another key's signature", async () => {
    const signer = await createAuthenticator();
    expect(refusal(await signIn(visit(service), key, userId, { signer }))).toEqual([422, "passkey_rejected"]);
  });

  it("an RSA signature for an ECDSA key", async () => {
    const signer = await createAuthenticator("RS256");
    expect(refusal(await signIn(visit(service), key, userId, { signer }))).toEqual([422, "passkey_rejected"]);
  });

  it("another user's credential, signed by one's own key", async () => {
    const eveId = await addUser(service, "eve@example.com");
    const eve = visit(service);
    await eve.signIn("eve@example.com", PASSWORD);
    const own = await createAuthenticator();
    await add(eve, own);
    const attacker = visit(service);
    expect(refusal(await signIn(attacker, own, userId, { id: key.id }))).toEqual([422, "passkey_rejected"]);
    expect(refusal(await signIn(attacker, own, userId))).toEqual([422, "passkey_rejected"]);
    expect((await signIn(attacker, own, eveId)).status).toBe(200);
    expect((await attacker.get("/account")).html).toContain("eve@example.com");
  });

  it("a challenge that was answered before, one that is too old, and one of another browser or ceremony", async () => {
    const first = await beginSignIn(ada);
    const answer = async (by: Visitor, form: string, token: string, counter: number) =>
      send(by, "/sign-in/passkey", {
        form,
        token,
        credential: await key.assert(first.publicKey.challenge, userId, { counter }),
      });
    expect((await answer(ada, first.form, first.token, 5)).status).toBe(200);
    expect(refusal(await answer(ada, first.form, first.token, 6))).toEqual([400, "challenge_invalid"]);

    const eve = visit(service);
    const own = await beginSignIn(eve);
    const stolen = await beginSignIn(ada);
    const credential = await key.assert(stolen.publicKey.challenge, userId, { counter: 7 });
    const replay = (form: string, token: string) => send(eve, "/sign-in/passkey", { form, token, credential });
    expect(refusal(await replay(own.form, stolen.token))).toEqual([400, "challenge_invalid"]);
    expect(refusal(await replay(stolen.form, stolen.token))).toEqual([403, "csrf"]);
    expect(refusal(await replay(own.form, own.token))).toEqual([422, "passkey_rejected"]);
    const adding = await beginAdding(ada);
    expect(refusal(await replay(own.form, adding.token))).toEqual([400, "challenge_invalid"]);

    service.clock.advance(5 * 60_000);
    const late = await send(ada, "/sign-in/passkey", { form: stolen.form, token: stolen.token, credential });
    expect(refusal(late)).toEqual([400, "challenge_invalid"]);
    service.clock.advance(60 * 60_000);
    expect(refusal(await send(ada, "/sign-in/passkey/options", { form: stolen.form }))).toEqual([400, "form_expired"]);
  });

  it("one challenge answered twenty times at once signs in once", async () => {
    const { form, token, publicKey } = await beginSignIn(ada);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const credential = await key.assert(publicKey.challenge, userId, { counter: 10 + index });
        return send(ada, "/sign-in/passkey", { form, token, credential });
      }),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 400)).toHaveLength(19);
  });

  it("a counter that went back leaves an alert; one that stays zero does not", async () => {
    await signIn(visit(service), key, userId, { counter: 1 });
    expect(await rows("SELECT kind, alert, user_id FROM audit WHERE alert = 1")).toEqual([
      { kind: "passkey_counter_regressed", alert: 1, user_id: userId },
    ]);
    const synced = await createAuthenticator();
    await add(ada, synced, "", { counter: 0 });
    for (const _ of [1, 2]) expect((await signIn(visit(service), synced, userId, { counter: 0 })).status).toBe(200);
    expect(await rows("SELECT kind FROM audit WHERE alert = 1")).toHaveLength(1);
  });
});

describe("what the endpoints are sent", () => {
  it.each<[string, unknown, [number, string]]>([
    ["nothing", "", [400, "invalid_body"]],
    ["no JSON", "{", [400, "invalid_body"]],
    ["a list", [], [400, "invalid_body"]],
    ["no form", {}, [400, "invalid_body"]],
    ["a form that is no text", { form: 7 }, [400, "invalid_body"]],
    ["too much", { form: "x".repeat(70_000) }, [413, "body_too_large"]],
  ])("%s is refused by all four", async (_, body, expected) => {
    for (const path of [
      "/sign-in/passkey/options",
      "/sign-in/passkey",
      "/account/passkeys/options",
      "/account/passkeys",
    ]) {
      expect([path, ...refusal(await send(ada, path, body))]).toEqual([path, ...expected]);
      expect(refusal(await send(ada, path, body, { "content-type": "text/plain" }))[0]).toBe(415);
      expect(refusal(await ada.get(path))).toEqual([405, "method_not_allowed"]);
    }
  });

  it("a forged form is refused", async () => {
    for (const path of ["/sign-in/passkey/options", "/account/passkeys/options"]) {
      expect(refusal(await send(ada, path, { form: "forged" }))).toEqual([403, "csrf"]);
    }
  });

  it("a credential that misses a part, or has one too long or malformed, is refused before anything is read", async () => {
    const key = await createAuthenticator();
    const { form, token, publicKey } = await beginSignIn(ada);
    const good = (await key.assert(publicKey.challenge, userId)) as { id: string; response: Record<string, string> };
    const wrong: unknown[] = [
      null,
      {},
      { ...good, id: "" },
      { ...good, id: "A".repeat(1400) },
      { ...good, id: "+/==" },
    ];
    for (const part of Object.keys(good.response)) {
      wrong.push({ ...good, response: { ...good.response, [part]: undefined } });
      for (const value of ["", "A", "AB", "=", "A".repeat(10_000), 7]) {
        wrong.push({ ...good, response: { ...good.response, [part]: value } });
      }
    }
    service.meter.clear();
    for (const credential of wrong) {
      expect(refusal(await send(ada, "/sign-in/passkey", { form, token, credential }))).toEqual([400, "invalid_body"]);
    }
    expect(service.meter.calls()).toEqual([]);
  });

  it("client data that is no object is refused without an exception", async () => {
    const key = await createAuthenticator();
    await ada.signIn(EMAIL, PASSWORD);
    await add(ada, key);
    const { form, token, publicKey } = await beginSignIn(ada);
    const good = (await key.assert(publicKey.challenge, userId)) as { id: string; response: Record<string, string> };
    for (const bytes of [utf8("null"), utf8("[]"), utf8("{"), utf8("7"), Uint8Array.of(0xff, 0xfe)]) {
      const credential = { ...good, response: { ...good.response, clientDataJSON: toBase64Url(bytes) } };
      expect(refusal(await send(ada, "/sign-in/passkey", { form, token, credential }))).toEqual([
        422,
        "passkey_rejected",
      ]);
    }
  });

  it("an ECDSA signature is strictly DER, and every good one is accepted, short numbers too", async () => {
    const number = (fill: number, length = 32) => new Uint8Array(length).fill(fill);
    const raw = new Uint8Array([...new Uint8Array(2), ...number(0x7f, 30), ...new Uint8Array(1), ...number(0x9f, 31)]);
    const der = toDer(raw);
    const even = evenSignature(der);
    expect([...(even?.slice(5, 37) ?? []), ...(even?.slice(40) ?? [])]).toEqual([...raw]);
    for (const wrong of [
      der.slice(0, -1),
      new Uint8Array([...der, 0]),
      new Uint8Array([0x31, ...der.slice(1)]),
      new Uint8Array([0x30, 8, 2, 2, 0, 1, 2, 2, 0, 1]),
      new Uint8Array([0x30, 6, 2, 1, 0x80, 2, 1, 1]),
      new Uint8Array([0x30, 5, 2, 0, 2, 1, 1]),
      new Uint8Array(),
    ]) {
      expect(evenSignature(wrong)).toBeUndefined();
    }
    const key = await createAuthenticator();
    await ada.signIn(EMAIL, PASSWORD);
    await add(ada, key);
    // One of about 128 signatures has a short number: a new one is made until it does.
    const short: Authenticator = {
      ...key,
      async sign(bytes) {
        for (let tries = 0; tries < 5000; tries++) {
          const made = await key.sign(bytes);
          if ((made[3] ?? 0) < 32 || (made[made[3]! + 5] ?? 0) < 32) return made;
        }
        throw new Error("no short number in 5000 signatures");
      },
    };
    expect((await signIn(visit(service), key, userId, { signer: short })).status).toBe(200);
  });
});
