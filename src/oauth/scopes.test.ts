// Which scopes a request is granted, for any registration and any request.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Client } from "../storage/clients/clients.ts";
import { resourceProblem } from "./resource.ts";
import { grantedScopes, narrowScope, scopeNames, userTier } from "./scopes.ts";

const NAMES = [
  "mcp:service",
  "mcp:tools",
  "mcp:resources",
  "openid",
  "profile",
  "email",
  "offline_access",
  "notes",
  "x",
];
const names = fc.subarray(NAMES);
/** An add-on's client whose scopes are each of one tier. */
const addOn = fc
  .tuple(names, names)
  .map(([user, service]) => ({
    resource: "https://mcp.example.com/mcp",
    scopes: user,
    serviceScopes: service.filter((name) => !user.includes(name)),
  }))
  .map((client) => client as unknown as Client);
const asked = fc.array(fc.constantFrom(...NAMES, "MCP:TOOLS", "mcp:*"), { maxLength: 6 });

describe("scopes of add-ons", () => {
  it("M1: a grant has user-tier scopes that were asked for, all of them when none was, and never a service-tier one", () => {
    fc.assert(
      fc.property(addOn, asked, (client, request) => {
        const granted = grantedScopes(client, scopeNames(request.join(" ")));
        if (typeof granted === "string") return;
        expect(granted.length).toBeGreaterThan(0);
        expect(granted.every((name) => client.scopes.includes(name))).toBe(true);
        expect(granted.some((name) => client.serviceScopes.includes(name))).toBe(false);
        const forUser = request.filter((name) => client.scopes.includes(name));
        expect(granted).toEqual(forUser.length > 0 ? [...new Set(forUser)] : client.scopes);
      }),
    );
  });

  it("a client of another type may have no scopes, and is granted none", () => {
    const client = { resource: null, scopes: [], serviceScopes: [] } as unknown as Client;
    expect(grantedScopes(client, [])).toEqual([]);
  });

  it("M1: a refresh never gets more than the grant, and nothing of the service tier", () => {
    fc.assert(
      fc.property(addOn, names, asked, (client, granted, request) => {
        fc.pre(granted.some((name) => !client.serviceScopes.includes(name)));
        const now = userTier(client, granted.join(" "));
        const narrowed = narrowScope(client, request.length === 0 ? undefined : request.join(" "), now);
        if (narrowed === undefined) return;
        expect(scopeNames(narrowed).length).toBeGreaterThan(0);
        for (const name of scopeNames(narrowed)) {
          expect(granted).toContain(name);
          expect(client.serviceScopes).not.toContain(name);
        }
      }),
    );
  });
});

it("M1: only the registered resource passes, byte for byte, and only once", () => {
  const registered = "https://mcp.example.com/mcp";
  expect(resourceProblem([], registered)).toBeUndefined();
  expect(resourceProblem([""], null)).toBeUndefined();
  expect(resourceProblem([registered], null)).toBe("resource_unregistered");
  expect(resourceProblem([registered], `${registered}/`)).toBe("resource_trailing_slash");
  const near = fc
    .tuple(fc.nat(registered.length), fc.string({ maxLength: 3, unit: "binary" }), fc.nat(2))
    .map(([at, insert, drop]) => registered.slice(0, at) + insert + registered.slice(at + drop));
  fc.assert(
    fc.property(fc.oneof(near, fc.string({ unit: "binary" })), (value) => {
      const passes = value === "" || value === registered;
      expect(resourceProblem([value], registered) === undefined).toBe(passes);
      expect(resourceProblem([value, registered], registered)).toBe("resource_repeated");
    }),
  );
});
