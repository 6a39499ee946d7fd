// A code of Amazon's for the skill's backend: exchanged once, its tokens kept with the grant of the customer it is about.
import { sha256 } from "../crypto/hash.ts";
import type { Runtime } from "../runtime.ts";
import type { TokenPurpose } from "../storage/amazon/amazon-tokens.ts";
import {
  findTokenGrant,
  type GatewayPurpose,
  keepGrantCodeTokens,
  type TokenGrant,
} from "../storage/amazon/held-tokens.ts";
import {
  eventGatewayCredentials,
  type LwaCredentials,
  lwaCredentials,
  readSkill,
  UnreadableSecret,
} from "../storage/skills/skills.ts";
import { type AmazonCode, exchangeGrantCode } from "./lwa.ts";

export type GrantCodeOutcome =
  | "kept"
  /** The skill has no LWA credentials, or none that open. */
  | "credentials_missing"
  /** Login with Amazon refused the code. */
  | "code_rejected"
  /** Login with Amazon did not answer within five seconds, or with a fault. */
  | "amazon_unavailable"
  /** The customer's link ended meanwhile. */
  | "grant_ended";

/** A second delivery of a code may find the first one still storing: looked for this often, this many milliseconds apart. */
const LOOKS = 5;
const LOOK_AGAIN_MS = 300;

/** What we present to LWA for a skill's links or events; undefined when there is nothing that opens, with an alert. */
export async function credentialsFor(
  rt: Runtime,
  grant: TokenGrant,
  purpose: TokenPurpose,
): Promise<LwaCredentials | undefined> {
  const skill = await readSkill(rt.db, grant.skill_id);
  try {
    const credentials =
      skill && (await (purpose === "enablement" ? lwaCredentials : eventGatewayCredentials)(rt, skill));
    if (!credentials) rt.log.alert("lwa_credentials_missing", { skillId: grant.skill_id });
    return credentials;
  } catch (error) {
    if (!(error instanceof UnreadableSecret)) throw error;
    rt.log.alert("lwa_credentials_unreadable", { skillId: grant.skill_id });
    return undefined;
  }
}

/**
 * Exchanges `code` and keeps the tokens. The same code again is `kept` as long as its tokens are held. At most some 6.5 seconds;
 * throws `StorageFault`.
 */
export async function keepTokensOf(
  rt: Runtime,
  code: AmazonCode,
  grant: TokenGrant,
  use: { readonly purpose: GatewayPurpose; readonly host: string },
): Promise<GrantCodeOutcome> {
  const codeHash = await sha256(code);
  if (grant.code_hash === codeHash) return "kept";
  const credentials = await credentialsFor(rt, grant, use.purpose);
  if (!credentials) return "credentials_missing";
  const answer = await exchangeGrantCode(rt, credentials, code);
  if (answer.outcome === "unavailable") return "amazon_unavailable";
  if (answer.outcome === "rejected") {
    const spentByUs = answer.error === "invalid_grant" && (await heldMeanwhile(rt, grant, use.purpose, codeHash));
    return spentByUs ? "kept" : "code_rejected";
  }
  const kept = { grantId: grant.grant_id, ...use, codeHash, tokens: answer.tokens };
  return (await keepGrantCodeTokens(rt.db, rt.keyring, kept, rt.now())) ? "kept" : "grant_ended";
}

async function heldMeanwhile(
  rt: Runtime,
  grant: TokenGrant,
  purpose: GatewayPurpose,
  codeHash: string,
): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    const choice = { grantId: grant.grant_id };
    const now = await findTokenGrant(rt.db, purpose, choice, [grant.skill_id], rt.now());
    if (now?.code_hash === codeHash) return true;
  }
  return false;
}
