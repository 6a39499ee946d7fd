// Amazon's permission to send events to Alexa: AcceptGrant through the skill, or the reciprocal call.
import { beginGrant, mintCode } from "../amazon/tokens.ts";
import { type Check, must, should } from "../library/checks.ts";
import { encodeParameters, toBase64 } from "../library/encoding.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { useFault } from "../state/faults.ts";
import { type About, recordingFetch } from "../state/recording.ts";
import { type Link, now } from "../state/store.ts";
import { systemContext } from "./speech.ts";

/** How long a smart-home skill has to answer a directive, in milliseconds. */
const DIRECTIVE_LIMIT_MS = 8000;

/** Sends AcceptGrant with a code for the event gateway. Linking fails unless it is answered well. */
export async function sendAcceptGrant(
  context: RequestContext,
  skill: Skill,
  link: Link,
  parentId?: number,
): Promise<Check[]> {
  if (!skill.sendAlexaEvents) return [];
  if (!skill.acceptGrant)
    return [must("accept_grant", false, "“Send Alexa Events” is on, but no address answers AcceptGrant")];
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
      ? "It brings a code with which the company may later send events of its own. It names no grantee: the token in the context does, or Alexa’s id of the account."
      : "It brings a code with which the company may later tell Alexa about changes, such as a lamp switched by hand. If it is answered badly, the whole linking fails.",
  };
  const { url, clientId, clientSecret } = skill.acceptGrant;
  const region = context.store.accounts.get(link.accountId)?.region ?? "NA";
  const basic = toBase64(new TextEncoder().encode(`${clientId}:${clientSecret}`));
  // A directive names no region, so that the skill's backend adds its own; a request has its endpoint.
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
    return [must("accept_grant", false, `no answer to AcceptGrant within ${DIRECTIVE_LIMIT_MS / 1000} s`)];
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

/** The form in which a custom skill gets it: in the envelope of all its requests, with the account's token if there is one. */
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

/** Whether a badly answered one fails the linking of a custom skill is not documented: it is advice here. */
function judgeGrantRequest(status: number, body: string): Check {
  const ok = status === 200 && /^\s*\{\s*"version"\s*:\s*"1\.0"/.test(body);
  return should("accept_grant", ok, `Alexa.Authorization.Grant was answered ${status}`);
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
  return must("accept_grant", ok, `AcceptGrant was answered ${status} ${name ?? "without a valid event"}`);
}

/** Brings Amazon's code to the company's reciprocal address, in the name of the linked user. */
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
    title: "Alexa hands over a code of Amazon’s (reciprocal authorization)",
    why: "The other way round: now the company may act at Amazon for this customer. Used by health skills.",
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
    should("reciprocal", response?.ok ?? false, `the reciprocal call was answered ${response?.status ?? "not at all"}`),
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
