// What a sealed value opens for, and that keys of different purposes have nothing in common.
import { expect, it } from "vitest";
import { toBase64Url } from "./encoding.ts";
import { createKeyring, type Keyring } from "./keyring.ts";

const FIRST = new Uint8Array(32).fill(1);
const SECOND = new Uint8Array(32).fill(2);
const PURPOSES = ["amazon-tokens", "form", "password-hash", "session", "signing-key"] as const;

const opens = async (keyring: Keyring, ...what: Parameters<Keyring["open"]>) =>
  (await keyring.open(...what))?.plaintext ?? null;

it("a sealed value opens for its own purpose and context only, and shows nothing", async () => {
  const keyring = await createKeyring(FIRST);
  for (const purpose of PURPOSES) {
    const sealed = await keyring.seal(purpose, "row 1", "fake-secret-value");
    expect(sealed).not.toContain("fake-secret");
    expect(await keyring.seal(purpose, "row 1", "fake-secret-value")).not.toBe(sealed);
    expect(await opens(keyring, purpose, "row 1", sealed)).toBe("fake-secret-value");
    for (const context of ["row 2", "row 1 ", "row", ""]) {
      expect(await opens(keyring, purpose, context, sealed)).toBeNull();
    }
    for (const other of PURPOSES.filter((each) => each !== purpose)) {
      expect(await opens(keyring, other, "row 1", sealed)).toBeNull();
    }
  }
});

it("a value with any character changed, cut or added does not open", async () => {
  const keyring = await createKeyring(FIRST);
  const sealed = await keyring.seal("session", "browser", "fake-secret-value");
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice(0, at) + (sealed[at] === "A" ? "Q" : "A") + sealed.slice(at + 1);
    expect([at, await opens(keyring, "session", "browser", changed)]).toEqual([at, null]);
    expect([at, await opens(keyring, "session", "browser", sealed.slice(0, at))]).toEqual([at, null]);
  }
  expect(await opens(keyring, "session", "browser", `${sealed}AAAA`)).toBeNull();
});

it("another master key opens nothing, unless the first is kept as the previous one", async () => {
  const sealed = await (await createKeyring(FIRST)).seal("session", "browser", "fake-secret-value");
  expect(await opens(await createKeyring(SECOND), "session", "browser", sealed)).toBeNull();
  expect(await opens(await createKeyring(SECOND, FIRST), "session", "browser", sealed)).toBe("fake-secret-value");
});

it("keys of different purposes and master keys derive different values", async () => {
  const derived = new Set<string>();
  for (const bytes of [FIRST, SECOND]) {
    const keyring = await createKeyring(bytes);
    for (const purpose of PURPOSES) {
      derived.add(toBase64Url(await keyring.derive(purpose, "input")));
      derived.add(toBase64Url(await keyring.derive(purpose, "input")));
    }
  }
  expect(derived.size).toBe(2 * PURPOSES.length);
});
