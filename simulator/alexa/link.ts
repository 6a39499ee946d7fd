// What Alexa does with a link: redeem the code, store the tokens, notify the skill, and disable it again.
import { revokeGrants } from "../amazon/tokens.ts";
import { passed } from "../library/checks.ts";
import { randomText } from "../library/encoding.ts";
import { explainOutcome, type TokenOutcome } from "../library/token.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { type Attempt, count, failAttempt, type Link, linkKey, linksOf, now } from "../state/store.ts";
import { announceDisabled, announceLinked } from "./announce.ts";
import { type Redemption, redeemCode } from "./redeem.ts";

/** Redeems the code, stores the link and notifies the skill. The attempt is then linked or failed. */
export async function completeLink(
  context: RequestContext,
  attempt: Attempt,
  redemption: Redemption,
): Promise<Link | undefined> {
  const outcome = await redeemCode(context, redemption);
  attempt.checks.push(...outcome.checks);
  if (!outcome.tokens || !passed(outcome.checks)) {
    failAttempt(attempt, `The token URL did not return what Alexa needs: ${explainOutcome(outcome)}.`);
    return undefined;
  }
  const isEnabled = linksOf(context.store, attempt).length > 0;
  const link = storeLink(context, attempt, redemption.skill, outcome);
  const announced = await announceLinked(context, redemption.skill, link, redemption.parentId);
  attempt.checks.push(...announced);
  if (!passed(announced)) {
    context.store.links.delete(linkKey(link.accountId, link.skillId, link.stage, link.person));
    failAttempt(
      attempt,
      "The tokens were valid, but the skill did not accept AcceptGrant. With “Send Alexa Events” on, linking then fails.",
    );
    return undefined;
  }
  attempt.outcome = "linked";
  if (!isEnabled) count(context.store, attempt, "enabled");
  count(context.store, attempt, "completed");
  delete attempt.reason;
  return link;
}

function storeLink(context: RequestContext, attempt: Attempt, skill: Skill, outcome: TokenOutcome): Link {
  const tokens = outcome.tokens!;
  const { accountId, person } = attempt;
  const { skillId, stage } = skill;
  const key = linkKey(accountId, skillId, stage, person);
  const enabled = linksOf(context.store, { accountId, skillId, stage }).find((each) => each.person !== person);
  const link: Link = {
    linkId: attempt.linkId,
    flow: attempt.flow,
    skillId,
    stage,
    accountId,
    person,
    userId: enabled?.userId ?? `amzn1.ask.account.${randomText(60).toUpperCase()}`,
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    oldRefreshTokens: [],
    expiresAt: now(context.store) + tokens.expiresIn * 1000,
    linkedAt: now(context.store),
    refreshes: 0,
    alive: true,
  };
  context.store.links.set(key, link);
  return link;
}

/**
 * Disables the skill: removes the account's link and its speakers' links, revokes Amazon's tokens, notifies the skill.
 */
export async function disableSkill(context: RequestContext, skill: Skill, link: Link): Promise<void> {
  for (const each of linksOf(context.store, link)) {
    context.store.links.delete(linkKey(each.accountId, each.skillId, each.stage, each.person));
  }
  revokeGrants(context.store, link.accountId, [skill.lwa.clientId, skill.eventGateway?.clientId ?? skill.lwa.clientId]);
  await announceDisabled(context, skill, link);
}
