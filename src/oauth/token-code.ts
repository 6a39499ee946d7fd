// grant_type=authorization_code: one read of the binding, then one D1 batch spends the code and makes the grant.
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import type { OAuthError } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import { noteCodeRefusal } from "../storage/attempts/code-refusals.ts";
import type { Client } from "../storage/clients/clients.ts";
import {
  type AuthorizationCode,
  type CodeBinding,
  redeemCode,
  selectBinding,
  takeReplay,
  type UnredeemableCode,
} from "../storage/grants/codes.ts";
import { StorageFault } from "../storage/sql.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { type AuthenticatedClient, authenticateClient } from "./client-authentication.ts";
import { getBinding, isAuthorizationCode } from "./codes.ts";
import { currentSigner, readBesideKeys } from "./keys.ts";
import { verifierMatches } from "./pkce.ts";
import { newRotatingToken, newStableToken } from "./refresh-tokens.ts";
import { resourceFieldProblem } from "./resource.ts";
import { clientWithUserTier, userTier } from "./scopes.ts";
import type { TokenFailure } from "./token-failure.ts";
import { type Issued, userTokenResponse } from "./token-response.ts";

/** A repeat this soon is refused, but the grant stays: the client may not have received our response. */
const HONEST_REPEAT_MS = 30_000;
const DAY_MS = 24 * 3600 * 1000;

/** One exchange whose client has authenticated. */
interface Exchange {
  readonly client: Client;
  readonly codeHash: string;
  readonly fields: ReadonlyMap<string, string>;
}

/**
 * The response to a code exchange: tokens, an authentication error, or a failure. Once `deadline` has passed no code is
 * spent any more. Throws `StorageFault` for transient failures.
 */
export async function exchangeCode(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
  deadline: { readonly passed: boolean },
): Promise<Issued | OAuthError | TokenFailure> {
  const given = fields.get("code");
  const code = given !== undefined && isAuthorizationCode(given) ? given : undefined;
  const codeHash = code === undefined ? "" : await sha256(code);
  const caller = await authenticateClient(rt, authorization, fields, code && selectBinding(codeHash));
  if ("error" in caller) return caller;
  if (caller.client.kind === "add_on_service") return { reason: "grant_type_not_allowed" };
  if (given === undefined) return { reason: "parameter_missing", parameter: "code" };
  if (!fields.has("redirect_uri")) return { reason: "parameter_missing", parameter: "redirect_uri" };
  if (code === undefined) return { reason: "code_malformed" };

  const exchange: Exchange = { client: caller.client, codeHash, fields };
  const binding = await readBinding(rt, code, codeHash, caller);
  if (!binding) return { reason: "code_unknown" };
  const mismatch = await checkBinding(exchange, binding);
  return mismatch ? refuseMismatch(rt, exchange, binding, mismatch) : redeem(rt, exchange, binding, deadline);
}

/** The code's binding: from D1 where the client was read there, else from KV, else from D1. */
async function readBinding(
  rt: Runtime,
  code: AuthorizationCode,
  codeHash: string,
  { row }: AuthenticatedClient,
): Promise<CodeBinding | undefined> {
  if (row !== undefined) return (row ?? undefined) as CodeBinding | undefined;
  const inKv = await getBinding(rt, code, codeHash);
  return inKv ?? ((await readBesideKeys(rt, [selectBinding(codeHash)]))[0]?.[0] as CodeBinding | undefined);
}

/** What is wrong with the request for this code. A mismatch does not spend the code. */
async function checkBinding({ client, fields }: Exchange, binding: CodeBinding): Promise<TokenFailure | undefined> {
  if (binding.clientId !== client.id) return { reason: "code_of_another_client" };
  if (binding.redirectUri !== fields.get("redirect_uri")) return { reason: "redirect_uri_mismatch" };
  // The audience of a user's token is never chosen by the caller.
  const wrongResource = resourceFieldProblem(fields, binding.resource);
  if (wrongResource) return { reason: wrongResource };
  const verifier = fields.get("code_verifier");
  if (binding.codeChallenge === null) {
    if (client.kind === "app") return { reason: "verifier_missing" };
    // A code for the enablement call had no authorization request: a verifier means nothing there and is ignored.
    return verifier === undefined || binding.origin === "enablement" ? undefined : { reason: "verifier_unexpected" };
  }
  if (verifier === undefined) return { reason: "verifier_missing" };
  return (await verifierMatches(verifier, binding.codeChallenge)) ? undefined : { reason: "verifier_mismatch" };
}

/** Whether this is the code's client: proved by its secret, or for a public client by the right verifier. */
async function clientProvedItself({ client, fields }: Exchange, binding: CodeBinding): Promise<boolean> {
  if (binding.clientId !== client.id) return false;
  if (client.kind !== "app") return true;
  const verifier = fields.get("code_verifier");
  return (
    binding.codeChallenge !== null && verifier !== undefined && (await verifierMatches(verifier, binding.codeChallenge))
  );
}

async function redeem(
  rt: Runtime,
  exchange: Exchange,
  binding: CodeBinding,
  deadline: { readonly passed: boolean },
): Promise<Issued | TokenFailure> {
  const { client, codeHash } = exchange;
  const tiers = await clientWithUserTier(rt, client, binding.scope);
  if (!tiers) return refuse(rt, exchange, { reason: "no_user_scope" });
  const refresh =
    client.kind === "app" ? await newRotatingToken(rt, binding.grantId) : await newStableToken(binding.grantId);
  // Before the code is spent: nothing that can fail may come between the claim and the response.
  const signer = await currentSigner(rt);
  if (deadline.passed) throw new StorageFault("the deadline passed before the claim");
  const now = rt.now();
  const redeemed = await redeemCode(rt.db, {
    codeHash,
    binding,
    claimId: randomId(),
    skillId: client.skillId,
    refresh,
    now,
    idleExpiresAt: now + rt.config.refreshIdleDays * DAY_MS,
    expiresAt: client.kind === "app" ? now + rt.config.refreshPublicMaxDays * DAY_MS : null,
  });
  if (!redeemed) return refuseUnredeemable(rt, exchange);
  const { grantId, attemptId } = redeemed;
  rt.metrics.count(`code_redeemed_${redeemed.origin}`, client.skillId);
  deliverSoon(rt);
  rt.log.info("code_redeemed", { traceId: attemptId, clientId: client.id, grantId });
  const scope = userTier(tiers, redeemed.scope);
  return userTokenResponse(rt, client, { ...redeemed, scope }, refresh.token, signer);
}

/** A request that does not match the code is no honest repeat: if the code was spent, its grant is revoked. */
async function refuseMismatch(
  rt: Runtime,
  exchange: Exchange,
  binding: CodeBinding,
  mismatch: TokenFailure,
): Promise<TokenFailure> {
  if (await clientProvedItself(exchange, binding)) await revokeReplayed(rt, exchange, Number.MAX_SAFE_INTEGER);
  return refuse(rt, exchange, mismatch);
}

async function refuseUnredeemable(rt: Runtime, exchange: Exchange): Promise<TokenFailure> {
  const now = rt.now();
  const code = await revokeReplayed(rt, exchange, now - HONEST_REPEAT_MS);
  return refuse(rt, exchange, { reason: code ? unredeemableReason(code, now) : "code_unknown" });
}

function unredeemableReason(code: UnredeemableCode, now: number) {
  if (code.spentAt !== null) return "code_spent";
  if (code.voidedAt !== null) return "code_voided";
  if (code.expiresAt <= now) return "code_expired";
  return code.resourceHolds === 1 ? "user_gone" : "resource_changed";
}

/** Revokes the grant of a code that was spent before `spentBefore` (milliseconds). The code as it stands. */
async function revokeReplayed(
  rt: Runtime,
  { codeHash }: Exchange,
  spentBefore: number,
): Promise<UnredeemableCode | undefined> {
  const code = await takeReplay(rt.db, codeHash, spentBefore, rt.now());
  if (!code || code.spentAt === null) return code;
  const { clientId, grantId } = code;
  if (code.spentAt < spentBefore) {
    deliverSoon(rt);
    rt.log.alert("code_replayed", { clientId, grantId });
  } else {
    rt.log.warn("code_repeated", { clientId, grantId });
  }
  return code;
}

/** Leaves the reason with the attempt, after the response. */
function refuse(rt: Runtime, { codeHash }: Exchange, failure: TokenFailure): TokenFailure {
  rt.background(
    noteCodeRefusal(rt.db, codeHash, failure.reason, rt.now()).catch((error: unknown) =>
      rt.log.warn("refusal_not_noted", { message: String(error).slice(0, 200) }),
    ),
  );
  return failure;
}
