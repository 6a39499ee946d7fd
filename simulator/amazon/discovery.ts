// `GET /v1/alexaApiEndpoint`: which region serves a customer.
import { REGIONS, type Region } from "../configuration.ts";
import { playAnswerFault, useFault } from "../faults.ts";
import { answering, type SimulatorContext } from "../scene.ts";
import { endpointOf } from "./regions.ts";
import { findAccessToken, statusOfBadToken } from "./tokens.ts";

export function answerDiscovery(c: SimulatorContext): Promise<Response> {
  const about = {
    from: "company",
    to: "alexa",
    title: "The company’s server asks which region serves this customer",
    why: "Skills are enabled where the customer’s Amazon account lives: America, Europe or the Far East.",
  } as const;
  return answering(c, about, async (_, exchange) => {
    const { world } = c.var;
    const bearer = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
    const found = findAccessToken(world, bearer);
    if ("token" in found) exchange.linkId = found.token.grant.linkId;
    const bad = await playAnswerFault(useFault(world.faults, "discovery"));
    if (bad) return bad;
    if ("problem" in found) {
      return Response.json(
        { message: `The bearer token is ${found.problem}` },
        { status: statusOfBadToken(found.problem, bearer) },
      );
    }
    const home: Region = world.accounts.get(found.token.grant.accountId)?.region ?? "NA";
    const fault = useFault(world.faults, "discoveryAnswer");
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
