// Alexa refreshes its tokens, now and for years.
import type { Skill } from "../configuration.ts";
import { useFault } from "../faults.ts";
import { type Check, must } from "../library/checks.ts";
import { explainOutcome, refreshTokens, type TokenOutcome } from "../library/token.ts";
import type { Scene } from "../scene.ts";
import { type Link, now } from "../world.ts";
import { tokenClientOf, tokenFetch } from "./redeem.ts";

export interface RefreshReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly outcomes: readonly TokenOutcome[];
}

/** Refreshes a link as the fault switches say, keeps the newest tokens, and gives the link up on `invalid_grant` only. */
export async function refreshLink(scene: Scene, skill: Skill, link: Link): Promise<RefreshReport> {
  const fault = useFault(scene.world.faults, "refresh") ?? {};
  const old = link.oldRefreshTokens.at(-1);
  const token = fault.oldToken && old ? old : link.refreshToken;
  const send = (title: string) => refreshTokens(tokenFetch(scene, link.linkId, title), tokenClientOf(skill), token);
  if (fault.lostAnswer) await send("Alexa refreshes, and the answer gets lost");
  const count = fault.parallel ?? 1;
  const suffix = (index: number) =>
    count > 1 ? ` (${index + 1} of ${count} at once)` : fault.oldToken ? " with an older refresh token" : "";
  const outcomes = await Promise.all(
    Array.from({ length: count }, (_, index) => send(`Alexa refreshes its tokens${suffix(index)}`)),
  );
  for (const outcome of outcomes) keepTokens(scene, link, outcome);
  const good = outcomes.filter((outcome) => outcome.ok).length;
  const bad = outcomes.find((outcome) => !outcome.ok);
  if (good === 0 && outcomes.some((outcome) => outcome.error === "invalid_grant")) link.alive = false;
  const detail = bad ? `${good} of ${count} succeeded: ${explainOutcome(bad)}` : `${good} of ${count} succeeded`;
  return { ok: good === count, checks: [must("refresh_succeeds", good === count, detail)], outcomes };
}

function keepTokens(scene: Scene, link: Link, outcome: TokenOutcome): void {
  if (!outcome.tokens) return;
  if (outcome.tokens.refreshToken !== link.refreshToken) link.oldRefreshTokens.push(link.refreshToken);
  link.accessToken = outcome.tokens.accessToken;
  link.refreshToken = outcome.tokens.refreshToken;
  link.expiresAt = now(scene.world) + outcome.tokens.expiresIn * 1000;
  link.refreshes += 1;
  link.alive = true;
}
