// A fresh token of Amazon's: refreshed ahead of its end, by one request at a time, here and across isolates.
import type { Caches } from "../caches.ts";
import type { Runtime } from "../runtime.ts";
import { openTokens, type TokenPurpose } from "../storage/amazon/amazon-tokens.ts";
import {
  claimRefresh,
  dropHeldTokens,
  findTokenGrant,
  finishRefresh,
  type GrantChoice,
  releaseRefresh,
  type TokenGrant,
} from "../storage/amazon/held-tokens.ts";
import { revokeUnlinkedGrants } from "../storage/grants/links.ts";
import { credentialsFor } from "./grant-code.ts";
import { EXPIRY_MARGIN_MS, LWA_TIMEOUT_MS, refreshAmazonTokens } from "./lwa.ts";

/** What is handed out is good for at least this long. */
const AHEAD_MS = 300_000;
/** Longer than the call to Amazon and the write after it. */
const LEASE_MS = LWA_TIMEOUT_MS + 3000;
/** A refresh that runs elsewhere is looked at this often, this many milliseconds apart. */
const LOOKS = 30;
const LOOK_AGAIN_MS = 250;

export type HeldToken =
  | {
      readonly outcome: "fresh";
      readonly accessToken: string;
      /** Milliseconds since 1970. */
      readonly expiresAt: number;
      readonly host: string;
    }
  /** No such grant, or, for an enablement, Amazon says that it has ended: then the grant has, too. */
  | { readonly outcome: "grant_unknown" }
  /** The link lives, but Amazon has given no tokens for it, or has ended them. */
  | { readonly outcome: "no_tokens" }
  | { readonly outcome: "amazon_unavailable" };

type Running = Promise<HeldToken | undefined>;
/** Refreshes that run, per isolate, by grant and purpose: the result serves all who wait. Undefined: another isolate refreshes. */
const running = new WeakMap<Caches, Map<string, Running>>();

function runningIn(rt: Runtime): Map<string, Running> {
  const found = running.get(rt.caches) ?? new Map<string, Running>();
  running.set(rt.caches, found);
  return found;
}

/** A token good for five minutes or more. One D1 read when there is one; else one of all who ask calls Amazon, and the others wait. */
export async function freshHeldToken(
  rt: Runtime,
  purpose: TokenPurpose,
  choice: GrantChoice,
  skillIds: readonly string[],
): Promise<HeldToken> {
  for (let look = 0; look < LOOKS; look++) {
    const grant = await findTokenGrant(rt.db, purpose, choice, skillIds, rt.now());
    if (!grant) return { outcome: "grant_unknown" };
    if (!isHeld(grant)) return { outcome: "no_tokens" };
    if (grant.access_expires_at - AHEAD_MS > rt.now()) return tokenOf(rt, grant, purpose);
    const key = `${purpose} ${grant.grant_id}`;
    const refreshing = runningIn(rt).get(key) ?? startRefresh(rt, grant, purpose, key);
    const result = await Promise.race([refreshing.then((token) => token ?? pause()), pause()]);
    if (result) return result;
  }
  return { outcome: "amazon_unavailable" };
}

type HeldGrant = TokenGrant & { readonly host: string; readonly tokens: string; readonly access_expires_at: number };

function isHeld(grant: TokenGrant): grant is HeldGrant {
  return grant.tokens !== null;
}

/** The promise of another request may never settle when that request is cut off: nobody waits for it alone. */
function pause(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), LOOK_AGAIN_MS));
}

async function tokenOf(rt: Runtime, grant: HeldGrant, purpose: TokenPurpose): Promise<HeldToken> {
  const tokens = await openTokens(rt.keyring, { grantId: grant.grant_id, purpose }, grant.tokens);
  if (!tokens) {
    rt.log.alert("amazon_tokens_unreadable", { grantId: grant.grant_id });
    return { outcome: "no_tokens" };
  }
  return { outcome: "fresh", accessToken: tokens.accessToken, expiresAt: tokens.accessExpiresAt, host: grant.host };
}

function startRefresh(rt: Runtime, grant: HeldGrant, purpose: TokenPurpose, key: string): Running {
  const refreshes = runningIn(rt);
  const until = rt.now() + LEASE_MS;
  const work = claimRefresh(rt.db, grant, purpose, rt.now(), until).then((mine) =>
    mine ? refresh(rt, grant, purpose, until) : undefined,
  );
  const shared = work.finally(() => refreshes.delete(key));
  refreshes.set(key, shared);
  return shared;
}

async function refresh(rt: Runtime, grant: HeldGrant, purpose: TokenPurpose, until: number): Promise<HeldToken> {
  const claim = { grantId: grant.grant_id, purpose, until };
  const tokens = await openTokens(rt.keyring, claim, grant.tokens);
  const credentials = tokens && (await credentialsFor(rt, grant, purpose));
  if (!tokens || !credentials) {
    await releaseRefresh(rt.db, claim);
    return tokens ? { outcome: "amazon_unavailable" } : tokenOf(rt, grant, purpose);
  }
  const answer = await refreshAmazonTokens(rt, credentials, tokens.refreshToken);
  if (answer.outcome === "tokens") {
    await finishRefresh(rt.db, rt.keyring, claim, grant.tokens, answer.tokens, rt.now());
    const { accessToken, accessExpiresAt } = answer.tokens;
    return { outcome: "fresh", accessToken, expiresAt: accessExpiresAt, host: grant.host };
  }
  if (answer.outcome === "rejected" && answer.error === "invalid_grant") {
    // After a refresh that broke off this may mean no more than that Amazon had answered a successor, which is lost: the link stays.
    if (purpose === "enablement" && grant.refreshing_until === null) {
      await revokeUnlinkedGrants(rt.db, [grant], rt.now());
      return { outcome: "grant_unknown" };
    }
    await dropHeldTokens(rt.db, grant, purpose, "refresh_rejected", rt.now(), until);
    return { outcome: "no_tokens" };
  }
  if (answer.outcome === "rejected") rt.log.alert("lwa_credentials_rejected", { skillId: grant.skill_id });
  await releaseRefresh(rt.db, claim);
  // What is left of the present token serves as long as it can.
  return tokens.accessExpiresAt - EXPIRY_MARGIN_MS > rt.now()
    ? tokenOf(rt, grant, purpose)
    : { outcome: "amazon_unavailable" };
}
