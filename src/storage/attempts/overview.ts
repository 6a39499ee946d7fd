// Attempts for the console's overview: how they ended, how far they got, why they failed, and the state of the setup.
import { batch, equal, sql } from "../sql.ts";
import { type ReasonCount, reasonCountsQuery } from "./list.ts";

export interface OverviewQuery {
  /** The starts of the periods in milliseconds since 1970, ascending. */
  readonly starts: readonly number[];
  /** The end of the last period, exclusive. */
  readonly to: number;
  /** undefined: all skills. */
  readonly skillId: string | undefined;
}

/** Attempts of one period that ended without a link, by when they started. */
export interface UnlinkedCount {
  /** The index of the period. */
  readonly period: number;
  /** `accept_grant_refused`: linked here, but Alexa told the customer that it failed. */
  readonly outcome: "cancelled" | "failed" | "abandoned" | "accept_grant_refused";
  readonly count: number;
}

/** How many link attempts that started in a range reached each step. */
export interface Reached {
  readonly shown: number;
  readonly signedIn: number;
  readonly consented: number;
  readonly redeemed: number;
  /** AcceptGrant, which only some skills get, was accepted. */
  readonly accepted: number;
  readonly refused: number;
}

/** Which parts of the setup exist: 1 or 0. */
export interface SetUp {
  readonly skill: 0 | 1;
  /** A skill has the client id and secret for app-to-app linking. */
  readonly amazonPair: 0 | 1;
  /** A skill has the client id and secret for AcceptGrant. */
  readonly eventGateway: 0 | 1;
  readonly attempt: 0 | 1;
  readonly link: 0 | 1;
  readonly acceptGrant: 0 | 1;
  readonly skillEvent: 0 | 1;
}

export interface Overview {
  readonly unlinked: readonly UnlinkedCount[];
  readonly reached: Reached;
  /** The most frequent first. */
  readonly reasons: readonly ReasonCount[];
  readonly setUp: SetUp;
}

const HOUR_MS = 3_600_000;
const MOST_REASONS = 8;
/** A skill with AcceptGrant gets one for each link, so only the latest attempts are checked. */
const LATEST = 1000;

/** Reads the overview in one round trip. */
export async function readOverview(db: D1Database, { starts, to, skillId }: OverviewQuery): Promise<Overview> {
  const periods = JSON.stringify(starts.map((start, i) => [start, starts[i + 1] ?? to]));
  const from = starts[0] ?? to;
  const ofSkill = equal({ skill_id: skillId });
  const ofAlexa = sql`flow <> 'oauth' AND ${ofSkill}`;
  const statements = [
    sql`SELECT p.key AS period, IIF(a.outcome = 'linked', 'accept_grant_refused', a.outcome) AS outcome, COUNT(*) AS count
      FROM json_each(${periods}) p CROSS JOIN attempts a
        ON a.created_at >= p.value ->> 0 AND a.created_at < p.value ->> 1
      WHERE (a.outcome IN ('cancelled', 'failed', 'abandoned') OR (a.outcome = 'linked' AND a.accept_grant = 'refused')) AND ${ofAlexa}
      GROUP BY 1, 2`,
    sql`SELECT i.shown, i."signedIn", a.*
      FROM (SELECT COUNT(*) AS shown, COUNT(user_id) AS "signedIn" FROM initiations
          WHERE hour_at > ${from - HOUR_MS} AND hour_at < ${to} AND at >= ${from} AND at < ${to} AND ${ofSkill}) i,
        (SELECT COUNT(*) FILTER (WHERE decision = 'allow') AS consented, COUNT(redeemed_at) AS redeemed,
          COUNT(*) FILTER (WHERE accept_grant = 'accepted') AS accepted, COUNT(*) FILTER (WHERE accept_grant = 'refused') AS refused
          FROM attempts WHERE created_at >= ${from} AND created_at < ${to} AND ${ofAlexa}) a`,
    reasonCountsQuery({ skillId, from, to, isOfAlexa: true }, MOST_REASONS),
    sql`SELECT EXISTS (SELECT 1 FROM skills) AS skill,
        EXISTS (SELECT 1 FROM skills WHERE lwa_client_id IS NOT NULL) AS "amazonPair",
        EXISTS (SELECT 1 FROM skills WHERE event_client_id IS NOT NULL) AS "eventGateway",
        EXISTS (SELECT 1 FROM initiations) OR EXISTS (SELECT 1 FROM attempts WHERE flow <> 'oauth') AS attempt,
        EXISTS (SELECT 1 FROM grants WHERE skill_id IS NOT NULL)
          OR EXISTS (SELECT 1 FROM attempts WHERE flow <> 'oauth' AND outcome = 'linked') AS link,
        EXISTS (SELECT 1 FROM (SELECT accept_grant FROM attempts ORDER BY created_at DESC, id DESC LIMIT ${LATEST})
          WHERE accept_grant = 'accepted') AS "acceptGrant",
        EXISTS (SELECT 1 FROM skill_events) AS "skillEvent"`,
  ];
  type Rows = [UnlinkedCount, Reached, ReasonCount, SetUp];
  const [unlinked, reached, reasons, setUp] = await batch<Rows>(db, statements, true);
  return { unlinked, reached: reached[0]!, reasons, setUp: setUp[0]! };
}
