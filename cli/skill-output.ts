// What the skill commands print, and the file for ask-cli that they write.
import { rmSync, writeFileSync } from "node:fs";
import { isAddOn, printAddOnSheet } from "./add-on-sheet.ts";
import { call, type LinkingRequest, type Service, type SkillView, skillPath } from "./admin-api.ts";
import type { AdminRun } from "./admin-command.ts";
import { consoleSheet } from "./console-sheet.ts";
import type { SkillOptions } from "./skill-body.ts";
import { table } from "./table.ts";
import { jsonText } from "./terminal.ts";

/** The SMAPI body of a skill, with a placeholder for the secret. */
export function linkingRequestOf(service: Service, skillId: string): Promise<LinkingRequest> {
  return call<LinkingRequest>(service, "GET", `${skillPath(skillId)}/account-linking-request`);
}

/** The request with the secret in place of the placeholder. */
export function withSecret(request: LinkingRequest, secret: string | undefined): LinkingRequest {
  if (secret === undefined) return request;
  return { accountLinkingRequest: { ...request.accountLinkingRequest, clientSecret: secret } };
}

/** Replaces the file, so that it is readable by its owner only, whatever the mode of an existing one was. */
export function writePrivately(file: string, content: object): void {
  rmSync(file, { force: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: "wx" });
}

/** How the file gets to Amazon. */
export function askLine(skillId: string, file: string): string {
  const line = `ask smapi update-account-linking-info -s ${skillId} -g development --account-linking-request "file:${file}"`;
  return [
    "Or send all of it at once with Amazon's ask-cli:",
    "",
    `  ${line}`,
    "",
    "  Amazon accepts changes to the development stage only; certification copies them to the live stage.",
  ].join("\n");
}

/** Prints what to enter at Amazon below `heading`, without secrets. */
export async function printSheet(run: AdminRun<SkillOptions>, skill: SkillView, heading: string): Promise<void> {
  const { service, options, terminal } = run;
  if (options.json) return terminal.print(jsonText(skill));
  if (isAddOn(skill)) return printAddOnSheet(service, skill, heading, terminal.print);
  const request = await linkingRequestOf(service, skill.id);
  terminal.print(`${heading}\n\n${consoleSheet(skill, request, undefined, terminal)}`);
}

/**
 * Prints what to enter at Amazon, with the secret that was just made, and writes the same to a file for ask-cli. There
 * is no such file for an add-on.
 */
export async function printSecretSheet(
  { service, options, terminal }: AdminRun<SkillOptions>,
  skill: SkillView,
  done: "Registered" | "Made a new secret for",
): Promise<void> {
  const { secret } = skill.client;
  const heading = [
    `${done} ${skill.name} (${skill.id}) at ${service.origin}.`,
    ...(skill.previousSecretExpiresAt ? [`The previous secret works until ${skill.previousSecretExpiresAt}.`] : []),
  ].join("\n");
  const json = jsonText(skill);
  if (isAddOn(skill)) {
    return options.json ? terminal.print(json) : printAddOnSheet(service, skill, heading, terminal.print);
  }
  const request = await linkingRequestOf(service, skill.id);
  const file = options.out ?? "accountLinking.json";
  writePrivately(file, withSecret(request, secret));
  if (options.json) return terminal.print(json);
  terminal.print(
    [
      heading,
      "",
      consoleSheet(skill, request, secret, terminal),
      "",
      askLine(skill.id, file),
      "",
      `${file} contains the secret, which is not shown again. Only you can read the file. Delete it once Amazon has it.`,
    ].join("\n"),
  );
}

/** The list of skills. */
export function skillTable(skills: readonly SkillView[]): string {
  return table(
    ["SKILL", "STAGE", "TYPE", "NAME", "CLIENT ID", "APP-TO-APP", "RESOURCE"],
    skills.map((skill) => [
      skill.id,
      skill.stage,
      skill.type,
      skill.name,
      skill.client.id,
      skill.lwa ? "ready" : "no Alexa client id",
      skill.resource,
    ]),
  );
}
