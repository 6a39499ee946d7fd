// The admin API of the server under examination, for the doctor's checks from the inside.
import type { Administration } from "../../doctor/examination.ts";
import { limitedFetch } from "../../doctor/limited-fetch.ts";
import { type Service, serviceFrom } from "../admin-api.ts";
import { compareSkill, ourSide } from "../skill/diff.ts";
import { type Stage, smapiFrom } from "../smapi.ts";
import { CommandError, type Terminal, UsageError } from "../terminal.ts";

/**
 * Reads from the origin of `url` only, and never follows a redirect, so that the admin token reaches no other server.
 * Throws `UsageError` without a token, and for http anywhere but on this machine.
 */
export async function administrationOf(
  url: string | undefined,
  terminal: Terminal,
  timeoutMs: number,
): Promise<Administration> {
  if (url === undefined) throw new UsageError("With --admin give the server's address.");
  const service = await serviceFrom({ url }, terminal).catch((error: unknown) => {
    throw error instanceof CommandError ? new UsageError(error.message.replace("--url", "The address")) : error;
  });
  const send = limitedFetch((request) => fetch(request), timeoutMs);
  return {
    ...(terminal.environment.SMAPI_ACCESS_TOKEN && { driftOf: await driftAtAmazon(service, terminal) }),
    async get(path) {
      const address = new URL(path, service.origin);
      if (address.origin !== service.origin) throw new Error(`${path} is not a path of the server`);
      const admin = address.pathname.startsWith("/api/admin/");
      try {
        const headers = new Headers(admin ? { authorization: `Bearer ${service.adminToken}` } : {});
        const response = await send(new Request(address, { redirect: "manual", headers }));
        const json: unknown = await response.json().catch(() => undefined);
        const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
        return { status: response.status, ...(isObject && { json: json as Record<string, unknown> }) };
      } catch {
        return { status: 0 };
      }
    },
  };
}

/** Compares the account linking configuration of a skill's stage with the one that this server wants. */
async function driftAtAmazon(service: Service, terminal: Terminal) {
  const smapi = await smapiFrom(terminal);
  return async (skillId: string): Promise<string[]> => {
    const ours = await ourSide(service, skillId);
    const both = await compareSkill(ours, smapi, { stage: ours.skill.stage as Stage, events: false });
    const texts = both.comparison.drift.map(
      ({ field, ours: here, amazon }) =>
        `${field} is ${JSON.stringify(amazon)} at Amazon, ${JSON.stringify(here)} here`,
    );
    return both.linking === undefined ? ["Amazon has no account linking for it"] : texts;
  };
}
