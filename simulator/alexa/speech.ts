// Somebody says something to the skill: what Alexa sends its backend about the account and the voice, and what the backend learns from it.
import { endpointOf } from "../amazon/regions.ts";
import { type Check, must } from "../library/checks.ts";
import { toBase64 } from "../library/encoding.ts";
import type { AmazonAccount, Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { recordingFetch } from "../state/recording.ts";
import { type Link, linkKey, personIdOf } from "../state/store.ts";

/** Where Alexa says that its API is for this account. */
function apiEndpointOf(context: RequestContext, accountId: string): string {
  const endpoint = endpointOf(context.store.accounts.get(accountId)?.region ?? "NA", context.origin);
  return endpoint.startsWith("http") ? endpoint : `https://${endpoint}`;
}

/**
 * `context` of a request to a custom skill. `user` is the account that enabled it and has the shared link's token; `person` is whom Alexa
 * recognized and has the token of their own link. Without a link the token is absent.
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

interface Told {
  readonly speaker?: { readonly as?: string } | null;
}

/** Somebody speaks: `person`, if Alexa recognizes the voice. The skill's backend asks the company whose account that is. */
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
      ? `Alexa hears ${person[0]?.toUpperCase()}${person.slice(1)}, and the skill asks who that is`
      : "Alexa hears a voice that it does not know",
    why: "The backend passes on the context of Alexa’s request. Where Alexa puts a token shows whose link it is: one speaker’s, or everybody’s.",
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
  const told = (await response?.json().catch(() => undefined)) as Told | undefined;
  const wanted = own ? "person" : shared ? "account" : "nobody";
  const as = told?.speaker === null ? "nobody" : told?.speaker?.as;
  const ok = response?.status === 200 && as === wanted;
  const detail = `answered ${response?.status ?? "not at all"}, speaker as ${as ?? "nothing"}; ${wanted} expected`;
  return { linkId: link?.linkId, checks: [must("speaker", ok, detail)] };
}
