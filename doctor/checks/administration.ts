// A server of this project from the inside: health, keys, skills, what failed in the last day, and drift at Amazon.

import {
  amazonRedirectUri,
  buildAuthorizationRequest,
  REDIRECT_HOSTS,
  type RedirectHost,
} from "../../simulator/library/authorization-request.ts";
import { createBrowser, type VisitedPage } from "../../simulator/library/browser.ts";
import { isLoopback } from "../../simulator/library/cookies.ts";
import type { Administration, Area, Examination } from "../examination.ts";
import type { Check, Report } from "../report.ts";
import { ADMIN } from "./administration-catalogue.ts";

const CHECKS: readonly Check[] = Object.values(ADMIN);
const DAY_MS = 86_400_000;
/** The rotation period of 90 days, and what the scheduled work may be late. */
const OLDEST_KEY_DAYS = 95;
const SOON_DAYS = 2;
const MOST_NAMED = 5;

type Json = Readonly<Record<string, unknown>>;

/** Runs with `--admin`. Must run before the areas that cause refusals and alerts of their own. */
export const administration: Area = {
  name: "administration",
  checks: CHECKS,
  async run(examination: Examination) {
    const { report, probes, progress } = examination;
    const admin = probes.administration;
    if (!admin) {
      report.skipRest(CHECKS, "needs --admin and a server of this project");
      return;
    }
    progress("reading the admin API");
    const health = await admin.get("/healthz");
    const ok = health.status === 200 && health.json?.status === "ok";
    report.expect(ADMIN.health, ok, "ok", `${health.status}: ${textOf(health.json?.detail, "no reason given")}`);
    const listed = await admin.get("/api/admin/skills?limit=200");
    if (listed.status !== 200 || !Array.isArray(listed.json?.items)) {
      report.expect(ADMIN.access, false, "", explainAccess(listed.status, listed.json));
      report.skipRest(CHECKS, "the admin API cannot be read");
      return;
    }
    const version = textOf(((await admin.get("/openapi.json")).json?.info as Json | undefined)?.version, "unknown");
    report.pass(ADMIN.access, `the server's version is ${version}`);
    const skills = itemsOf(listed.json);
    judgeSkills(report, skills);
    await judgeKeys(report, admin);
    await judgeLastDay(report, admin);
    await judgeDrift(report, admin, skills);
    await judgePages(examination, skills);
    report.skipRest(CHECKS, "not reached");
  },
};

function textOf(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value : otherwise;
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function itemsOf(json: Json | undefined): Json[] {
  return Array.isArray(json?.items) ? json.items.map(objectOf) : [];
}

function explainAccess(status: number, json: Json | undefined): string {
  if (status === 401) return "401: ADMIN_TOKEN is not the one of this server";
  if (status === 404) return "404: this is no server of this project";
  return `${status || "no response"}${typeof json?.detail === "string" ? `: ${json.detail}` : ""}`;
}

/** The first few, and how many more there are. */
function listed(texts: readonly string[]): string {
  const more = texts.length - MOST_NAMED;
  return texts.slice(0, MOST_NAMED).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function judgeSkills(report: Report, skills: readonly Json[]): void {
  report.expect(ADMIN.skills, skills.length > 0, listed(skills.map(({ id }) => textOf(id))), "there is none");
  if (skills.length === 0) {
    report.skipRest([ADMIN.hosts, ADMIN.overlap, ADMIN.swapped], "no skill is registered");
  }
  for (const skill of skills) {
    const client = objectOf(skill.client);
    judgeHosts(report, skill, Array.isArray(client.redirectUris) ? client.redirectUris.map(String) : []);
    judgePair(report, skill, textOf(client.id));
    for (const each of [client, objectOf(skill.serviceClient)]) if ("id" in each) judgeOverlap(report, each);
  }
}

function judgeHosts(report: Report, { id, vendorId }: Json, redirectUris: readonly string[]): void {
  const missing = (Object.keys(REDIRECT_HOSTS) as RedirectHost[]).filter((host) => {
    const expected = amazonRedirectUri(host, textOf(vendorId));
    return !redirectUris.some((uri) => (vendorId ? uri === expected : uri.startsWith(expected)));
  });
  const names = missing.map((host) => REDIRECT_HOSTS[host]).join(", ");
  // Only MCP add-ons have been seen with the fourth host.
  const minor = missing.length === 1 && missing[0] === "alexa";
  report.expect(
    ADMIN.hosts,
    missing.length === 0,
    textOf(id),
    `${id} lacks ${names}`,
    minor ? { outcome: "warn" } : {},
  );
}

const AMAZONS_ID = "amzn1.application-oa2-client.";

function judgePair(report: Report, { id, lwa, eventGateway }: Json, clientId: string): void {
  const pairs = { lwa: objectOf(lwa).clientId, eventGateway: objectOf(eventGateway).clientId };
  if (clientId.startsWith(AMAZONS_ID)) {
    report.problem(
      ADMIN.swapped,
      `${id}: the client id that Alexa presents to this server is one of Amazon's, ${clientId}`,
    );
  }
  for (const [name, given] of Object.entries(pairs)) {
    const found = textOf(given);
    if (found === "") continue;
    if (found === clientId)
      report.problem(ADMIN.swapped, `${id}: ${name}.clientId is the id that Alexa presents to this server`);
    else if (!found.startsWith(AMAZONS_ID))
      report.problem(ADMIN.swapped, `${id}: ${name}.clientId is ${found}, not an id of Amazon's`);
    else report.pass(ADMIN.swapped, `${id}: ${name}`);
  }
  if (report.outcomeOf(ADMIN.swapped) === undefined) report.skip(ADMIN.swapped, "no skill has a pair of Amazon's");
}

function judgeOverlap(report: Report, { id, previousSecretExpiresAt }: Json): void {
  const left = (Date.parse(textOf(previousSecretExpiresAt)) - Date.now()) / DAY_MS;
  if (Number.isNaN(left) || left < 0) {
    report.pass(ADMIN.overlap, `${id}: one secret`);
    return;
  }
  const found = `${id}: the previous secret ends on ${textOf(previousSecretExpiresAt).slice(0, 10)}`;
  report.expect(ADMIN.overlap, left > SOON_DAYS, found, found);
}

async function judgeKeys(report: Report, admin: Administration): Promise<void> {
  const keys = itemsOf((await admin.get("/api/admin/keys")).json);
  const current = keys.find(({ status }) => status === "current");
  const next = keys.some(({ status }) => status === "next");
  if (keys.length === 0) {
    report.skip(ADMIN.keys, "there is none yet: the first token makes it");
    report.skip(ADMIN.keyAge, "there is no key yet");
    return;
  }
  report.expect(
    ADMIN.keys,
    Boolean(current),
    `${current?.kid} signs${next ? ", a next key is published" : ""}`,
    "no key is current",
  );
  if (!current) {
    report.skip(ADMIN.keyAge, "no key is current");
    return;
  }
  const days = Math.floor((Date.now() - Date.parse(textOf(current.signsFrom, textOf(current.createdAt)))) / DAY_MS);
  report.expect(ADMIN.keyAge, days <= OLDEST_KEY_DAYS, `${days} days`, `it signs since ${days} days`);
}

async function judgeLastDay(report: Report, admin: Administration): Promise<void> {
  const since = Date.now() - DAY_MS;
  const recent = async (path: string, time: string) =>
    itemsOf((await admin.get(`/api/admin/${path}`)).json).filter((item) => Date.parse(textOf(item[time])) >= since);

  const alerts = await recent("audit?alert=true&limit=200", "at");
  const own = { unlink_given_up: ADMIN.unlinks, webhook_given_up: ADMIN.webhooks } as const;
  for (const [kind, check] of Object.entries(own)) {
    const found = alerts.filter((alert) => alert.kind === kind).map(({ details }) => textOf(details, kind));
    report.expect(check, found.length === 0, "none", `${found.length}: ${listed(found)}`);
  }
  const counts = new Map<string, number>();
  for (const kind of alerts.map((alert) => textOf(alert.kind))) {
    if (!Object.hasOwn(own, kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const kinds = [...counts].map(([kind, count]) => `${kind} (${count})`);
  report.expect(ADMIN.alerts, kinds.length === 0, "none", listed(kinds));

  const refusals = await recent("refusals?limit=200", "lastSeenAt");
  judgeWithRemedies(
    report,
    ADMIN.refusals,
    refusals,
    ({ clientId, reason, redirectUri, path, count }) =>
      `${clientId || "no client id"}: ${reason} ${redirectUri || path || ""} (${count})`,
  );
  const failed = await recent("linkings?outcome=failed&limit=200", "createdAt");
  judgeWithRemedies(
    report,
    ADMIN.attempts,
    failed,
    ({ skillId, reason, traceId }) => `${skillId}: ${reason} (${traceId})`,
  );

  const from = new Date(since).toISOString();
  const metrics = (await admin.get(`/api/admin/metrics?period=hour&from=${encodeURIComponent(from)}`)).json;
  const refused = countIn(metrics, "accept_grant_failed");
  const accepted = countIn(metrics, "accept_grant_ok");
  if (refused + accepted === 0) report.skip(ADMIN.acceptGrant, "no AcceptGrant arrived in the last day");
  else
    report.expect(
      ADMIN.acceptGrant,
      refused === 0,
      `${accepted} in a day`,
      `${refused} of ${refused + accepted} failed in the last day`,
    );
}

/** What is wrong, with the advice that the server itself gives. */
function judgeWithRemedies(report: Report, check: Check, items: readonly Json[], name: (item: Json) => string): void {
  const remedies = [...new Set(items.map(({ remedy }) => textOf(remedy)).filter((remedy) => remedy !== ""))];
  const advice = remedies.length > 0 ? { remedy: `${listed(remedies)} ${check.remedy}` } : {};
  report.expect(check, items.length === 0, "none", listed(items.map((item) => name(item).trim())), advice);
}

/** A counter of the metrics, in whichever form they are. */
function countIn(metrics: Json | undefined, name: string): number {
  const totals = objectOf(metrics?.totals);
  const count = objectOf(totals.counts)[name] ?? totals[name];
  return typeof count === "number" ? count : 0;
}

async function judgeDrift(report: Report, admin: Administration, skills: readonly Json[]): Promise<void> {
  const linked = skills.filter(({ type }) => type !== "add_on");
  if (!admin.driftOf) {
    report.skip(ADMIN.drift, "needs the developer's token in SMAPI_ACCESS_TOKEN");
    return;
  }
  if (linked.length === 0) {
    report.skip(ADMIN.drift, "no skill is configured by SMAPI");
    return;
  }
  for (const { id } of linked) {
    try {
      const drift = await admin.driftOf(textOf(id));
      report.expect(ADMIN.drift, drift.length === 0, textOf(id), `${id}: ${listed(drift)}`);
    } catch (error) {
      report.skip(ADMIN.drift, `${id}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** The sign-in page as a customer of the first skill sees it. */
async function judgePages({ report, target, fetch }: Examination, [skill]: readonly Json[]): Promise<void> {
  const both = [ADMIN.password, ADMIN.privacy];
  const client = objectOf(skill?.client);
  const [redirectUri] = Array.isArray(client.redirectUris) ? client.redirectUris.map(String) : [];
  if (isLoopback(new URL(target.authorizationUrl)) || redirectUri === undefined) {
    const why = redirectUri === undefined ? "no skill is registered" : "this machine is no public server";
    return report.skipRest(both, why);
  }
  const { url } = await buildAuthorizationRequest({
    authorizationUrl: target.authorizationUrl,
    clientId: textOf(client.id),
    redirectUri,
    scopes: [],
    pkce: true,
  });
  const page = await firstPage(fetch, url);
  if (page?.status !== 200) {
    return report.skipRest(both, `the sign-in page returns ${page?.status ?? "nothing"}`);
  }
  const password = /<input [^>]{0,500}type=["']?password/i.test(page.html.slice(0, 200_000));
  report.expect(ADMIN.password, !password, "no password field", "the sign-in page asks for a password of this server");
  const linked = page.links.some(({ text, url: to }) => /privacy/i.test(text) && /^https?:/.test(to));
  report.expect(ADMIN.privacy, linked, "there is a link", "the sign-in page has no link with the word privacy");
}

/** Opens a URL and follows redirects of the same origin to the first page. Presses nothing. */
async function firstPage(fetch: Examination["fetch"], url: string): Promise<VisitedPage | undefined> {
  const { origin } = new URL(url);
  const visit = await createBrowser(fetch)
    .browse(url, {
      act: () => ({ stop: "the first page" }),
      until: (address) => !address.startsWith(`${origin}/`),
      headers: { "accept-language": "en" },
    })
    .catch(() => undefined);
  return visit?.pages[0];
}
