// Endpoint discovery (`GET /v1/alexaApiEndpoint`): which region serves a customer.

import { endpointOf } from "../amazon/regions.ts";
import { findAccessToken, statusOfBadToken } from "../amazon/tokens.ts";
import { REGIONS, type Region } from "../state/configuration.ts";
import { recordIncoming, type SimulatorContext } from "../state/context.ts";
import { applyResponseFault, useFault } from "../state/faults.ts";

export function serveDiscovery(c: SimulatorContext): Promise<Response> {
  const about = {
    from: "company",
    to: "alexa",
    title: "The company’s server asks which region serves this customer",
    why: "A skill is enabled in the region of the customer’s Amazon account: America, Europe or the Far East.",
  } as const;
  return recordIncoming(c, about, async (_, exchange) => {
    const { store } = c.var;
    const bearer = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
    const found = findAccessToken(store, bearer);
    if ("token" in found) exchange.linkId = found.token.grant.linkId;
    const bad = await applyResponseFault(useFault(store.faults, "discovery"));
    if (bad) return bad;
    if ("problem" in found) {
      return Response.json(
        { message: `The bearer token is ${found.problem}` },
        { status: statusOfBadToken(found.problem, bearer) },
      );
    }
    const home: Region = store.accounts.get(found.token.grant.accountId)?.region ?? "NA";
    const fault = useFault(store.faults, "discoveryResponse");
    const regions: Record<string, readonly Region[]> = {
      several: REGIONS,
      none: [],
      wrong: REGIONS.filter((r) => r !== home).slice(0, 1),
    };
    const named = (regions[fault?.endpoints ?? ""] ?? [home]).map((region) => endpointOf(region, c.req.url));
    const endpoints = fault?.endpoints === "foreign" ? ["api.amazonalexa.com.evil.test"] : named;
    return Response.json({ endpoints: fault?.https ? endpoints.map(withScheme) : endpoints });
  });
}

function withScheme(endpoint: string): string {
  return endpoint.startsWith("http") ? endpoint : `https://${endpoint}`;
}
