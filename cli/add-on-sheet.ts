// What an operator does for an Alexa+ add-on outside this server: Amazon's command line, manifest, MCP host's metadata.
import { call, type Service, type SkillView, skillPath } from "./admin-api.ts";
import { jsonText } from "./terminal.ts";

/** An add-on as the admin API shows it. */
export interface AddOnView extends SkillView {
  readonly type: "add_on";
  readonly resource: string;
}

export function isAddOn(skill: SkillView): skill is AddOnView {
  return skill.type === "add_on";
}

/** The command that tells Amazon the client. It asks for the secret, which must not be in a command line. */
export function linkingCommand(skill: Pick<SkillView, "id" | "client">): string {
  return `alexa-ai configure-account-linking --addon-id ${skill.id} --stage development --client-id ${skill.client.id}`;
}

const WELL_KNOWN = "/.well-known/oauth-protected-resource";

/** The address of a resource's metadata (RFC 9728 §3.1): the well-known path comes before the resource's own. */
export function metadataAddress(resource: string): string {
  const { origin, pathname, search } = new URL(resource);
  return `${origin}${WELL_KNOWN}${pathname === "/" ? "" : pathname}${search}`;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

function secretLines(secret: string | undefined): string[] {
  if (secret === undefined) {
    return [
      "The first command asks for the client secret, which was shown when it was made; rotate-secret makes a new one.",
    ];
  }
  return [
    "The first command asks for the client secret, or takes it from ALEXA_CLIENT_SECRET. The secret is not shown again:",
    "",
    indented(secret),
    "",
  ];
}

function serviceClientLines({ serviceClient }: SkillView): string[] {
  if (!serviceClient) return [];
  const { id, secret = "(shown when it was made; rotate-secret --client service makes a new one)" } = serviceClient;
  return [
    "",
    "Only the service client gets service tokens (client_credentials). Give Amazon its id and secret for them:",
    "",
    indented(`client id: ${id}\nsecret:    ${secret}`),
  ];
}

function setUpSheet(skill: AddOnView): string {
  return [
    "Amazon's command line, in the add-on's project:",
    "",
    indented(`${linkingCommand(skill)}\nalexa-ai deploy`),
    "",
    ...secretLines(skill.client.secret),
    "alexa-ai deploy reads this server's metadata, and Amazon caches it: after a change of scopes, deploy again.",
    ...serviceClientLines(skill),
    "",
    "The endpoint in the add-on's manifest, character for character:",
    "",
    indented(skill.resource),
    "",
    "The server accepts these redirect URIs. The ones that Amazon's command line prints must be among them:",
    "",
    indented(skill.client.redirectUris.join("\n")),
  ].join("\n");
}

function documentSheet(resource: string, document: object): string {
  const address = metadataAddress(resource);
  const hostAddress = `${new URL(resource).origin}${WELL_KNOWN}`;
  return [
    "",
    `The MCP server publishes this document at ${address}`,
    ...(address === hostAddress ? [] : [`and, because Amazon's pages name no path, at ${hostAddress}`]),
    "examples/mcp/guard.ts serves it. docs/mcp.md shows how to check the MCP server before Amazon does.",
    "",
    indented(jsonText(document)),
  ].join("\n");
}

/**
 * Prints the sheet of one add-on below `heading`. A secret that was just made comes first: the document, which the
 * server is asked for, may fail.
 */
export async function printAddOnSheet(
  service: Service,
  skill: AddOnView,
  heading: string,
  print: (text: string) => void,
): Promise<void> {
  print(`${heading}\n\n${setUpSheet(skill)}`);
  print(documentSheet(skill.resource, await call<object>(service, "GET", `${skillPath(skill.id)}/protected-resource`)));
}
