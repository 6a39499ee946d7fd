// `alexa-link keys` and `alexa-link maintenance`.
import type { Command } from "commander";
import { call, read } from "../admin-api.ts";
import { type AdminOptions, type AdminRun, adminAction, adminCommand, groupCommand } from "../admin-command.ts";
import { withExamples } from "../options.ts";
import { sheet, table } from "../table.ts";
import { CommandError, confirm, type Terminal } from "../terminal.ts";

interface Key {
  readonly kid: string;
  readonly status: string;
  readonly createdAt: string;
  readonly signsFrom: string;
  readonly verifiesUntil: string | null;
}

interface KeyOptions extends AdminOptions {
  readonly compromised?: string;
  readonly yes?: boolean;
}

/** The command `keys`. */
export function keysCommand(terminal: Terminal): Command {
  const group = groupCommand("keys", "see and rotate the keys that sign access tokens", [
    withExamples(adminCommand("list", "list the signing keys"), terminal, ["keys list"]).action(
      adminAction(terminal, listKeys),
    ),
    withExamples(
      adminCommand("rotate", "publish the next key, which signs ten minutes later")
        .option("--compromised <KID>", "drop this key at once: its tokens become invalid, and Alexa refreshes them")
        .option("--yes", "do not ask"),
      terminal,
      ["keys rotate", "keys rotate --compromised 01examplekey"],
    ).action(adminAction<KeyOptions>(terminal, rotateKeys)),
  ]);
  return withExamples(group, terminal, ["keys list", "keys rotate"]);
}

function keyTable(keys: readonly Key[]): string {
  return table(
    ["KID", "STATUS", "CREATED", "SIGNS FROM", "VERIFIES UNTIL"],
    keys.map(({ kid, status, createdAt, signsFrom, verifiesUntil }) => [
      kid,
      status,
      createdAt,
      signsFrom,
      verifiesUntil ?? "–",
    ]),
  );
}

async function listKeys({ service, show }: AdminRun<AdminOptions>): Promise<void> {
  const { items } = await read<{ items: readonly Key[] }>(service, "/keys");
  show(items, () => (items.length === 0 ? "There is no signing key yet. The first token makes one." : keyTable(items)));
}

const RESULTS: Readonly<Record<string, string>> = {
  rotated: "Published the next key. It signs in ten minutes.",
  pending: "A next key is published already. Nothing was changed.",
  dropped: "Dropped the key. Its tokens are invalid from now on.",
};

async function rotateKeys({ service, options, terminal, show }: AdminRun<KeyOptions>): Promise<void> {
  const { compromised } = options;
  if (compromised !== undefined) {
    await confirm(
      terminal,
      `Drop the key ${compromised} at ${service.origin}? Every token that it signed becomes invalid.`,
      options.yes,
    );
  }
  const rotation = await call<{ result: string; items: readonly Key[] }>(service, "POST", "/keys/rotate", {
    compromised,
  });
  show(rotation, () => `${RESULTS[rotation.result] ?? rotation.result}\n\n${keyTable(rotation.items)}`);
}

interface Maintenance {
  readonly swept: Readonly<Record<string, number>>;
  readonly finishedUnlinks: number;
  readonly deliveredWebhooks: number;
  readonly resealed: number;
  readonly keyRotated: boolean;
  readonly raisedAlerts: number;
  readonly clearedAlerts: number;
  readonly more: boolean;
  readonly failed: readonly string[];
}

/** The command `maintenance`. */
export function maintenanceCommand(terminal: Terminal): Command {
  const command = adminCommand("maintenance", "run the scheduled work now; exit code 1 if a part of it failed");
  return withExamples(command, terminal, ["maintenance", "maintenance --json"]).action(adminAction(terminal, maintain));
}

async function maintain({ service, show, terminal }: AdminRun<AdminOptions>): Promise<void> {
  const result = await call<Maintenance>(service, "POST", "/maintenance", {});
  const { swept, finishedUnlinks, deliveredWebhooks, resealed, keyRotated, failed } = result;
  show(result, () =>
    sheet({
      ...Object.fromEntries(Object.entries(swept).map(([name, count]) => [`swept ${name}`, count])),
      "finished unlinks": finishedUnlinks,
      "delivered webhooks": deliveredWebhooks,
      "resealed rows": resealed,
      "key rotated": keyRotated ? "yes" : "no",
      "raised alerts": result.raisedAlerts,
      "cleared alerts": result.clearedAlerts,
    }),
  );
  if (result.more) terminal.note("There is more to do: run this again, or wait for the next scheduled run.");
  if (failed.length > 0) throw new CommandError(`These parts failed: ${failed.join(", ")}. The server's log says why.`);
}
