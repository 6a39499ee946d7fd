// The company's app links, completes and unlinks through the company's API.

import { rawParameter, rawQuery } from "../library/encoding.ts";
import type { Skill } from "../state/configuration.ts";
import { contextOf, currentAccount, type SimulatorContext } from "../state/context.ts";
import { recordStep } from "../state/recording.ts";
import { type Attempt, type Device, type Store, startAttempt } from "../state/store.ts";
import { callApi } from "./device.ts";

export type Platform = "ios" | "android" | "web";

/** The return URL of the app, for results that reached a browser instead of the app. */
export function appReturnUrl(c: SimulatorContext, skill: Skill): string {
  return skill.company.appReturnUrl ?? `${contextOf(c).origin}/company/app/return`;
}

/**
 * Starts linking. Returns the Amazon URL to open, or undefined if the API refused (the reason is in `device.message`).
 */
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
    why: "The server generates state and PKCE and returns two URLs: one for the Alexa app, one for Login with Amazon.",
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
      why: "Here the company is the client and Amazon the authorization server: the customer allows the company to enable its skill.",
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

/** Opens Amazon's URLs at this simulator. */
function here(c: SimulatorContext, url: string): string {
  const { hostname, pathname, search } = new URL(url);
  return /(^|\.)amazon\.com$/.test(hostname) && !/amazon/.test(new URL(c.req.url).hostname) ? pathname + search : url;
}

/** Sends Amazon's response to the server: a code that reached the app, a result from a browser, or an error. */
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
    title: "The app sends Amazon’s response to its server",
    why: "Only the customer who started can complete it, and only with Amazon’s response. The server does the rest: tokens, region, enablement.",
  });
  const linked = completed.status === 200 && completed.body.status === "linked";
  device.message = linked
    ? { kind: "ok", title: `${skill.name} is linked`, detail: "The server enabled the skill, and Amazon confirmed it." }
    : problem("Linking failed", completed.status, completed.body);
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
    why: "The server revokes its own grant first, then disables the skill at Amazon.",
  });
  const detail =
    response.status === 202
      ? "Amazon cannot be reached now; the skill will be disabled there later."
      : "The link is removed here and at Amazon.";
  device.message =
    response.status === 204 || response.status === 202
      ? { kind: "ok", title: "Unlinked", detail }
      : problem("Unlinking failed", response.status, response.body);
}

/** A message for the app from a problem of the API (RFC 9457: `code`, `title`, `detail`). */
export function problem(title: string, status: number, body: Record<string, unknown>): NonNullable<Device["message"]> {
  const text = [body.code, body.title, body.detail].filter((part) => typeof part === "string").join(" · ");
  return { kind: "bad", title, detail: `${status} ${text}`.trim() };
}
