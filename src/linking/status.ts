// Whether a user is linked: our grants, corrected by what Alexa says where we hold Amazon's tokens (L8).
import { readEnablement } from "../alexa/enablement.ts";
import { freshAmazonTokens } from "../alexa/lwa.ts";
import type { Runtime } from "../runtime.ts";
import { type AmazonTokens, openTokens, replaceTokens, type TokenRow } from "../storage/amazon-tokens.ts";
import type { LinkLevel } from "../storage/link-levels.ts";
import type { Stage } from "../storage/linkings.ts";
import { type LinkedGrant, type ListedLink, listLinks, readLinks, revokeUnlinkedGrants } from "../storage/links.ts";
import { type LwaCredentials, lwaCredentials, type Skill, UnreadableSecret } from "../storage/skills.ts";

export interface Link {
  readonly skillId: string;
  readonly stage: Stage;
  readonly name: string;
  readonly status: "linked" | "not_linked" | "unknown";
  /** Milliseconds; null where Alexa was not asked. */
  readonly checkedAt: number | null;
  readonly grants: readonly {
    readonly id: string;
    readonly createdAt: number;
    readonly lastUsedAt: number;
    readonly flow: string;
    /** Null until Alexa has shown it. */
    readonly level: LinkLevel | null;
  }[];
}

/** Every skill of the deployment, as our rows say. One read; Alexa is not asked. */
export async function linksOf(rt: Runtime, userId: string, stage: Stage | undefined): Promise<Link[]> {
  const rows = await listLinks(rt.db, userId, stage, rt.now());
  const bySkill = Map.groupBy(rows, (row) => `${row.skill_id} ${row.skill_stage}`);
  return [...bySkill.values()].map((ofSkill) => {
    const first = ofSkill[0] as ListedLink;
    const grants = ofSkill.flatMap((row) =>
      row.grant_id === null
        ? []
        : [
            {
              id: row.grant_id,
              createdAt: row.created_at ?? 0,
              lastUsedAt: row.last_used_at ?? 0,
              flow: row.flow ?? "",
              level: row.level,
            },
          ],
    );
    return {
      skillId: first.skill_id,
      stage: first.skill_stage,
      name: first.skill_name,
      status: grants.length > 0 ? "linked" : "not_linked",
      checkedAt: null,
      grants,
    };
  });
}

type Verdict = "linked" | "gone" | "unknown";

/**
 * One skill, asking Alexa for every grant whose Amazon tokens we hold. 404, 401 or not linked ends that grant and corrects the row; no
 * answer leaves the row alone. undefined: no such skill.
 */
export async function linkOf(
  rt: Runtime,
  target: { readonly userId: string; readonly skillId: string; readonly stage: Stage | undefined },
): Promise<Link | undefined> {
  const { skill, grants } = await readLinks(rt.db, target, rt.now());
  if (!skill) return undefined;
  const asked = grants.filter((grant) => grant.tokens !== null);
  const credentials = asked.length > 0 ? await readableCredentials(rt, skill) : undefined;
  const checks = await Promise.all(
    asked.map(async (grant) => {
      const row = tokenRow(grant);
      return { row, ...(await check(rt, skill, credentials, row)) };
    }),
  );
  await revokeUnlinkedGrants(
    rt.db,
    checks.filter(({ verdict }) => verdict === "gone").map(({ row }) => row),
    rt.now(),
  );
  for (const { row, verdict, refreshed } of checks) {
    if (refreshed && verdict !== "gone") {
      await replaceTokens(rt.db, rt.keyring, row, "enablement", refreshed, rt.now());
    }
  }
  const verdicts = new Map(checks.map(({ row, verdict }) => [row.grant_id, verdict]));
  const left = grants.filter((grant) => verdicts.get(grant.id) !== "gone");
  const known = left.some((grant) => verdicts.get(grant.id) !== "unknown");
  return {
    skillId: skill.id,
    stage: skill.stage,
    name: skill.name,
    status: known ? "linked" : left.length > 0 ? "unknown" : "not_linked",
    checkedAt: asked.length > 0 ? rt.now() : null,
    grants: left.map((grant) => ({
      id: grant.id,
      createdAt: grant.created_at,
      lastUsedAt: grant.last_used_at,
      flow: grant.flow,
      level: grant.level,
    })),
  };
}

function tokenRow(grant: LinkedGrant): TokenRow {
  return {
    grant_id: grant.id,
    host: grant.host ?? "",
    tokens: grant.tokens ?? "",
    access_expires_at: grant.access_expires_at ?? 0,
    updated_at: grant.updated_at ?? 0,
  };
}

async function readableCredentials(rt: Runtime, skill: Skill): Promise<LwaCredentials | undefined> {
  try {
    return await lwaCredentials(rt, skill);
  } catch (error) {
    if (!(error instanceof UnreadableSecret)) throw error;
    rt.log.alert("lwa_secret_unreadable", { skillId: skill.id, stage: skill.stage });
    return undefined;
  }
}

async function check(
  rt: Runtime,
  skill: Skill,
  credentials: LwaCredentials | undefined,
  row: TokenRow,
): Promise<{ verdict: Verdict; refreshed?: AmazonTokens }> {
  const tokens = await openTokens(rt.keyring, { grantId: row.grant_id, purpose: "enablement" }, row.tokens);
  if (!tokens || !credentials) return { verdict: "unknown" };
  const fresh = await freshAmazonTokens(rt, credentials, tokens);
  if (fresh.outcome === "gone") return { verdict: "gone" };
  if (fresh.outcome === "unavailable") return { verdict: "unknown" };
  const look = await readEnablement(rt, row.host, { accessToken: fresh.tokens.accessToken, skillId: skill.id });
  const verdict = look.state === "linked" ? "linked" : look.state === "not_linked" ? "gone" : "unknown";
  return fresh.refreshed ? { verdict, refreshed: fresh.tokens } : { verdict };
}
