// A code of Amazon's for the skill's backend: exchanged once at LWA, its tokens stored with the customer's grant.
import { sha256 } from "../crypto/hash.ts";
import type { Runtime } from "../runtime.ts";
import type { TokenPurpose } from "../storage/amazon/amazon-tokens.ts";
import {
  findTokenGrant,
  type GatewayPurpose,
  storeCodeTokens,
  type TokenGrant,
} from "../storage/amazon/held-tokens.ts";
import { eventGatewayCredentials, type LwaCredentials, lwaCredentials, readSkill } from "../storage/skills/skills.ts";
import { type AmazonCode, exchangeGrantCode } from "./lwa.ts";

export interface GrantCodeResult {
  readonly outcome: GrantCodeOutcome;
  /** What Login with Amazon responded, as `responseTag`; undefined: it was not asked, or the attempt has it already. */
  readonly response?: string;
}
export type GrantCodeOutcome =
  | "stored"
  /** The skill has no LWA credentials. */
  | "credentials_missing"
  /** LWA refused the code. */
  | "code_rejected"
  /** LWA did not respond within five seconds, or responded with an error of its own. */
  | "amazon_unavailable"
  /** The grant was revoked meanwhile. */
  | "grant_revoked";

/** After a refusal by LWA: gives a parallel delivery of the same code time to store the tokens that it got. */
const PARALLEL_DELIVERY_MS = 1000;

/** What we present to LWA for a skill's links or events; undefined when there are none, with an alert. Throws
 * `UnreadableValue`. */
export async function credentialsFor(
  rt: Runtime,
  skillId: string,
  purpose: TokenPurpose,
): Promise<LwaCredentials | undefined> {
  const skill = await readSkill(rt.db, skillId);
  const credentials = skill && (await (purpose === "enablement" ? lwaCredentials : eventGatewayCredentials)(rt, skill));
  if (!credentials) rt.log.alert("lwa_credentials_missing", { skillId });
  return credentials;
}

/** Exchanges `code` at LWA (six seconds at most) and stores the tokens. Repeatable while we hold the tokens. */
export async function storeTokensOfCode(
  rt: Runtime,
  code: AmazonCode,
  grant: TokenGrant,
  use: { readonly purpose: GatewayPurpose; readonly host: string },
): Promise<GrantCodeResult> {
  const codeHash = await sha256(code);
  if (grant.codeHash === codeHash) return { outcome: "stored" };
  const credentials = await credentialsFor(rt, grant.skillId, use.purpose);
  if (!credentials) return { outcome: "credentials_missing" };
  const lwa = await exchangeGrantCode(rt, credentials, code);
  const { response } = lwa;
  if (lwa.outcome === "unavailable") return { outcome: "amazon_unavailable", response };
  if (lwa.outcome === "rejected") {
    const storedByUs = lwa.error === "invalid_grant" && (await storedMeanwhile(rt, grant, use.purpose, codeHash));
    return storedByUs ? { outcome: "stored" } : { outcome: "code_rejected", response };
  }
  const given = { grantId: grant.grantId, ...use, codeHash, tokens: lwa.tokens, response };
  return { outcome: (await storeCodeTokens(rt.db, rt.keyring, given, rt.now())) ? "stored" : "grant_revoked" };
}

async function storedMeanwhile(
  rt: Runtime,
  grant: TokenGrant,
  purpose: GatewayPurpose,
  codeHash: string,
): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, PARALLEL_DELIVERY_MS));
  const now = await findTokenGrant(rt.db, purpose, { grantId: grant.grantId }, [grant.skillId], rt.now());
  return now?.codeHash === codeHash;
}
