// Signed skill events as Alexa sends them, and certificates that tests serve and count.
import { vi } from "vitest";
import { CERTIFICATE_URL, chainPem, rootPem, sign } from "./alexa-signer.ts";
import { ALEXA_CLIENT, exchange, json, SKILL_ID, seedCode, type TokenResponse } from "./seeds.ts";
import { type Service, START, startService } from "./service.ts";

export const DEVELOPMENT_ISSUER = "http://localhost:8787";

/**
 * A service that trusts the test root (which only development allows), and what it fetches: certificates, served from
 * `files`.
 */
export async function startWithAlexa(variables: Readonly<Record<string, string>> = {}) {
  const service = startService({
    ISSUER: DEVELOPMENT_ISSUER,
    ALEXA_CERT_ROOTS: await rootPem(),
    ...variables,
  });
  const files = new Map<string, () => Response | Promise<Response>>();
  const pem = await chainPem();
  files.set(CERTIFICATE_URL, () => new Response(pem));
  const fetched: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const { url } = new Request(input, init);
    fetched.push(url);
    const respond = files.get(url);
    if (!respond) throw new TypeError("unreachable in this test");
    return respond();
  });
  return { service, files, fetched };
}

export interface EventSeed {
  readonly name?: string;
  readonly type?: string;
  readonly skillId?: string;
  readonly userId?: string;
  readonly accessToken?: string | undefined;
  readonly bodyToken?: string;
  readonly requestId?: string;
  /** Milliseconds. */
  readonly at?: number;
  readonly createdAt?: number;
}

/** RFC 3339 with whole seconds, as Alexa writes it. */
export function stamp(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

export function eventBody(seed: EventSeed = {}): string {
  const at = stamp(seed.at ?? START);
  return JSON.stringify({
    version: "1.0",
    context: {
      System: {
        application: { applicationId: seed.skillId ?? SKILL_ID },
        user: {
          ...(seed.userId === undefined ? {} : { userId: seed.userId }),
          ...(seed.accessToken === undefined ? {} : { accessToken: seed.accessToken }),
        },
        apiEndpoint: "https://api.amazonalexa.com",
        apiAccessToken: "fake.api.token",
      },
    },
    request: {
      type: seed.type ?? `AlexaSkillEvent.${seed.name ?? "SkillDisabled"}`,
      requestId: seed.requestId ?? crypto.randomUUID(),
      timestamp: at,
      ...(seed.createdAt === undefined ? {} : { eventCreationTime: stamp(seed.createdAt) }),
      eventPublishingTime: at,
      ...(seed.bodyToken === undefined ? {} : { body: { accessToken: seed.bodyToken } }),
    },
  });
}

/** Sends `body` with headers as Alexa sets them; `headers` replaces some. */
export async function post(
  service: Service,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return service.request("/alexa/events", {
    method: "POST",
    headers: {
      "content-type": "application/json;charset=utf-8",
      signaturecertchainurl: CERTIFICATE_URL,
      "signature-256": await sign(body),
      ...headers,
    },
    body,
  });
}

export async function deliver(service: Service, seed: EventSeed = {}): Promise<Response> {
  return post(service, eventBody({ at: service.clock.now, ...seed }));
}

let grantNumber = 0;

/** Links as Alexa does. Returns the tokens and the grant's id. */
export async function link(
  service: Service,
  seed: { readonly userId?: string; readonly clientId?: string; readonly secret?: string } = {},
): Promise<{ tokens: TokenResponse; grantId: string }> {
  const grantId = `0grantev${String(++grantNumber).padStart(4, "0")}`.padEnd(26, "e");
  const code = await seedCode({
    grantId,
    expiresAt: service.clock.now + 300_000,
    clientId: seed.clientId ?? ALEXA_CLIENT,
    ...(seed.userId === undefined ? {} : { userId: seed.userId }),
  });
  const tokens = await json(await service.request("/token", exchange(code)));
  if (!tokens.access_token) throw new Error(`linking failed: ${JSON.stringify(tokens)}`);
  return { tokens, grantId };
}
