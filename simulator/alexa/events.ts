// Skill events: signed requests that tell the skill who enabled, linked or disabled it.
import type { Skill } from "../configuration.ts";
import { recordingFetch } from "../exchanges.ts";
import { type Faults, useFault } from "../faults.ts";
import { type Check, should } from "../library/checks.ts";
import type { Scene } from "../scene.ts";
import { type Link, linksOf, now, personIdOf, type World } from "../world.ts";
import { type Certificates, type ChainVariant, makeCertificates, signBody } from "./certificates.ts";

export type EventName = "SkillEnabled" | "SkillAccountLinked" | "SkillDisabled" | "SkillPermissionAccepted";
export type EventFault = NonNullable<Faults["events"]>;

const TITLES: Record<EventName, string> = {
  SkillEnabled: "Alexa tells the skill: somebody enabled it",
  SkillAccountLinked: "Alexa tells the skill: an account is linked",
  SkillDisabled: "Alexa tells the skill: somebody disabled it",
  SkillPermissionAccepted: "Alexa tells the skill: a permission was given",
};

/** The chain of this isolate, made on first use. */
export async function certificatesOf(world: World): Promise<Certificates> {
  if (!world.certificates) {
    const made = await makeCertificates(now(world));
    world.certificates ??= made;
  }
  return world.certificates;
}

export interface EventAnswer {
  readonly status: number;
  readonly requestId: string;
}

/** Sends one signed event, bent as `fault` says. `requestId` repeats an earlier one. */
export async function sendEvent(
  scene: Scene,
  skill: Skill,
  link: Link,
  name: EventName,
  fault: EventFault = {},
  requestId: string = crypto.randomUUID(),
): Promise<EventAnswer> {
  const { signingKey } = await certificatesOf(scene.world);
  const body = JSON.stringify(eventBody(scene, skill, link, name, fault, requestId));
  const signed = fault.signature === "other_body" ? `${body} ` : body;
  const signature = await signBody(signingKey, signed);
  const headers = new Headers({
    "content-type": "application/json;charset=utf-8",
    signaturecertchainurl: fault.certificateUrl ?? chainUrl(scene, skill, fault.certificate ?? "good"),
  });
  if (fault.signature !== "missing") {
    headers.set("signature-256", fault.signature === "wrong" ? `AAAA${signature.slice(4)}` : signature);
  }
  const fetch = recordingFetch(scene.world, scene.send, {
    linkId: link.linkId,
    from: "alexa",
    to: "company",
    title: TITLES[name],
    why: "Skill events come signed, up to an hour late, perhaps twice. SkillDisabled is the only sign of an unlink in the Alexa app.",
  });
  const request = new Request(skill.eventsUrl ?? "", { method: "POST", headers, body, redirect: "manual" });
  const answer = await fetch(request).catch(() => undefined);
  return { status: answer?.status ?? 0, requestId };
}

/** Sends an event in the ordinary way, with the event faults that are switched on. */
export async function announceEvent(scene: Scene, skill: Skill, link: Link, name: EventName): Promise<Check[]> {
  if (!skill.eventsUrl) return [];
  const fault = useFault(scene.world.faults, "events") ?? {};
  const first = await sendEvent(scene, skill, link, name, fault);
  const answers = fault.duplicate
    ? [first, await sendEvent(scene, skill, link, name, fault, first.requestId)]
    : [first];
  return answers.map(({ status }) =>
    should("event_accepted", status >= 200 && status < 300, `${name} answered ${status}`),
  );
}

function chainUrl(scene: Scene, skill: Skill, variant: ChainVariant): string {
  const { hostname } = new URL(scene.origin);
  const own = hostname === "127.0.0.1" || hostname === "localhost" ? scene.origin : "https://s3.amazonaws.com";
  return `${skill.certificateOrigin ?? own}/echo.api/echo-api-cert-${variant}.pem`;
}

function eventBody(scene: Scene, skill: Skill, link: Link, name: EventName, fault: EventFault, requestId: string) {
  const created = new Date(now(scene.world) - (fault.lateSeconds ?? 0) * 1000).toISOString().replace(/\.\d+Z$/, "Z");
  const token = fault.withoutAccessToken ? {} : { accessToken: link.accessToken };
  const account = link.person === undefined ? link : linksOf(scene.world, link).find((each) => !each.person);
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
