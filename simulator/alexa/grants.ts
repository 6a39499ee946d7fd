// Amazon's permission to send events to Alexa: AcceptGrant through the skill, and the reciprocal call.
import { beginGrant, mintCode } from "../amazon/tokens.ts";
import { type Check, must, should } from "../library/checks.ts";
import { encodeParameters, toBase64 } from "../library/encoding.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { useFault } from "../state/faults.ts";
import { type About, recordingFetch } from "../state/recording.ts";
import { type Link, now } from "../state/store.ts";
import { systemContext } from "./speech.ts";

/** The time limit for a smart-home skill's response to a directive, in milliseconds. */
const DIRECTIVE_LIMIT_MS = 8000;

/** Sends AcceptGrant with a code for the event gateway. Linking fails unless the skill accepts it. */
export async function sendAcceptGrant(
  context: RequestContext,
  skill: Skill,
  link: Link,
  parentId?: number,
): Promise<Check[]> {
  if (!skill.sendAlexaEvents) return [];
  if (!skill.acceptGrant)
    return [must("accept_grant", false, "“Send Alexa Events” is on, but no URL for AcceptGrant is set")];
  const fault = useFault(context.store.faults, "acceptGrant");
  const code = fault?.badCode ? "ANnotAmazonsCode" : mintGrantCode(context, skill, link, "grant");
  const custom = skill.type === "custom";
  const about: About = {
    linkId: link.linkId,
    parentId,
    from: "alexa",
    to: "company",
    title: `Alexa asks the skill to accept a grant (${custom ? "Alexa.Authorization.Grant" : "AcceptGrant"})`,
    why: custom
      ? "It carries a code with which the company may later send events. It has no grantee: the token in the context identifies the customer, or else Alexa’s user id."
      : "It carries a code with which the company may later report changes to Alexa, such as a lamp that was switched by hand. If the skill does not accept it, linking fails.",
  };
  const { url, clientId, clientSecret } = skill.acceptGrant;
  const region = context.store.accounts.get(link.accountId)?.region ?? "NA";
  const basic = toBase64(new TextEncoder().encode(`${clientId}:${clientSecret}`));
  // A directive does not name a region, so the skill's backend adds its own. A custom skill's request has an endpoint.
  const target = custom ? url : `${url}${url.includes("?") ? "&" : "?"}region=${region}`;
  const sent = custom
    ? grantRequest(context, skill, link, code, fault?.withoutAccessToken ?? false)
    : directive(code, link.accessToken);
  const request = new Request(target, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Basic ${basic}` },
    body: JSON.stringify(sent),
    redirect: "manual",
    signal: AbortSignal.timeout(DIRECTIVE_LIMIT_MS),
  });
  try {
    const response = await recordingFetch(context.store, context.send, about)(request);
    const text = await response.text();
    return [custom ? judgeGrantRequest(response.status, text) : judgeAcceptGrant(response.status, text)];
  } catch {
    return [must("accept_grant", false, `no response to AcceptGrant within ${DIRECTIVE_LIMIT_MS / 1000} s`)];
  }
}

function directive(code: string, accessToken: string) {
  const header = {
    namespace: "Alexa.Authorization",
    name: "AcceptGrant",
    messageId: crypto.randomUUID(),
    payloadVersion: "3",
  };
  const grant = { type: "OAuth2.AuthorizationCode", code };
  return { directive: { header, payload: { grant, grantee: { type: "BearerToken", token: accessToken } } } };
}

/** The same for a custom skill: a request like all its others, with the account's token if there is one. */
function grantRequest(context: RequestContext, skill: Skill, link: Link, code: string, withoutAccessToken: boolean) {
  return {
    version: "1.0",
    context: systemContext(context, skill, link, undefined, withoutAccessToken),
    request: {
      type: "Alexa.Authorization.Grant",
      requestId: `amzn1.echo-api.request.${crypto.randomUUID()}`,
      timestamp: new Date(now(context.store)).toISOString().replace(/\.\d+Z$/, "Z"),
      locale: "en-US",
      body: { grant: { type: "OAuth2.AuthorizationCode", code } },
    },
  };
}

/** Amazon does not document whether an error fails the linking of a custom skill, so this check is advice only. */
function judgeGrantRequest(status: number, body: string): Check {
  const ok = status === 200 && /^\s*\{\s*"version"\s*:\s*"1\.0"/.test(body);
  return should("accept_grant", ok, `Alexa.Authorization.Grant returned ${status}`);
}

function judgeAcceptGrant(status: number, body: string): Check {
  let name: string | undefined;
  try {
    const response = JSON.parse(body) as {
      event?: { header?: { namespace?: string; name?: string; payloadVersion?: string } };
    };
    const header = response.event?.header;
    name = header?.namespace === "Alexa.Authorization" && header.payloadVersion === "3" ? header.name : undefined;
  } catch {
    name = undefined;
  }
  const ok = status === 200 && name === "AcceptGrant.Response";
  return must("accept_grant", ok, `AcceptGrant returned ${status} ${name ?? "without a valid event"}`);
}

/** Sends Amazon's code to the company's reciprocal URL, with the linked user's access token. */
export async function sendReciprocalCode(
  context: RequestContext,
  skill: Skill,
  link: Link,
  parentId?: number,
): Promise<Check[]> {
  if (!skill.reciprocalUrl) return [];
  const about: About = {
    linkId: link.linkId,
    parentId,
    from: "alexa",
    to: "company",
    title: "Alexa sends a code of Amazon’s (reciprocal authorization)",
    why: "The reverse direction: the company may now call Amazon for this customer. Health skills use it.",
  };
  const request = new Request(skill.reciprocalUrl, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
      authorization: `Bearer ${link.accessToken}`,
    },
    body: encodeParameters({
      grant_type: "reciprocal_authorization_code",
      code: mintGrantCode(context, skill, link, "reciprocal"),
      client_id: skill.clientId,
    }),
    redirect: "manual",
    signal: AbortSignal.timeout(DIRECTIVE_LIMIT_MS),
  });
  const response = await recordingFetch(context.store, context.send, about)(request).catch(() => undefined);
  return [
    should("reciprocal", response?.ok ?? false, `the reciprocal call returned ${response?.status ?? "no response"}`),
  ];
}

function mintGrantCode(context: RequestContext, skill: Skill, link: Link, kind: "grant" | "reciprocal"): string {
  const gateway = skill.eventGateway ?? skill.lwa;
  const grant = beginGrant({
    clientId: gateway.clientId,
    accountId: link.accountId,
    scope: kind === "grant" ? "alexa::async_event:write" : "alexa::health:profile:write",
    linkId: link.linkId,
  });
  return mintCode(context.store, {
    grant,
    kind,
    clientIds: kind === "grant" ? [gateway.clientId] : [gateway.clientId, skill.lwa.clientId],
    redirectUri: undefined,
    challenge: undefined,
  });
}
