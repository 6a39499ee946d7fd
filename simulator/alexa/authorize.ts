// Linking that starts in the Alexa app: the authorization request goes out, the answer comes back.
import { REDIRECT_HOST_OF } from "../amazon/regions.ts";
import type { AmazonAccount, Skill } from "../configuration.ts";
import { recordingFetch, recordStep } from "../exchanges.ts";
import { type Faults, useFault } from "../faults.ts";
import { readAuthorizationAnswer } from "../library/authorization-answer.ts";
import { amazonRedirectUri, buildAuthorizationRequest, type RedirectHost } from "../library/authorization-request.ts";
import { firstFailure, must, passed } from "../library/checks.ts";
import { decodeParameter, rawParameter, rawQuery } from "../library/encoding.ts";
import { USER_AGENT } from "../library/token.ts";
import type { Scene } from "../scene.ts";
import { beginLinking, failLinking, type Linking, type World } from "../world.ts";
import { completeLinking } from "./link.ts";

/** Alexa's redirect URI: Amazon's own address, or the simulator's where the browser could not follow to Amazon. */
export function redirectUriOf(scene: Scene, skill: Skill, host: RedirectHost): string {
  const atAmazon =
    skill.alexaRedirects === "amazon" ||
    (skill.alexaRedirects === "auto" && /\.amazon\.|amazonalexa\.com/.test(scene.origin));
  return atAmazon
    ? amazonRedirectUri(host, skill.vendorId)
    : `${scene.origin}/${host}/api/skill/link/${skill.vendorId}`;
}

/** Begins a linking: what Alexa will open, kept beside what it expects back. Nothing of it says that it is for one speaker only. */
export async function startAuthorization(
  scene: Scene,
  skill: Skill,
  account: AmazonAccount,
  inApp: boolean,
  person?: string,
): Promise<Linking> {
  const { world } = scene;
  const fault = useFault(world.faults, "authorize") ?? {};
  const { skillId, stage } = skill;
  const flow = inApp ? "alexa_app_to_app" : "alexa_app";
  const linking = beginLinking(world, { flow, skillId, stage, accountId: account.id, person });
  const honest = redirectUriOf(scene, skill, fault.redirectHost ?? REDIRECT_HOST_OF[account.region]);
  linking.request = await buildAuthorizationRequest({
    authorizationUrl: inApp && skill.appAuthorizationUrl ? skill.appAuthorizationUrl : skill.authorizationUrl,
    clientId: fault.wrongClientId ? `${skill.clientId}-other` : skill.clientId,
    redirectUri: fault.wrongRedirectUri ? honest.replace(skill.vendorId, "M0OTHERVENDOR") : honest,
    scopes: fault.scope === undefined ? skill.scopes : fault.scope.split(" "),
    pkce: fault.pkce ?? skill.pkce,
    ...(fault.stateLength && { stateLength: fault.stateLength }),
  });
  if (fault.probe) await probe(scene, linking, fault);
  recordStep(
    world,
    {
      linkId: linking.linkId,
      from: "alexa",
      to: inApp ? "app" : "company",
      title: inApp ? "The Alexa app opens the company’s app" : "The Alexa app opens the company’s sign-in page",
      why: inApp
        ? "The company’s app is installed and claims this address, so the phone opens the app instead of a web page."
        : "The customer signs in to their account at the company, not at Amazon. Alexa adds a state that must come back unchanged.",
    },
    linking.request.url,
  );
  return linking;
}

/** Requests that come before the customer's browser: a HEAD, a GET and a prefetch. None may have an effect. */
async function probe(scene: Scene, linking: Linking, _fault: NonNullable<Faults["authorize"]>): Promise<void> {
  const fetch = recordingFetch(scene.world, scene.send, {
    linkId: linking.linkId,
    from: "alexa",
    to: "company",
    title: "Something else opens the address first",
    why: "Link previews, prefetching browsers and Amazon’s own servers may get there before the customer.",
  });
  const tries: RequestInit[] = [
    { method: "HEAD", headers: { "user-agent": USER_AGENT } },
    { headers: { "user-agent": USER_AGENT } },
    { headers: { "sec-purpose": "prefetch", purpose: "prefetch" } },
  ];
  for (const init of tries) {
    const answer = await fetch(new Request(linking.request?.url ?? "", { ...init, redirect: "manual" }));
    linking.checks.push(
      must("authorize_probe", answer.status < 500, `${init.method ?? "GET"} answered ${answer.status}`),
    );
  }
}

/** The linking that an answer at Alexa's redirect URI belongs to, by its state; else the newest one still waiting. */
export function findLinking(world: World, url: string): Linking | undefined {
  const state = decodeParameter(rawParameter(rawQuery(url), "state") ?? "");
  const started = [...world.linkings.values()].filter((linking) => linking.request).reverse();
  return (
    started.find((linking) => linking.request?.state === state) ??
    started.find((linking) => linking.outcome === "running")
  );
}

/** Takes the answer that arrived at Alexa's redirect URI and finishes the linking. A second arrival changes nothing. */
export async function finishAuthorization(scene: Scene, skill: Skill, linking: Linking, url: string): Promise<void> {
  const { request } = linking;
  if (!request || linking.outcome !== "running" || linking.answered) return;
  linking.answered = true;
  const inApp = linking.flow === "alexa_app_to_app";
  const answer = readAuthorizationAnswer(request, url, inApp);
  recordStep(
    scene.world,
    {
      linkId: linking.linkId,
      from: inApp ? "app" : "company",
      to: "alexa",
      title: answer.error
        ? `The company sends the customer back: ${answer.error}`
        : "The company sends the customer back to Alexa with a code",
      why: "The code is worth nothing by itself: only Alexa, with its client secret, can turn it into tokens. state shows that the answer belongs to this request.",
    },
    url,
  );
  linking.checks.push(...answer.checks, checkRedirectUri(request.redirectUri, url));
  if (answer.error === "access_denied") {
    linking.outcome = "cancelled";
    linking.reason = "The customer, or the company, said no: error=access_denied.";
    return;
  }
  if (!passed(linking.checks) || !answer.code) {
    failLinking(linking, `The answer cannot be used: ${firstFailure(linking.checks)?.detail ?? "no code"}.`);
    return;
  }
  await completeLinking(scene, linking, {
    skill,
    grant: { code: answer.code, redirectUri: request.redirectUri, codeVerifier: request.codeVerifier },
    linkId: linking.linkId,
  });
}

function checkRedirectUri(expected: string, url: string) {
  const reached = url.split(/[?#]/)[0] ?? "";
  return must(
    "answer_redirect_uri",
    reached === expected,
    reached === expected ? "at the redirect URI that was sent" : `the answer came to ${reached}`,
  );
}
