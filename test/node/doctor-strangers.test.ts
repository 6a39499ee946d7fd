// The doctor's command against two libraries of others.
import { afterEach, describe, expect, it } from "vitest";
import { type CloudflareSettings, startCloudflareProvider } from "./doctor-servers/cloudflare.ts";
import { EXPECTATIONS, type Expectation } from "./doctor-servers/expectations.ts";
import { startOidcProvider } from "./doctor-servers/oidc-provider.ts";
import { type Found, runDoctor } from "./doctor-servers/run-doctor.ts";

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

function expectFindings({ fail, warn }: Found, expected: Expectation): void {
  const certain = (ids: readonly string[]) => ids.filter((id) => !expected.sometimes?.includes(id));
  expect({ fail: certain(fail), warn: certain(warn) }).toEqual({ fail: expected.fail, warn: expected.warn });
}

describe("oidc-provider", () => {
  async function examined(settings: Readonly<Record<string, unknown>>): Promise<Found> {
    const server = await startOidcProvider(settings);
    close = server.close;
    return runDoctor([server.issuer, "--scope", "openid"]);
  }

  it("V8: as it is, it issues no refresh token", async () => {
    const found = await examined({});
    expectFindings(found, EXPECTATIONS["oidc-provider"]);
    expect(found.code).toBe(1);
  });

  it("V8: with refresh tokens, a code that is used twice ends the customer's other links", async () => {
    const found = await examined({ issueRefreshToken: async () => true });
    expectFindings(found, EXPECTATIONS["oidc-provider with refresh tokens"]);
    expect(found.checks.find(({ id }) => id === "first_link_lasts")?.detail).toContain("used twice");
    expect(found.code).toBe(0);
  });
});

describe("workers-oauth-provider", () => {
  async function examined(settings: CloudflareSettings): Promise<Found> {
    const server = await startCloudflareProvider(settings);
    close = server.close;
    return runDoctor([server.issuer, "--scope", "profile offline_access"], server.client);
  }

  it("V8: as it is, it refuses client_id beside HTTP Basic, and a second link ends the first", async () => {
    const found = await examined({});
    expectFindings(found, EXPECTATIONS["workers-oauth-provider"]);
    expect(found.code).toBe(1);
  });

  it("V8: set up for Alexa, it still issues refresh tokens that do not work", async () => {
    const found = await examined({ tokenEndpointAuthMethod: "client_secret_post", revokeExistingGrants: false });
    expectFindings(found, EXPECTATIONS["workers-oauth-provider set up for Alexa"]);
    expect(found.errors).not.toMatch(/that the doctor made/);
  });
});
