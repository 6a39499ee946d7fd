// Client of Amazon's Skill Management API (SMAPI), for what account linking needs of it.
import { setTimeout as sleep } from "node:timers/promises";
import { isLoopback } from "./admin-api.ts";
import { CommandError, secretFrom, type Terminal, UsageError } from "./terminal.ts";

const AMAZON = "https://api.amazonalexa.com";
const TIME_LIMIT_MS = 30_000;
const MOST_BYTES = 5_000_000;
const ATTEMPTS = 4;
const LONGEST_WAIT_SECONDS = 60;

const HOW_TO_GET_A_TOKEN =
  'Amazon\'s ASK CLI prints one, which lasts an hour: ask util generate-lwa-tokens --scopes "alexa::ask:skills:readwrite"';

export const STAGES = ["development", "live"] as const;
export type Stage = (typeof STAGES)[number];

type Json = Readonly<Record<string, unknown>>;

export interface Smapi {
  readonly origin: string;
  /** The developer's token. It is sent to `origin` only, and never printed. */
  readonly token: string;
  /** Reports progress. */
  note(text: string): void;
  /** Waits before a request is repeated. */
  wait(ms: number): Promise<void>;
}

/** What SMAPI returned, and the `ETag` with which it may be replaced. */
export interface Stored {
  readonly content: Json;
  readonly etag: string | undefined;
}

/** A skill in one stage, and what of it is read or written, in words. */
interface Resource {
  readonly skillId: string;
  readonly stage: Stage;
  readonly part: "accountLinkingClient" | "manifest";
}

const NAMES = { accountLinkingClient: "account linking configuration", manifest: "manifest" } as const;

/**
 * SMAPI with the token of the environment variable `SMAPI_ACCESS_TOKEN` or of a prompt. Its address is `url`, else that
 * of the environment variable `SMAPI_URL`, else Amazon's.
 */
export async function smapiFrom(terminal: Terminal, url?: string): Promise<Smapi> {
  const { SMAPI_URL } = terminal.environment;
  const [address, name] = url !== undefined ? [url, "--smapi-url"] : [SMAPI_URL || AMAZON, "SMAPI_URL"];
  const parsed = URL.canParse(address) ? new URL(address) : undefined;
  if (!parsed || !(parsed.protocol === "https:" || (parsed.protocol === "http:" && isLoopback(parsed)))) {
    throw new UsageError(
      `${name} must be an https address (http on this machine): the developer's token is sent there.`,
    );
  }
  const token = await secretFrom(
    terminal,
    "SMAPI_ACCESS_TOKEN",
    `a token of the skill's developer account. ${HOW_TO_GET_A_TOKEN}`,
  );
  if (!/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw new UsageError(`SMAPI_ACCESS_TOKEN is not a token: it has spaces or other characters. ${HOW_TO_GET_A_TOKEN}`);
  }
  return { origin: parsed.origin, token, note: terminal.note, wait: (ms) => sleep(ms) };
}

/** The account linking configuration of a skill; undefined if Amazon has none. It never has the client secret. */
export async function readLinking(smapi: Smapi, skillId: string, stage: Stage): Promise<Stored | undefined> {
  const resource: Resource = { skillId, stage, part: "accountLinkingClient" };
  const response = await send(smapi, "GET", pathOf(resource));
  if (response.status === 404) {
    // A skill without account linking, or no such skill: only the latter has no manifest either.
    await readManifest(smapi, skillId, stage);
    return undefined;
  }
  return { content: member(smapi, resource, response, "accountLinkingResponse"), etag: response.etag };
}

/** The manifest of a skill. */
export async function readManifest(smapi: Smapi, skillId: string, stage: Stage): Promise<Stored> {
  const resource: Resource = { skillId, stage, part: "manifest" };
  const response = await send(smapi, "GET", pathOf(resource));
  return { content: member(smapi, resource, response, "manifest"), etag: response.etag };
}

/** Replaces the account linking configuration of the development stage, if it is still the one that was read. */
export async function writeLinking(smapi: Smapi, skillId: string, request: Json, etag?: string): Promise<void> {
  const resource: Resource = { skillId, stage: "development", part: "accountLinkingClient" };
  const response = await send(smapi, "PUT", pathOf(resource), { body: { accountLinkingRequest: request }, etag });
  if (!response.ok) throw failure(resource, response, [smapi.token, String(request.clientSecret)]);
}

/** Replaces the manifest of the development stage, if it is still the one that was read, and waits until it is done. */
export async function writeManifest(smapi: Smapi, skillId: string, manifest: Json, etag?: string): Promise<void> {
  const resource: Resource = { skillId, stage: "development", part: "manifest" };
  const response = await send(smapi, "PUT", pathOf(resource), { body: { manifest }, etag });
  if (!response.ok) throw failure(resource, response, [smapi.token]);
  for (let poll = 1; poll <= 30; poll++) {
    const status = await send(smapi, "GET", `/v1/skills/${encodeURIComponent(skillId)}/status?resource=manifest`);
    const { lastUpdateRequest = {} } = member(smapi, resource, status, "manifest") as {
      lastUpdateRequest?: { status?: unknown; errors?: { message?: unknown }[] };
    };
    if (lastUpdateRequest.status === "SUCCEEDED") return;
    if (lastUpdateRequest.status === "FAILED") {
      const errors = Array.isArray(lastUpdateRequest.errors) ? lastUpdateRequest.errors : [];
      const reasons = errors.map((error) => String(error?.message)).join(" ");
      throw new CommandError(`Amazon refused the manifest, and keeps the previous one. ${reasons}`.trim());
    }
    if (poll % 5 === 1) smapi.note("Amazon is processing the manifest …");
    await smapi.wait(2000);
  }
  throw new CommandError(
    "Amazon has accepted the manifest, and is still processing it after a minute. Run skill diff later.",
  );
}

function pathOf({ skillId, stage, part }: Resource): string {
  return `/v1/skills/${encodeURIComponent(skillId)}/stages/${stage}/${part}`;
}

interface Reply {
  readonly ok: boolean;
  readonly status: number;
  readonly etag: string | undefined;
  readonly retryAfter: string | null;
  readonly text: string;
}

/**
 * Sends one request, and repeats it at most three times if Amazon is busy (429) or not available (503). Both methods
 * may be repeated: a PUT that had its effect after all is refused by its `If-Match`.
 */
async function send(
  smapi: Smapi,
  method: "GET" | "PUT",
  path: string,
  { body, etag }: { readonly body?: Json; readonly etag?: string | undefined } = {},
): Promise<Reply> {
  for (let attempt = 1; ; attempt++) {
    const reply = await sendOnce(smapi, method, path, body, etag);
    const seconds = waitOf(reply, attempt);
    if (seconds === undefined) return reply;
    smapi.note(`Amazon returned ${reply.status}. Trying again in ${seconds} s (${attempt} of ${ATTEMPTS - 1}) …`);
    await smapi.wait(seconds * 1000);
  }
}

/** How long to wait before the next attempt, in seconds; undefined if there is none. */
function waitOf({ status, retryAfter }: Reply, attempt: number): number | undefined {
  if ((status !== 429 && status !== 503) || attempt === ATTEMPTS) return undefined;
  const asked = /^\d{1,9}$/.test(retryAfter ?? "") ? Math.max(1, Number(retryAfter)) : 2 ** attempt;
  return asked <= LONGEST_WAIT_SECONDS ? asked : undefined;
}

async function sendOnce(smapi: Smapi, method: string, path: string, body: Json | undefined, etag: string | undefined) {
  try {
    const response = await fetch(`${smapi.origin}${path}`, {
      method,
      redirect: "manual",
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
      headers: {
        authorization: `Bearer ${smapi.token}`,
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(etag === undefined ? {} : { "if-match": etag }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { ok, status, headers } = response;
    const text = await textOf(response);
    return { ok, status, etag: headers.get("etag") ?? undefined, retryAfter: headers.get("retry-after"), text };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const late = error instanceof Error && error.name === "TimeoutError";
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    const reason = late ? `No response from ${smapi.origin} within 30 s` : `Cannot reach ${smapi.origin}${cause}`;
    throw new CommandError(`${reason}. ${method === "PUT" ? "Run skill diff to see what Amazon has." : "Try again."}`);
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new CommandError("The response has more than 5 MB. Check --smapi-url.");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object of that name in a successful response. */
function member(smapi: Smapi, resource: Resource, reply: Reply, name: string): Json {
  if (!reply.ok) throw failure(resource, reply, [smapi.token]);
  const body = parsed(reply.text);
  const content = isObject(body) ? body[name] : undefined;
  if (isObject(content)) return content;
  throw new CommandError(`${smapi.origin} did not return a ${NAMES[resource.part]}. Check --smapi-url.`);
}

/** What Amazon says about a refused request, without the secrets, should it repeat them. */
function messageOf(text: string, secrets: readonly string[]): string {
  const body = parsed(text);
  const { message, violations } = (isObject(body) ? body : {}) as { message?: unknown; violations?: unknown };
  const details = Array.isArray(violations) ? violations.map((one) => (isObject(one) ? one.message : undefined)) : [];
  const texts = [message, ...details].filter((one) => typeof one === "string" && one !== "");
  const whole = texts.join(". ").slice(0, 2000);
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, "(hidden)"), whole);
}

function failure(resource: Resource, { status, text }: Reply, secrets: readonly string[]): CommandError {
  const { skillId, stage, part } = resource;
  const name = NAMES[part];
  const message = messageOf(text, secrets);
  const says = message === "" ? "" : ` Amazon says: ${message}`;
  switch (status) {
    case 400:
      return new CommandError(`Amazon refused the ${name} (400).${says}`);
    case 401:
      return new CommandError(
        `Amazon does not accept the developer token: it has expired, or is none. ${HOW_TO_GET_A_TOKEN}`,
      );
    case 403:
      return new CommandError(
        `The developer token may not use the ${name} of ${skillId} (403). It must be of the developer account that owns the skill, with the scope alexa::ask:skills:readwrite.${says}`,
      );
    case 404:
      return new CommandError(
        `Amazon knows no skill ${skillId} with a ${stage} stage (404). Check the id, and that the token is of the skill's developer account.`,
      );
    case 409:
      return new CommandError(
        `Another change of the skill is in progress at Amazon (409). Try again in a minute.${says}`,
      );
    case 412:
      return new CommandError(
        `The ${name} at Amazon has changed meanwhile, and nothing was written (412). Run skill diff to see the change, then push again.`,
      );
    case 429:
    case 503:
      return new CommandError(`Amazon is ${status === 429 ? "busy" : "not available"} (${status}). Try again later.`);
    default:
      return new CommandError(
        status < 400
          ? `An unexpected response (${status}) in place of the ${name}. Check --smapi-url.`
          : `Amazon failed (${status}). Run skill diff to see what it has, and try again later.${says}`,
      );
  }
}
