// The company's app links, completes and unlinks through the company's API.

import { rawParameter, rawQuery } from "../library/encoding.ts";
import type { Skill } from "../state/configuration.ts";
import { contextOf, currentAccount, type SimulatorContext } from "../state/context.ts";
import { recordStep } from "../state/recording.ts";
import { type Attempt, type Device, type Store, startAttempt } from "../state/store.ts";
import { callApi } from "./device.ts";

export type Platform = "ios" | "android" | "web";

/** Where results come back to the app when a browser caught Amazon's answer. */
export function appReturnUrl(c: SimulatorContext, skill: Skill): string {
  return skill.company.appReturnUrl ?? `${contextOf(c).origin}/company/app/return`;
}

/** Starts a linking and answers the Amazon address to open, or undefined when the API refused (the device says why). */
export async function startFromApp(
  c: SimulatorContext,
  skill: Skill,
  device: Device,
  choice: { readonly platform: Platform; readonly via: "alexa_app" | "lwa" },
): Promise<string | undefined> {
  const response = await callApi(c, skill, device, {
    method: "POST",
    path: "/api/links",
    body: { skillId: skill.skillId, stage: skill.stage, returnTo: appReturnUrl(c, skill), platform: choice.platform },
    title: "The app asks its server to start linking",
    why: "The server makes state and PKCE and answers two addresses: one opens the Alexa app, the other Login with Amazon.",
  });
  const url = response.body[choice.via === "alexa_app" ? "alexaAppUrl" : "loginWithAmazonUrl"];
  if (response.status !== 201 || typeof url !== "string") {
    device.message = problem("Linking could not start", response.status, response.body);
    return undefined;
  }
  const attempt = beginAt(c, skill, url);
  device.linkId = attempt.linkId;
  if (response.exchange) response.exchange.linkId = attempt.linkId;
  recordStep(
    c.var.store,
    {
      linkId: attempt.linkId,
      from: "app",
      to: choice.via === "alexa_app" ? "alexa" : "amazon",
      title:
        choice.via === "alexa_app" ? "The app opens the Alexa app" : "The app opens Login with Amazon in a browser tab",
      why: "Here the company is the client and Amazon the server: the customer allows the company to enable its skill.",
    },
    url,
  );
  return here(c, url);
}

function beginAt(c: SimulatorContext, skill: Skill, url: string): Attempt {
  const query = rawQuery(url);
  const { skillId, stage } = skill;
  const attempt = startAttempt(c.var.store, { flow: "company", skillId, stage, accountId: currentAccount(c).id });
  attempt.amazonState = `${decodeURIComponent(rawParameter(query, "client_id") ?? "")} ${rawParameter(query, "state") ?? ""}`;
  return attempt;
}

/** An address of Amazon's, opened at this simulator when it names a host that only Amazon has. */
function here(c: SimulatorContext, url: string): string {
  const { hostname, pathname, search } = new URL(url);
  return /(^|\.)amazon\.com$/.test(hostname) && !/amazon/.test(new URL(c.req.url).hostname) ? pathname + search : url;
}

/** Hands Amazon's answer to the server: a code that reached the app, a result that came by the browser, or an error. */
export async function completeFromApp(
  c: SimulatorContext,
  skill: Skill,
  device: Device,
  response: Record<string, string>,
): Promise<void> {
  const linkId = device.linkId ?? linkOfState(c.var.store, response.state)?.linkId;
  const completed = await callApi(c, skill, device, {
    method: "POST",
    path: "/api/links/complete",
    body: response,
    linkId,
    title: "The app hands Amazon’s answer to its server",
    why: "Only the customer who began may finish, and only with what Amazon answered. The server does the rest: tokens, region, enablement.",
  });
  const linked = completed.status === 200 && completed.body.status === "linked";
  device.message = linked
    ? { kind: "ok", title: `${skill.name} is linked`, detail: "The server enabled the skill, and Amazon confirmed it." }
    : problem("Linking did not work", completed.status, completed.body);
}

function linkOfState(store: Store, state: string | undefined): Attempt | undefined {
  return [...store.attempts.values()].reverse().find((attempt) => state && attempt.amazonState?.endsWith(` ${state}`));
}

/** Unlinks the skill for the signed-in customer. */
export async function unlinkFromApp(c: SimulatorContext, skill: Skill, device: Device): Promise<void> {
  const response = await callApi(c, skill, device, {
    method: "DELETE",
    path: `/api/links/${encodeURIComponent(skill.skillId)}`,
    linkId: device.linkId,
    title: "The app asks its server to unlink",
    why: "The server ends its own tokens first, then disables the skill at Amazon.",
  });
  const detail =
    response.status === 202
      ? "Amazon does not answer now; its part follows later."
      : "Nothing of the link is left, here or at Amazon.";
  device.message =
    response.status === 204 || response.status === 202
      ? { kind: "ok", title: "Unlinked", detail }
      : problem("Unlinking did not work", response.status, response.body);
}

/** A problem of the API in words (RFC 9457: `code`, `title`, `detail`). */
export function problem(title: string, status: number, body: Record<string, unknown>): NonNullable<Device["message"]> {
  const text = [body.code, body.title, body.detail].filter((part) => typeof part === "string").join(" · ");
  return { kind: "bad", title, detail: `${status} ${text}`.trim() };
}
