// Authenticates a skill's backend: a `service` client, by HTTP Basic or by an access token of its own.
import { problem } from "../http/problem.ts";
import { verifyAccessToken } from "../oauth/access-tokens.ts";
import { bearerTokenOf } from "../oauth/bearer.ts";
import { authenticateClient, findClient } from "../oauth/client-authentication.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";

const CHALLENGE = { "www-authenticate": 'Basic realm="skill backend", charset="UTF-8"' };

/** The `service` client of this request, or a 401. No storage call while the client is cached, else one read. */
export async function authenticateServiceClient(c: AppContext): Promise<Client | Response> {
  const rt = c.var.runtime;
  const token = bearerTokenOf(c);
  const client = token === undefined ? await byBasic(rt, c) : await byToken(rt, token);
  return client?.kind === "service"
    ? client
    : problem("unauthenticated", "Send the id and secret of a service client as HTTP Basic.", {}, CHALLENGE);
}

async function byBasic(rt: Runtime, c: AppContext): Promise<Client | undefined> {
  const caller = await authenticateClient(rt, c.req.header("authorization") ?? null, new Map());
  return "error" in caller ? undefined : caller.client;
}

/** A token of `client_credentials` whose audience is the client itself. Those for other resources are refused. */
async function byToken(rt: Runtime, token: string): Promise<Client | undefined> {
  const claims = await verifyAccessToken(rt, token);
  if (!claims || claims.grant !== undefined || claims.aud !== claims.client_id) return undefined;
  return findClient(rt, claims.client_id);
}
