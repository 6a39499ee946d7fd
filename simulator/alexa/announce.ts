// What Alexa tells the skill when a customer links or disables it.
import type { Skill } from "../configuration.ts";
import type { Check } from "../library/checks.ts";
import type { Scene } from "../scene.ts";
import type { Link } from "../world.ts";

/** Events and AcceptGrant after a token answer; an AcceptGrant answered badly fails the linking. */
export async function announceLinked(_scene: Scene, _skill: Skill, _link: Link, _parentId?: number): Promise<Check[]> {
  return [];
}

/** The event after a customer disabled the skill. */
export async function announceDisabled(_scene: Scene, _skill: Skill, _link: Link): Promise<void> {}
