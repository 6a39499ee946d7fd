// Whether a user is linked: our grants, corrected by what Alexa reports where we hold Amazon's tokens.
import { findEnablement } from "../amazon/enablement.ts";
import { freshToken } from "../amazon/held-token.ts";
import type { Runtime } from "../runtime.ts";
import { moveTokens } from "../storage/amazon/held-tokens.ts";
import type { Stage } from "../storage/attempts/attempts.ts";
import type { LinkLevel } from "../storage/grants/link-levels.ts";
import { type LinkedGrant, type ListedLink, listLinks, readLinks, revokeEndedLinks } from "../storage/grants/links.ts";
import { UnreadableValue } from "../storage/sealed.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { withAmazonDeadline } from "./amazon-deadline.ts";

export interface LinkView {
  readonly skillId: string;
  /** The skill's own: the one that link attempts enable by default. */
  readonly stage: Stage;
  readonly name: string;
  readonly status: "linked" | "not_linked" | "unknown";
  /** Milliseconds; null when Alexa was not asked. */
  readonly checkedAt: number | null;
  readonly grants: readonly {
    readonly id: string;
    readonly createdAt: number;
    readonly lastUsedAt: number;
    readonly flow: string;
    /** null until Alexa has shown it. */
    readonly level: LinkLevel | null;
  }[];
}

/** Every skill of the deployment, from our rows alone. One read. */
export async function linksOf(rt: Runtime, userId: string): Promise<LinkView[]> {
  const rows = await listLinks(rt.db, userId, rt.now());
  const bySkill = Map.groupBy(rows, (row) => row.skillId);
  return [...bySkill.values()].map((ofSkill) => {
    const [first] = ofSkill as [ListedLink];
    const grants = ofSkill.flatMap(({ grantId, createdAt, lastUsedAt, flow, level }) =>
      grantId === null ? [] : [{ id: grantId, createdAt, lastUsedAt, flow, level }],
    );
    return {
      skillId: first.skillId,
      stage: first.stage,
      name: first.skillName,
      status: grants.length > 0 ? "linked" : "not_linked",
      checkedAt: null,
      grants,
    };
  });
}

/** `tokens_refused`: LWA refuses our tokens, so Alexa cannot be asked. That says nothing about the link. */
type Verdict = "linked" | "gone" | "unknown" | "tokens_refused";
interface Check {
  readonly verdict: Verdict;
  /** The tokens as they are stored now, sealed. */
  readonly tokens: string;
}

/** More links than one person has with one skill; the others are reported from our rows. */
const MOST_ASKED = 10;

/**
 * One skill, asking Alexa for every grant whose Amazon tokens we hold. 404, 401 or a status other than linked ends that
 * grant; no response changes nothing. undefined: no such skill. `ask` false: from our rows alone.
 */
export async function linkOf(
  rt: Runtime,
  target: { readonly userId: string; readonly skillId: string },
  ask = true,
): Promise<LinkView | undefined> {
  const { skill, grants } = await readLinks(rt.db, target, rt.now());
  if (!skill) return undefined;
  const asked = ask ? grants.filter(holdsTokens).slice(0, MOST_ASKED) : [];
  const checks = new Map<string, Check>(
    await Promise.all(
      asked.map(async (grant) => {
        const unknown: Check = { verdict: "unknown", tokens: grant.tokens };
        return [grant.id, await withAmazonDeadline(rt, check(rt, skill.id, grant), unknown)] as const;
      }),
    ),
  );
  const verdictOf = (grant: LinkedGrant) => checks.get(grant.id)?.verdict;
  const gone = [...checks].filter(([, { verdict }]) => verdict === "gone");
  if (gone.length > 0) {
    await revokeEndedLinks(
      rt.db,
      gone.map(([grantId, { tokens }]) => ({ grantId, tokens })),
      rt.now(),
    );
    deliverSoon(rt);
  }
  const left = grants.filter((grant) => verdictOf(grant) !== "gone");
  const failed: readonly (Verdict | undefined)[] = ["unknown", "tokens_refused"];
  const known = left.some((grant) => !failed.includes(verdictOf(grant)));
  const alexaAsked = asked.some((grant) => verdictOf(grant) !== "tokens_refused");
  return {
    skillId: skill.id,
    stage: skill.stage,
    name: skill.name,
    status: known ? "linked" : left.length > 0 ? "unknown" : "not_linked",
    checkedAt: alexaAsked ? rt.now() : null,
    grants: left.map(({ id, createdAt, lastUsedAt, flow, level }) => ({ id, createdAt, lastUsedAt, flow, level })),
  };
}

type GrantWithTokens = LinkedGrant & {
  readonly host: string;
  readonly tokens: string;
  readonly accessExpiresAt: number;
};

function holdsTokens(grant: LinkedGrant): grant is GrantWithTokens {
  return grant.tokens !== null;
}

async function check(rt: Runtime, skillId: string, grant: GrantWithTokens): Promise<Check> {
  const { id: grantId, host, tokens, accessExpiresAt } = grant;
  const held = { grantId, purpose: "enablement" as const };
  const token = await freshToken(rt, { ...held, skillId, host, tokens, accessExpiresAt }).catch((error: unknown) => {
    // Lost with a master key, the tokens must not hide the other links, nor end this one.
    if (error instanceof UnreadableValue) return { outcome: "unreadable" } as const;
    throw error;
  });
  if (token.outcome === "refused") return { verdict: "tokens_refused", tokens };
  if (token.outcome !== "fresh") return { verdict: "unknown", tokens };
  const found = await findEnablement(rt, host, { accessToken: token.accessToken, skillId });
  // Customers move between regions.
  if (found.state === "linked" && found.host !== host) {
    await moveTokens(rt.db, { ...held, tokens: token.stored }, found.host);
  }
  const known = found.state === "linked" || found.state === "unknown";
  return { verdict: known ? found.state : "gone", tokens: token.stored };
}
