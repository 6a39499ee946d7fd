// grant_type=refresh_token: stable tokens for confidential clients, rotating ones with overlap for public clients.
import type { OAuthError } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { advanceGeneration, type Grant, noteRetiredToken, revokeGrant, touchGrant } from "../storage/grants/grants.ts";
import { authenticateClient } from "./client-authentication.ts";
import { currentSigner } from "./keys.ts";
import { rotatingToken } from "./refresh-tokens.ts";
import { relayToken } from "./relay.ts";
import { resourceFieldProblem } from "./resource.ts";
import { clientWithUserTier, narrowScope, userTier } from "./scopes.ts";
import type { TokenFailure } from "./token-failure.ts";
import { type FoundRefreshToken, findToken, isRetired, presentedRefreshToken, readPresented } from "./token-lookup.ts";
import { type Issued, userTokenResponse } from "./token-response.ts";

const DAY_MS = 24 * 3600 * 1000;
/** A token that was retired this recently is refused, but the grant stays: two refreshes may have overlapped. */
const JUST_RETIRED_MS = 60_000;

/** Tokens, an authentication error, or a failure. Throws `StorageFault` for transient failures. */
export async function refreshGrant(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
): Promise<Issued | OAuthError | TokenFailure> {
  const token = fields.get("refresh_token");
  const presented = token === undefined ? undefined : await presentedRefreshToken(rt, token);
  const caller = await authenticateClient(rt, authorization, fields, presented?.read);
  if ("error" in caller) return caller;
  const { client } = caller;
  if (client.kind === "add_on_service") return { reason: "grant_type_not_allowed" };
  if (!presented) return { reason: "parameter_missing", parameter: "refresh_token" };
  const row = await readPresented(rt, presented, caller);
  // Before the token is judged: under a wrong MASTER_KEY every rotating token would look forged, and this throws.
  const signer = await currentSigner(rt);
  let found = await findToken(rt, presented, row, caller);
  if (!found) {
    const relayed = await relayToken(rt, client, presented, { authorization, fields });
    if (relayed && "reason" in relayed) return relayed;
    found = relayed;
  }
  if (found?.kind !== "refresh") {
    if (presented.form !== "refresh") return { reason: "refresh_token_malformed" };
    // Anyone can name a public client and any grant: only what a secret vouches for goes on record.
    const { grantId } = presented.refresh;
    return { reason: "refresh_token_unknown", ...(client.kind === "app" ? {} : { grantId }) };
  }
  const { grant, generation } = found;
  const refuse = (failure: TokenFailure): TokenFailure => ({ ...failure, grantId: grant.id });
  const refusal = checkGrant(grant, client, rt.now()) ?? (await checkRetired(rt, found));
  if (refusal) return refuse(refusal);
  const wrongResource = resourceFieldProblem(fields, grant.resource);
  if (wrongResource) return refuse({ reason: wrongResource });
  const tiers = await clientWithUserTier(rt, client, grant.scope);
  if (!tiers) return refuse({ reason: "no_user_scope" });
  const scope = narrowScope(client, fields.get("scope"), userTier(tiers, grant.scope));
  if (scope === undefined) return refuse({ reason: "scope_exceeds_grant" });
  const next = generation === null ? presented.token : await rotate(rt, grant, generation);
  if (generation === null || generation === grant.generation) touchLater(rt, grant);
  const { id: grantId, userId, resource } = grant;
  return userTokenResponse(rt, client, { grantId, userId, scope, resource }, next, signer);
}

function checkGrant(grant: Grant, client: Client, now: number): TokenFailure | undefined {
  if (grant.clientId !== client.id) return { reason: "refresh_token_of_another_client" };
  if (grant.live) return undefined;
  if (grant.revokedAt !== null && grant.revokedReason !== "idle") return { reason: "grant_revoked" };
  return grant.idleExpiresAt <= now ? { reason: "grant_idle" } : { reason: "grant_expired" };
}

/** A retired token means two holders: an alert, and the grant is revoked unless it was retired just now. */
async function checkRetired(rt: Runtime, found: FoundRefreshToken): Promise<TokenFailure | undefined> {
  if (!isRetired(found)) return undefined;
  const { grant } = found;
  const now = rt.now();
  rt.log.alert("retired_token_reused", { clientId: grant.clientId, grantId: grant.id });
  if (now - (grant.rotatedAt ?? grant.createdAt) > JUST_RETIRED_MS) {
    await revokeGrant(rt.db, grant.id, "retired_token_reused", now, true);
  } else {
    await noteRetiredToken(rt.db, grant, now);
  }
  return { reason: "refresh_token_retired" };
}

/**
 * The token of the next generation: every refresh with one token returns the same one. The first use of a token retires
 * older ones, noted after the response. If that write is lost, the next refresh makes up for it: a genuine token is
 * never too new.
 */
async function rotate(rt: Runtime, grant: Grant, generation: number): Promise<string> {
  if (generation > grant.generation) {
    later(rt, grant, advanceGeneration(rt.db, grant.id, generation, rt.now(), idleExpiryOf(rt)));
  }
  if (grant.salt === null) throw new Error("a rotating token of a grant without salt");
  return rotatingToken(rt, { id: grant.id, salt: grant.salt }, generation + 1);
}

/** Notes the use of a grant, at most once a day. */
function touchLater(rt: Runtime, grant: Grant): void {
  if (rt.now() - grant.lastUsedAt < DAY_MS) return;
  later(rt, grant, touchGrant(rt.db, grant.id, rt.now(), idleExpiryOf(rt)));
}

function idleExpiryOf(rt: Runtime): number {
  return rt.now() + rt.config.refreshIdleDays * DAY_MS;
}

/** Lets a write end after the response. */
function later(rt: Runtime, grant: Grant, write: Promise<void>): void {
  rt.background(
    write.catch((error: unknown) =>
      rt.log.warn("refresh_not_noted", { grantId: grant.id, message: String(error).slice(0, 200) }),
    ),
  );
}
