// Starting an attempt: its row, and the URLs at Amazon that the customer is sent to.
import { randomId } from "../crypto/random.ts";
import { appendToUri } from "../oauth/raw-query.ts";
import type { Runtime } from "../runtime.ts";
import { type Platform, type StartedAttempt, startAttempt } from "../storage/attempts/started.ts";
import type { Skill, Stage } from "../storage/skills/skills.ts";
import type { Sql } from "../storage/sql.ts";
import { codeChallengeOf, codeVerifierOf, hashOfState, type LinkingState } from "./state.ts";

/** The permission to enable a skill for a customer and link the account. */
const ACCOUNT_LINKING_SCOPE = "alexa::skills:account_linking";

export const APP_CALLBACK = "/app/callback";
export const BROWSER_CALLBACK = "/link/callback";

export interface StartRequest {
  readonly attemptId?: string;
  readonly flow: "app_to_app" | "website";
  readonly locale: string | null;
  readonly platform: Platform | null;
  readonly skillId: string;
  /** Left out: the skill's own. */
  readonly stage?: Stage | undefined;
  /** The resource of the skill that our consent page was shown for. Left out: the company's app showed its own. */
  readonly shownFor?: string | null;
  readonly userId: string;
  /** Left out: started through the API. */
  readonly browser?: { readonly hash: string; readonly sessionId: string };
  /** In SQL: the session or the bearer may still act. */
  readonly actorHolds: Sql;
  readonly decision: "allow" | "deny";
  readonly state: LinkingState;
  readonly callback: typeof APP_CALLBACK | typeof BROWSER_CALLBACK;
  readonly returnTo: string | null;
}

export type StartOutcome =
  | { readonly outcome: "started"; readonly attempt: StartedAttempt; readonly skill: Skill }
  | { readonly outcome: "skill_not_found" | "no_lwa_credentials" | "return_to_not_allowed" | "resource_changed" }
  | { readonly outcome: "actor_gone" };

/** Starts an attempt, or returns which rule forbids it. One storage round trip. */
export async function start(rt: Runtime, request: StartRequest): Promise<StartOutcome> {
  const { skill, attempt } = await startAttempt(
    rt.db,
    {
      start: {
        attemptId: request.attemptId ?? randomId(),
        flow: request.flow,
        locale: request.locale,
      },
      platform: request.platform,
      skillId: request.skillId,
      stage: request.stage,
      shownFor: request.shownFor,
      userId: request.userId,
      browser: request.browser,
      actorHolds: request.actorHolds,
      decision: request.decision,
      stateHash: await hashOfState(request.state),
      redirectUri: rt.issuer + request.callback,
      returnTo: request.returnTo,
    },
    rt.now(),
  );
  if (!skill) return { outcome: "skill_not_found" };
  if (attempt) return { outcome: "started", attempt, skill };
  if (!skill.lwa) return { outcome: "no_lwa_credentials" };
  if (request.returnTo !== null && !skill.returnUrls.includes(request.returnTo)) {
    return { outcome: "return_to_not_allowed" };
  }
  if (request.shownFor !== undefined && request.shownFor !== skill.resource) return { outcome: "resource_changed" };
  return { outcome: "actor_gone" };
}

export interface AmazonUrls {
  readonly alexaAppUrl: string;
  readonly loginWithAmazonUrl: string;
}

/** Where the customer approves: Alexa app or LWA. Both go to the attempt's redirect URI with the same state. */
export async function amazonUrls(
  rt: Runtime,
  attempt: StartedAttempt,
  lwaClientId: string,
  state: LinkingState,
): Promise<AmazonUrls> {
  const challenge = await codeChallengeOf(await codeVerifierOf(rt, attempt.id, state));
  const common = {
    client_id: lwaClientId,
    scope: ACCOUNT_LINKING_SCOPE,
    response_type: "code",
    redirect_uri: attempt.redirectUri,
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
  };
  const { alexaAppUrl, authorizeUrl } = rt.config.amazon;
  return {
    alexaAppUrl: withQuery(alexaAppUrl, {
      fragment: "skill-account-linking-consent",
      skill_stage: attempt.stage,
      ...common,
    }),
    loginWithAmazonUrl: withQuery(authorizeUrl, common),
  };
}

/** Appends parameters to a URL. Its own query keeps its bytes. */
export function withQuery(url: string, parameters: Readonly<Record<string, string>>): string {
  return appendToUri(
    url,
    Object.entries(parameters).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
  );
}
