// Reports each link made and removed to the company's servers, at least once, as Standard Webhooks describes.

import { utf8 } from "../crypto/encoding.ts";
import type { WebhookConfig } from "../env.ts";
import { fetchOut, OutboundError } from "../http/outbound.ts";
import type { Runtime } from "../runtime.ts";
import {
  CLAIM_MS,
  claimMessages,
  clearOutbox,
  type OutboxMessage,
  type Settlement,
  settleMessages,
} from "../storage/maintenance/webhooks.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** Waits after failed attempts; the last repeats. Those under five minutes need requests to trigger deliveries. */
const WAITS_MS = [5 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS];
const GIVE_UP_AFTER_MS = 5 * 24 * HOUR_MS;
const DELIVERY_LIMITS = { timeoutMs: 5000, maxBytes: 16 * 1024 };
const AT_ONCE = 10;

/** Delivers waiting messages after a response, for requests that made or ended a link, if there is a webhook. */
export function deliverSoon(rt: Runtime): void {
  if (rt.config.webhook) deliverOrClearSoon(rt);
}

/** `deliverOrClear` after the response. For erasures: waiting messages name the account's id. */
export function deliverOrClearSoon(rt: Runtime): void {
  rt.background(
    deliverOrClear(rt, 1).catch((error: unknown) => {
      rt.log.warn("webhooks_waiting", { message: String(error).slice(0, 200) });
    }),
  );
}

/** Delivers due messages, ten at a time, until none is due or ten fail. Returns how many. Calls may overlap. */
export async function deliverWebhooks(rt: Runtime, rounds = 1): Promise<number> {
  const { webhook } = rt.config;
  if (!webhook) return 0;
  let delivered = 0;
  for (let round = 0; round < rounds; round++) {
    const messages = await claimMessages(rt.db, rt.now(), rt.now() + CLAIM_MS, AT_ONCE);
    if (messages.length === 0) break;
    const settlements = await Promise.all(messages.map((message) => deliver(rt, webhook, message)));
    await settleMessages(rt.db, settlements, rt.now());
    const taken = settlements.filter(({ next }) => next === "delivered").length;
    delivered += taken;
    if (taken === 0 || messages.length < AT_ONCE) break;
  }
  return delivered;
}

/** For the scheduled work: delivers `rounds` of ten messages, or deletes all when no webhook is configured. */
export async function deliverOrClear(rt: Runtime, rounds: number): Promise<number> {
  if (rt.config.webhook) return deliverWebhooks(rt, rounds);
  await clearOutbox(rt.db);
  return 0;
}

async function deliver(rt: Runtime, webhook: WebhookConfig, message: OutboxMessage): Promise<Settlement> {
  const outcome = await send(webhook, message, rt.now());
  if (outcome === "delivered") return { message, next: "delivered" };
  const dead = rt.now() - message.occurredAt > GIVE_UP_AFTER_MS;
  const fields = { id: message.id, type: message.type, attempts: message.attempts, outcome };
  if (dead) rt.log.alert("webhook_given_up", fields);
  else rt.log.warn("webhook_failed", fields);
  return { message, next: dead ? "dead" : rt.now() + (WAITS_MS[message.attempts - 1] ?? 12 * HOUR_MS) };
}

/** `delivered` for any 2xx; else the status, or the reason why there was none. */
async function send(webhook: WebhookConfig, message: OutboxMessage, now: number): Promise<string | number> {
  const timestamp = Math.floor(now / SECOND_MS);
  const body = JSON.stringify({
    type: message.type,
    timestamp: new Date(message.occurredAt).toISOString(),
    data: JSON.parse(message.data) as unknown,
  });
  const signatures = await Promise.all(
    webhook.secrets.map((secret) => sign(secret, `${message.id}.${timestamp}.${body}`)),
  );
  const headers = {
    "content-type": "application/json",
    "webhook-id": message.id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.join(" "),
  };
  try {
    const { status } = await fetchOut(webhook.url, { method: "POST", headers, body }, DELIVERY_LIMITS);
    return status >= 200 && status < 300 ? "delivered" : status;
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return error.reason;
  }
}

/** `v1,` and base64 of HMAC-SHA-256. */
async function sign(secret: Uint8Array<ArrayBuffer>, content: string): Promise<string> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return `v1,${Buffer.from(await crypto.subtle.sign("HMAC", key, utf8(content))).toString("base64")}`;
}
