// Alexa refreshes its tokens.

import { type Check, must } from "../library/checks.ts";
import { explainOutcome, type Fetch, refreshTokens, type TokenOutcome } from "../library/token.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { useFault } from "../state/faults.ts";
import { type Link, now } from "../state/store.ts";
import { currentClient, tokenFetch } from "./redeem.ts";

export interface RefreshReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly outcomes: readonly TokenOutcome[];
}

/** Refreshes a link with the injected faults and stores the newest tokens. Only `invalid_grant` ends the link. */
export async function refreshLink(context: RequestContext, skill: Skill, link: Link): Promise<RefreshReport> {
  const fault = useFault(context.store.faults, "refresh") ?? {};
  const old = link.oldRefreshTokens.at(-1);
  const token = fault.oldToken && old ? old : link.refreshToken;
  const reached = fault.refused ? { ...context, send: refusing(context.send) } : context;
  const send = (title: string) =>
    refreshTokens(tokenFetch(reached, link.linkId, title), currentClient(context, skill), token);
  if (fault.lostResponse) await send("Alexa refreshes, and the response is lost");
  const count = fault.parallel ?? 1;
  const suffix = (index: number) =>
    count > 1 ? ` (${index + 1} of ${count} at once)` : fault.oldToken ? " with an older refresh token" : "";
  const outcomes = await Promise.all(
    Array.from({ length: count }, (_, index) => send(`Alexa refreshes its tokens${suffix(index)}`)),
  );
  for (const outcome of outcomes) keepTokens(context, link, outcome);
  const good = outcomes.filter((outcome) => outcome.ok).length;
  const bad = outcomes.find((outcome) => !outcome.ok);
  if (good === 0 && outcomes.some((outcome) => outcome.error === "invalid_grant")) link.alive = false;
  const detail = bad ? `${good} of ${count} succeeded: ${explainOutcome(bad)}` : `${good} of ${count} succeeded`;
  return { ok: good === count, checks: [must("refresh_succeeds", good === count, detail)], outcomes };
}

/** The company's response, replaced by a refusal. */
function refusing(send: Fetch): Fetch {
  return async (request) => {
    await (await send(request)).body?.cancel();
    return Response.json({ error: "invalid_grant", error_description: "replaced by the simulator" }, { status: 400 });
  };
}

function keepTokens(context: RequestContext, link: Link, outcome: TokenOutcome): void {
  if (!outcome.tokens) return;
  if (outcome.tokens.refreshToken !== link.refreshToken) link.oldRefreshTokens.push(link.refreshToken);
  link.accessToken = outcome.tokens.accessToken;
  link.refreshToken = outcome.tokens.refreshToken;
  link.expiresAt = now(context.store) + outcome.tokens.expiresIn * 1000;
  link.refreshes += 1;
  link.alive = true;
}
