// Skill events: signed requests that tell the skill who enabled, linked or disabled it.

import { type Check, should } from "../library/checks.ts";
import type { Skill } from "../state/configuration.ts";
import type { RequestContext } from "../state/context.ts";
import { type Faults, useFault } from "../state/faults.ts";
import { recordingFetch } from "../state/recording.ts";
import {
  type Certificates,
  type ChainVariant,
  type Link,
  linksOf,
  now,
  personIdOf,
  type Store,
} from "../state/store.ts";
import { makeCertificates, signBody } from "./certificates.ts";

export type EventName = "SkillEnabled" | "SkillAccountLinked" | "SkillDisabled" | "SkillPermissionAccepted";
export type EventFault = NonNullable<Faults["events"]>;

const TITLES: Record<EventName, string> = {
  SkillEnabled: "Alexa notifies the skill: a customer enabled it",
  SkillAccountLinked: "Alexa notifies the skill: an account is linked",
  SkillDisabled: "Alexa notifies the skill: a customer disabled it",
  SkillPermissionAccepted: "Alexa notifies the skill: a permission was granted",
};

/** The certificates of this isolate, generated on first use. */
export async function certificatesOf(store: Store): Promise<Certificates> {
  if (!store.certificates) {
    const made = await makeCertificates(now(store));
    store.certificates ??= made;
  }
  return store.certificates;
}

export interface EventResponse {
  readonly status: number;
  readonly requestId: string;
}

/** Sends one signed event, with the given fault. Pass a `requestId` to repeat an earlier event. */
export async function sendEvent(
  context: RequestContext,
  skill: Skill,
  link: Link,
  name: EventName,
  fault: EventFault = {},
  requestId: string = crypto.randomUUID(),
): Promise<EventResponse> {
  const { signingKey } = await certificatesOf(context.store);
  const body = JSON.stringify(eventBody(context, skill, link, name, fault, requestId));
  const signed = fault.signature === "other_body" ? `${body} ` : body;
  const signature = await signBody(signingKey, signed);
  const headers = new Headers({
    "content-type": "application/json;charset=utf-8",
    signaturecertchainurl: fault.certificateUrl ?? chainUrl(context, skill, fault.certificate ?? "good"),
  });
  if (fault.signature !== "missing") {
    headers.set("signature-256", fault.signature === "wrong" ? `AAAA${signature.slice(4)}` : signature);
  }
  const fetch = recordingFetch(context.store, context.send, {
    linkId: link.linkId,
    from: "alexa",
    to: "company",
    title: TITLES[name],
    why: "Skill events are signed, and may arrive up to an hour late or twice. SkillDisabled is the only notice of an unlink in the Alexa app.",
  });
  const request = new Request(skill.eventsUrl ?? "", { method: "POST", headers, body, redirect: "manual" });
  const response = await fetch(request).catch(() => undefined);
  return { status: response?.status ?? 0, requestId };
}

/** Sends an event with the event faults that are switched on. */
export async function announceEvent(
  context: RequestContext,
  skill: Skill,
  link: Link,
  name: EventName,
): Promise<Check[]> {
  if (!skill.eventsUrl) return [];
  const fault = useFault(context.store.faults, "events") ?? {};
  const first = await sendEvent(context, skill, link, name, fault);
  const responses = fault.duplicate
    ? [first, await sendEvent(context, skill, link, name, fault, first.requestId)]
    : [first];
  return responses.map(({ status }) =>
    should("event_accepted", status >= 200 && status < 300, `${name} returned ${status}`),
  );
}

function chainUrl(context: RequestContext, skill: Skill, variant: ChainVariant): string {
  const { hostname } = new URL(context.origin);
  const own = hostname === "127.0.0.1" || hostname === "localhost" ? context.origin : "https://s3.amazonaws.com";
  return `${skill.certificateOrigin ?? own}/echo.api/echo-api-cert-${variant}.pem`;
}

function eventBody(
  context: RequestContext,
  skill: Skill,
  link: Link,
  name: EventName,
  fault: EventFault,
  requestId: string,
) {
  const created = new Date(now(context.store) - (fault.lateSeconds ?? 0) * 1000).toISOString().replace(/\.\d+Z$/, "Z");
  const token = fault.withoutAccessToken ? {} : { accessToken: link.accessToken };
  const account = link.person === undefined ? link : linksOf(context.store, link).find((each) => !each.person);
  const accountToken = account && !fault.withoutAccessToken ? { accessToken: account.accessToken } : {};
  const bodies: Record<EventName, object | undefined> = {
    SkillEnabled: undefined,
    SkillAccountLinked: token,
    SkillDisabled: { userInformationPersistenceStatus: "NOT_PERSISTED" },
    SkillPermissionAccepted: { acceptedPermissions: [] },
  };
  return {
    version: "1.0",
    context: {
      System: {
        application: { applicationId: fault.skillId ?? skill.skillId },
        user: { userId: link.userId, ...(name === "SkillEnabled" ? {} : accountToken) },
        ...(link.person === undefined
          ? {}
          : {
              person: { personId: personIdOf(link.accountId, link.person), ...(name === "SkillEnabled" ? {} : token) },
            }),
        apiEndpoint: "https://api.amazonalexa.com",
        apiAccessToken: "eyJ0eXAi.simulated",
      },
    },
    request: {
      type: `AlexaSkillEvent.${name}`,
      requestId,
      timestamp: created,
      eventCreationTime: created,
      eventPublishingTime: created,
      ...(bodies[name] && { body: bodies[name] }),
    },
  };
}
