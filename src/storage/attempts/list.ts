// Linkings as operators see them: newest first, a page at a time, straight off an index.
import * as z from "zod/mini";
import { readAll } from "../d1.ts";
import type { Flow, Stage } from "./attempts.ts";

export const OUTCOMES = ["pending", "linked", "cancelled", "failed", "abandoned"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface ListedAttempt {
  readonly id: string;
  readonly traceId: string;
  readonly flow: Flow;
  readonly platform: string | null;
  readonly skillId: string | null;
  readonly stage: Stage | null;
  readonly clientId: string | null;
  readonly userId: string | null;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly steps: readonly { readonly name: string; readonly at: number }[];
  readonly createdAt: number;
}

export interface AttemptFilter {
  readonly skillId?: string | undefined;
  readonly outcome?: Outcome | undefined;
  readonly userId?: string | undefined;
}

export interface AttemptPosition {
  readonly createdAt: number;
  readonly id: string;
}

interface Row {
  readonly id: string;
  readonly trace_id: string;
  readonly flow: Flow;
  readonly platform: string | null;
  readonly skill_id: string | null;
  readonly stage: Stage | null;
  readonly client_id: string | null;
  readonly user_id: string | null;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly steps: string;
  readonly created_at: number;
}

const stepList = z.array(z.object({ name: z.string(), at: z.number() }));

const COLUMNS = "id, trace_id, flow, platform, skill_id, stage, client_id, user_id, outcome, reason, steps, created_at";

/** The list's statement, apart so that its query plan can be looked at. Each index ends with time and id: nothing is sorted. */
export function attemptListStatement(
  db: D1Database,
  filter: AttemptFilter,
  after: AttemptPosition | undefined,
  limit: number,
): D1PreparedStatement {
  const conditions: [string, ...(string | number)[]][] = [];
  if (filter.skillId !== undefined) conditions.push(["skill_id = ?", filter.skillId]);
  if (filter.outcome !== undefined) conditions.push(["outcome = ?", filter.outcome]);
  if (filter.userId !== undefined) conditions.push(["user_id = ?", filter.userId]);
  if (after) conditions.push(["(created_at, id) < (?, ?)", after.createdAt, after.id]);
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.map(([sql]) => sql).join(" AND ")}`;
  return db
    .prepare(`SELECT ${COLUMNS} FROM attempts ${where} ORDER BY created_at DESC, id DESC LIMIT ?`)
    .bind(...conditions.flatMap(([, ...params]) => params), limit);
}

/** Newest first, from behind `after` on. */
export async function listAttempts(
  db: D1Database,
  filter: AttemptFilter,
  after: AttemptPosition | undefined,
  limit: number,
): Promise<ListedAttempt[]> {
  const rows = await readAll<Row>(attemptListStatement(db, filter, after, limit));
  return rows.map((row) => ({
    id: row.id,
    traceId: row.trace_id,
    flow: row.flow,
    platform: row.platform,
    skillId: row.skill_id,
    stage: row.stage,
    clientId: row.client_id,
    userId: row.user_id,
    outcome: row.outcome,
    reason: row.reason,
    steps: stepList.parse(JSON.parse(row.steps)),
    createdAt: row.created_at,
  }));
}
