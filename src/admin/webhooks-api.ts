// /api/admin/webhooks: messages that are not delivered yet, or were given up, and their redelivery.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { GIVEN_UP_AT } from "../storage/given-up.ts";
import { listMessages, makeMessagesDue, type OutboxMessage } from "../storage/maintenance/webhooks.ts";
import { operatorOf } from "./operator.ts";
import { plainPage, respondWithPage, rfc3339 } from "./paging.ts";

/** Messages that one request makes due; more than a receiver takes in the time until the next one. */
const MOST_AT_ONCE = 1000;

/** Mounts the routes for webhook messages. The admin guard must run before them. */
export function webhooksApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/webhooks", list);
  app.post("/api/admin/webhooks/redeliver", redeliver);
}

/** Body of `POST /api/admin/webhooks/redeliver`; may be empty. */
export const redeliverSchema = () =>
  z.strictObject({
    /** One message; left out: all. */
    id: z.optional(
      z
        .string({ error: "must be the id of a message" })
        .check(z.regex(/^msg_\w{1,96}$/, "must be the id of a message")),
    ),
  });

const position = () => z.object({ nextAttemptAt: z.int(), occurredAt: z.int(), id: z.string() });

function messageView({ id, type, occurredAt, attempts, nextAttemptAt }: Omit<OutboxMessage, "data">): object {
  const givenUp = nextAttemptAt === GIVEN_UP_AT;
  return {
    id,
    type,
    occurredAt: rfc3339(occurredAt),
    attempts,
    // A new message is due from its beginning.
    nextAttemptAt: givenUp ? null : rfc3339(Math.max(nextAttemptAt, occurredAt)),
    state: givenUp ? "given_up" : "waiting",
  };
}

async function list(c: AppContext): Promise<Response> {
  const { db } = c.var.runtime;
  return respondWithPage(c, plainPage, position, ({ limit }, after) => listMessages(db, after, limit + 1), messageView);
}

async function redeliver(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, redeliverSchema, { emptyAsObject: true });
  if (body instanceof Response) return body;
  if (!rt.config.webhook) return problem("conflict", "No webhook is configured: set WEBHOOK_URL and WEBHOOK_SECRET.");
  const { found, count } = await makeMessagesDue(rt.db, body.id, rt.now(), MOST_AT_ONCE, operatorOf(c).name);
  if (!found) return problem("not_found", "No message with this id waits or was given up.");
  // The delivery itself begins after the response, as after every change.
  return json(c, { redelivering: count });
}
