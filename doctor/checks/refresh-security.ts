// Refresh tokens in the wrong hands, and what wrong requests do to a link.
import type { TokenClient } from "../../simulator/library/token.ts";
import type { Examination } from "../examination.ts";
import { newLink } from "../link.ts";
import { MADE_UP_CLIENT, MADE_UP_SECRET } from "../mistakes.ts";
import type { Check } from "../report.ts";
import { callToken, describeCall, grantRequest, refresh } from "../token-call.ts";

const SECRET: Check = {
  id: "refresh_needs_the_secret",
  title: "A refresh token is worth nothing without the client's secret",
  severity: "fail",
  effect: "Anyone who finds a refresh token has permanent access to the customer's account.",
  remedy: "Authenticate the client for grant_type=refresh_token exactly as for codes.",
  source: "RFC 6749 §6; RFC 9700 §4.14",
};

const CLIENT: Check = {
  id: "refresh_bound_to_client",
  title: "A refresh token works only for its own client",
  severity: "fail",
  effect: "Another client of yours, or none that you know, gets tokens for Alexa's customers.",
  remedy: "Store the client with the refresh token, and compare it with the one that authenticated.",
  source: "RFC 6749 §6 and §10.4",
};

const HARMLESS: Check = {
  id: "refresh_mistakes_harmless",
  title: "A refused refresh does not end the link",
  severity: "fail",
  effect:
    "One request with a wrong secret, by anyone or after a mistake in the console, ends the customer's link for good.",
  remedy: "Authenticate the client first, and leave the grant alone if that fails.",
  source: "RFC 6749 §5.2",
};

export const REFRESH_SECURITY: readonly Check[] = [SECRET, CLIENT, HARMLESS];

/** Presents a refresh token of a new link in wrong ways, then in the right one. */
export async function checkRefreshSecurity(examination: Examination): Promise<void> {
  const { report } = examination;
  const link = await newLink(examination);
  if ("why" in link) return report.skipRest(REFRESH_SECURITY, link.why);
  const { client } = link.manner;
  const token = link.call.refreshToken ?? "";
  const cases: [check: Check, what: string, client: TokenClient, withoutSecret?: boolean][] = [
    [SECRET, "a wrong secret", { ...client, clientSecret: MADE_UP_SECRET }],
    [SECRET, "no secret", client, true],
    [CLIENT, "a made-up client id and the right secret", { ...client, clientId: MADE_UP_CLIENT }],
    [
      CLIENT,
      "a made-up client id and a made-up secret",
      { ...client, clientId: MADE_UP_CLIENT, clientSecret: MADE_UP_SECRET },
    ],
  ];
  const sameForCodes = { [SECRET.id]: "code_needs_the_secret", [CLIENT.id]: "code_bound_to_client" };
  let granted = false;
  for (const [check, what, presented, withoutSecret] of cases) {
    const about = sameForCodes[check.id] ?? "";
    if (report.outcomeOf({ id: about }) === "fail" || report.outcomeOf({ id: "code_needs_the_secret" }) === "fail") {
      report.skip(check, `the same is wrong for codes (${about})`);
      granted = true;
      continue;
    }
    if (report.outcomeOf(check) === "fail") continue;
    const request = grantRequest(presented, { grant_type: "refresh_token", refresh_token: token }, withoutSecret);
    const call = await callToken(examination, request, `a refresh token with ${what}`);
    granted ||= call.granted;
    if (call.granted && check === CLIENT && report.outcomeOf(SECRET) === "fail") {
      report.skip(CLIENT, "no secret is needed anyway");
    } else report.expect(check, !call.granted, "refused", `the server gives tokens with ${what}`);
  }
  if (granted) return report.skip(HARMLESS, "not every wrong request was refused");
  const right = await refresh(examination, client, token, "the right refresh after wrong ones");
  const bad = `after refused requests the right one returns ${describeCall(right)}`;
  report.expect(HARMLESS, right.granted, "the right refresh works after four wrong ones", bad);
}
