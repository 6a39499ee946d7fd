// `alexa-link skill developer-token`: the token with which the server itself calls the Skill Management API.
import type { Command } from "commander";
import { call } from "../admin-api.ts";
import { type AdminOptions, type AdminRun, adminAction, adminCommand, groupCommand } from "../admin-command.ts";
import { withExamples } from "../options.ts";
import { sheet } from "../table.ts";
import { confirm, secretFrom, type Terminal, UsageError } from "../terminal.ts";

const PATH = "/developer-token";

const HOW = 'ask util generate-lwa-tokens --client-id … --client-confirmation … --scopes "alexa::ask:skills:readwrite"';

interface State {
  readonly storedAt: string;
  readonly usedAt: string | null;
  readonly state: string;
  readonly error: string | null;
}

interface StoreOptions extends AdminOptions {
  readonly clientId?: string;
}

/** The command. */
export function developerTokenCommand(terminal: Terminal): Command {
  const group = groupCommand("developer-token", "the token with which the server reads Amazon's metrics and pushes", [
    withExamples(
      adminCommand("store", "store a refresh token of your developer account, in place of any other")
        .option("--client-id <ID>", "the LWA client (security profile) that the token was issued to")
        .addHelpText(
          "after",
          `  LWA_CLIENT_SECRET     the secret of that client; without it you are asked
  SMAPI_REFRESH_TOKEN   the refresh token; without it you are asked. Amazon's ASK CLI prints one:
                        ${HOW}`,
        ),
      terminal,
      [
        "LWA_CLIENT_SECRET=… SMAPI_REFRESH_TOKEN=… skill developer-token store \\\n" +
          "      --client-id amzn1.application-oa2-client.…",
      ],
    ).action(adminAction<StoreOptions>(terminal, store)),
    withExamples(adminCommand("show", "show since when a token is stored, and whether it last worked"), terminal, [
      "skill developer-token show",
    ]).action(adminAction(terminal, show)),
    withExamples(adminCommand("remove", "delete the token").option("--yes", "do not ask"), terminal, [
      "skill developer-token remove --yes",
    ]).action(adminAction<AdminOptions & { readonly yes?: boolean }>(terminal, remove)),
  ]);
  return withExamples(group, terminal, ["skill developer-token store --help", "skill developer-token show"]);
}

function stateText({ storedAt, usedAt, state, error }: State): string {
  const says: Readonly<Record<string, string>> = {
    accepted: "accepts it",
    refused: `refuses it (${error})`,
    unused: "has not responded to it yet",
  };
  return sheet({
    stored: storedAt,
    "last used": usedAt ?? "never",
    "Login with Amazon": says[state] ?? state,
  });
}

async function store({ service, options, terminal, show }: AdminRun<StoreOptions>): Promise<void> {
  const { clientId } = options;
  if (clientId === undefined) throw new UsageError("Give --client-id: the LWA client that the token was issued to.");
  const clientSecret = await secretFrom(terminal, "LWA_CLIENT_SECRET", `the secret of the LWA client ${clientId}`);
  const refreshToken = await secretFrom(
    terminal,
    "SMAPI_REFRESH_TOKEN",
    `a refresh token of your developer account, which this prints: ${HOW}`,
  );
  const stored = await call<State>(service, "POST", PATH, { clientId, clientSecret, refreshToken });
  show(stored, () => stateText(stored));
}

async function show({ service, show }: AdminRun<AdminOptions>): Promise<void> {
  const stored = await call<State>(service, "GET", PATH);
  show(stored, () => stateText(stored));
}

async function remove({ service, options, terminal, show }: AdminRun<AdminOptions & { readonly yes?: boolean }>) {
  await confirm(terminal, `Delete the developer token at ${service.origin}?`, options.yes);
  await call(service, "DELETE", PATH);
  show({ deleted: true }, () => "Deleted the developer token.");
}
