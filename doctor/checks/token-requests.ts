// Token requests that are wrong: unknown codes and tokens, and requests that no client should send.

import type { TokenClient } from "../../simulator/library/token.ts";
import type { Area, Examination } from "../examination.ts";
import { workingManner } from "../link.ts";
import type { Check } from "../report.ts";
import { callToken, credentialsOf, describeCall, formRequest, grantRequest } from "../token-call.ts";

const UNKNOWN: Check = {
  id: "unknown_grant_refused",
  title: "Unknown codes and refresh tokens are refused with invalid_grant",
  severity: "warn",
  effect:
    "Alexa cannot tell a link that has ended from a server that is down for a moment: it asks again and again, or gives up too early.",
  remedy:
    'Respond with 400 and {"error":"invalid_grant"} if a code or refresh token is unknown, expired or revoked, and only then.',
  source: "RFC 6749 §5.2",
};

const MALFORMED: Check = {
  id: "malformed_requests",
  title: "Malformed token requests get a 4xx error in JSON",
  severity: "warn",
  effect: "Alexa sends none of these. Tools, scanners and other clients do, and learn nothing from your response.",
  remedy:
    'Respond with 400 and {"error":"invalid_request"} or {"error":"unsupported_grant_type"}, and with 401 invalid_client to credentials that cannot be read.',
  source: "RFC 6749 §5.2",
};

export const tokenRequests: Area = {
  name: "wrong token requests",
  sendsTokenRequests: true,
  sendsMany: true,
  checks: [UNKNOWN, MALFORMED],
  async run(examination) {
    const { report } = examination;
    const manner = await workingManner(examination);
    if ("why" in manner) return report.skipRest(this.checks, manner.why);
    await checkUnknown(examination, manner.client);
    await checkMalformed(examination, manner.client);
  },
};

async function checkUnknown(examination: Examination, client: TokenClient): Promise<void> {
  const { report, target } = examination;
  const [redirect_uri = ""] = target.redirectUris;
  const cases = [
    ["an unknown refresh token", { grant_type: "refresh_token", refresh_token: "doctor-made-up-token" }],
    ["an unknown code", { grant_type: "authorization_code", code: "doctor-made-up-code", redirect_uri }],
  ] as const;
  for (const [what, fields] of cases) {
    const call = await callToken(examination, grantRequest(client, fields), what);
    const said = `${what} returns ${describeCall(call)}`;
    if (call.granted) {
      report.problem(UNKNOWN, said, {
        outcome: "fail",
        effect: "Anyone who knows the client's secret gets tokens without a customer.",
        remedy: "Look up the code or the refresh token, and refuse what you did not issue.",
      });
    } else if (call.status >= 500 || call.status === 0) report.skip(UNKNOWN, said);
    else report.expect(UNKNOWN, call.status === 400 && call.error === "invalid_grant", said, said);
  }
}

async function checkMalformed(examination: Examination, client: TokenClient): Promise<void> {
  const { report } = examination;
  const { headers, fields } = credentialsOf(client);
  const { tokenUrl, clientId } = client;
  const refresh = { grant_type: "refresh_token", refresh_token: "doctor-made-up-token", client_id: clientId };
  const basic = (text: string) => formRequest(tokenUrl, refresh, { authorization: `Basic ${text}` });
  const withError: [what: string, request: Request][] = [
    ["an unknown grant type", formRequest(tokenUrl, { grant_type: "doctor", ...fields }, headers)],
    ["a request without a grant type", formRequest(tokenUrl, { x: "1", ...fields }, headers)],
    ["Basic credentials that are not base64", basic("%%%")],
    ["Basic credentials without a colon", basic(btoa("nocolon"))],
  ];
  const withAny: [what: string, request: Request][] = [
    [
      "a JSON body",
      new Request(tokenUrl, {
        method: "POST",
        redirect: "manual",
        headers: { ...headers, "content-type": "application/json" },
        body: "{}",
      }),
    ],
    ["GET", new Request(tokenUrl, { redirect: "manual", headers })],
  ];
  const bad: string[] = [];
  for (const [what, request] of [...withError, ...withAny]) {
    const needsError = withError.some(([name]) => name === what);
    const call = await callToken(examination, request, what);
    const refused = call.status >= 400 && call.status < 500 && (!needsError || call.error !== undefined);
    // Server errors are counted by a check of their own. A page for a browser's GET does no harm.
    const harmless = call.status >= 500 || (what === "GET" && !call.granted);
    if (!refused && !harmless) bad.push(`${what} returns ${describeCall(call)}`);
  }
  report.expect(MALFORMED, bad.length === 0, `${withError.length + withAny.length} tried`, bad.join("; "));
}
