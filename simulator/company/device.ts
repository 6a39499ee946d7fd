// The company's app on one phone: its storage, its sign-in, and its calls of the company's API.
import { getCookie, setCookie } from "hono/cookie";
import { appendQuery, encodeParameters, randomText } from "../library/encoding.ts";
import { makePkcePair } from "../library/pkce.ts";
import type { Skill } from "../state/configuration.ts";
import { companyOrigin, contextOf, type SimulatorContext } from "../state/context.ts";
import type { Exchange } from "../state/exchange.ts";
import { recordingFetch } from "../state/recording.ts";
import type { Device } from "../state/store.ts";

const DEVICE_COOKIE = "company-app";

/** The storage of this browser's phone. */
export function deviceOf(c: SimulatorContext): Device {
  const { devices } = c.var.store;
  const id = getCookie(c, DEVICE_COOKIE) ?? randomText(12);
  const known = devices.get(id);
  if (known) return known;
  const device: Device = {};
  devices.set(id, device);
  setCookie(c, DEVICE_COOKIE, id, { path: "/", httpOnly: true, sameSite: "Lax" });
  return device;
}

function callbackUri(c: SimulatorContext): string {
  return `${contextOf(c).origin}/company/app/callback`;
}

/** The URL at which the app signs in: it is an ordinary public OAuth client with PKCE (RFC 8252). */
export async function signInUrl(c: SimulatorContext, skill: Skill, device: Device, then: string): Promise<string> {
  const { codeVerifier, codeChallenge } = await makePkcePair();
  const state = randomText(24);
  device.signIn = { state, codeVerifier, then };
  const query = encodeParameters({
    response_type: "code",
    client_id: skill.company.appClientId,
    redirect_uri: callbackUri(c),
    scope: skill.company.appScope,
    state,
    code_challenge: codeChallenge,
    code_challenge_method: "S256",
  });
  return appendQuery(`${companyOrigin(skill)}/authorize`, query);
}

/** Redeems the app's own code. Returns true if the app is signed in. */
export async function finishSignIn(c: SimulatorContext, skill: Skill, device: Device, code: string): Promise<boolean> {
  const response = await tokenCall(c, skill, "The company’s app signs its customer in", {
    grant_type: "authorization_code",
    code,
    redirect_uri: callbackUri(c),
    client_id: skill.company.appClientId,
    code_verifier: device.signIn?.codeVerifier,
  });
  delete device.signIn;
  return keepTokens(device, response);
}

async function refresh(c: SimulatorContext, skill: Skill, device: Device): Promise<boolean> {
  if (!device.refreshToken) return false;
  const response = await tokenCall(c, skill, "The company’s app refreshes its own token", {
    grant_type: "refresh_token",
    refresh_token: device.refreshToken,
    client_id: skill.company.appClientId,
  });
  return keepTokens(device, response);
}

async function tokenCall(c: SimulatorContext, skill: Skill, title: string, form: Record<string, string | undefined>) {
  const context = contextOf(c);
  const request = new Request(`${companyOrigin(skill)}/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" },
    body: encodeParameters(form),
    redirect: "manual",
  });
  const why =
    "The app is a public client: it uses PKCE instead of a secret. Its token is valid only for the company’s API.";
  return recordingFetch(context.store, context.send, { from: "app", to: "company", title, why })(request);
}

async function keepTokens(device: Device, response: Response): Promise<boolean> {
  const tokens = (await response.json().catch(() => ({}))) as { access_token?: string; refresh_token?: string };
  if (!response.ok || !tokens.access_token) return false;
  device.accessToken = tokens.access_token;
  if (tokens.refresh_token) device.refreshToken = tokens.refresh_token;
  return true;
}

export interface ApiResponse {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly exchange: Exchange | undefined;
}

export interface ApiCall {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly title: string;
  readonly why: string;
  readonly linkId?: string | undefined;
}

/** Calls the company's API as its app; an expired token is refreshed once. */
export async function callApi(c: SimulatorContext, skill: Skill, device: Device, call: ApiCall): Promise<ApiResponse> {
  const first = await callOnce(c, skill, device, call);
  if (first.status !== 401) return first;
  if (await refresh(c, skill, device)) return callOnce(c, skill, device, call);
  delete device.accessToken;
  delete device.refreshToken;
  return first;
}

async function callOnce(c: SimulatorContext, skill: Skill, device: Device, call: ApiCall): Promise<ApiResponse> {
  const context = contextOf(c);
  let exchange: Exchange | undefined;
  const about = { linkId: call.linkId, from: "app", to: "company", title: call.title, why: call.why } as const;
  const fetch = recordingFetch(context.store, context.send, about, (begun) => {
    exchange = begun;
  });
  const headers = new Headers({ authorization: `Bearer ${device.accessToken ?? ""}` });
  if (call.body !== undefined) headers.set("content-type", "application/json");
  const request = new Request(`${companyOrigin(skill)}${call.path}`, {
    method: call.method,
    headers,
    redirect: "manual",
    ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
  });
  const response = await fetch(request);
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  return { status: response.status, body, exchange };
}
