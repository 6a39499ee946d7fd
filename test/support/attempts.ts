// Attempts from the Alexa app, and the operators' page about one.
import { env } from "cloudflare:workers";
import { DEMO } from "./accounts.ts";
import { query } from "./authorize.ts";
import { operator, textOf } from "./operator.ts";
import type { Service } from "./service.ts";
import { Visitor } from "./visitor.ts";

export const AUTHORIZE = `/authorize?${query()}`;

export async function latestAttempt(): Promise<string> {
  return String(await env.DB.prepare("SELECT id FROM attempts ORDER BY created_at DESC LIMIT 1").first("id"));
}

export interface ShownAttempt {
  readonly status: number;
  readonly html: string;
  readonly text: string;
  /** The sentences of the time line; those of steps that did not happen begin with `-`. */
  readonly line: readonly string[];
}

/** The page about an attempt, by default the latest. `address` is appended to the path. */
export async function showAttempt(service: Service, id?: string, address = ""): Promise<ShownAttempt> {
  const visitor = await operator(service);
  const { status, html } = await visitor.get(`/admin/attempts/${id ?? (await latestAttempt())}${address}`);
  const line = [...html.matchAll(/<li class="(done|missing|waiting)"><p>([\s\S]*?)<\/p>/g)].map(
    ([, kind, text = ""]) => `${kind === "done" ? "" : "-"}${textOf(text)}`,
  );
  return { status, html, text: textOf(html), line };
}

/** The demo customer signs in on the way from Alexa and decides 2.5 s later. Returns the code. */
export async function decideOnTheWay(service: Service, decision: "allow" | "deny" = "allow"): Promise<string> {
  const visitor = new Visitor(service);
  const signIn = await visitor.open(AUTHORIZE);
  const page = await visitor.submit(signIn, { email: DEMO.email, password: DEMO.password });
  service.clock.advance(2500);
  const { location } = await visitor.submit(page, { decision });
  return new URL(location ?? "").searchParams.get("code") ?? "";
}
