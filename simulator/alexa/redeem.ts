// Alexa redeems the company's code at the token URL, with the injected faults.

import { type Check, must } from "../library/checks.ts";
import { randomText } from "../library/encoding.ts";
import {
  type CodeGrant,
  exchangeCode,
  type Fetch,
  TOKEN_LIMIT_MS,
  type TokenClient,
  type TokenOutcome,
} from "../library/token.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { type Faults, useFault } from "../state/faults.ts";
import { recordingFetch } from "../state/recording.ts";
import { changeResource } from "./resource.ts";

type TokenFault = NonNullable<Faults["tokenClient"]>;

export interface Redemption {
  readonly skill: Skill;
  readonly grant: CodeGrant;
  readonly linkId: string;
  /** The enablement call during which this happens. */
  readonly parentId?: number;
}

/** How Alexa authenticates at the company's token URL. */
export function tokenClientOf(skill: Skill, fault: TokenFault = {}): TokenClient {
  const other = skill.accessTokenScheme === "HTTP_BASIC" ? "REQUEST_BODY_CREDENTIALS" : "HTTP_BASIC";
  return {
    tokenUrl: skill.tokenUrl,
    clientId: skill.clientId,
    clientSecret: fault.wrongSecret ? "not-the-secret" : skill.clientSecret,
    accessTokenScheme: fault.otherScheme ? other : skill.accessTokenScheme,
    basicEncoding: fault.basicEncoding ?? "raw",
  };
}

/** How Alexa calls the token URL now: an add-on's is the one that was cached at the deploy. */
export function currentClient(context: RequestContext, skill: Skill, fault: TokenFault = {}): TokenClient {
  const client = tokenClientOf(skill, fault);
  const outdated = skill.resource && context.store.faults.addOnMetadata?.outdated;
  return outdated ? { ...client, tokenUrl: `${client.tokenUrl}/before-the-move` } : client;
}

/** A recording `fetch` to the company's token URL. */
export function tokenFetch(context: RequestContext, linkId: string, title: string, parentId?: number): Fetch {
  const why = `Alexa’s servers call the company’s server directly and exchange the code for an access token and a refresh token. They wait ${TOKEN_LIMIT_MS / 1000} seconds.`;
  return recordingFetch(context.store, context.send, { linkId, parentId, from: "alexa", to: "company", title, why });
}

/** Redeems a code. Checks the effect of the faults too: a code works once, even if its response is lost. */
export async function redeemCode(context: RequestContext, redemption: Redemption): Promise<TokenOutcome> {
  const fault = useFault(context.store.faults, "tokenClient") ?? {};
  const client = currentClient(context, redemption.skill, fault);
  const grant = bendGrant(redemption.grant, fault);
  const send = (title: string) =>
    exchangeCode(tokenFetch(context, redemption.linkId, title, redemption.parentId), client, grant, fault.limitMs);
  if (fault.lostResponse) await send("Alexa redeems the code, and the response is lost");
  if (fault.parallel) return redeemInParallel(send, fault.parallel);
  const outcome = await send("Alexa redeems the company’s code");
  if (!outcome.ok || !fault.resend) return outcome;
  const second = await send("Alexa presents the same code a second time");
  return withChecks(outcome, [
    must(
      "code_single_use",
      second.status === 400 && second.error === "invalid_grant",
      `the second use returned ${second.status} ${second.error ?? ""}`,
    ),
  ]);
}

async function redeemInParallel(send: (title: string) => Promise<TokenOutcome>, times: number): Promise<TokenOutcome> {
  const tries = Array.from({ length: times }, (_, index) =>
    send(`Alexa redeems the company’s code (${index + 1} of ${times} at once)`),
  );
  const outcomes = await Promise.all(tries);
  const winners = outcomes.filter((outcome) => outcome.ok);
  const best = winners[0] ?? outcomes[0]!;
  return withChecks(best, [
    must(
      "code_single_winner",
      winners.length === 1,
      `${winners.length} of ${times} simultaneous redemptions succeeded`,
    ),
  ]);
}

function bendGrant(grant: CodeGrant, fault: TokenFault): CodeGrant {
  const verifier = { missing: undefined, wrong: randomText(48), extra: grant.codeVerifier ?? randomText(48) };
  return {
    code: grant.code,
    redirectUri: fault.wrongRedirectUri ? `${grant.redirectUri}/other` : grant.redirectUri,
    codeVerifier: fault.verifier ? verifier[fault.verifier] : grant.codeVerifier,
    resource:
      grant.resource && fault.resource !== "missing" ? changeResource(grant.resource, fault.resource) : undefined,
  };
}

function withChecks(outcome: TokenOutcome, checks: readonly Check[]): TokenOutcome {
  return { ...outcome, ok: outcome.ok && checks.every((check) => check.ok), checks: [...outcome.checks, ...checks] };
}
