// `alexa-link skill`: registers skills at a running server and prints what to enter at Amazon.
import { type Command, Option } from "commander";
import { isAddOn, linkingCommand } from "../add-on-sheet.ts";
import { call, readAll, type SkillView, skillPath } from "../admin-api.ts";
import { type AdminRun, adminAction, adminCommand, groupCommand } from "../admin-command.ts";
import { asGiven, collect, commandLine, withExamples } from "../options.ts";
import { bodyFrom, ID_REQUIRED, type SkillOptions, scopesOf, skillIdOf } from "../skill-body.ts";
import {
  askLine,
  linkingRequestOf,
  printSecretSheet,
  printSheet,
  skillTable,
  withSecret,
  writePrivately,
} from "../skill-output.ts";
import { relayOptions } from "../skill-relay.ts";
import { CommandError, confirm, jsonText, type Terminal, UsageError } from "../terminal.ts";
import { diffCommand, pushCommand } from "./skill-amazon.ts";
import { developerTokenCommand } from "./skill-developer-token.ts";

type Run = AdminRun<SkillOptions>;

/** The command. */
export function skillCommand(terminal: Terminal): Command {
  const action = (run: (run: Run, id?: string) => Promise<void>) => adminAction<SkillOptions>(terminal, run);
  const group = groupCommand("skill", "register skills, and tell Amazon about them", [
    withExamples(
      withOut(skillOptions(adminCommand("add", "register a skill and print what to enter at Amazon"))),
      terminal,
      [
        'skill add --id amzn1.ask.skill.1234 --name "Acme Home" --type smart_home --vendor-id M2EXAMPLE \\\n' +
          '      --scope "devices:control=Control your devices" --return-url https://app.example.com/alexa',
        'skill add --type add_on --id amzn1.ask.skill.5678 --name "Acme Notes" --vendor-id M2EXAMPLE \\\n' +
          '      --resource https://mcp.example.com/mcp --scope "mcp:tools=Use your notes"',
      ],
    ).action(action(add)),
    withExamples(adminCommand("list", "list the registered skills"), terminal, [
      "ADMIN_TOKEN=… skill list --url https://link.example.com",
      "skill list --json",
    ]).action(action(list)),
    withExamples(withId(adminCommand("show", "show a skill and what to enter at Amazon")), terminal, [
      "skill show amzn1.ask.skill.1234",
      "skill show --id amzn1.ask.skill.1234 --json",
    ]).action(action(show)),
    withExamples(
      skillOptions(adminCommand("set", "change a skill; what you leave out stays as it is")).argument(
        "[id]",
        "skill id",
      ),
      terminal,
      [
        "skill set --id amzn1.ask.skill.1234 --stage live",
        "LWA_CLIENT_SECRET=… skill set --id amzn1.ask.skill.1234 --lwa-client-id amzn1.application-oa2-client.…",
        "skill set --id amzn1.ask.skill.1234 --relay-token-url https://old.example.com/token --relay-person email \\\n" +
          "      --relay-claim email",
      ],
    ).action(action(set)),
    withExamples(
      withId(adminCommand("remove", "delete a skill, its clients and every customer's link with it")).option(
        "--yes",
        "do not ask",
      ),
      terminal,
      ["skill remove amzn1.ask.skill.1234", "skill remove --id amzn1.ask.skill.1234 --yes"],
    ).action(action(remove)),
    withExamples(
      withOut(
        withId(adminCommand("rotate-secret", "make a new client secret; the old one keeps working for a while"))
          .option(
            "--client <service>",
            "make it for an add-on's second client (default: for the skill's client)",
            asGiven,
          )
          .option(
            "--overlap-seconds <N>",
            "how long the old secret keeps working (default: 604800, seven days)",
            asGiven,
          ),
      ),
      terminal,
      ["skill rotate-secret --id amzn1.ask.skill.1234 --overlap-seconds 86400"],
    ).action(action(rotateSecret)),
    withExamples(
      withOut(withId(adminCommand("account-linking-request", "print the JSON for SMAPI and ask-cli"))),
      terminal,
      ["CLIENT_SECRET=… skill account-linking-request --id amzn1.ask.skill.1234 --out accountLinking.json"],
    ).action(action(printLinkingRequest)),
    withExamples(
      withId(adminCommand("protected-resource", "print the metadata that an add-on's MCP server publishes")),
      terminal,
      ["skill protected-resource amzn1.ask.skill.5678"],
    ).action(action(protectedResource)),
    pushCommand(terminal),
    diffCommand(terminal),
    developerTokenCommand(terminal),
  ]);
  return withExamples(group, terminal, ["skill add --help", "skill list"]);
}

function withId(command: Command): Command {
  return command.argument("[id]", "skill id").option("--id <ID>", "skill id: amzn1.ask.skill.…");
}

function withOut(command: Command): Command {
  return command.option(
    "--out <FILE>",
    "file for the ask-cli JSON (default: accountLinking.json; account-linking-request: the terminal). Add-ons have none: " +
      "Amazon configures them with alexa-ai, not through SMAPI",
  );
}

/** The options that describe a skill. */
function skillOptions(command: Command): Command {
  // Commander would take --no-x for the opposite of --x, and the last of them would count.
  const noServiceClient = new Option("--no-service-client", "set only: remove the second client");
  noServiceClient.negate = false;
  command
    .option("--id <ID>", "skill id: amzn1.ask.skill.…")
    .option("--name <NAME>", "the name that customers see")
    .option("--stage <STAGE>", "development (default) or live: the stage that linking from your app or website enables")
    .option("--type <TYPE>", "smart_home, video, meetings, education, custom, music, baby_activity or add_on")
    .option(
      "--vendor-id <ID>",
      "your developer account's vendor id: the letters and digits at the end of the console's \"Alexa Redirect URLs\". " +
        "All four of Amazon's redirect URIs are derived from it",
    )
    .option("--scope <NAME[=TEXT]>", "a scope; TEXT tells customers what it allows; repeat for more", collect)
    .option(
      "--return-url <URL>",
      "an address of your app or website to return to after linking; repeat for more",
      collect,
    )
    .option("--extra-redirect-uri <URL>", "a redirect URI besides Amazon's; repeat for more", collect)
    .option(
      "--client-id <ID>",
      "add only: a client id that you have entered at Amazon already (default: a new one). " +
        "Its secret comes from CLIENT_SECRET; without it a new secret is made",
    )
    .option("--require-pkce", "refuse authorization requests without PKCE")
    .option(
      "--lwa-client-id <ID>",
      '"Alexa Client Id" of the console\'s Account Linking page, for app-to-app linking. ' +
        "Its secret comes from LWA_CLIENT_SECRET",
    )
    .option(
      "--event-client-id <ID>",
      'client id of the console\'s "Send Alexa Events", if it is a different one. ' +
        "Its secret comes from EVENT_CLIENT_SECRET",
    )
    .option(
      "--resource <URI>",
      "add_on, required: the URI of the MCP server, exactly as in the add-on's manifest",
      asGiven,
    )
    .option(
      "--service-scope <NAME>",
      "add_on: a scope of service tokens, which have no user; repeat for more (default: mcp:service). " +
        "--scope names the scopes of customers' tokens",
      collect,
    )
    .option("--service-client", "add_on: make a second client, then the only one that gets service tokens")
    .option(
      "--service-client-id <ID>",
      "the same, with this client id (default: a new one). Its secret is always made here",
    )
    .addOption(noServiceClient)
    .option(
      "--file <FILE>",
      "read the skill from a JSON file with the fields of POST /api/admin/skills; options override the file",
    );
  return relayOptions(command);
}

async function add(run: Run): Promise<void> {
  const { service, options, terminal } = run;
  const body = await bodyFrom(options, terminal);
  const id = options.id ?? body.id;
  if (id === undefined) throw new UsageError(ID_REQUIRED);
  if (body.type === "add_on" && body.resource === undefined) {
    throw new UsageError("--resource is required for an add-on: its MCP server, such as https://mcp.example.com/mcp");
  }
  if (options.noServiceClient) throw new UsageError("--no-service-client is for set.");
  const skill = await call<SkillView>(service, "POST", "/skills", { scopes: [], returnUrls: [], ...body, id });
  await printSecretSheet(run, skill, "Registered");
}

async function show(run: Run, argument?: string): Promise<void> {
  const skill = await call<SkillView>(run.service, "GET", skillPath(skillIdOf(run.options, argument)));
  await printSheet(run, skill, `${skill.name} (${skill.id}), ${skill.type}, ${skill.stage}`);
}

async function set(run: Run, argument?: string): Promise<void> {
  const { service, options, terminal } = run;
  if (options.clientId !== undefined) throw new UsageError("A client id cannot be changed. Use --client-id with add.");
  const { id: fileId, ...body } = await bodyFrom(options, terminal);
  const named = argument ?? options.id ?? fileId;
  const id = typeof named === "string" ? named : skillIdOf(run.options, argument);
  if (!options.scope !== !options.serviceScope) body.scopes = await withOtherTier(run, id);
  const skill = await call<SkillView>(service, "PATCH", skillPath(id), body);
  await printSheet(run, skill, `Changed ${skill.name} (${skill.id}).`);
}

/** The scopes that the options name, and those that the skill has in the tier that they leave out. */
async function withOtherTier({ service, options }: Run, id: string): Promise<unknown[]> {
  const kept = options.scope ? "service" : "user";
  const { scopes } = await call<SkillView>(service, "GET", skillPath(id));
  const tierOf = (scope: (typeof scopes)[number]) => (typeof scope === "string" ? undefined : scope.tier) ?? "user";
  return [...scopesOf(options), ...scopes.filter((scope) => tierOf(scope) === kept)];
}

async function list({ service, terminal, show: print }: Run): Promise<void> {
  const skills = await readAll<SkillView>(service, "/skills", terminal);
  const none = `No skill is registered yet. See: ${commandLine(terminal, "skill add --help")}`;
  print(skills, () => (skills.length === 0 ? none : skillTable(skills)));
}

async function remove(run: Run, argument?: string): Promise<void> {
  const { service, options, terminal } = run;
  const path = skillPath(skillIdOf(run.options, argument));
  const { id, name } = await call<SkillView>(service, "GET", path);
  const question = `Delete ${name} (${id}) at ${service.origin}, its clients and every customer's link with it?`;
  await confirm(terminal, question, options.yes);
  await call(service, "DELETE", path);
  run.show({ id, removed: true }, () => `Deleted ${name} (${id}).`);
}

async function rotateSecret(run: Run, argument?: string): Promise<void> {
  const { service, options } = run;
  const id = skillIdOf(run.options, argument);
  if (options.client !== undefined && options.client !== "service") {
    throw new UsageError("--client must be service; without it the secret of the skill's client is changed.");
  }
  const query = options.client === undefined ? "" : "?client=service";
  const overlap = options.overlapSeconds;
  if (overlap !== undefined && !/^\d{1,8}$/.test(overlap)) {
    throw new UsageError("--overlap-seconds must be a whole number.");
  }
  const body = overlap === undefined ? {} : { overlapSeconds: Number(overlap) };
  const skill = await call<SkillView>(service, "POST", `${skillPath(id)}/rotate-secret${query}`, body);
  await printSecretSheet(run, skill, "Made a new secret for");
}

async function printLinkingRequest(run: Run, argument?: string): Promise<void> {
  const { service, options, terminal } = run;
  const id = skillIdOf(run.options, argument);
  const skill = await call<SkillView>(service, "GET", skillPath(id));
  if (isAddOn(skill)) {
    throw new CommandError(`${id} is an add-on, which SMAPI does not configure. Run: ${linkingCommand(skill)}`);
  }
  const secret = terminal.environment.CLIENT_SECRET || undefined;
  const request = withSecret(await linkingRequestOf(service, id), secret);
  if (options.out === undefined) return terminal.print(jsonText(request));
  writePrivately(options.out, request);
  if (options.json) return terminal.print(jsonText({ file: options.out }));
  const missing = secret
    ? ""
    : "\nIt has a placeholder for the client secret: put the secret in, or set CLIENT_SECRET and run this again.";
  terminal.print(`Wrote ${options.out}.${missing}\n\n${askLine(id, options.out)}`);
}

async function protectedResource(run: Run, argument?: string): Promise<void> {
  const path = `${skillPath(skillIdOf(run.options, argument))}/protected-resource`;
  run.terminal.print(jsonText(await call<object>(run.service, "GET", path)));
}
