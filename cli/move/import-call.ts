// One call of the import API, repeated until the server has taken it.
import { withLimitedBody } from "../../doctor/limited-fetch.ts";
import type { Service } from "../admin-api.ts";
import { CommandError, printable } from "../terminal.ts";

/** What became of one item. */
export interface Outcome {
  readonly status: "imported" | "exists" | "ended" | "refused";
  readonly userId?: string;
  readonly grantId?: string;
  readonly code?: string;
  readonly detail?: string;
}

const MOST_TRIES = 8;
const LONGEST_WAIT_MS = 60_000;
const PATIENCE_MS = 60_000;

export interface Caller {
  readonly service: Service;
  /** Says that a call is repeated. */
  note(text: string): void;
  /** Waits, until Ctrl-C at the longest. */
  wait(ms: number): Promise<void>;
}

/** Sends items and returns their outcomes. What the server does not understand is refused item by item. */
export async function importItems(caller: Caller, path: string, items: readonly object[]): Promise<Outcome[]> {
  const response = await post(caller, path, { items });
  if (response.status === 400 || response.status === 413) {
    const detail = printable(String(response.body.detail ?? response.body.title ?? "The server refused it.")).slice(
      0,
      300,
    );
    if (items.length === 1) return [{ status: "refused", code: "invalid", detail }];
    const middle = items.length >> 1;
    return [
      ...(await importItems(caller, path, items.slice(0, middle))),
      ...(await importItems(caller, path, items.slice(middle))),
    ];
  }
  const outcomes = response.body.items;
  if (response.status !== 200 || !Array.isArray(outcomes) || outcomes.length !== items.length) {
    const { origin } = caller.service;
    const reason = printable(String(response.body.title ?? "not a response of the admin API; check --url")).slice(
      0,
      300,
    );
    throw new CommandError(`${origin} returned ${response.status}: ${reason}`);
  }
  return outcomes as Outcome[];
}

interface Received {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post({ service, note, wait }: Caller, path: string, body: object): Promise<Received> {
  let reason = "";
  for (let tried = 1; tried <= MOST_TRIES; tried++) {
    let pause = Math.min(LONGEST_WAIT_MS, 500 * 2 ** tried);
    try {
      const response = await fetch(`${service.origin}/api/admin${path}`, {
        method: "POST",
        redirect: "manual",
        headers: { authorization: `Bearer ${service.adminToken}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const text = await withLimitedBody(response).text();
      if (![429, 502, 503, 504].includes(response.status)) return { status: response.status, body: jsonOf(text) };
      const { code, title, detail } = jsonOf(text);
      if (code === "admin_disabled" || code === "not_configured")
        throw new CommandError(printable(`${title}. ${detail ?? ""}`));
      const after = Number(response.headers.get("retry-after") ?? Number.NaN);
      if (after >= 0) pause = Math.min(LONGEST_WAIT_MS, after * 1000);
      reason = `${service.origin} returned ${response.status}`;
    } catch (error) {
      if (error instanceof CommandError) throw error;
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
      reason = `Cannot reach ${service.origin}${cause}`;
    }
    if (tried === MOST_TRIES) break;
    note(`${reason}. Trying again in ${Math.ceil(pause / 1000)} s.`);
    await wait(pause);
  }
  throw new CommandError(`${reason}, ${MOST_TRIES} times. Run the same command again to go on from here.`);
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
