// Whether a user is linked: our grants, corrected by what Alexa says where we hold Amazon's tokens (L8).
import { findEnablement } from "../amazon/enablement.ts";
import { freshHeldToken } from "../amazon/held-token.ts";
import { EXPIRY_MARGIN_MS } from "../amazon/lwa.ts";
import type { Runtime } from "../runtime.ts";
import { openTokens } from "../storage/amazon/amazon-tokens.ts";
import type { LinkLevel } from "../storage/grants/link-levels.ts";
import {
  type LinkedGrant,
  type ListedLink,
  listLinks,
  moveEnablement,
  readLinks,
  revokeUnlinkedGrants,
} from "../storage/grants/links.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { withAmazonDeadline } from "./amazon-deadline.ts";

export interface Link {
  readonly skillId: string;
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
export async function linksOf(rt: Runtime, userId: string): Promise<Link[]> {
  const rows = await listLinks(rt.db, userId, rt.now());
  const bySkill = Map.groupBy(rows, (row) => row.skill_id);
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
      name: first.skill_name,
      status: grants.length > 0 ? "linked" : "not_linked",
      checkedAt: null,
      grants,
    };
  });
}

type Verdict = "linked" | "gone" | "unknown";

/** More links than one person has with one skill; the others are shown as the rows say, and asked about when these are gone. */
const ASKED_AT_ONCE = 10;

/**
 * One skill, asking Alexa for every grant whose Amazon tokens we hold. 404, 401 or not linked ends that grant and corrects the row; no
 * answer leaves the row alone. undefined: no such skill. `ask` false: as our rows say.
 */
export async function linkOf(
  rt: Runtime,
  target: { readonly userId: string; readonly skillId: string },
  ask = true,
): Promise<Link | undefined> {
  const { skill, grants } = await readLinks(rt.db, target, rt.now());
  if (!skill) return undefined;
  const asked = ask ? grants.filter(holdsTokens).slice(0, ASKED_AT_ONCE) : [];
  const checks = await Promise.all(
    asked.map(async (grant) => ({
      grant,
      verdict: await withAmazonDeadline(rt, check(rt, skill.id, grant), "unknown"),
    })),
  );
  const gone = checks.filter(({ verdict }) => verdict === "gone").map(({ grant }) => grant);
  if (gone.length > 0) {
    await revokeUnlinkedGrants(
      rt.db,
      gone.map(({ id, tokens }) => ({ grant_id: id, tokens })),
      rt.now(),
    );
    deliverSoon(rt);
  }
  const verdicts = new Map(checks.map(({ grant, verdict }) => [grant.id, verdict]));
  const left = grants.filter((grant) => verdicts.get(grant.id) !== "gone");
  const known = left.some((grant) => verdicts.get(grant.id) !== "unknown");
  return {
    skillId: skill.id,
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

type HeldGrant = LinkedGrant & { readonly host: string; readonly tokens: string };

function holdsTokens(grant: LinkedGrant): grant is HeldGrant {
  return grant.tokens !== null;
}

async function check(rt: Runtime, skillId: string, grant: HeldGrant): Promise<Verdict> {
  let accessToken: string;
  if ((grant.access_expires_at ?? 0) - EXPIRY_MARGIN_MS > rt.now()) {
    const tokens = await openTokens(rt.keyring, { grantId: grant.id, purpose: "enablement" }, grant.tokens);
    if (!tokens) return "unknown";
    accessToken = tokens.accessToken;
  } else {
    const fresh = await freshHeldToken(rt, "enablement", { grantId: grant.id }, [skillId]);
    if (fresh.outcome === "grant_unknown") return "gone";
    if (fresh.outcome !== "fresh") return "unknown";
    accessToken = fresh.accessToken;
  }
  const found = await findEnablement(rt, grant.host, { accessToken, skillId });
  if (found.state === "linked" && found.host !== grant.host) await moveEnablement(rt.db, grant.id, found.host);
  return found.state === "linked" || found.state === "unknown" ? found.state : "gone";
}
