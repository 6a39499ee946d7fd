// Speech: what Alexa sends to the skill's backend about account and speaker, and what the company's service responds.
import { endpointOf } from "../amazon/regions.ts";
import { type Check, must } from "../library/checks.ts";
import { toBase64 } from "../library/encoding.ts";
import type { AmazonAccount, Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { recordingFetch } from "../state/recording.ts";
import { type Link, linkKey, personIdOf } from "../state/store.ts";

/** The `apiEndpoint` of this account's region. */
function apiEndpointOf(context: RequestContext, accountId: string): string {
  const endpoint = endpointOf(context.store.accounts.get(accountId)?.region ?? "NA", context.origin);
  return endpoint.startsWith("http") ? endpoint : `https://${endpoint}`;
}

/**
 * `context` of a request to a custom skill. `user` is the account that enabled the skill, with the token of the shared
 * link.
 * `person` is the recognised speaker, with the token of their own link. Without a link there is no token.
 */
export function systemContext(
  context: RequestContext,
  skill: Skill,
  of: Pick<Link, "accountId" | "userId">,
  speaker: string | undefined,
  withoutAccessToken = false,
) {
  const tokenOf = (person?: string) => {
    const link = context.store.links.get(linkKey(of.accountId, skill.skillId, skill.stage, person));
    return link && !withoutAccessToken ? { accessToken: link.accessToken } : {};
  };
  const person = speaker && { personId: personIdOf(of.accountId, speaker), ...tokenOf(speaker) };
  return {
    System: {
      application: { applicationId: skill.skillId },
      user: { userId: of.userId, ...tokenOf() },
      ...(person ? { person } : {}),
      apiEndpoint: apiEndpointOf(context, of.accountId),
      apiAccessToken: "eyJ0eXAi.simulated",
    },
  };
}

interface Personalization {
  readonly speaker?: { readonly as?: string } | null;
}

/**
 * Simulates a spoken request, by `person` if Alexa recognises the voice. The skill's backend asks the company for the
 * account.
 */
export async function speak(
  context: RequestContext,
  skill: Skill,
  account: AmazonAccount,
  person: string | undefined,
): Promise<{ checks: Check[]; linkId?: string | undefined }> {
  if (!skill.personalization)
    return { checks: [must("personalization_url", false, "the skill has no personalization")] };
  const { links } = context.store;
  const shared = links.get(linkKey(account.id, skill.skillId, skill.stage));
  const own = person && links.get(linkKey(account.id, skill.skillId, skill.stage, person));
  const link = own || shared;
  const userId = link?.userId ?? "amzn1.ask.account.NOT.LINKED";
  const { url, clientId, clientSecret } = skill.personalization;
  const fetch = recordingFetch(context.store, context.send, {
    linkId: link?.linkId,
    from: "alexa",
    to: "company",
    title: person
      ? `Alexa hears ${person[0]?.toUpperCase()}${person.slice(1)}, and the skill asks who is speaking`
      : "Alexa hears an unknown voice",
    why: "The backend forwards the context of Alexa’s request. The place of the token shows whose link it is: one speaker’s, or the shared one.",
  });
  const response = await fetch(
    new Request(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Basic ${toBase64(new TextEncoder().encode(`${clientId}:${clientSecret}`))}`,
      },
      body: JSON.stringify({ context: systemContext(context, skill, { accountId: account.id, userId }, person) }),
      redirect: "manual",
    }),
  ).catch(() => undefined);
  const result = (await response?.json().catch(() => undefined)) as Personalization | undefined;
  const wanted = own ? "person" : shared ? "account" : "none";
  const as = result?.speaker === null ? "none" : result?.speaker?.as;
  const ok = response?.status === 200 && as === wanted;
  const detail = `returned ${response?.status ?? "no response"}, speaker as ${as ?? "undefined"}; expected ${wanted}`;
  return { linkId: link?.linkId, checks: [must("speaker", ok, detail)] };
}
