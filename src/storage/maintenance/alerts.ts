// Alerts: the counts that they are evaluated from, and their rows. Each change is one conditional batch with its audit
// row and its webhook message, so that only one of several parallel runs makes it.
import { IS_COMPLETED } from "../attempts/attempts.ts";
import { auditIfChanged } from "../audit.ts";
import { batch, decodeRow, readAll, type Sql, sql } from "../sql.ts";

/** How often something happened within the hours that alerts count. */
export interface Fact {
  /** A counter's name, or `refused_`, the endpoint and the reason of refused requests. */
  readonly name: string;
  /** Empty if no skill was involved. */
  readonly skillId: string;
  /** The client, if known; null for counters. */
  readonly clientId: string | null;
  readonly count: number;
}

export type AlertNumbers = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

export interface Alert {
  readonly name: string;
  /** A skill id, a client id, or empty. */
  readonly subject: string;
  readonly skillId: string | null;
  readonly clientId: string | null;
  /** One sentence with the numbers. */
  readonly message: string;
  readonly numbers: AlertNumbers;
}

export interface StoredAlert extends Alert {
  /** Milliseconds since 1970, like the next. */
  readonly raisedAt: number;
  /** null while it is open. */
  readonly clearedAt: number | null;
}

const MOST_FACTS = 20_000;
const MOST_ALERTS = 500;

const COLUMNS = sql`name, subject, skill_id AS "skillId", client_id AS "clientId", message, numbers,
  raised_at AS "raisedAt", cleared_at AS "clearedAt"`;

function alertOf(row: Record<string, unknown>): StoredAlert {
  return decodeRow<StoredAlert>(row, { json: ["numbers"] });
}

/** The counts and refusals since the hour `since`, and the alerts that are open or were cleared after `clearedAfter`. */
export async function readAlertSources(
  db: D1Database,
  since: number,
  clearedAfter: number,
): Promise<{ readonly facts: Fact[]; readonly alerts: StoredAlert[] }> {
  const [facts = [], alerts = [], refusals = []] = await batch(
    db,
    [
      sql`SELECT name, skill_id AS "skillId", NULL AS "clientId", SUM(count) AS count FROM oauth_metrics
          WHERE hour_at >= ${since} GROUP BY name, skill_id LIMIT ${MOST_FACTS}`,
      sql`SELECT ${COLUMNS} FROM alerts WHERE cleared_at IS NULL OR cleared_at > ${clearedAfter}
          ORDER BY raised_at DESC LIMIT ${MOST_ALERTS}`,
      // Callers choose client ids, so only registered clients are subjects.
      sql`SELECT 'refused_' || r.endpoint || '_' || r.reason AS name, COALESCE(c.skill_id, '') AS "skillId", c.id AS "clientId",
            SUM(minute.value ->> 1) AS count
          FROM refusals r LEFT JOIN clients c ON c.id = r.client_id CROSS JOIN json_each(r.recent) minute
          WHERE r.last_seen_at >= ${since} AND minute.value ->> 0 >= ${since}
            AND (c.id IS NOT NULL OR r.endpoint = 'wrong_address' OR r.reason = 'client_unknown')
          GROUP BY r.endpoint, r.reason, c.id LIMIT ${MOST_FACTS}`,
    ],
    true,
  );
  return { facts: [...facts, ...refusals] as unknown as Fact[], alerts: alerts.map(alertOf) };
}

/** Attempts with Alexa that started within a part of the time, and how many of them were completed. */
export interface CompletionCounts {
  readonly skillId: string;
  /** The number of the part. */
  readonly part: number;
  readonly initiations: number;
  readonly completions: number;
}

/** By skill and part of the time; `starts` are the starts of the parts, ascending, each of an hour. */
export async function readCompletions(db: D1Database, starts: readonly number[]): Promise<CompletionCounts[]> {
  const first = starts[0] ?? 0;
  const part = (at: Sql) => sql`(SELECT COUNT(*) - 1 FROM json_each(${JSON.stringify(starts)}) WHERE value <= ${at})`;
  const [initiations = [], completions = []] = await batch(
    db,
    [
      sql`SELECT skill_id, ${part(sql`hour_at`)} AS part, COUNT(*) AS n FROM initiations
          WHERE hour_at >= ${first} AND skill_id IS NOT NULL GROUP BY 1, 2 LIMIT ${MOST_FACTS}`,
      sql`SELECT skill_id, ${part(sql`created_at`)} AS part, COUNT(*) AS n FROM attempts a
          WHERE created_at >= ${first} AND skill_id IS NOT NULL AND ${IS_COMPLETED}
          GROUP BY 1, 2 LIMIT ${MOST_FACTS}`,
    ],
    true,
  );
  const completed = new Map(completions.map(({ skill_id, part: of, n }) => [`${of} ${skill_id}`, Number(n)]));
  return initiations.map(({ skill_id, part: of, n }) => ({
    skillId: String(skill_id),
    part: Number(of),
    initiations: Number(n),
    completions: completed.get(`${of} ${skill_id}`) ?? 0,
  }));
}

/** The result of one run. */
export interface AlertChanges {
  readonly raised: readonly Alert[];
  /** Open ones, with their latest numbers. */
  readonly continued: readonly Alert[];
  readonly cleared: readonly StoredAlert[];
}

/** Writes the result of a run at `now`. Returns what it changed: another run may have been faster. */
export async function writeAlerts(
  db: D1Database,
  { raised, continued, cleared }: AlertChanges,
  now: number,
): Promise<{ readonly raised: string[]; readonly cleared: string[] }> {
  const statements = [
    ...raised.flatMap((alert) => [
      sql`INSERT INTO alerts (raised_at, name, subject, skill_id, client_id, message, numbers)
          VALUES (${now}, ${alert.name}, ${alert.subject}, ${alert.skillId}, ${alert.clientId}, ${alert.message},
            ${JSON.stringify(alert.numbers)})
          ON CONFLICT DO NOTHING RETURNING name`,
      ...reports("raised", alert, now, now),
    ]),
    ...cleared.flatMap((alert) => [
      sql`UPDATE alerts SET cleared_at = ${now}
          WHERE raised_at = ${alert.raisedAt} AND name = ${alert.name} AND subject = ${alert.subject}
            AND cleared_at IS NULL RETURNING name`,
      ...reports("cleared", alert, alert.raisedAt, now),
    ]),
  ];
  if (continued.length > 0) {
    const rows = continued.map(({ name, subject, message, numbers }) => [
      name,
      subject,
      message,
      JSON.stringify(numbers),
    ]);
    statements.push(sql`UPDATE alerts SET message = latest.value ->> 2, numbers = latest.value ->> 3
      FROM json_each(${JSON.stringify(rows)}) AS latest
      WHERE cleared_at IS NULL AND name = latest.value ->> 0 AND subject = latest.value ->> 1`);
  }
  if (statements.length === 0) return { raised: [], cleared: [] };
  const results = await batch(db, statements, true);
  // Three statements for each change.
  const changed = (alerts: readonly Alert[], start: number) =>
    alerts.flatMap(({ name }, i) => (results[start + 3 * i]?.length ? [name] : []));
  return { raised: changed(raised, 0), cleared: changed(cleared, 3 * raised.length) };
}

/** The audit row and the webhook message, if the statement before them changed something. */
function reports(what: "raised" | "cleared", alert: Alert, since: number, now: number): Sql[] {
  const { name, subject, skillId, clientId, message, numbers } = alert;
  const data = { name, subject, skillId, clientId, since: new Date(since).toISOString(), message, numbers };
  return [
    auditIfChanged(now, { kind: `alert_${what}`, alert: true, clientId, details: `${name}: ${message}` }),
    sql`INSERT INTO webhook_outbox (id, type, data, occurred_at)
        SELECT 'msg_' || lower(hex(randomblob(16))), ${`alert.${what}`}, ${JSON.stringify(data)}, ${now} WHERE changes() > 0`,
  ];
}

export interface AlertFilter {
  /** true: only open ones. false: only those that were cleared. */
  readonly open?: boolean;
  readonly skillId?: string | undefined;
  /** Cleared at this time or later; milliseconds. */
  readonly from?: number;
}

export type AlertPosition = Pick<StoredAlert, "raisedAt" | "name" | "subject">;

/** Latest first, starting after `after`. Alerts of a skill include those of the whole server. */
export async function listAlerts(
  db: D1Database,
  { open, skillId, from = 0 }: AlertFilter,
  after: AlertPosition | undefined,
  limit: number,
): Promise<StoredAlert[]> {
  const cleared = sql`cleared_at >= ${from}`;
  const state = open === undefined ? sql`(cleared_at IS NULL OR ${cleared})` : open ? sql`cleared_at IS NULL` : cleared;
  const about = skillId === undefined ? sql`TRUE` : sql`(skill_id IS NULL OR skill_id = ${skillId})`;
  const position = after
    ? sql`(raised_at, name, subject) < (${after.raisedAt}, ${after.name}, ${after.subject})`
    : sql`TRUE`;
  const rows = await readAll<Record<string, unknown>>(
    db,
    sql`SELECT ${COLUMNS} FROM alerts WHERE ${state} AND ${about} AND ${position}
        ORDER BY raised_at DESC, name DESC, subject DESC LIMIT ${limit}`,
  );
  return rows.map(alertOf);
}
