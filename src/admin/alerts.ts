// Raises and clears alerts, each once: when the condition begins and when it is over.
import { currentSigner } from "../oauth/keys.ts";
import type { Runtime } from "../runtime.ts";
import {
  type Alert,
  type Fact,
  readAlertSources,
  readCompletions,
  type StoredAlert,
  writeAlerts,
} from "../storage/maintenance/alerts.ts";
import { DAY_MS, HOUR_MS } from "../storage/maintenance/metrics.ts";
import { UnreadableValue } from "../storage/sealed.ts";
import { type AlertRule, alertRules, type Finding } from "./alert-rules.ts";
import { COMPLETION_RATE_FELL, completionFindings, completionParts } from "./completion-rate.ts";

const SHOWN_REASONS = 3;
/** How often the scheduled maintenance runs. */
const RUN_PERIOD_MS = 5 * 60_000;

/** Evaluates and stores alerts. Safe to run concurrently. `rotationFailed`: the rotation of the signing key failed. */
export async function evaluateAlerts(
  rt: Runtime,
  { rotationFailed, atOnce }: { readonly rotationFailed: boolean; readonly atOnce: boolean },
): Promise<{ readonly raised: number; readonly cleared: number }> {
  const now = rt.now();
  const since = now - (now % HOUR_MS) - HOUR_MS;
  // The completion rate reads a week, so only in the first run of each hour, or when an operator runs it.
  const readsWeek = atOnce || now % HOUR_MS < RUN_PERIOD_MS;
  const [{ facts, alerts: recent }, keyFacts, weeks] = await Promise.all([
    readAlertSources(rt.db, since, since - DAY_MS),
    signingKeyFacts(rt, rotationFailed),
    readsWeek ? readCompletions(rt.db, completionParts(since)) : undefined,
  ]);
  const alerts = recent.filter(({ name }) => readsWeek || name !== COMPLETION_RATE_FELL);
  const findings = [
    ...alertRules().flatMap((rule) => findingsOf(rule, [...keyFacts, ...facts], since)),
    ...completionFindings(weeks ?? [], alerts),
  ];
  const open = alerts.filter(({ clearedAt }) => clearedAt === null);
  /** A cleared alert can still explain what is counted: since `since`, or for the completion rate for a day. */
  const isRecent = (clearedAt: number | null, name: string) =>
    clearedAt === null || clearedAt > (name === COMPLETION_RATE_FELL ? since - DAY_MS : since);
  const openAs = ({ name, subject }: Alert) => open.find((one) => one.name === name && one.subject === subject);
  const cleared = open.filter((one) => !findings.some(({ alert, holds }) => holds && openAs(alert) === one));
  const raised: Alert[] = [];
  for (const { alert, raises, causes } of findings) {
    const possible = [...alerts.filter(({ clearedAt }) => isRecent(clearedAt, alert.name)), ...raised];
    const explained = possible.some((other) => causes.includes(other.name) && concerns(other, alert));
    if (raises && !explained && !openAs(alert)) raised.push(alert);
  }
  const continued = findings
    .filter(({ alert, holds }) => holds && isOutdated(openAs(alert), alert))
    .map(({ alert }) => alert);
  const changed = await writeAlerts(rt.db, { raised, continued, cleared }, now);
  for (const name of changed.raised) rt.log.alert("alert_raised", { name });
  for (const name of changed.cleared) rt.log.info("alert_cleared", { name });
  return { raised: changed.raised.length, cleared: changed.cleared.length };
}

/** Whether `other` is about the same skill or client, or one of them is about the whole server. */
function concerns(other: Alert, alert: Alert): boolean {
  const sameSkill = other.skillId !== null && other.skillId === alert.skillId;
  return sameSkill || other.subject === alert.subject || isOfServer(other) || isOfServer(alert);
}

/** Whether its rule is about the server. A skill rule without a skill, such as the LWA pair of sign-in, is not. */
function isOfServer({ name }: Alert): boolean {
  return alertRules().find((rule) => rule.name === name)?.per === "server";
}

function isOutdated(stored: StoredAlert | undefined, latest: Alert): boolean {
  return stored !== undefined && stored.message !== latest.message;
}

async function signingKeyFacts(rt: Runtime, rotationFailed: boolean): Promise<Fact[]> {
  const fact = (problem: string): Fact => ({ name: `signing_key_${problem}`, skillId: "", clientId: null, count: 1 });
  const facts = rotationFailed ? [fact("rotation_failed")] : [];
  try {
    await currentSigner(rt);
  } catch (error) {
    facts.push(fact(error instanceof UnreadableValue ? "unreadable" : "missing"));
  }
  return facts;
}

interface Sum {
  readonly fact: Fact;
  bad: number;
  good: number;
  readonly reasons: Map<string, number>;
}

/** The findings of a rule, one for each subject. */
function findingsOf(rule: AlertRule, facts: readonly Fact[], since: number): Finding[] {
  const sums = new Map<string, Sum>();
  for (const fact of facts) {
    const reason = rule.bad(fact.name);
    if (reason === undefined && !rule.good?.(fact.name)) continue;
    // Anyone can send token requests that name no skill's client.
    if (rule.per === "skill" && fact.skillId === "" && fact.name.startsWith("token_")) continue;
    const subject = subjectOf(rule, fact);
    const sum = sums.get(subject) ?? { fact, bad: 0, good: 0, reasons: new Map<string, number>() };
    sums.set(subject, sum);
    if (reason === undefined) sum.good += fact.count;
    else {
      sum.bad += fact.count;
      sum.reasons.set(reason, (sum.reasons.get(reason) ?? 0) + fact.count);
    }
  }
  return [...sums].map(([subject, sum]) => findingOf(rule, subject, sum, since));
}

function subjectOf({ per }: AlertRule, { skillId, clientId }: Fact): string {
  if (per === "server") return "";
  return per === "client" ? (clientId ?? "") : skillId;
}

function findingOf(rule: AlertRule, subject: string, { fact, bad, good, reasons }: Sum, since: number): Finding {
  const all = bad + good;
  const share = all === 0 ? 0 : bad / all;
  const most = [...reasons].toSorted((a, b) => b[1] - a[1]).slice(0, SHOWN_REASONS);
  const about =
    rule.per !== "server" && subject !== "" ? `${rule.per === "skill" ? "Skill" : "Client"} ${subject}: ` : "";
  const counted = rule.good ? `${bad} of ${all}` : String(bad);
  const named = most.map(([reason, count]) => `${reason} ${count}`).join(", ");
  return {
    alert: {
      name: rule.name,
      subject,
      skillId: rule.per === "server" || fact.skillId === "" ? null : fact.skillId,
      clientId: rule.per === "client" ? fact.clientId : null,
      message: `${about}${counted} ${rule.what} since ${minute(since)} UTC (${named}).`,
      numbers: { bad, ...(rule.good ? { all } : {}), reasons: Object.fromEntries(most) },
    },
    causes: rule.causes ?? [],
    raises: bad >= rule.least && share >= rule.share,
    holds: bad > 0 && bad >= rule.least / 2 && share >= rule.share / 2,
  };
}

/** `2026-11-29 14:00`. */
function minute(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}
