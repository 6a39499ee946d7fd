// What Alexa tells the skill when a customer links or disables it.
import type { Skill } from "../configuration.ts";
import type { Check } from "../library/checks.ts";
import type { Scene } from "../scene.ts";
import type { Link } from "../world.ts";
import { announceEvent } from "./events.ts";
import { sendAcceptGrant, sendReciprocalCode } from "./grants.ts";

/** Events and grants after a token answer; an AcceptGrant answered badly fails the linking. */
export async function announceLinked(scene: Scene, skill: Skill, link: Link, parentId?: number): Promise<Check[]> {
  const enabled = await announceEvent(scene, skill, link, "SkillEnabled");
  const linked = await announceEvent(scene, skill, link, "SkillAccountLinked");
  const granted = await sendAcceptGrant(scene, skill, link, parentId);
  const reciprocal = await sendReciprocalCode(scene, skill, link, parentId);
  return [...enabled, ...linked, ...granted, ...reciprocal];
}

/** The event after a customer disabled the skill. */
export async function announceDisabled(scene: Scene, skill: Skill, link: Link): Promise<void> {
  await announceEvent(scene, skill, link, "SkillDisabled");
}
