// What Alexa does once it holds tokens: remember the link, tell the skill, and end it again.
import { revokeGrants } from "../amazon/tokens.ts";
import type { Skill } from "../configuration.ts";
import { passed } from "../library/checks.ts";
import { randomText } from "../library/encoding.ts";
import { explainOutcome, type TokenOutcome } from "../library/token.ts";
import type { Scene } from "../scene.ts";
import { failLinking, type Link, type Linking, linkKey, linksOf, now } from "../world.ts";
import { announceDisabled, announceLinked } from "./announce.ts";
import { type Redemption, redeemCode } from "./redeem.ts";

/** Redeems the code, remembers the link, and tells the skill; the linking then stands as linked or failed. */
export async function completeLinking(
  scene: Scene,
  linking: Linking,
  redemption: Redemption,
): Promise<Link | undefined> {
  const outcome = await redeemCode(scene, redemption);
  linking.checks.push(...outcome.checks);
  if (!outcome.tokens || !passed(outcome.checks)) {
    failLinking(linking, `The token URL did not give Alexa what it needs: ${explainOutcome(outcome)}.`);
    return undefined;
  }
  const link = rememberLink(scene, linking, redemption.skill, outcome);
  const announced = await announceLinked(scene, redemption.skill, link, redemption.parentId);
  linking.checks.push(...announced);
  if (!passed(announced)) {
    scene.world.links.delete(linkKey(link.accountId, link.skillId, link.stage, link.person));
    failLinking(
      linking,
      "Tokens were fine, but the skill did not answer AcceptGrant well. With “Send Alexa Events” on, that fails the linking.",
    );
    return undefined;
  }
  linking.outcome = "linked";
  delete linking.reason;
  return link;
}

function rememberLink(scene: Scene, linking: Linking, skill: Skill, outcome: TokenOutcome): Link {
  const tokens = outcome.tokens!;
  const { accountId, person } = linking;
  const { skillId, stage } = skill;
  const key = linkKey(accountId, skillId, stage, person);
  const enabled = linksOf(scene.world, { accountId, skillId, stage }).find((each) => each.person !== person);
  const link: Link = {
    linkId: linking.linkId,
    flow: linking.flow,
    skillId,
    stage,
    accountId,
    person,
    userId: enabled?.userId ?? `amzn1.ask.account.${randomText(60).toUpperCase()}`,
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    oldRefreshTokens: [],
    expiresAt: now(scene.world) + tokens.expiresIn * 1000,
    linkedAt: now(scene.world),
    refreshes: 0,
    alive: true,
  };
  scene.world.links.set(key, link);
  return link;
}

/** Disables the skill for a customer: the link, those of the account's speakers, and Amazon's tokens end, and the skill is told. */
export async function disableSkill(scene: Scene, skill: Skill, link: Link): Promise<void> {
  for (const each of linksOf(scene.world, link)) {
    scene.world.links.delete(linkKey(each.accountId, each.skillId, each.stage, each.person));
  }
  revokeGrants(scene.world, link.accountId, [skill.lwa.clientId, skill.eventGateway?.clientId ?? skill.lwa.clientId]);
  await announceDisabled(scene, skill, link);
}
