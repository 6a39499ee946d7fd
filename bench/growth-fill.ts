// Fills a database with what a deployment of a given number of links holds after two years.
import { hash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A link lives this long: each day, links ÷ 720 are made, and as many end. */
export const LINK_LIFETIME_DAYS = 720;
const ceil = (rows: number) => Math.ceil(rows);
/** Attempts, initiations and skill events are kept this long. */
const KEPT_DAYS = 400;
/** Rows of that time, if each link leaves `share` of them when it is made. */
const madeWithLinks = (share: number) => (links: number) => ceil((links * share * KEPT_DAYS) / LINK_LIFETIME_DAYS);
/** Characters of Amazon's two tokens, sealed. */
const SEALED_LENGTH = 1200;

/** The skills, by size: 70, 25 and 5 of 100 links. Every attempt of the last one ends as linked. */
export const SKILLS = ["amzn1.ask.skill.bench-1", "amzn1.ask.skill.bench-2", "amzn1.ask.skill.bench-3"] as const;
export const alexaClientOf = (skillId: string) => `alexa-${skillId.slice(-7)}`;

const SKILL = `CASE WHEN i % 100 < 70 THEN '${SKILLS[0]}' WHEN i % 100 < 95 THEN '${SKILLS[1]}' ELSE '${SKILLS[2]}' END`;
const CLIENT = `CASE ${SKILL} ${SKILLS.map((id) => `WHEN '${id}' THEN '${alexaClientOf(id)}'`).join(" ")} END`;
/** Of ten links, six are made through the Alexa app, three by the company's app, one on its website. */
const FLOW = "CASE WHEN i % 10 < 6 THEN 'alexa_app' WHEN i % 10 < 9 THEN 'app_to_app' ELSE 'website' END";
const STARTED_HERE = "i % 10 >= 6";
const REDIRECT = "'https://layla.amazon.com/api/skill/link/M0BENCHVENDOR0'";
const steps = (...names: string[]) =>
  `json_array(${names.map((name, n) => `json_object('name', '${name}', 'at', at + ${n * 4000})`)})`;

interface Filling {
  readonly table: string;
  /** How many rows, for this number of links. */
  readonly rows: (links: number) => number;
  /** Columns with their SQL expressions, over `i` from 0 to `rows - 1`, and `at`. */
  readonly columns: Readonly<Record<string, string>>;
  /** When the row was made: over `i`, `:rows`, `:links` and `:now`. Default: evenly within `days` before now. */
  readonly days: number;
}

/** The attempts that did not end as linked: `share` for each that did. */
function attemptsThat(outcome: string, share: number, reason: string, step: string): Filling {
  return {
    table: "attempts",
    rows: madeWithLinks(share),
    days: KEPT_DAYS,
    columns: {
      id: `id('${outcome}', i)`,
      flow: FLOW,
      skill_id: `CASE WHEN i % 100 < 70 THEN '${SKILLS[0]}' ELSE '${SKILLS[1]}' END`,
      client_id: `CASE WHEN i % 100 < 70 THEN '${alexaClientOf(SKILLS[0])}' ELSE '${alexaClientOf(SKILLS[1])}' END`,
      user_id: "id('user', i * 3)",
      browser_hash: `secret('browser', i * 3)`,
      outcome: `'${outcome}'`,
      reason: `'${reason}'`,
      steps: steps("sign_in_shown", "signed_in", step),
      state_hash: `IIF(${STARTED_HERE}, secret('state-${outcome}', i), NULL)`,
      redirect_uri: `IIF(${STARTED_HERE}, ${REDIRECT}, NULL)`,
      created_at: "at",
      expires_at: `at + ${HOUR_MS}`,
      finished_at: "at + 30000",
    },
  };
}

const FILLINGS: readonly Filling[] = [
  {
    table: "users",
    rows: (links) => ceil(links * 1.25),
    days: LINK_LIFETIME_DAYS,
    columns: {
      id: "id('user', i)",
      email: "'customer' || i || '@example.com'",
      name: "'Customer ' || i",
      created_at: "at",
      updated_at: "at",
    },
  },
  {
    table: "identities",
    rows: (links) => ceil(links * 1.25),
    days: LINK_LIFETIME_DAYS,
    columns: {
      method: "'oidc'",
      issuer: "'https://login.example.com'",
      subject: "'auth0|' || substr(id('subject', i), 1, 24)",
      user_id: "id('user', i)",
      created_at: "at",
      last_used_at: "at",
    },
  },
  {
    table: "sessions",
    rows: (links) => ceil(links * 0.6),
    days: 364,
    columns: {
      id: "id('session', i)",
      user_id: "id('user', i)",
      browser_hash: "secret('browser', i)",
      created_at: "at",
      ended_at: "IIF(i % 10 = 0, at + 600000, NULL)",
    },
  },
  {
    table: "grants",
    rows: (links) => links,
    days: LINK_LIFETIME_DAYS,
    columns: {
      id: "id('grant', i)",
      user_id: "id('user', i)",
      client_id: CLIENT,
      skill_id: SKILL,
      scope: "'profile devices:control'",
      flow: FLOW,
      attempt_id: "id('attempt', i)",
      refresh_hash: "secret('refresh', i)",
      created_at: "at",
      last_used_at: `MAX(at, :now - (i * 7 % ${30 * 24}) * ${HOUR_MS})`,
      idle_expires_at: `MAX(at, :now - (i * 7 % ${30 * 24}) * ${HOUR_MS}) + ${400 * DAY_MS}`,
      alexa_user_id:
        "IIF(i % 2 = 0, 'amzn1.ask.account.' || upper(id('alexa', i) || id('b', i) || id('c', i) || id('d', i) || id('e', i) || id('f', i)), NULL)",
      level_shown: "IIF(i % 2 = 0, 1, NULL)",
    },
  },
  {
    // Ended within the 30 days for which the row is kept.
    table: "grants",
    rows: (links) => ceil((links * 30) / LINK_LIFETIME_DAYS),
    days: 29,
    columns: {
      id: "id('ended', i)",
      user_id: "id('user', i * 5)",
      client_id: CLIENT,
      skill_id: SKILL,
      scope: "'profile devices:control'",
      flow: FLOW,
      attempt_id: "id('ended-attempt', i)",
      refresh_hash: "secret('ended-refresh', i)",
      created_at: `at - ${LINK_LIFETIME_DAYS * DAY_MS}`,
      last_used_at: "at",
      idle_expires_at: `at + ${400 * DAY_MS}`,
      revoked_at: "at",
      revoked_reason: "IIF(i % 3 = 0, 'skill_disabled', 'unlinked')",
    },
  },
  {
    // Of the links whose attempts are still kept.
    table: "attempts",
    rows: madeWithLinks(1),
    days: KEPT_DAYS,
    columns: {
      id: "id('attempt', i)",
      flow: FLOW,
      platform: `IIF(${STARTED_HERE}, 'ios', NULL)`,
      skill_id: SKILL,
      stage: `IIF(${STARTED_HERE}, 'live', NULL)`,
      client_id: CLIENT,
      user_id: "id('user', i)",
      browser_hash: "secret('browser', i)",
      outcome: "'linked'",
      steps: `IIF(${STARTED_HERE}, ${steps("linking_started", "amazon_code_received", "amazon_tokens_received", "code_redeemed", "enabled", "linked")}, ${steps("sign_in_shown", "signed_in", "consent_given", "code_redeemed")})`,
      decision: "'allow'",
      decided_at: "at + 8000",
      grant_id: "id('grant', i)",
      state_hash: `IIF(${STARTED_HERE}, secret('state', i), NULL)`,
      redirect_uri: `IIF(${STARTED_HERE}, ${REDIRECT}, NULL)`,
      return_to: `IIF(${STARTED_HERE}, 'https://app.example.com/alexa/done', NULL)`,
      amazon_code_hash: `IIF(${STARTED_HERE}, secret('amazon-code', i), NULL)`,
      amazon_host: `IIF(${STARTED_HERE}, 'https://api.eu.amazonalexa.com', NULL)`,
      run_id: `IIF(${STARTED_HERE}, id('run', i), NULL)`,
      created_at: "at",
      expires_at: `at + ${HOUR_MS}`,
      finished_at: "at + 12000",
      redeemed_at: "at + 10000",
    },
  },
  attemptsThat("abandoned", 0.32, "left_before_consent", "consent_shown"),
  attemptsThat("cancelled", 0.16, "denied_by_user", "consent_denied"),
  attemptsThat("failed", 0.12, "enablement_rejected", "failed"),
  {
    // Begun within the last hour and not finished: those that will be abandoned.
    table: "attempts",
    rows: (links) => 12 + ceil((links * 0.32) / LINK_LIFETIME_DAYS / 24),
    days: 0.04,
    columns: {
      id: "id('pending', i)",
      flow: "'alexa_app'",
      skill_id: SKILL,
      client_id: CLIENT,
      browser_hash: "secret('browser-pending', i)",
      outcome: "'pending'",
      steps: steps("sign_in_shown"),
      created_at: "at",
      expires_at: `at + ${HOUR_MS}`,
    },
  },
  {
    // Nobody signed in; kept for a day.
    table: "attempts",
    rows: (links) => ceil(links / 2 / LINK_LIFETIME_DAYS),
    days: 0.9,
    columns: {
      id: "id('nobody', i)",
      flow: "'alexa_app'",
      skill_id: `'${SKILLS[0]}'`,
      client_id: `'${alexaClientOf(SKILLS[0])}'`,
      browser_hash: "secret('browser-nobody', i)",
      outcome: "'abandoned'",
      reason: "'left_before_sign_in'",
      steps: steps("sign_in_shown"),
      created_at: "at",
      expires_at: `at + ${HOUR_MS}`,
      finished_at: `at + ${HOUR_MS}`,
    },
  },
  {
    // Of all attempts, those of people who did not sign in included.
    table: "initiations",
    rows: madeWithLinks(2.1),
    days: KEPT_DAYS,
    columns: {
      hour_at: `at / ${HOUR_MS} * ${HOUR_MS}`,
      key: "substr(secret('initiation', i), 1, 22)",
      at: "at",
      flow: FLOW,
      skill_id: SKILL,
      platform: `IIF(${STARTED_HERE}, 'ios', NULL)`,
      stage: `IIF(${STARTED_HERE}, 'live', NULL)`,
      locale: "'en'",
      browser_hash: "secret('browser', i)",
      user_id: "IIF(i % 21 < 16, id('user', i), NULL)",
    },
  },
  {
    // Spent, and kept for a day after they expired.
    table: "codes",
    rows: (links) => 3 + ceil(links / LINK_LIFETIME_DAYS),
    days: 1,
    columns: {
      code_hash: "secret('code', i)",
      attempt_id: "id('attempt', i)",
      grant_id: "id('grant', i)",
      origin: `IIF(${STARTED_HERE}, 'enablement', 'authorize')`,
      client_id: CLIENT,
      user_id: "id('user', i)",
      redirect_uri: REDIRECT,
      scope: "'profile devices:control'",
      code_challenge: "secret('challenge', i)",
      created_at: "at",
      expires_at: "at + 300000",
      spent_at: "at + 3000",
      claim_id: "id('claim', i)",
    },
  },
  {
    table: "amazon_tokens",
    rows: (links) => ceil((links * 4) / 10),
    days: LINK_LIFETIME_DAYS,
    columns: {
      grant_id: `id('grant', (i / 4) * 10 + 6 + i % 4)`,
      purpose: "'enablement'",
      host: "'https://api.eu.amazonalexa.com'",
      tokens: `substr(:keyId || '.' || secret('t', i) || :padding, 1, ${SEALED_LENGTH})`,
      access_expires_at: `at + ${HOUR_MS}`,
      code_hash: "secret('amazon-code', i)",
      updated_at: "at",
    },
  },
  {
    table: "pending_unlinks",
    rows: (links) => 5 + ceil(links / 20_000),
    days: 1,
    columns: {
      id: "id('unlink', i)",
      grant_id: "id('ended', i)",
      user_id: "id('user', i * 5)",
      skill_id: SKILL,
      host: "'https://api.eu.amazonalexa.com'",
      tokens: `substr(:keyId || '.' || secret('u', i) || :padding, 1, ${SEALED_LENGTH})`,
      sealed_for: "id('ended', i)",
      attempts: "3",
      next_attempt_at: `:now + ${DAY_MS}`,
      created_at: "at",
    },
  },
  {
    // Of the links that ended within the 400 days for which the audit is kept.
    table: "audit",
    rows: (links) => ceil((links * 400) / LINK_LIFETIME_DAYS),
    days: 399,
    columns: {
      at: "at",
      kind: "'grant_revoked'",
      user_id: "id('user', i * 5)",
      client_id: CLIENT,
      grant_id: "id('ended', i)",
      attempt_id: "id('ended-attempt', i)",
      details: "'unlinked'",
    },
  },
  {
    table: "audit",
    rows: (links) => 20 + ceil(links / 500),
    days: 399,
    columns: {
      at: "at",
      kind: "'retired_token_reused'",
      alert: "1",
      user_id: "id('user', i)",
      client_id: "'bench-app'",
      grant_id: "id('app-grant', i)",
    },
  },
  {
    table: "skill_events",
    rows: madeWithLinks(2),
    days: KEPT_DAYS,
    columns: {
      request_id: "'amzn1.echo-api.request.' || id('event', i)",
      type: "IIF(i % 2 = 0, 'SkillEnabled', 'SkillDisabled')",
      skill_id: SKILL,
      alexa_user_id:
        "'amzn1.ask.account.' || upper(id('alexa', i) || id('b', i) || id('c', i) || id('d', i) || id('e', i) || id('f', i))",
      event_at: "at",
      received_at: "at + 5000",
    },
  },
  {
    table: "throttles",
    rows: (links) => 10 + ceil(links / 10_000),
    days: 0.1,
    columns: { key: "secret('throttle', i)", failures: "2", updated_at: "at" },
  },
  {
    table: "sign_in_attempts",
    rows: (links) => 5 + ceil(links / 20_000),
    days: 0.01,
    columns: {
      state_hash: "secret('sign-in', i)",
      browser_hash: "secret('sign-in-browser', i)",
      slot: "0",
      expires_at: `at + ${HOUR_MS}`,
    },
  },
  {
    // The most that is kept.
    table: "refusals",
    rows: () => 250,
    days: 80,
    columns: {
      endpoint: "'authorize'",
      client_id: `CASE WHEN i < 150 THEN 'alexa-bench-' || (i / 50 + 1) ELSE 'unknown-' || i END`,
      reason: "IIF(i < 150, 'redirect_uri_unregistered', 'client_unknown')",
      detail: "'https://layla.amazon.com/api/skill/link/M' || i",
      count: "i + 1",
      last_seen_at: "at",
      recent: "json_array(json_array(at, 1, 'bench'))",
    },
  },
  {
    // Eight counters of three skills, every hour of 90 days: the number of links changes only the counts.
    table: "oauth_metrics",
    rows: () => 90 * 24 * 24,
    days: 90,
    columns: {
      hour_at: `(:now - (i / 24) * ${HOUR_MS}) / ${HOUR_MS} * ${HOUR_MS}`,
      skill_id: `CASE i % 3 WHEN 0 THEN '${SKILLS[0]}' WHEN 1 THEN '${SKILLS[1]}' ELSE '${SKILLS[2]}' END`,
      name: `CASE i / 3 % 8 WHEN 0 THEN 'token_refresh_success_50' WHEN 1 THEN 'authorize_shown' WHEN 2 THEN 'code_issued' WHEN 3 THEN 'code_redeemed_authorize'
        WHEN 4 THEN 'linking_started' WHEN 5 THEN 'code_redeemed_enablement' WHEN 6 THEN 'unlinked' ELSE 'linking_linked' END`,
      count: "1 + :links / 1000",
    },
  },
];

export interface FilledSize {
  /** Size of the file. */
  readonly bytes: number;
  readonly tables: readonly TableSize[];
}

/** One table with its indexes. */
export interface TableSize {
  readonly name: string;
  readonly rows: number;
  /** Pages of the table and of its indexes. */
  readonly bytes: number;
  readonly indexBytes: number;
}

/**
 * Fills a migrated database, whose file nobody else has open, with `links` links. Rows arrive in random order of their
 * ids and all indexes are kept meanwhile, so pages are as full as in a database that grew. Sealed values are not real;
 * they begin with `keyId`, as ours do.
 */
export function fill(path: string, links: number, keyId: string, onProgress: (text: string) => void): void {
  const db = new DatabaseSync(path);
  try {
    db.exec(
      "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA foreign_keys = OFF",
    );
    const options = { deterministic: true };
    db.function("id", options, (kind, i) => idOf(hash("sha256", `${kind} ${i}`, "buffer")));
    db.function("secret", options, (kind, i) => hash("sha256", `${kind} ${i}`, "base64url"));
    const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
    db.exec("BEGIN");
    for (const filling of FILLINGS) fillTable(db, filling, links, keyId, onProgress);
    for (const { sql } of triggers) db.exec(String(sql));
    db.exec("COMMIT");
    db.exec("PRAGMA journal_mode = WAL");
  } finally {
    db.close();
  }
}

/** An id as ours look, so that rows that are new lie between those that are there. */
function idOf(bytes: Uint8Array): string {
  let id = "0";
  for (const byte of bytes.subarray(0, 25)) id += "0123456789abcdefghjkmnpqrstvwxyz"[byte & 31];
  return id;
}

function fillTable(
  db: DatabaseSync,
  { table, rows: rowsFor, days, columns }: Filling,
  links: number,
  keyId: string,
  onProgress: (text: string) => void,
): void {
  const rows = rowsFor(links);
  if (rows >= 50_000) onProgress(`${rows.toLocaleString("en")} rows of ${table}`);
  const at = `:now - CAST((i + 0.5) * ${days * DAY_MS} / :rows AS INTEGER) AS at`;
  const statement = db.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :rows),
      timed AS (SELECT i, ${at} FROM n)
    INSERT INTO ${table} (${Object.keys(columns)}) SELECT ${Object.values(columns)} FROM timed`,
  );
  statement.setAllowUnknownNamedParameters(true);
  statement.run({
    rows: BigInt(rows),
    links: BigInt(links),
    now: BigInt(Date.now()),
    keyId,
    padding: "x".repeat(SEALED_LENGTH),
  });
}

/** The size of a file and of its tables, while nobody writes. */
export function sizesOf(path: string): FilledSize {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const objects = db
      .prepare(
        `SELECT s.tbl_name AS name, s.type = 'table' AS isTable, SUM(d.pgsize) AS bytes
         FROM dbstat d JOIN sqlite_schema s ON s.name = d.name WHERE d.aggregate = TRUE GROUP BY 1, 2`,
      )
      .all() as unknown as { name: string; isTable: 0 | 1; bytes: number }[];
    const names = [...new Set(objects.map(({ name }) => name))].filter((name) => !/^(_cf|d1_|sqlite_)/.test(name));
    const tables = names.map((name): TableSize => {
      const bytesOf = (isTable: 0 | 1) =>
        objects.find((object) => object.name === name && object.isTable === isTable)?.bytes ?? 0;
      const [count] = db.prepare(`SELECT COUNT(*) AS rows FROM ${name}`).all() as unknown as { rows: number }[];
      return { name, rows: count?.rows ?? 0, bytes: bytesOf(1) + bytesOf(0), indexBytes: bytesOf(0) };
    });
    const [file] = db.prepare("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size").all();
    return { bytes: Number(file?.bytes), tables: tables.sort((a, b) => b.bytes - a.bytes) };
  } finally {
    db.close();
  }
}
