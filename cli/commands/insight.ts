// `alexa-link attempts`, `refusals`, `alerts`, `audit` and `metrics`: what happened at a server.
import { type Command, Option } from "commander";
import { read, readAll } from "../admin-api.ts";
import { type AdminOptions, type AdminRun, adminAction, adminCommand, wholeNumber } from "../admin-command.ts";
import { type MetricsReport, metricsTable } from "../metrics-output.ts";
import { withExamples } from "../options.ts";
import { table } from "../table.ts";
import { jsonText, type Terminal, UsageError } from "../terminal.ts";

interface ListOptions extends AdminOptions {
  readonly limit?: number;
  readonly all?: boolean;
  readonly skillId?: string;
  readonly userId?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly flow?: string;
  readonly platform?: string;
  readonly from?: string;
  readonly to?: string;
  readonly alerts?: boolean;
  readonly open?: boolean;
  readonly linkId?: string;
  readonly endpoint?: string;
  readonly clientId?: string;
}

const LIMIT = 50;

function listCommand(name: string, description: string): Command {
  return adminCommand(name, description)
    .option("--limit <N>", `how many, newest first (default: ${LIMIT})`, wholeNumber(1))
    .option("--all", "all that the server has kept");
}

/** All items, or as many as the options say. */
function items<T>(run: AdminRun<ListOptions>, path: string, query = {}): Promise<readonly T[]> {
  const { limit, all } = run.options;
  if (limit !== undefined && all) throw new UsageError("--limit and --all exclude each other.");
  return readAll<T>(run.service, path, run.terminal, { query, ...(all ? {} : { limit: limit ?? LIMIT }) });
}

interface Attempt {
  readonly id: string;
  readonly flow: string;
  readonly skillId: string | null;
  readonly userId: string | null;
  readonly outcome: string;
  readonly reason: string | null;
  readonly remedy?: string;
  readonly steps: readonly { readonly name: string }[];
  readonly createdAt: string;
}

/** The command `attempts`. */
export function attemptsCommand(terminal: Terminal): Command {
  const command = listCommand("attempts", "list link attempts, and why they failed")
    .alias("linkings")
    .option("--skill-id <ID>", "of this skill")
    .option("--user-id <ID>", "of this user")
    .option("--outcome <OUTCOME>", "pending, linked, cancelled, failed or abandoned")
    .option("--reason <REASON>", "that failed for this reason, such as code_expired")
    .option("--flow <FLOW>", "alexa_app, app_to_app, website, app_authorize or oauth")
    .option("--platform <PLATFORM>", "ios, android or web")
    .option("--from <TIME>", "started at this time or later, such as 2026-10-01 or 2026-10-01T12:00:00Z")
    .option("--to <TIME>", "started before this time");
  return withExamples(command, terminal, ["attempts --outcome failed", "attempts --all --json"]).action(
    adminAction<ListOptions>(terminal, async (run) => {
      const { skillId, userId, outcome, reason, flow, platform, from, to } = run.options;
      const query = { skillId, userId, outcome, reason, flow, platform, from, to };
      const attempts = await items<Attempt>(run, "/linkings", query);
      run.show(attempts, () =>
        attempts.length === 0
          ? "No link attempt."
          : table(
              ["STARTED", "FLOW", "SKILL", "USER", "OUTCOME", "REASON", "LAST STEP", "REMEDY"],
              attempts.map((attempt) => [
                attempt.createdAt,
                attempt.flow,
                attempt.skillId,
                attempt.userId,
                attempt.outcome,
                attempt.reason,
                attempt.steps.at(-1)?.name,
                attempt.remedy,
              ]),
            ),
      );
    }),
  );
}

const ENDPOINTS = ["authorize", "wrong_address", "token", "events", "accept_grant"];

interface Refusal {
  readonly endpoint: string;
  readonly clientId: string;
  readonly reason: string;
  readonly redirectUri: string;
  readonly path?: string;
  readonly grantId?: string | null;
  readonly skillId?: string | null;
  readonly remedy?: string;
  readonly count: number;
  readonly lastSeenAt: string;
}

/** The command `refusals`. */
export function refusalsCommand(terminal: Terminal): Command {
  const description = "list refused requests: authorization requests, and token requests to a wrong address";
  const command = listCommand("refusals", description)
    .addOption(new Option("--endpoint <ENDPOINT>", "those of one endpoint instead").choices(ENDPOINTS))
    .option("--client-id <ID>", "of this client");
  return withExamples(command, terminal, ["refusals", "refusals --endpoint token --json"]).action(
    adminAction<ListOptions>(terminal, async (run) => {
      const { endpoint, clientId } = run.options;
      const refusals = await items<Refusal>(run, "/refusals", { endpoint, clientId });
      run.show(refusals, () =>
        refusals.length === 0
          ? "Nothing was refused."
          : table(
              ["LAST SEEN", "COUNT", "ENDPOINT", "CLIENT", "REASON", "REDIRECT URI, PATH, LINK OR SKILL", "REMEDY"],
              refusals.map((refusal) => [
                refusal.lastSeenAt,
                refusal.count,
                refusal.endpoint,
                refusal.clientId,
                refusal.reason,
                refusal.path ?? refusal.grantId ?? refusal.skillId ?? refusal.redirectUri,
                refusal.remedy,
              ]),
            ),
      );
    }),
  );
}

interface Alert {
  readonly name: string;
  readonly subject: string;
  readonly since: string;
  readonly clearedAt: string | null;
  readonly message: string;
  readonly remedy?: string;
}

/** The command `alerts`. */
export function alertsCommand(terminal: Terminal): Command {
  const command = listCommand("alerts", "list what is wrong now, and what was until lately")
    .option("--open", "open alerts only")
    .option("--skill-id <ID>", "of this skill, and of the whole server");
  return withExamples(command, terminal, ["alerts --open", "alerts --json"]).action(
    adminAction<ListOptions>(terminal, async (run) => {
      const { open, skillId } = run.options;
      const alerts = await items<Alert>(run, "/alerts", { open: open ? "true" : undefined, skillId });
      run.show(alerts, () =>
        alerts.length === 0
          ? "No alert."
          : table(
              ["SINCE", "CLEARED", "ALERT", "WHAT", "REMEDY"],
              alerts.map(({ since, clearedAt, name, message, remedy }) => [
                since,
                clearedAt ?? "open",
                name,
                message,
                remedy,
              ]),
            ),
      );
    }),
  );
}

interface AuditRecord {
  readonly at: string;
  readonly kind: string;
  readonly alert: boolean;
  readonly actor: string | null;
  readonly userId: string | null;
  readonly clientId: string | null;
  readonly grantId: string | null;
  readonly details: string | null;
}

/** The command `audit`. */
export function auditCommand(terminal: Terminal): Command {
  const command = listCommand("audit", "list changes and alerts")
    .option("--alerts", "alerts only")
    .option("--user-id <ID>", "about this user")
    .option("--link-id <ID>", "about this link");
  return withExamples(command, terminal, ["audit --alerts", "audit --user-id 01exampleuser --json"]).action(
    adminAction<ListOptions>(terminal, async (run) => {
      const { alerts, userId, linkId } = run.options;
      const query = { alert: alerts ? "true" : undefined, userId, grantId: linkId };
      const records = await items<AuditRecord>(run, "/audit", query);
      run.show(records, () =>
        records.length === 0
          ? "No record."
          : table(
              ["AT", "ALERT", "KIND", "OPERATOR", "USER", "CLIENT", "LINK", "DETAILS"],
              records.map((record) => [
                record.at,
                record.alert ? "alert" : "",
                record.kind,
                record.actor,
                record.userId,
                record.clientId,
                record.grantId,
                record.details,
              ]),
            ),
      );
    }),
  );
}

const GROUPS = ["skill", "stage", "locale", "platform", "flow"];

interface MetricsOptions extends AdminOptions {
  readonly format?: "table" | "json" | "csv";
  readonly csv?: boolean;
  readonly groupBy?: string;
  readonly skillId?: string;
  readonly from?: string;
  readonly to?: string;
  readonly period?: string;
  readonly stage?: string;
  readonly locale?: string;
  readonly platform?: string;
  readonly flow?: string;
}

/** The command `metrics`. */
export function metricsCommand(terminal: Terminal): Command {
  const choice = (flags: string, text: string, choices: readonly string[]) => new Option(flags, text).choices(choices);
  const command = adminCommand("metrics", "show how many link attempts were started and completed")
    .option("--skill-id <ID>", "of this skill")
    .option("--from <TIME>", "from this time or date, such as 2026-10-01 (default: 30 days, or two days by the hour)")
    .option("--to <TIME>", "up to this time or date (default: now)")
    .addOption(choice("--period <PERIOD>", "one row for each hour or day (default: day)", ["hour", "day"]))
    .addOption(choice("--group-by <WHAT>", "one row for each of these", GROUPS))
    .addOption(choice("--stage <STAGE>", "of this skill stage", ["development", "live"]))
    .option("--locale <LANGUAGE>", "of pages in this language, such as en")
    .addOption(choice("--platform <PLATFORM>", "of this platform", ["ios", "android", "web"]))
    .addOption(choice("--flow <FLOW>", "of this flow", ["alexa_app", "app_to_app", "website", "app_authorize"]))
    .addOption(choice("--format <FORMAT>", "table (default), json or csv", ["table", "json", "csv"]))
    .option("--csv", "the same as --format csv");
  return withExamples(command, terminal, [
    "metrics",
    "metrics --period hour --from 2026-10-01 --to 2026-10-02 --csv",
    "metrics --group-by skill",
  ]).action(
    adminAction<MetricsOptions>(terminal, async ({ service, options }) => {
      const { skillId, from, to, period, groupBy, stage, locale, platform, flow, json, csv } = options;
      const format = options.format ?? (csv ? "csv" : json ? "json" : "table");
      if ((json && format !== "json") || (csv && format !== "csv") || (json && csv)) {
        throw new UsageError("--json, --csv and --format exclude each other.");
      }
      const sent = { format: format === "csv" ? "csv" : "json" };
      const query = { skillId, from, to, period, groupBy, stage, locale, platform, flow, ...sent };
      if (format === "csv") {
        const text = await read<string>(service, "/metrics", query);
        terminal.print(text.trimEnd().replaceAll("\r\n", "\n"));
        return;
      }
      const report = await read<MetricsReport>(service, "/metrics", query);
      const group = groupBy === undefined || groupBy === "skill" ? undefined : groupBy;
      terminal.print(format === "json" ? jsonText(report) : metricsTable(report, group));
    }),
  );
}
