// The doctor's command against small servers that were written without looking at the doctor.
import { afterEach, describe, expect, it } from "vitest";
import type { ForeignServer } from "./doctor-servers/foreign-server.ts";
import { startMini } from "./doctor-servers/mini.ts";
import { MINI_FAULTS, type MiniFault, type MiniOptions } from "./doctor-servers/mini-parts.ts";
import { type Found, runDoctor } from "./doctor-servers/run-doctor.ts";

let server: ForeignServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function examined(options: MiniOptions): Promise<Found> {
  server = await startMini(options);
  const { issuer } = server;
  const addresses = options.silent
    ? ["--authorize-url", `${issuer}/connect/start`, "--token-url", `${issuer}/connect/token`]
    : [issuer];
  return runDoctor(addresses);
}

describe("a correct server", () => {
  const servers: [what: string, options: MiniOptions][] = [
    ["that asks by links", {}],
    ["that asks by a form", { asksByForm: true }],
    ["that rotates refresh tokens", { rotates: true }],
    ["that takes HTTP Basic only, and says so", { authentication: ["client_secret_basic"] }],
    ["that takes the secret in the body only, and says so", { authentication: ["client_secret_post"] }],
    ["without metadata", { silent: true }],
  ];
  it.each(servers)("V8: %s has no finding", async (_, options) => {
    const { code, checks, fail, warn } = await examined(options);
    expect({ fail, warn }).toEqual({ fail: [], warn: [] });
    expect(code).toBe(0);
    expect(checks.filter(({ outcome }) => outcome === "pass").length).toBeGreaterThan(80);
  });
});

describe("a server with one defect", () => {
  const faults = Object.entries(MINI_FAULTS) as [MiniFault, string][];
  it.each(faults)(
    "V8: one that %s: %s and no other check",
    async (fault, id) => {
      const options = { fault, asksByForm: fault === "redirects with 307" };
      const { code, fail, warn } = await examined(options);
      expect([...fail, ...warn]).toEqual([id]);
      expect(code).toBe(fail.length > 0 ? 1 : 0);
    },
    90_000,
  );
});
