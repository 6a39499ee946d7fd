// Linking that starts in the Alexa app: sends the authorization request and reads its response.
import { REDIRECT_HOST_OF } from "../amazon/regions.ts";
import { amazonRedirectUri, buildAuthorizationRequest, type RedirectHost } from "../library/authorization-request.ts";
import { readAuthorizationResponse } from "../library/authorization-response.ts";
import { firstFailure, must, passed } from "../library/checks.ts";
import { decodeParameter, rawParameter, rawQuery } from "../library/encoding.ts";
import { USER_AGENT } from "../library/token.ts";
import type { AmazonAccount, Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { type Faults, useFault } from "../state/faults.ts";
import { type About, recordingFetch, recordStep } from "../state/recording.ts";
import { type Attempt, failAttempt, type Store, startAttempt } from "../state/store.ts";
import { completeLink } from "./link.ts";
import { changeResource } from "./resource.ts";

/** Alexa's redirect URI: Amazon's own, or the simulator's when the browser cannot reach Amazon. */
export function redirectUriOf(context: RequestContext, skill: Skill, host: RedirectHost): string {
  const atAmazon =
    skill.alexaRedirects === "amazon" ||
    (skill.alexaRedirects === "auto" && /\.amazon\.|amazonalexa\.com/.test(context.origin));
  return atAmazon
    ? amazonRedirectUri(host, skill.vendorId)
    : `${context.origin}/${host}/api/skill/link/${skill.vendorId}`;
}

/** Starts an attempt with its authorization request. The request does not show whether it is for one speaker only. */
export async function startAuthorization(
  context: RequestContext,
  skill: Skill,
  account: AmazonAccount,
  inApp: boolean,
  person?: string,
): Promise<Attempt> {
  const { store } = context;
  const fault = useFault(store.faults, "authorize") ?? {};
  const { skillId, stage } = skill;
  const flow = inApp ? "alexa_app_to_app" : "alexa_app";
  const attempt = startAttempt(store, { flow, skillId, stage, accountId: account.id, person });
  const honest = redirectUriOf(context, skill, fault.redirectHost ?? REDIRECT_HOST_OF[account.region]);
  attempt.request = await buildAuthorizationRequest({
    authorizationUrl: inApp && skill.appAuthorizationUrl ? skill.appAuthorizationUrl : skill.authorizationUrl,
    clientId: fault.wrongClientId ? `${skill.clientId}-other` : skill.clientId,
    redirectUri: fault.wrongRedirectUri ? honest.replace(skill.vendorId, "M0OTHERVENDOR") : honest,
    scopes: fault.scope === undefined ? skill.scopes : fault.scope.split(" "),
    pkce: fault.pkce ?? skill.pkce,
    resources: resourcesOf(skill, fault.resource),
    ...(fault.stateLength && { stateLength: fault.stateLength }),
  });
  if (fault.probe) await probe(context, attempt, fault);
  const { title, why } = opening(skill, inApp);
  recordStep(
    store,
    { linkId: attempt.linkId, from: "alexa", to: inApp ? "app" : "company", title, why },
    attempt.request.url,
  );
  return attempt;
}

function opening({ resource }: Skill, inApp: boolean): Pick<About, "title" | "why"> {
  const added = resource ? " For an add-on it also sends PKCE and resource, the URI of the MCP server." : "";
  if (inApp) {
    return {
      title: "The Alexa app opens the company’s app",
      why: `The company’s app is installed and claims this URL, so the phone opens the app instead of a web page.${added}`,
    };
  }
  return {
    title: resource
      ? "Alexa+ shows the customer a link to the company’s sign-in page"
      : "The Alexa app opens the company’s sign-in page",
    why: `The customer signs in to their account at the company, not at Amazon. Alexa adds a state that must come back unchanged.${added}`,
  };
}

/** The values of `resource` that Alexa sends for an add-on; none for a skill. */
function resourcesOf({ resource }: Skill, fault: NonNullable<Faults["authorize"]>["resource"]): string[] {
  if (!resource || fault === "missing") return [];
  return fault === "twice" ? [resource, resource] : [changeResource(resource, fault)];
}

/** Requests that arrive before the customer's browser: a HEAD, a GET and a prefetch. They must not change anything. */
async function probe(
  context: RequestContext,
  attempt: Attempt,
  _fault: NonNullable<Faults["authorize"]>,
): Promise<void> {
  const fetch = recordingFetch(context.store, context.send, {
    linkId: attempt.linkId,
    from: "alexa",
    to: "company",
    title: "Another program opens the URL first",
    why: "Link previews, prefetching browsers and Amazon’s own servers may open the URL before the customer does.",
  });
  const tries: RequestInit[] = [
    { method: "HEAD", headers: { "user-agent": USER_AGENT } },
    { headers: { "user-agent": USER_AGENT } },
    { headers: { "sec-purpose": "prefetch", purpose: "prefetch" } },
  ];
  for (const init of tries) {
    const response = await fetch(new Request(attempt.request?.url ?? "", { ...init, redirect: "manual" }));
    attempt.checks.push(
      must("authorize_probe", response.status < 500, `${init.method ?? "GET"} returned ${response.status}`),
    );
  }
}

/**
 * The attempt that a response at Alexa's redirect URI belongs to: found by its state, else the newest one that is still
 * running, if possible with this redirect URI.
 */
export function findAttempt(store: Store, url: string): Attempt | undefined {
  const state = decodeParameter(rawParameter(rawQuery(url), "state") ?? "");
  const started = [...store.attempts.values()].filter((attempt) => attempt.request).reverse();
  return (
    started.find((attempt) => attempt.request?.state === state) ??
    started.find((attempt) => attempt.outcome === "running" && attempt.request?.redirectUri === url.split("?")[0]) ??
    started.find((attempt) => attempt.outcome === "running")
  );
}

/**
 * Reads the response that arrived at Alexa's redirect URI and finishes the attempt. A repeated response changes
 * nothing.
 */
export async function finishAuthorization(
  context: RequestContext,
  skill: Skill,
  attempt: Attempt,
  url: string,
): Promise<void> {
  const { request } = attempt;
  if (!request || attempt.outcome !== "running" || attempt.redirected) return;
  attempt.redirected = true;
  const inApp = attempt.flow === "alexa_app_to_app";
  const response = readAuthorizationResponse(request, url, inApp);
  recordStep(
    context.store,
    {
      linkId: attempt.linkId,
      from: inApp ? "app" : "company",
      to: "alexa",
      title: response.error
        ? `The company sends the customer back: ${response.error}`
        : "The company sends the customer back to Alexa with a code",
      why: "The code is useless on its own: only Alexa, which has the client secret, can exchange it for tokens. The state shows that the response belongs to this request.",
    },
    url,
  );
  attempt.checks.push(...response.checks, checkRedirectUri(request.redirectUri, url));
  if (response.error === "access_denied") {
    attempt.outcome = "cancelled";
    attempt.reason = "The customer or the company declined: error=access_denied.";
    return;
  }
  if (!passed(attempt.checks) || !response.code) {
    failAttempt(attempt, `The response cannot be used: ${firstFailure(attempt.checks)?.detail ?? "no code"}.`);
    return;
  }
  await completeLink(context, attempt, {
    skill,
    grant: {
      code: response.code,
      redirectUri: request.redirectUri,
      codeVerifier: request.codeVerifier,
      resource: skill.resource,
    },
    linkId: attempt.linkId,
  });
}

function checkRedirectUri(expected: string, url: string) {
  const reached = url.split(/[?#]/)[0] ?? "";
  return must(
    "response_redirect_uri",
    reached === expected,
    reached === expected ? "at the redirect URI that was sent" : `the response came to ${reached}`,
  );
}
