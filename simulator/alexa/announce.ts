// What Alexa sends to the skill when a customer links or disables it.

import type { Check } from "../library/checks.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import type { Link } from "../state/store.ts";
import { announceEvent } from "./events.ts";
import { sendAcceptGrant, sendReciprocalCode } from "./grants.ts";

/** Sends the events and grants that follow a token response. Linking fails if AcceptGrant fails. */
export async function announceLinked(
  context: RequestContext,
  skill: Skill,
  link: Link,
  parentId?: number,
): Promise<Check[]> {
  const enabled = await announceEvent(context, skill, link, "SkillEnabled");
  const linked = await announceEvent(context, skill, link, "SkillAccountLinked");
  const granted = await sendAcceptGrant(context, skill, link, parentId);
  const reciprocal = await sendReciprocalCode(context, skill, link, parentId);
  return [...enabled, ...linked, ...granted, ...reciprocal];
}

/** Sends the event that follows when a customer disables the skill. */
export async function announceDisabled(context: RequestContext, skill: Skill, link: Link): Promise<void> {
  await announceEvent(context, skill, link, "SkillDisabled");
}
