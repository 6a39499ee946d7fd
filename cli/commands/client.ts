// `alexa-link client`: the company's apps, and the backends of its skills.
import type { Command } from "commander";
import { call, readAll, segment } from "../admin-api.ts";
import {
  type AdminOptions,
  type AdminRun,
  adminAction,
  adminCommand,
  changesFrom,
  groupCommand,
  wholeNumber,
} from "../admin-command.ts";
import { collect, withExamples } from "../options.ts";
import { sheet, table } from "../table.ts";
import { confirm, type Terminal, UsageError } from "../terminal.ts";

interface ClientView {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  readonly skillIds: readonly string[];
  readonly resources: readonly string[];
  readonly secret?: string;
  readonly previousSecretExpiresAt?: string;
  readonly createdAt: string;
}

interface Options extends AdminOptions {
  readonly id?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly redirectUri?: readonly string[];
  readonly scope?: readonly string[];
  readonly skillId?: readonly string[];
  readonly resource?: readonly string[];
  readonly clear?: readonly string[];
  readonly overlapSeconds?: number;
  readonly yes?: boolean;
}

type Run = AdminRun<Options>;

/** The command. */
export function clientCommand(terminal: Terminal): Command {
  const action = (run: (run: Run, id: string) => Promise<void>) =>
    adminAction<Options>(terminal, (one, id = "") => run(one, id));
  const group = groupCommand("client", "register your apps and the backends of your skills", [
    withExamples(
      clientOptions(
        adminCommand("add", "register an app (public, with PKCE) or a service (a skill's backend, with a secret)")
          .requiredOption("--kind <KIND>", "app or service")
          .option(
            "--id <ID>",
            "the client id (default: a new one). A service's secret comes from CLIENT_SECRET; without it one is made",
          ),
      ),
      terminal,
      [
        'client add --kind app --name "Acme for phones" --redirect-uri https://app.example.com/callback --scope links',
        'client add --kind service --name "Acme backend" --skill-id amzn1.ask.skill.1234',
      ],
    ).action(action(add)),
    withExamples(adminCommand("list", "list the clients; Alexa's belong to their skills"), terminal, [
      "client list --json",
    ]).action(action(list)),
    withExamples(adminCommand("show", "show a client").argument("<id>", "client id"), terminal, [
      "client show acme-backend",
    ]).action(action(show)),
    withExamples(
      clientOptions(
        adminCommand("set", "change a client; what you leave out stays as it is").argument("<id>", "client id"),
      ).option("--clear <FIELD>", "empty a list: redirect-uri, scope, skill-id or resource; repeat for more", collect),
      terminal,
      ["client set acme-backend --skill-id amzn1.ask.skill.1234 --skill-id amzn1.ask.skill.5678"],
    ).action(action(set)),
    withExamples(
      adminCommand("remove", "delete a client; its tokens and the logins in it end")
        .argument("<id>", "client id")
        .option("--yes", "do not ask"),
      terminal,
      ["client remove acme-backend"],
    ).action(action(remove)),
    withExamples(
      adminCommand("rotate-secret", "make a new secret for a service; the old one keeps working for a while")
        .argument("<id>", "client id")
        .option(
          "--overlap-seconds <N>",
          "how long the old secret keeps working (default: 604800, seven days)",
          wholeNumber(0),
        ),
      terminal,
      ["client rotate-secret acme-backend --overlap-seconds 86400"],
    ).action(action(rotateSecret)),
  ]);
  return withExamples(group, terminal, ["client list", "client show acme-backend"]);
}

function clientOptions(command: Command): Command {
  return command
    .option("--name <NAME>", "the name that customers and operators see")
    .option("--redirect-uri <URI>", "app: where the customer returns to; repeat for more", collect)
    .option("--scope <NAME>", "a scope that the client may ask for; repeat for more", collect)
    .option("--skill-id <ID>", "service: a skill whose tokens it may introspect; repeat for more", collect)
    .option("--resource <URI>", "service: an audience that its own tokens may have; repeat for more", collect);
}

const path = (id: string) => `/clients/${segment(id)}`;

function clientSheet(client: ClientView): string {
  return sheet({
    "client id": client.id,
    secret: client.secret,
    kind: client.kind,
    name: client.name,
    "redirect URIs": client.redirectUris,
    scopes: client.scopes,
    skills: client.skillIds,
    resources: client.resources,
    created: client.createdAt,
    "previous secret works until": client.previousSecretExpiresAt,
  });
}

function withSecretNote(client: ClientView): string {
  return client.secret === undefined
    ? clientSheet(client)
    : `${clientSheet(client)}\n\nThe secret is not shown again. Keep it where the service reads its secrets.`;
}

async function add({ service, options, terminal, show: print }: Run): Promise<void> {
  const secret = options.id === undefined ? undefined : terminal.environment.CLIENT_SECRET || undefined;
  const client = await call<ClientView>(service, "POST", "/clients", {
    kind: options.kind,
    id: options.id,
    name: options.name,
    redirectUris: options.redirectUri,
    scopes: options.scope,
    skillIds: options.skillId,
    resources: options.resource,
    ...(options.kind === "service" ? { secret } : {}),
  });
  print(client, () => withSecretNote(client));
}

async function list({ service, terminal, show: print }: Run): Promise<void> {
  const clients = await readAll<ClientView>(service, "/clients", terminal);
  print(clients, () =>
    clients.length === 0
      ? "No client is registered yet."
      : table(
          ["CLIENT ID", "KIND", "NAME", "SCOPES", "SKILLS"],
          clients.map(({ id, kind, name, scopes, skillIds }) => [id, kind, name, scopes.join(" "), skillIds.join(" ")]),
        ),
  );
}

async function show({ service, show: print }: Run, id: string): Promise<void> {
  const client = await call<ClientView>(service, "GET", path(id));
  print(client, () => clientSheet(client));
}

const LISTS = { "redirect-uri": "redirectUris", scope: "scopes", "skill-id": "skillIds", resource: "resources" };

async function set({ service, options, show: print }: Run, id: string): Promise<void> {
  const cleared: Record<string, readonly string[]> = {};
  for (const field of options.clear ?? []) {
    if (!Object.hasOwn(LISTS, field)) throw new UsageError(`--clear takes ${Object.keys(LISTS).join(", ")}.`);
    cleared[LISTS[field as keyof typeof LISTS]] = [];
  }
  const given = {
    name: options.name,
    redirectUris: options.redirectUri,
    scopes: options.scope,
    skillIds: options.skillId,
    resources: options.resource,
  };
  const changes = changesFrom({ ...given, ...cleared }, "--name, --scope or another option");
  const client = await call<ClientView>(service, "PATCH", path(id), changes);
  print(client, () => clientSheet(client));
}

async function remove({ service, options, terminal, show: print }: Run, id: string): Promise<void> {
  const client = await call<ClientView>(service, "GET", path(id));
  await confirm(
    terminal,
    `Delete ${client.name} (${client.id}) at ${service.origin}? Its tokens and the logins in it end.`,
    options.yes,
  );
  await call(service, "DELETE", path(id));
  print({ id, removed: true }, () => `Deleted ${client.name} (${client.id}).`);
}

async function rotateSecret({ service, options, show: print }: Run, id: string): Promise<void> {
  const { overlapSeconds } = options;
  const body = overlapSeconds === undefined ? {} : { overlapSeconds };
  const client = await call<ClientView>(service, "POST", `${path(id)}/rotate-secret`, body);
  print(client, () => withSecretNote(client));
}
