// `alexa-link skill diff`: what Amazon has for a skill, compared with what this server wants it to have.
import { type Comparison, type Drift, driftOf, shownValue } from "../../src/admin/linking-drift.ts";
import { isAddOn, linkingCommand } from "../add-on-sheet.ts";
import { call, type LinkingRequest, type Service, type SkillView, skillPath } from "../admin-api.ts";
import { linkingRequestOf } from "../skill-output.ts";
import { readLinking, readManifest, type Smapi, type Stage, type Stored } from "../smapi.ts";
import { CommandError } from "../terminal.ts";
import { eventDriftOf, eventNeedsOf } from "./drift.ts";

/** A skill as this server and Amazon know it. */
export interface BothSides {
  readonly skill: SkillView;
  readonly request: LinkingRequest;
  /** Undefined if the skill has no account linking at Amazon. */
  readonly linking: Stored | undefined;
  /** Undefined if it was not asked for. */
  readonly manifest: Stored | undefined;
  readonly comparison: Comparison;
}

/** The skill and its SMAPI body, from this server. Throws for an add-on, which SMAPI does not configure. */
export async function ourSide(service: Service, skillId: string): Promise<Pick<BothSides, "skill" | "request">> {
  const skill = await call<SkillView>(service, "GET", skillPath(skillId));
  if (isAddOn(skill)) {
    throw new CommandError(`${skillId} is an add-on, which SMAPI does not configure. Run: ${linkingCommand(skill)}`);
  }
  return { skill, request: await linkingRequestOf(service, skillId) };
}

/** Reads both sides and compares them; with `events` the manifest's events and permissions too. */
export async function compareSkill(
  ours: Pick<BothSides, "skill" | "request">,
  smapi: Smapi,
  { stage, events }: { readonly stage: Stage; readonly events: boolean },
): Promise<BothSides> {
  const { skill, request } = ours;
  const linking = await readLinking(smapi, skill.id, stage);
  const manifest = events ? await readManifest(smapi, skill.id, stage) : undefined;
  const { drift, notShown } = driftOf(request.accountLinkingRequest, linking?.content);
  const eventDrift = manifest ? eventDriftOf(eventNeedsOf(skill, request), manifest.content) : [];
  return { skill, request, linking, manifest, comparison: { drift: [...drift, ...eventDrift], notShown } };
}

function driftLines({ field, ours, amazon }: Drift): string {
  return `  ${field}\n    here:    ${shownValue(ours)}\n    Amazon:  ${shownValue(amazon)}`;
}

/** The comparison for a person. */
export function comparisonText(
  { skill, comparison }: Pick<BothSides, "skill" | "comparison">,
  origin: string,
  stage: Stage,
): string {
  const { drift, notShown } = comparison;
  const found =
    drift.length === 0 ? "no difference" : drift.length === 1 ? "1 difference" : `${drift.length} differences`;
  return [
    `${skill.name} (${skill.id}), ${stage} stage: ${found} between ${origin} and Amazon.`,
    ...drift.map((one) => `\n${driftLines(one)}`),
    ...(notShown.length > 0 ? [`\nNot shown by Amazon: ${notShown.join(", ")}.`] : []),
  ].join("\n");
}

/** The comparison for a program. */
export function comparisonJson({ skill, comparison }: Pick<BothSides, "skill" | "comparison">, stage: Stage) {
  return { skillId: skill.id, stage, ...comparison };
}
