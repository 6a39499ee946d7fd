// grant_type=refresh_token: stable for confidential clients, a chain with overlap for public and opted-in ones.
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";
import type { OAuthError } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import {
  advanceRotatingGrant,
  auditRetiredToken,
  type GrantRow,
  grantLives,
  presentRotatingToken,
  readGrant,
  readImportedGrant,
  refillNextHashes,
  revokeGrant,
  touchGrant,
} from "../storage/grants/grants.ts";
import { authenticateClient } from "./client-authentication.ts";
import {
  type ChainLink,
  chainLink,
  formatRefreshToken,
  HASH_LENGTH,
  type PresentedRefreshToken,
  parseRefreshToken,
  REFILL_BELOW,
} from "./refresh-tokens.ts";
import { userTokenAnswer } from "./token-answer.ts";
import type { TokenFailure } from "./token-failure.ts";

const DAY_MS = 24 * 3600 * 1000;
/** A token that comes this soon after its retirement belongs to a refresh that was under way: refused, nothing more. */
const JUST_RETIRED_MS = 60_000;

/** Answers a refresh: the token answer, an authentication error, or a failure. Throws `StorageFault` for passing faults (T8). */
export async function refreshGrant(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
): Promise<Response | OAuthError | TokenFailure> {
  const caller = await authenticateClient(rt, authorization, fields);
  if ("error" in caller) return caller;
  const token = fields.get("refresh_token");
  if (token === undefined) return { reason: "parameter_missing", parameter: "refresh_token" };
  const presented = parseRefreshToken(token);
  const { client } = caller;
  const used = await useToken(rt, client, token, presented);
  if ("reason" in used) {
    rt.log.info("refresh_refused", { clientId: client.id, grantId: presented?.grantId, reason: used.reason });
    return used;
  }
  const scope = narrowedScope(fields.get("scope"), used.grant.scope);
  if (scope === undefined) return { reason: "scope_exceeds_grant" };
  rt.metrics.count("token_refreshed", client.skillId);
  rt.log.info("token_refreshed", { clientId: client.id, grantId: used.grant.id, traceId: used.grant.trace_id });
  return userTokenAnswer(rt, client, { grantId: used.grant.id, userId: used.grant.user_id, scope }, used.token);
}

async function useToken(
  rt: Runtime,
  client: Client,
  token: string,
  presented: PresentedRefreshToken | undefined,
): Promise<Used> {
  const used = presented ? await useOwn(rt, client, presented) : ({ reason: "refresh_token_malformed" } as const);
  const known = !("reason" in used) || !["refresh_token_malformed", "refresh_token_unknown"].includes(used.reason);
  // Only skills move here from other servers, one like this perhaps: then tokens look like our own.
  return known || client.kind !== "alexa" ? used : useImported(rt, client, token);
}

function useOwn(rt: Runtime, client: Client, presented: PresentedRefreshToken): Promise<Used> {
  return presented.rotating ? useRotating(rt, client, presented) : useStable(rt, client, presented);
}

/** The scope asked for, when the grant covers it (RFC 6749 §6); the grant's own when none is asked for. */
function narrowedScope(asked: string | undefined, granted: string): string | undefined {
  if (asked === undefined) return granted;
  const all = granted.split(" ");
  const wanted = asked.split(" ").filter((name) => name !== "");
  return wanted.length > 0 && wanted.every((name) => all.includes(name)) ? wanted.join(" ") : undefined;
}

/** A grant that may be used, and the refresh token to answer with. */
type Used = { readonly grant: GrantRow; readonly token: string } | TokenFailure;

function refusalOf(grant: GrantRow | null, client: Client, now: number): TokenFailure | undefined {
  if (!grant) return { reason: "refresh_token_unknown" };
  if (grant.client_id !== client.id) return { reason: "refresh_token_of_another_client" };
  if (grantLives(grant, now)) return undefined;
  if (grant.revoked_at !== null && grant.revoked_reason !== "idle") return { reason: "grant_revoked" };
  return grant.idle_expires_at <= now ? { reason: "grant_idle" } : { reason: "grant_expired" };
}

/** One read. The same token comes back; its last use is noted after the answer, at most once a day. */
async function useStable(rt: Runtime, client: Client, presented: PresentedRefreshToken): Promise<Used> {
  const now = rt.now();
  const [grant, hash] = await Promise.all([readGrant(rt.db, presented.grantId), sha256(presented.secret)]);
  if (!equalInConstantTime(hash, grant?.refresh_hash ?? "-".repeat(HASH_LENGTH))) {
    return { reason: "refresh_token_unknown" };
  }
  const refusal = refusalOf(grant, client, now);
  if (refusal || !grant) return refusal ?? { reason: "refresh_token_unknown" };
  touchLater(rt, grant, now);
  return { grant, token: formatRefreshToken(grant.id, presented.secret) };
}

/** One read. A token that another server gave out stays as it is, in every form it may have. */
async function useImported(rt: Runtime, client: Client, token: string): Promise<Used> {
  const now = rt.now();
  const grant = await readImportedGrant(rt.db, await sha256(token));
  const refusal = refusalOf(grant, client, now);
  if (refusal || !grant) return refusal ?? { reason: "refresh_token_unknown" };
  touchLater(rt, grant, now);
  return { grant, token };
}

function touchLater(rt: Runtime, grant: GrantRow, now: number): void {
  if (now - grant.last_used_at < DAY_MS) return;
  rt.background(
    touchGrant(rt.db, grant.id, now, now + rt.config.refreshIdleDays * DAY_MS).catch((error: unknown) =>
      rt.log.warn("touch_failed", { grantId: grant.id, message: String(error).slice(0, 200) }),
    ),
  );
}

/** One batch. Whatever refreshes with one secret, in parallel or again, gets the same successor (T2, T3). */
async function useRotating(rt: Runtime, client: Client, presented: PresentedRefreshToken): Promise<Used> {
  const now = rt.now();
  const hash = await sha256(presented.secret);
  const idleExpiresAt = now + rt.config.refreshIdleDays * DAY_MS;
  const { grantId } = presented;
  const grant = await presentRotatingToken(rt.db, { grantId, clientId: client.id, hash }, now, idleExpiresAt);
  if (!grant?.rotation_key) return { reason: "refresh_token_unknown" };
  const link = await chainLink(rt, grantId, grant.rotation_key, presented.secret);
  if (!link) return { reason: "refresh_token_unknown" };
  const refusal = refusalOf(grant, client, now);
  if (refusal) return refusal;
  if (equalInConstantTime(hash, grant.refresh_hash)) {
    if (grant.next_hashes.length < REFILL_BELOW * HASH_LENGTH) refillLater(rt, grant, link);
    return { grant, token: formatRefreshToken(grantId, await link.successorSecret()) };
  }
  if (link.generation < grant.generation) return refuseRetired(rt, client, grant, link);
  // A later link that the row holds no hash of: refills were lost, or the database was put back to an earlier time. The chain's own key
  // has made it, so it was issued.
  const { generation } = link;
  const to = { generation, hash, nextHashes: await link.hashesAfter() };
  const advanced = generation > grant.generation && (await advanceRotatingGrant(rt.db, grant, to, now, idleExpiresAt));
  return advanced
    ? { grant, token: formatRefreshToken(grantId, await link.successorSecret()) }
    : { reason: "refresh_token_unknown" };
}

function refillLater(rt: Runtime, grant: GrantRow, link: ChainLink): void {
  rt.background(
    link
      .hashesAfter()
      .then((hashes) => refillNextHashes(rt.db, grant.id, grant.generation, hashes))
      .catch((error: unknown) =>
        rt.log.warn("refill_failed", { grantId: grant.id, message: String(error).slice(0, 200) }),
      ),
  );
}

/** Refused with an alert. A public client's grant ends too, unless the token was retired a moment ago (T3, T9). */
async function refuseRetired(rt: Runtime, client: Client, grant: GrantRow, link: ChainLink): Promise<TokenFailure> {
  const now = rt.now();
  const isPredecessor = link.generation === grant.generation - 1;
  const retiredAt = (isPredecessor ? grant.rotated_at : grant.previous_rotated_at) ?? grant.created_at;
  rt.log.alert("retired_token_reused", { clientId: client.id, grantId: grant.id });
  if (client.kind === "app" && now - retiredAt > JUST_RETIRED_MS) {
    await revokeGrant(rt.db, grant.id, "retired_token_reused", now, true);
  } else {
    await auditRetiredToken(rt.db, grant, now);
  }
  return { reason: "refresh_token_retired" };
}
