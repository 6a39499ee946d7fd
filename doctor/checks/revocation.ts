// Revocation (RFC 7009), where the metadata names an endpoint. Alexa does not call it; your own pages may.
import type { TokenClient } from "../../simulator/library/token.ts";
import type { Area, Examination } from "../examination.ts";
import { newLink } from "../link.ts";
import { revocationEndpointIn } from "../metadata.ts";
import { MADE_UP_SECRET } from "../mistakes.ts";
import type { Check } from "../report.ts";
import { describeCall, refresh, revocationRequest } from "../token-call.ts";

const EFFECT = "Alexa does not revoke tokens, so links work. A customer who unlinks at your side stays linked.";

const WORKS: Check = {
  id: "revocation_works",
  title: "A revoked refresh token stops working",
  severity: "warn",
  effect: EFFECT,
  remedy: "Let the revocation endpoint end the grant, so that the refresh token is refused with invalid_grant.",
  source: "RFC 7009 §2",
};

const UNKNOWN: Check = {
  id: "revocation_of_unknown_token",
  title: "Revoking an unknown token returns 200",
  severity: "warn",
  effect: "Clients that revoke a token twice report an error to the customer, although all is well.",
  remedy: "Respond with 200 whether or not the token exists.",
  source: "RFC 7009 §2.2",
};

const SECRET: Check = {
  id: "revocation_needs_the_secret",
  title: "Revocation needs the client's secret",
  severity: "warn",
  effect: "Anyone who finds a token, even an expired one in a log, can end the customer's link.",
  remedy: "Authenticate confidential clients at the revocation endpoint as at the token URL.",
  source: "RFC 7009 §2.1",
};

export const revocation: Area = {
  name: "revocation",
  sendsTokenRequests: true,
  sendsMany: true,
  checks: [SECRET, WORKS, UNKNOWN],
  async run(examination) {
    const { report, target } = examination;
    const skipAll = (why: string) => report.skipRest(this.checks, why);
    const found = revocationEndpointIn(target.metadata);
    if ("why" in found) return skipAll(found.why);
    const endpoint = found.url;
    const link = await newLink(examination);
    if ("why" in link) return skipAll(link.why);
    if (link.call.refreshToken === undefined) return skipAll("the server issues no refresh token");
    const refreshed = await refresh(examination, link.manner.client, link.call.refreshToken);
    if (!refreshed.granted) return skipAll("refreshing does not work");
    await checkSecret(examination, endpoint, link.manner.client, refreshed.refreshToken ?? link.call.refreshToken);
    await checkRevocation(examination, endpoint);
  },
};

/** Returns the status; 0 without a response. */
async function revoke({ fetch }: Examination, endpoint: string, client: TokenClient, token: string): Promise<number> {
  const response = await fetch(revocationRequest(endpoint, client, token)).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status ?? 0;
}

async function checkSecret(
  examination: Examination,
  endpoint: string,
  client: TokenClient,
  token: string,
): Promise<void> {
  const { report } = examination;
  if (report.outcomeOf({ id: "code_needs_the_secret" }) === "fail") {
    return report.skip(SECRET, "the same is wrong for codes (code_needs_the_secret)");
  }
  const wrong = { ...client, clientSecret: MADE_UP_SECRET };
  const status = await revoke(examination, endpoint, wrong, token);
  const after = await refresh(examination, client, token, "a token that was not revoked");
  const said = `with a wrong secret the revocation returns ${status}; a refresh then returns ${describeCall(after)}`;
  report.expect(SECRET, after.granted, `a wrong secret returns ${status}, and the link still works`, said);
}

async function checkRevocation(examination: Examination, endpoint: string): Promise<void> {
  const { report } = examination;
  const link = await newLink(examination);
  if ("why" in link) return report.skipRest([WORKS, UNKNOWN], link.why);
  const { client } = link.manner;
  const status = await revoke(examination, endpoint, client, link.call.refreshToken ?? "");
  const after = await refresh(examination, client, link.call.refreshToken ?? "", "a revoked refresh token");
  const said = `the revocation returns ${status}; a refresh then returns ${describeCall(after)}`;
  report.expect(WORKS, status === 200 && !after.granted, said, said);
  if (status !== 200) return report.skip(UNKNOWN, "revocation does not work");
  const unknown = await revoke(examination, endpoint, client, "doctor-made-up-token");
  report.expect(UNKNOWN, unknown === 200, "200", `an unknown token returns ${unknown}`);
}
