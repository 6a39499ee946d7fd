// `alexa-link webhooks`.
import type { Command } from "commander";
import { call, readAll } from "../admin-api.ts";
import { type AdminOptions, type AdminRun, adminAction, adminCommand, groupCommand } from "../admin-command.ts";
import { withExamples } from "../options.ts";
import { table } from "../table.ts";
import { confirm, type Terminal } from "../terminal.ts";

interface Message {
  readonly id: string;
  readonly type: string;
  readonly occurredAt: string;
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
  readonly state: string;
}

interface RedeliverOptions extends AdminOptions {
  readonly yes?: boolean;
}

/** The command `webhooks`. */
export function webhooksCommand(terminal: Terminal): Command {
  const group = groupCommand("webhooks", "see and redeliver webhook messages that are not delivered", [
    withExamples(adminCommand("list", "list messages that wait or were given up"), terminal, ["webhooks list"]).action(
      adminAction(terminal, listMessages),
    ),
    withExamples(
      adminCommand("redeliver", "deliver one message, or all, now")
        .argument("[id]", "one message; without it all")
        .option("--yes", "do not ask"),
      terminal,
      ["webhooks redeliver", "webhooks redeliver msg_0123456789abcdef0123456789abcdef"],
    ).action(adminAction<RedeliverOptions>(terminal, redeliver)),
  ]);
  return withExamples(group, terminal, ["webhooks list", "webhooks redeliver"]);
}

async function listMessages({ service, show, terminal }: AdminRun<AdminOptions>): Promise<void> {
  const messages = await readAll<Message>(service, "/webhooks", terminal);
  show(messages, () =>
    messages.length === 0
      ? "Every message is delivered."
      : table(
          ["ID", "TYPE", "OCCURRED", "ATTEMPTS", "NEXT ATTEMPT"],
          messages.map(({ id, type, occurredAt, attempts, nextAttemptAt }) => [
            id,
            type,
            occurredAt,
            String(attempts),
            nextAttemptAt ?? "given up",
          ]),
        ),
  );
}

async function redeliver(
  { service, options, terminal, show }: AdminRun<RedeliverOptions>,
  id: string | undefined,
): Promise<void> {
  const what = id === undefined ? "all messages that wait or were given up" : `the message ${id}`;
  await confirm(terminal, `Let ${service.origin} deliver ${what} now?`, options.yes);
  const result = await call<{ redelivering: number }>(service, "POST", "/webhooks/redeliver", { id });
  show(result, () =>
    result.redelivering === 0
      ? "Nothing to redeliver: no message was given up, or waits for more than 30 seconds."
      : `Messages that are delivered now: ${result.redelivering}.`,
  );
}
