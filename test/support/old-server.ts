// A fake of the server from which links move here: its token and userinfo endpoints, in place of `fetch`.
import { expect, vi } from "vitest";
import { toBase64Url, utf8 } from "../../src/crypto/encoding.ts";
import { admin } from "./admin.ts";
import { ALEXA_CLIENT, ALEXA_SECRET, basic, json, SKILL_ID, seedEveryone } from "./seeds.ts";
import { type Service, startService } from "./service.ts";

export const OLD_TOKEN_URL = "https://old.example.com/oauth/token";
export const OLD_USERINFO_URL = "https://old.example.com/me";
/** The refresh token of a link that is only at the old server. */
export const OLD_TOKEN = "old|refresh token & = % of any form";
/** The service's variables: with an identity provider, whose subjects the old server names. */
export const RELAY_VARIABLES = { OIDC_ISSUER: "https://id.example.com" };

/** One request as the old server got it. */
export interface OldRequest {
  readonly url: string;
  readonly authorization: string | null;
  readonly cookie: string | null;
  readonly fields: Readonly<Record<string, string>>;
}

export interface OldServer {
  /** The claims about the person of each refresh token. */
  readonly links: Map<string, Readonly<Record<string, unknown>>>;
  readonly requests: OldRequest[];
  /** What it accepts as HTTP Basic; null: anything. */
  authorization: string | null;
  /** Where it puts the claims. */
  claimsIn: "response" | "id_token" | "access_token" | "userinfo";
  /** A refresh ends the presented token and returns another. */
  rotating: boolean;
  /** Replaces the response to a request. `usual` makes the real one, with its effect. */
  fault: ((usual: () => Promise<Response>, request: OldRequest) => Promise<Response>) | undefined;
}

/** A JWT whose signature nobody checks. */
export function unsignedJwt(claims: unknown): string {
  const part = (value: unknown) => toBase64Url(utf8(JSON.stringify(value)));
  return `${part({ alg: "RS256" })}.${part(claims)}.c2ln`;
}

/** Replaces `fetch` until `vi.restoreAllMocks()`. */
export function startOldServer(): OldServer {
  const people = new Map<string, Readonly<Record<string, unknown>>>();
  let number = 0;
  const server: OldServer = {
    links: new Map(),
    requests: [],
    authorization: basic(ALEXA_CLIENT, ALEXA_SECRET),
    claimsIn: "id_token",
    rotating: false,
    fault: undefined,
  };
  const respond = async ({ url, authorization, fields }: OldRequest): Promise<Response> => {
    if (url === OLD_USERINFO_URL) {
      const claims = people.get(authorization?.replace("Bearer ", "") ?? "");
      return claims ? Response.json(claims) : Response.json({ error: "invalid_token" }, { status: 401 });
    }
    if (url !== OLD_TOKEN_URL) throw new TypeError(`nobody is at ${url}`);
    if (server.authorization !== null && authorization !== server.authorization) {
      return Response.json({ error: "invalid_client" }, { status: 401 });
    }
    const presented = fields.refresh_token ?? "";
    const claims = server.links.get(presented);
    if (fields.grant_type !== "refresh_token" || !claims) {
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    }
    number++;
    if (server.rotating) {
      server.links.delete(presented);
      server.links.set(`${presented}-${number}`, claims);
    }
    const access = server.claimsIn === "access_token" ? unsignedJwt(claims) : `old-access-${number}`;
    people.set(access, claims);
    return Response.json({
      access_token: access,
      token_type: "Bearer",
      expires_in: 3600,
      ...(server.rotating ? { refresh_token: `${presented}-${number}` } : {}),
      ...(server.claimsIn === "id_token" ? { id_token: unsignedJwt(claims) } : {}),
      ...(server.claimsIn === "response" ? claims : {}),
    });
  };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const seen: OldRequest = {
      url: request.url,
      authorization: request.headers.get("authorization"),
      cookie: request.headers.get("cookie"),
      fields: Object.fromEntries(new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer()))),
    };
    server.requests.push(seen);
    return server.fault ? server.fault(() => respond(seen), seen) : respond(seen);
  });
  return server;
}

/** Starts the service with the usual rows, and an old server that has one link. */
export async function startBesideOldServer(): Promise<{ service: Service; old: OldServer }> {
  const service = startService(RELAY_VARIABLES);
  await seedEveryone();
  const old = startOldServer();
  old.links.set(OLD_TOKEN, { sub: "ada" });
  return { service, old };
}

/** Sets the relay of the seeded skill. */
export async function setRelayOf(service: Service, relay: object | null): Promise<void> {
  const { status, body } = await admin(service, "PATCH", `skills/${SKILL_ID}`, { relay });
  expect(status, JSON.stringify(body)).toBe(200);
}

/** Sets the seeded skill's relay to this old server, whose `sub` is a subject of the identity provider. */
export function relayToOldServer(service: Service, more: object = {}): Promise<void> {
  return setRelayOf(service, { tokenUrl: OLD_TOKEN_URL, person: { as: "oidcSubject" }, ...more });
}

/** What Alexa can see of a token response. */
export async function outcomeOf(
  responding: Promise<Response>,
): Promise<{ status: number; error: string | undefined; retryAfter: string | null }> {
  const response = await responding;
  const { error } = await json<{ error?: string }>(response);
  return { status: response.status, error, retryAfter: response.headers.get("retry-after") };
}
