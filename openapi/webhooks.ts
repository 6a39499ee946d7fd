// /api/admin/webhooks.
import * as z from "zod/mini";
import { plainPage } from "../src/admin/paging.ts";
import { redeliverSchema } from "../src/admin/webhooks-api.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_TIME, time } from "./shapes.ts";

/** A webhook message as the admin API shows it. */
export const messageResponse = z.strictObject({
  id: z.string(),
  type: z.string(),
  occurredAt: time,
  attempts: z.int(),
  nextAttemptAt: z.nullable(time),
  state: z.enum(["waiting", "given_up"]),
});

export const redeliveryResponse = z.strictObject({ redelivering: z.int() });

export const webhooks: Resource = {
  tag: "Operators: webhooks",
  description: "With ADMIN_TOKEN: webhook messages that are not delivered. `docs/webhooks.md` describes the messages.",
  components: {
    WebhookMessage: {
      schema: messageResponse,
      io: "output",
      example: {
        id: "msg_5b0f6c1f0a8e4c4b9f3f2b1d7a6e8c90",
        type: "link.removed",
        occurredAt: EXAMPLE_TIME,
        attempts: 17,
        nextAttemptAt: null,
        state: "given_up",
      },
    },
  },
  paths: {
    "/api/admin/webhooks": {
      GET: {
        id: "listWebhookMessages",
        summary: "Webhook messages that wait for delivery or were given up",
        description: "Those that were given up come first. Delivered ones are not kept.",
        security: "admin",
        query: plainPage,
        responses: {
          200: { description: "Those tried last come first.", content: { shape: { listOf: "WebhookMessage" } } },
        },
      },
    },
    "/api/admin/webhooks/redeliver": {
      POST: {
        id: "redeliverWebhookMessages",
        summary: "Deliver one message, or all, now",
        description:
          "At most 1,000 messages; `redelivering` is their number. Messages that are due within 30 seconds are not " +
          "counted: they may be under delivery. Ten are delivered after the response, the others by the scheduled work.",
        security: "admin",
        body: { shape: redeliverSchema, example: {}, optional: true },
        responses: {
          200: { description: "They are due.", content: { shape: redeliveryResponse, example: { redelivering: 3 } } },
        },
        problems: ["not_found", "conflict"],
      },
    },
  },
};
