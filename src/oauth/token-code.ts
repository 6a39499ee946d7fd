// grant_type=authorization_code: checks in memory first, then one claim in D1 that spends the code and makes the grant.
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import type { OAuthError } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import { CODE_REFUSED_STEP, noteCodeRefusal } from "../storage/attempts/code-refusals.ts";
import { StorageFault } from "../storage/d1.ts";
import {
  type CodeRow,
  codeStatement,
  type RedemptionResult,
  readCode,
  redeemCode,
  revokeGrantOfReplayedCode,
} from "../storage/grants/codes.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import type { AuthenticatedClient } from "./client-authentication.ts";
import { authenticateClient } from "./client-authentication.ts";
import { type CodeCopy, getCodeCopy, isAuthorizationCode } from "./codes.ts";
import { currentSigner, readBesideKeys } from "./keys.ts";
import { verifierMatches } from "./pkce.ts";
import { formatRefreshToken, newChain, newStableSecret } from "./refresh-tokens.ts";
import { userTokenAnswer } from "./token-answer.ts";
import type { TokenFailure } from "./token-failure.ts";
import { isUnanswered } from "./unanswered-claims.ts";

/** Identical repeats within this time are taken for a client whose answer was lost: refused, but not punished (C7). */
const HONEST_REPEAT_MS = 30_000;
const DAY_MS = 24 * 3600 * 1000;

/** What the request and its work, which may outlive the deadline, know of each other. */
export interface TokenRequestLife {
  /** The deadline has passed and 503 was answered: a code that is not claimed yet stays unspent. */
  overdue: boolean;
  /** Set when a claim is about to be made: if the request ends without an answer, the client's retry may take it over. */
  claimId: string | undefined;
}

/** Answers a code exchange: the token answer, an authentication error, or a failure. Throws `StorageFault` for passing faults. */
export async function exchangeCode(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
  life: TokenRequestLife,
): Promise<Response | OAuthError | TokenFailure> {
  const code = fields.get("code");
  const known = code !== undefined && isAuthorizationCode(code) ? code : undefined;
  const codeHash = known === undefined ? undefined : await sha256(known);
  const copy = known === undefined ? undefined : await getCodeCopy(rt, known);
  const alongside = codeHash === undefined ? undefined : codeStatement(rt.db, codeHash);
  const caller = await authenticateClient(rt, authorization, fields, alongside);
  if ("error" in caller) return caller;
  if (code === undefined) return { reason: "parameter_missing", parameter: "code" };
  if (!fields.has("redirect_uri")) return { reason: "parameter_missing", parameter: "redirect_uri" };
  if (codeHash === undefined || !alongside) return { reason: "code_malformed" };

  const exchange: Exchange = { codeHash, caller, fields, life };
  if (copy && !caller.alongside) return spend(rt, exchange, copy);
  // The row is truer than the copy, and asking for the client has brought it.
  const [row] = caller.alongside ?? (await readBesideKeys(rt, [alongside]))[0] ?? [];
  return row
    ? spend(rt, exchange, copyOfRow(row as unknown as CodeRow), row as unknown as CodeRow)
    : { reason: "code_unknown" };
}

/** One code exchange whose client has authenticated. */
interface Exchange {
  readonly codeHash: string;
  readonly caller: AuthenticatedClient;
  readonly fields: ReadonlyMap<string, string>;
  readonly life: TokenRequestLife;
}

/** Spends the code that is bound to `bound`. `row`: what D1 has just said of it; left out when only KV was asked. */
async function spend(
  rt: Runtime,
  exchange: Exchange,
  bound: CodeCopy,
  row?: CodeRow,
): Promise<Response | TokenFailure> {
  const { codeHash, caller, fields } = exchange;
  const mismatch = await mismatchOf(bound, caller, fields);
  if (!mismatch) return redeem(rt, exchange, bound, row);
  const truth = row ?? (await readCode(rt.db, codeHash));
  if (!truth) return { reason: "code_unknown" };
  // A copy may allow, never refuse.
  if (!row && !sameBinding(bound, copyOfRow(truth))) return spend(rt, exchange, copyOfRow(truth), truth);
  await considerReplay(rt, caller, fields, truth);
  return refuse(rt, codeHash, mismatch);
}

function copyOfRow(row: CodeRow): CodeCopy {
  return {
    grantId: row.grant_id,
    clientId: row.client_id,
    redirectUri: row.redirect_uri,
    codeChallenge: row.code_challenge,
    origin: row.origin,
    expiresAt: row.expires_at,
  };
}

/** What is wrong with the request for this code; nothing of it spends the code (C6). */
async function mismatchOf(
  bound: CodeCopy,
  caller: AuthenticatedClient,
  fields: ReadonlyMap<string, string>,
): Promise<TokenFailure | undefined> {
  if (bound.clientId !== caller.client.id) return { reason: "code_of_another_client" };
  if (bound.redirectUri !== fields.get("redirect_uri")) return { reason: "redirect_uri_mismatch" };
  const verifier = fields.get("code_verifier");
  if (bound.codeChallenge === null) {
    if (caller.client.kind === "app") return { reason: "verifier_missing" };
    // Codes for the enablement call had no front-channel request: a verifier there means nothing and is ignored.
    return verifier === undefined || bound.origin === "enablement" ? undefined : { reason: "verifier_unexpected" };
  }
  if (verifier === undefined) return { reason: "verifier_missing" };
  return (await verifierMatches(verifier, bound.codeChallenge)) ? undefined : { reason: "verifier_mismatch" };
}

async function redeem(
  rt: Runtime,
  exchange: Exchange,
  bound: CodeCopy,
  row: CodeRow | undefined,
): Promise<Response | TokenFailure> {
  const { codeHash, caller, fields, life } = exchange;
  const { client } = caller;
  const rotating = client.rotateRefreshTokens || client.kind === "app";
  const refresh = rotating ? await newChain(rt, bound.grantId) : await newStableSecret();
  // Before the code is spent: nothing that could fail may lie between the claim and the answer.
  const signer = await currentSigner(rt);
  if (life.overdue) throw new StorageFault("the deadline passed before the claim");
  const claimId = randomId();
  life.claimId = claimId;
  const now = rt.now();
  const claim = (unansweredClaimId: string | null): Promise<RedemptionResult> =>
    redeemCode(rt.db, {
      codeHash,
      claimId,
      unansweredClaimId,
      clientId: client.id,
      redirectUri: bound.redirectUri,
      codeChallenge: bound.codeChallenge,
      skillId: client.skillId,
      refresh: { hash: refresh.hash, sealedRotationKey: refresh.sealedRotationKey, nextHashes: refresh.nextHashes },
      now,
      idleExpiresAt: now + rt.config.refreshIdleDays * DAY_MS,
      expiresAt: client.kind === "app" ? now + rt.config.refreshPublicMaxDays * DAY_MS : null,
    });
  let result: RedemptionResult = row && row.spent_at !== null ? { redeemed: false, code: row } : await claim(null);
  if (!result.redeemed && result.code?.claim_id && (await isUnanswered(rt, result.code.claim_id))) {
    result = await claim(result.code.claim_id);
  }
  if (!result.redeemed) {
    if (!result.code) return { reason: "code_unknown" };
    if (!row && isOpen(result.code, now) && !sameBinding(bound, copyOfRow(result.code))) {
      rt.log.warn("code_copy_outdated", { clientId: client.id });
      return spend(rt, exchange, copyOfRow(result.code), result.code);
    }
    await considerReplay(rt, caller, fields, result.code);
    return refuse(rt, codeHash, refusalOf(result.code, now));
  }
  const { code, traceId } = result;
  rt.metrics.count(`code_redeemed_${code.origin}`, client.skillId);
  deliverSoon(rt);
  rt.log.info("code_redeemed", { traceId, clientId: client.id, grantId: code.grant_id });
  return userTokenAnswer(
    rt,
    client,
    { grantId: code.grant_id, userId: code.user_id, scope: code.scope },
    formatRefreshToken(code.grant_id, refresh.secret),
    signer,
  );
}

function isOpen(row: CodeRow, now: number): boolean {
  return row.spent_at === null && row.voided_at === null && row.expires_at > now;
}

function sameBinding(a: CodeCopy, b: CodeCopy): boolean {
  return (
    a.grantId === b.grantId &&
    a.clientId === b.clientId &&
    a.redirectUri === b.redirectUri &&
    a.codeChallenge === b.codeChallenge
  );
}

function refusalOf(row: CodeRow, now: number): TokenFailure {
  if (row.spent_at !== null) return { reason: "code_spent" };
  if (row.voided_at !== null) return { reason: "code_voided" };
  if (row.expires_at <= now) return { reason: "code_expired" };
  return { reason: "user_gone" };
}

/**
 * A code that was spent already came again. A repeat of the same request soon after is taken for a lost answer; anything else
 * revokes the grant it gave, but only when its own client has proved itself: by secret, or with the right verifier.
 */
async function considerReplay(
  rt: Runtime,
  caller: AuthenticatedClient,
  fields: ReadonlyMap<string, string>,
  row: CodeRow,
): Promise<void> {
  if (row.spent_at === null || row.client_id !== caller.client.id) return;
  const proved =
    caller.client.kind !== "app" ||
    (row.code_challenge !== null && (await verifierMatches(fields.get("code_verifier") ?? "", row.code_challenge)));
  if (!proved) return;
  const identical = (await mismatchOf(copyOfRow(row), caller, fields)) === undefined;
  if (identical && rt.now() - row.spent_at <= HONEST_REPEAT_MS) {
    rt.log.warn("code_repeated", { clientId: row.client_id, grantId: row.grant_id });
    return;
  }
  await revokeGrantOfReplayedCode(rt.db, row, rt.now());
  deliverSoon(rt);
  rt.log.alert("code_replayed", { clientId: row.client_id, grantId: row.grant_id });
}

/** Leaves the reason with the attempt, after the answer. */
function refuse(rt: Runtime, codeHash: string, failure: TokenFailure): TokenFailure {
  rt.background(
    noteCodeRefusal(rt.db, codeHash, `${CODE_REFUSED_STEP}:${failure.reason}`, failure.reason, rt.now()).catch(
      (error: unknown) => rt.log.warn("refusal_not_noted", { message: String(error).slice(0, 200) }),
    ),
  );
  return failure;
}
