// The authorization URL and the token URL, entered the wrong way round in Alexa's developer console.
import { readForm } from "../http/read.ts";
import type { AppContext } from "../runtime.ts";

/** Whether a request with the wrong method to one of the two URLs is meant for the other one. */
export async function areUrlsSwapped(c: AppContext): Promise<boolean> {
  if (c.req.path === "/token") return c.req.query("response_type") !== undefined;
  if (c.req.path !== "/authorize") return false;
  const body = await readForm(c.req.raw);
  return "fields" in body && (body.fields.has("grant_type") || body.fields.has("refresh_token"));
}
