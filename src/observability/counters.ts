// Counters, collected per isolate and written two seconds after the first. Unlike audit rows, they may be lost.

import { addInitiations, type Initiation } from "../storage/attempts/initiations.ts";
import { addRefusals, MINUTE_MS, MOST_MINUTES, type Refusal } from "../storage/attempts/refusals.ts";
import { addShownErrors, type ShownError } from "../storage/attempts/shown-errors.ts";
import { addCounts, type MetricCount } from "../storage/maintenance/metrics.ts";
import { batch } from "../storage/sql.ts";
import type { Log } from "./log.ts";
import type { TokenCounter, tokenMilliseconds } from "./token-counters.ts";

/** What is counted. Linking is reported from attempts and initiations, which know persons. */
export type MetricName =
  /** The consent page of `/authorize` was shown, each time. */
  | "authorize_shown"
  /** The company's app asked for its consent screen. */
  | "app_authorize_shown"
  /** An attempt was started from the company's app or site. */
  | "linking_started"
  | "linking_linked"
  | "linking_cancelled"
  | "linking_failed"
  | "consent_denied"
  | "code_issued"
  /** A code of the browser flow was redeemed. */
  | "code_redeemed_authorize"
  /** A code made for the company's app was redeemed. */
  | "code_redeemed_app"
  /** A code made for an enablement call was redeemed. */
  | "code_redeemed_enablement"
  /** A link from another server moved here with its refresh token. */
  | "token_relayed"
  | "grant_revoked"
  | "unlinked"
  | "skill_enabled"
  | "skill_disabled"
  | "accept_grant_ok"
  | "accept_grant_failed"
  /** Token requests by grant type, outcome and latency. */
  | TokenCounter
  | ReturnType<typeof tokenMilliseconds>
  /** The same by reason. */
  | `accept_grant_refused_${string}`
  /** The same as `linking_failed`, and failures that may be tried again, by reason. */
  | `linking_failed_${string}`
  /** Calls to Login with Amazon's token endpoint. */
  | "lwa_accepted"
  | `lwa_refused_${string}`
  | `lwa_unavailable_${string}`
  | "amazon_profile_unavailable"
  /** The identity provider: why a sign-in could not use it. */
  | `provider_${string}`
  | "skill_event_accepted"
  /** Error responses of the token endpoint, by OAuth error code or tagged reason. */
  | `token_error_${string}`
  /** Skill events that got a 400, by tagged reason. */
  | `skill_event_refused_${string}`;

/** A refused request. Values as in the request. */
export type Refused = Pick<Refusal, "endpoint" | "clientId" | "reason" | "detail"> & {
  /** Nothing shows that a registered client sent it. */
  readonly ofStranger?: boolean;
};

/** The counters as one request uses them. Counting costs the request no round trip. */
export interface Metrics {
  /** Adds one, or `by`. Without a skill: the event involved none. */
  count(name: MetricName, skillId?: string | null, by?: number): void;
  refused(refused: Refused): void;
  /** Notes the first or another page or call of a link attempt with Alexa. It counts once, by its key. */
  initiated(initiation: Initiation): void;
  /** Notes that an error was shown with the id of this request. */
  showedError(shown: Omit<ShownError, "id" | "at">): void;
  /** Writes what this isolate has collected, now. Never throws. */
  flush(): Promise<void>;
}

interface Parts {
  readonly db: D1Database;
  readonly log: Log;
  readonly now: () => number;
  readonly requestId: () => string;
  readonly background: (work: Promise<unknown>) => void;
}

const WRITE_AFTER_MS = 2000;
const MAX_COUNTS = 2000;
const MAX_REFUSALS = 2000;
const MAX_SHOWN_ERRORS = 50;
/** Of one registered client, or of all requests whose client is not known. */
const MAX_REFUSALS_OF_ONE = 100;
/** Attempts with a known person, and others: strangers must not displace customers. */
const MAX_INITIATIONS = { known: 1000, strangers: 200 };
/** Reasons for which a request is refused before its client is looked up, or because there is none. */
const CLIENT_NOT_KNOWN = [
  "client_missing",
  "client_unknown",
  "parameter_repeated",
  "parameter_repeated_otherwise",
  "query_too_long",
];
/** A write that has not run this long after it was due was lost with its request. */
const OVERDUE_MS = 10_000;

type Counted<T> = { -readonly [Key in keyof T]: T[Key] };

/** Latest first; one per minute. */
function withMinute(recent: Refusal["recent"], minute: Refusal["recent"][number]): Refusal["recent"] {
  const [latest, ...others] = recent;
  if (latest?.[0] === minute[0]) return [[latest[0], latest[1] + 1, minute[2]], ...others];
  return [minute, ...recent].slice(0, MOST_MINUTES);
}

/** One per app instance. `writeAfterMs` null: written only by `flush`, for tests. */
export class Counters {
  readonly #writeAfterMs: number | null;
  #counts = new Map<string, Counted<MetricCount>>();
  /** `group`: the client, undefined for strangers. */
  #refusals = new Map<string, { readonly group: string | undefined; readonly entry: Counted<Refusal> }>();
  #initiations = { known: new Map<string, Initiation>(), strangers: new Map<string, Initiation>() };
  #shownErrors: ShownError[] = [];
  #dueAt: number | undefined;

  constructor(writeAfterMs: number | null = WRITE_AFTER_MS) {
    this.#writeAfterMs = writeAfterMs;
  }

  /** The counters for a request with these `parts`. */
  of(parts: Parts): Metrics {
    return {
      count: (name, skillId, by = 1) => {
        const key = `${name} ${skillId ?? ""}`;
        const entry = this.#counts.get(key);
        if (entry) entry.count += by;
        else if (this.#counts.size < MAX_COUNTS) {
          this.#counts.set(key, { skillId: skillId ?? "", name, at: parts.now(), count: by });
        }
        this.#schedule(parts);
      },
      refused: ({ ofStranger, ...refused }) => {
        const key = JSON.stringify(Object.values(refused));
        const now = parts.now();
        const minute = [now - (now % MINUTE_MS), 1, parts.requestId()] as const;
        const { entry } = this.#refusals.get(key) ?? {};
        const group = ofStranger || CLIENT_NOT_KNOWN.includes(refused.reason) ? undefined : refused.clientId;
        if (entry) {
          entry.count++;
          entry.lastSeenAt = now;
          entry.recent = withMinute(entry.recent, minute);
        } else if (this.#hasRoomFor(group)) {
          this.#refusals.set(key, { group, entry: { ...refused, count: 1, lastSeenAt: now, recent: [minute] } });
        }
        this.#schedule(parts);
      },
      initiated: (initiation) => {
        const { known, strangers } = this.#initiations;
        // The page after the sign-in says who it is; the first one says when it began.
        const earlier = known.get(initiation.key) ?? strangers.get(initiation.key);
        const userId = initiation.userId ?? earlier?.userId ?? null;
        const group = userId === null ? "strangers" : "known";
        const entries = this.#initiations[group];
        if (!entries.has(initiation.key) && entries.size >= MAX_INITIATIONS[group]) return;
        strangers.delete(initiation.key);
        entries.set(initiation.key, { ...(earlier ?? initiation), userId });
        this.#schedule(parts);
      },
      showedError: (shown) => {
        if (this.#shownErrors.length >= MAX_SHOWN_ERRORS) return;
        this.#shownErrors.push({ id: parts.requestId(), at: parts.now(), ...shown });
        this.#schedule(parts);
      },
      flush: () => this.#flush(parts),
    };
  }

  /** Strangers, who choose client ids and redirect URIs, must not displace the refusals of registered clients. */
  #hasRoomFor(group: string | undefined): boolean {
    const ofOne = [...this.#refusals.values()].filter((refusal) => refusal.group === group);
    return ofOne.length < MAX_REFUSALS_OF_ONE && this.#refusals.size < MAX_REFUSALS;
  }

  #schedule(parts: Parts): void {
    const delay = this.#writeAfterMs;
    if (delay === null) return;
    if (this.#dueAt !== undefined && parts.now() < this.#dueAt + OVERDUE_MS) return;
    this.#dueAt = parts.now() + delay;
    parts.background(
      new Promise((resolve) => setTimeout(resolve, delay)).then(() => {
        this.#dueAt = undefined;
        return this.#flush(parts);
      }),
    );
  }

  async #flush(parts: Parts): Promise<void> {
    const counts = [...this.#counts.values()];
    const refusals = [...this.#refusals.values()].map(({ entry }) => entry);
    const initiations = [...this.#initiations.known.values(), ...this.#initiations.strangers.values()];
    const shownErrors = this.#shownErrors;
    if (counts.length + refusals.length + initiations.length + shownErrors.length === 0) return;
    this.#counts = new Map();
    this.#refusals = new Map();
    this.#shownErrors = [];
    this.#initiations = { known: new Map(), strangers: new Map() };
    const statements = [
      ...(counts.length > 0 ? [addCounts(counts)] : []),
      ...(initiations.length > 0 ? [addInitiations(initiations)] : []),
      ...(refusals.length > 0 ? addRefusals(refusals) : []),
      ...(shownErrors.length > 0 ? [addShownErrors(shownErrors)] : []),
    ];
    try {
      await batch(parts.db, statements, false);
    } catch (error) {
      parts.log.warn("metrics_lost", { counters: counts.length, message: String(error).slice(0, 200) });
    }
  }
}
