// Alexa's event gateway (`POST /v3/events`), to which the company reports changes.

import { regionOf } from "../amazon/regions.ts";
import { findAccessToken } from "../amazon/tokens.ts";
import { recordIncoming, type SimulatorContext } from "../state/context.ts";

export function serveEventGateway(c: SimulatorContext): Promise<Response> {
  const about = {
    from: "company",
    to: "alexa",
    title: "The company reports a change to Alexa",
    why: "The token from AcceptGrant identifies the customer.",
  } as const;
  return recordIncoming(c, about, async (body, exchange) => {
    const { store } = c.var;
    const bearer = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? bearerInScope(body);
    const found = findAccessToken(store, bearer);
    if ("problem" in found) {
      const [status, code] =
        found.problem === "revoked"
          ? ([403, "SKILL_DISABLED_EXCEPTION"] as const)
          : ([401, "INVALID_ACCESS_TOKEN_EXCEPTION"] as const);
      return exception(status, code, `The token is ${found.problem}`);
    }
    const { grant } = found.token;
    exchange.linkId = grant.linkId;
    const home = store.accounts.get(grant.accountId)?.region;
    if (home === regionOf(c.req.url)) return new Response(null, { status: 202 });
    exchange.note = `This customer’s region is ${home}; the event went to ${regionOf(c.req.url)}.`;
    // As seen in the field: a gateway knows no enablement of another region's customer.
    return exception(403, "SKILL_DISABLED_EXCEPTION", "The user does not have a valid enablement for your skill.");
  });
}

function exception(status: 401 | 403, code: string, description: string): Response {
  const header = { namespace: "System", name: "Exception", messageId: crypto.randomUUID() };
  return Response.json({ header, payload: { code, description } }, { status });
}

function bearerInScope(body: string): string {
  try {
    const event = JSON.parse(body) as { event?: { endpoint?: { scope?: { token?: string } } } };
    return event.event?.endpoint?.scope?.token ?? "";
  } catch {
    return "";
  }
}
