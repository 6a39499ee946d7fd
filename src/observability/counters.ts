// Counters: gathered per isolate, written in one trip every two seconds after the answer. They may be lost; audit never is.

import { addRefusals, type Refusal } from "../storage/attempts/refusals.ts";
import { addCounts } from "../storage/maintenance/metrics.ts";
import { batch } from "../storage/sql.ts";
import type { Log } from "./log.ts";

/**
 * What is counted. Amazon's split "Alexa app" / "app-to-app" follows from the names: an initiation is a page or consent
 * screen shown, or a linking started from our side; a completion is a code redeemed.
 */
export type MetricName =
  /** The authorize page was shown: an initiation through the Alexa app. */
  | "authorize_shown"
  /** The company's app asked for its consent screen: an app-to-app initiation from the Alexa app. */
  | "app_authorize_shown"
  /** A linking was started from the company's app or site: an app-to-app initiation. */
  | "linking_started"
  | "linking_linked"
  | "linking_cancelled"
  | "linking_failed"
  | "consent_denied"
  | "code_issued"
  /** A code of the browser flow was redeemed: a completion through the Alexa app. */
  | "code_redeemed_authorize"
  /** A code made for the company's app was redeemed: an app-to-app completion. */
  | "code_redeemed_app"
  /** A code made for an enablement call was redeemed: an app-to-app completion. */
  | "code_redeemed_enablement"
  | "token_refreshed"
  | "service_token_issued"
  | "grant_revoked"
  | "unlinked"
  | "skill_enabled"
  | "skill_disabled"
  | "accept_grant_ok"
  | "accept_grant_failed"
  /** Error answers of the token endpoint, by OAuth error code or tagged reason. */
  | `token_error_${string}`
  /** Skill events that were answered 400, by tagged reason. */
  | `skill_event_refused_${string}`;

/** What a request may do with the counters. Costs no storage trip. */
export interface Metrics {
  /** Adds one. Without a skill: what no skill was involved in. */
  count(name: MetricName, skillId?: string | null): void;
  /** Counts an authorize request that was refused with a page. Values as they came in the request. */
  refused(clientId: string, reason: string, redirectUri: string): void;
  /** Writes what this isolate has gathered, now. Never throws. */
  flush(): Promise<void>;
}

interface Where {
  readonly db: D1Database;
  readonly log: Log;
  readonly now: () => number;
  readonly background: (work: Promise<unknown>) => void;
}

const MAX_COUNTS = 2000;
const MAX_REFUSALS = 200;
/** A flush that has not run this long after it was due is taken for lost with its request. */
const OVERDUE_MS = 10_000;

interface Refused {
  readonly clientId: string;
  readonly reason: string;
  readonly redirectUri: string;
  count: number;
  lastSeenAt: number;
}

/** Per app instance. `flushMs` 0: written only when `flush` is called. */
export class Counters {
  readonly #flushMs: number;
  #counts = new Map<string, { skillId: string; name: string; at: number; count: number }>();
  #refusals = new Map<string, Refused>();
  #dueAt: number | undefined;

  constructor(flushMs: number) {
    this.#flushMs = flushMs;
  }

  /** The counters as one request uses them. */
  of(where: Where): Metrics {
    return {
      count: (name, skillId) => {
        const key = `${name} ${skillId ?? ""}`;
        const entry = this.#counts.get(key);
        if (entry) entry.count++;
        else if (this.#counts.size < MAX_COUNTS)
          this.#counts.set(key, { skillId: skillId ?? "", name, at: where.now(), count: 1 });
        this.#schedule(where);
      },
      refused: (clientId, reason, redirectUri) => {
        const key = JSON.stringify([clientId, reason, redirectUri]);
        const entry = this.#refusals.get(key);
        if (entry) {
          entry.count++;
          entry.lastSeenAt = where.now();
        } else if (this.#refusals.size < MAX_REFUSALS)
          this.#refusals.set(key, { clientId, reason, redirectUri, count: 1, lastSeenAt: where.now() });
        this.#schedule(where);
      },
      flush: () => this.#flush(where),
    };
  }

  #schedule(where: Where): void {
    if (this.#flushMs === 0) return;
    if (this.#dueAt !== undefined && where.now() < this.#dueAt + OVERDUE_MS) return;
    this.#dueAt = where.now() + this.#flushMs;
    where.background(
      new Promise((resolve) => setTimeout(resolve, this.#flushMs)).then(() => {
        this.#dueAt = undefined;
        return this.#flush(where);
      }),
    );
  }

  async #flush(where: Where): Promise<void> {
    const counts = [...this.#counts.values()];
    const refusals: Refusal[] = [...this.#refusals.values()];
    if (counts.length + refusals.length === 0) return;
    this.#counts = new Map();
    this.#refusals = new Map();
    try {
      await batch(
        where.db,
        [...(counts.length > 0 ? [addCounts(counts)] : []), ...(refusals.length > 0 ? [addRefusals(refusals)] : [])],
        false,
      );
    } catch (error) {
      where.log.warn("metrics_lost", { counters: counts.length, message: String(error).slice(0, 200) });
    }
  }
}
