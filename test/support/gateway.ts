// The side of Login with Amazon that a skill's backend needs: codes from AcceptGrant, refreshes, and failures of both.
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { EVENT_GATEWAY, LWA, secretSealContext } from "../../src/storage/skills/skills.ts";
import { basic, SERVICE_CLIENT, SERVICE_SECRET, SKILL_ID } from "./seeds.ts";
import type { Service } from "./service.ts";

export const GATEWAY_CLIENT_ID = "amzn1.application-oa2-client.events";
export const GATEWAY_SECRET = "obviously-fake-gateway-secret";

export interface LwaRequest {
  readonly fields: Readonly<Record<string, string>>;
}

/** Replaces `fetch` by Login with Amazon. `respond`, while set, makes its responses. */
export function startLwa(lifetimeSeconds: () => number | string = () => 3600) {
  const seen: LwaRequest[] = [];
  const codes = new Set<string>();
  const refreshTokens = new Set<string>();
  let issued = 0;
  const double = {
    seen,
    codes,
    refreshTokens,
    respond: undefined as undefined | ((fields: Readonly<Record<string, string>>) => Response | Promise<Response>),
    /** Milliseconds before each response. */
    delayMs: 0,
    code(): string {
      const code = `ANfakeGrantCode${++issued}`;
      codes.add(code);
      return code;
    },
  };
  let number = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (request.url !== "https://api.amazon.com/auth/o2/token") throw new TypeError(`unexpected: ${request.url}`);
    const form = new TextDecoder().decode(await request.arrayBuffer());
    const fields = Object.fromEntries(new URLSearchParams(form));
    seen.push({ fields });
    if (double.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, double.delayMs));
    if (double.respond) return double.respond(fields);
    if (fields.client_id !== GATEWAY_CLIENT_ID || fields.client_secret !== GATEWAY_SECRET) {
      return Response.json({ error: "invalid_client" }, { status: 401 });
    }
    const known =
      fields.grant_type === "refresh_token"
        ? refreshTokens.has(fields.refresh_token ?? "")
        : fields.redirect_uri === undefined && codes.delete(fields.code ?? "");
    if (!known) return Response.json({ error: "invalid_grant", error_description: "spent" }, { status: 400 });
    number++;
    const refreshToken = `Atzr|fake-${number}`;
    refreshTokens.add(refreshToken);
    return Response.json({
      access_token: `Atza|fake-${number}`,
      refresh_token: refreshToken,
      token_type: "bearer",
      expires_in: lifetimeSeconds(),
    });
  });
  return double;
}

/** Gives a skill credentials for the event gateway, or for app-to-app linking only. */
export async function seedGatewayCredentials(
  service: Service,
  use: "event" | "lwa" = "event",
  skillId = SKILL_ID,
): Promise<void> {
  const keyring = await service.keyring();
  const context = secretSealContext(skillId, use === "event" ? EVENT_GATEWAY : LWA);
  const sealed = await keyring.seal("lwa-client-secret", context, GATEWAY_SECRET);
  await env.DB.prepare(`UPDATE skills SET ${use}_client_id = ?, ${use}_client_secret = ? WHERE id = ?`)
    .bind(GATEWAY_CLIENT_ID, sealed, skillId)
    .run();
}

export const SERVICE_BASIC = basic(SERVICE_CLIENT, SERVICE_SECRET);

/** A JSON request of the skill's backend. */
export function asBackend(body: unknown, authorization = SERVICE_BASIC, method = "POST"): RequestInit {
  return {
    method,
    headers: { "content-type": "application/json", ...(authorization === "" ? {} : { authorization }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

export function directive(code: string, token: string): object {
  return {
    directive: {
      header: { namespace: "Alexa.Authorization", name: "AcceptGrant", messageId: "m-1", payloadVersion: "3" },
      payload: {
        grant: { type: "OAuth2.AuthorizationCode", code },
        grantee: { type: "BearerToken", token },
      },
    },
  };
}
