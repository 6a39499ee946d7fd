// Refreshing as seen in production: lost responses, previous tokens, many requests at once, several links.
import { SHORTEST_TOKEN_LIFE_SECONDS } from "../../simulator/library/token.ts";
import type { Area, Examination } from "../examination.ts";
import { dialectsOf, type Link, newLink, workingLink } from "../link.ts";
import type { Check } from "../report.ts";
import { FAQ, REQUIREMENTS } from "../sources.ts";
import { describeCall, refresh, type TokenCall } from "../token-call.ts";
import { checkRefreshSecurity, REFRESH_SECURITY } from "./refresh-security.ts";
import { readLife } from "./token-response.ts";

const DIES =
  "When the first access token expires, Alexa gets no new one. The customer hears that the account must be linked again.";
const UNLINKED =
  "From time to time a link ends for good, and the customer has to disable, enable and link the skill again.";

const SIDE: Check = {
  id: "links_side_by_side",
  title: "A second link leaves the first one alone",
  severity: "fail",
  effect: "When a second person in the household links, or the customer links again, the first link stops working.",
  remedy: "Do not revoke older grants of the same customer and client. All Alexa customers share one client id.",
  source: REQUIREMENTS,
};

const STATUS: Check = {
  id: "refresh_status",
  title: "A refresh token gives a new access token, with status 200",
  severity: "fail",
  effect: DIES,
  remedy: "Accept grant_type=refresh_token with refresh_token and client_id, and without scope or redirect_uri.",
  source: `${REQUIREMENTS}; RFC 6749 §6`,
};

const EXPIRES: Check = {
  id: "refresh_expires_in",
  title: "expires_in of the refresh response is at least 360 s",
  severity: "fail",
  effect: "The link works for one more hour. Alexa does not learn when the second token expires, and stops refreshing.",
  remedy: "Send expires_in, as a number of seconds, with each token response.",
  source: `${FAQ}; RFC 6749 §5.1`,
};

const FORM: Check = {
  id: "refresh_response",
  title: "The refresh response has the form of the first token response",
  severity: "fail",
  effect: DIES,
  remedy: "Build both responses with the same code: application/json, access_token, token_type Bearer, expires_in.",
  source: "RFC 6749 §6 and §5.1",
};

const AGAIN: Check = {
  id: "refresh_has_refresh_token",
  title: "The refresh response has a refresh_token",
  severity: "warn",
  effect:
    "Alexa asks for a pair of tokens. It is not published whether it keeps the old refresh token if the response has none.",
  remedy: "Send refresh_token with each response: a new one, or the same again.",
  source: "Amazon, Use Access Tokens in Your Code",
};

const FRESH: Check = {
  id: "refresh_gives_a_fresh_token",
  title: "Each refresh gives another access token",
  severity: "fail",
  effect:
    "Alexa refreshes because its token is about to expire, and gets the same one again, with what remains of its lifetime.",
  remedy:
    "Issue a new access token with its full life for each refresh, and let earlier ones remain valid until they expire.",
  source: FAQ,
};

const LOST: Check = {
  id: "refresh_survives_a_lost_response",
  title: "A refresh whose response was lost can be repeated",
  severity: "fail",
  effect: `Your server treats the repeated refresh token as stolen. ${UNLINKED} After an outage it happens to many at once.`,
  remedy:
    "Switch off rotation of refresh tokens for Alexa's client. If you must rotate, keep the previous token valid until the next one was used.",
  source: REQUIREMENTS,
};

const CROWD_CHECK: Check = {
  id: "refresh_in_parallel",
  title: "20 simultaneous refreshes of a link all succeed",
  severity: "fail",
  effect: `Alexa's servers refresh a link from several places at once, and all but one are refused. ${UNLINKED}`,
  remedy:
    "Give the same successor to all requests that present the same refresh token, or do not rotate for Alexa's client.",
  source: REQUIREMENTS,
};

const ALIVE: Check = {
  id: "refresh_tokens_alive",
  title: "The refresh token of the first of simultaneous refreshes works",
  severity: "fail",
  effect: `Of several refresh tokens that you handed out, one does not work. If Alexa keeps that one: ${UNLINKED}`,
  remedy: "Never invalidate a refresh token that was just issued. Give the same successor to simultaneous requests.",
  source: REQUIREMENTS,
};

const OLD: Check = {
  id: "old_refresh_token_harmless",
  title: "Presenting a previous refresh token does not end the link",
  severity: "fail",
  effect: `Alexa presents a previous refresh token at times. Your server then revokes the whole link. ${UNLINKED}`,
  remedy: "Refuse the old token if you must, and leave the link alone. Automatic revocation is for public clients.",
  source: `${REQUIREMENTS}; RFC 9700 §4.14.2`,
};

const FORMS: Check = {
  id: "refresh_in_both_forms",
  title: "A refresh works with each form of credentials with which codes work",
  severity: "warn",
  effect: "Linking works in both settings of the Alexa console, but in one of them links end after an hour.",
  remedy: "Authenticate the client with the same code for all grant types.",
  source: "RFC 6749 §2.3.1 and §6",
};

const CROWD = 20;

export const refreshing: Area = {
  name: "refreshing",
  sendsTokenRequests: true,
  sendsMany: true,
  checks: [SIDE, STATUS, EXPIRES, FORM, AGAIN, FRESH, LOST, CROWD_CHECK, ALIVE, OLD, FORMS, ...REFRESH_SECURITY],
  async run(examination) {
    const { report } = examination;
    const skipRest = (why: string) => report.skipRest(this.checks, why);
    const link = await linkToRefresh(examination);
    if ("why" in link) return skipRest(link.why);
    const token = link.call.refreshToken;
    if (token === undefined) return skipRest("the server issues no refresh token");
    const first = await refresh(examination, link.manner.client, token);
    report.expect(STATUS, first.granted, describeCall(first), `a refresh returns ${describeCall(first)}`);
    if (!first.granted) return skipRest("refreshing does not work");
    judgeResponse(examination, link.call, first);
    await checkLostResponse(examination, link, first, token);
    if (report.outcomeOf(LOST) === "fail") {
      // What follows refreshes several times, which such a server forbids anyway.
      report.skipRest([CROWD_CHECK, ALIVE, OLD], "a refresh token works only once anyway");
    } else {
      await checkOldToken(examination);
      await checkCrowd(examination);
    }
    await checkForms(examination);
    await checkRefreshSecurity(examination);
  },
};

/** Two new links, of which the second is refreshed, or the first link if the customer cannot sign in that often. */
async function linkToRefresh(examination: Examination): Promise<Link | { readonly why: string }> {
  const { report } = examination;
  const one = await newLink(examination);
  const two = await newLink(examination);
  if ("why" in one || "why" in two) {
    report.skip(SIDE, "needs two further links");
    return workingLink(examination);
  }
  if (one.call.refreshToken === undefined || two.call.refreshToken === undefined) return two;
  const still = await refresh(examination, one.manner.client, one.call.refreshToken, "the older of two links");
  if (still.granted) report.pass(SIDE, "the older of two links refreshes");
  else {
    const newer = await refresh(examination, two.manner.client, two.call.refreshToken, "the newer of two links");
    if (newer.granted) report.problem(SIDE, `the older of two links returns ${describeCall(still)}`);
    else report.skip(SIDE, "refreshing does not work");
    const third = newer.granted ? await newLink(examination) : two;
    if (!("why" in third)) return third;
  }
  return two;
}

function judgeResponse({ report }: Examination, before: TokenCall, call: TokenCall): void {
  const first = readLife(before.json?.expires_in);
  if (first.seconds === undefined || first.seconds < SHORTEST_TOKEN_LIFE_SECONDS) {
    report.skip(EXPIRES, "the first token response is wrong already");
  } else {
    const { seconds = 0, detail } = readLife(call.json?.expires_in);
    report.expect(EXPIRES, seconds >= SHORTEST_TOKEN_LIFE_SECONDS, detail, `in the refresh response: ${detail}`);
  }
  const differences = ["status", "content type", "token_type"].filter(
    (what) => formOf(before, what) !== formOf(call, what) && !(what === "status" && call.status === 200),
  );
  const said = differences.map((what) => `${what} is ${formOf(call, what)}, before it was ${formOf(before, what)}`);
  report.expect(FORM, said.length === 0, "the same form", said.join("; "));
  report.expect(AGAIN, call.refreshToken !== undefined, "present", "there is no refresh_token in the refresh response");
  report.expect(
    FRESH,
    call.accessToken !== before.accessToken,
    "another access token",
    "the refresh returned the same access token",
  );
}

function formOf(call: TokenCall, what: string): string {
  if (what === "status") return String(call.status);
  if (what === "content type") return (call.headers.get("content-type") ?? "missing").toLowerCase().slice(0, 100);
  return JSON.stringify(call.json?.token_type ?? "missing").slice(0, 60);
}

async function checkLostResponse(examination: Examination, link: Link, lost: TokenCall, token: string): Promise<void> {
  const again = await refresh(examination, link.manner.client, token, "a repeated refresh");
  const bad = `the same refresh token a second time: ${describeCall(again)}`;
  examination.report.expect(LOST, again.granted, "the same refresh token works again", bad);
  if (!again.granted || examination.report.outcomeOf(FRESH) === "fail") return;
  const different = again.accessToken !== lost.accessToken;
  if (!different) examination.report.pass(FRESH, "a repeated refresh returns the same tokens again");
}

/** Uses the successor of a refresh token, presents the old one, and looks whether the link lives. */
async function checkOldToken(examination: Examination): Promise<void> {
  const { report } = examination;
  const link = await newLink(examination);
  if ("why" in link) return report.skip(OLD, link.why);
  const { client } = link.manner;
  const old = link.call.refreshToken ?? "";
  const next = (await refresh(examination, client, old)).refreshToken;
  if (next === undefined || next === old) return report.skip(OLD, "refresh tokens do not change");
  const used = await refresh(examination, client, next, "the next refresh token");
  const late = await refresh(examination, client, old, "a previous refresh token");
  const newest = used.refreshToken ?? next;
  const alive = await refresh(examination, client, newest, "the newest refresh token");
  const what = `the previous token returns ${describeCall(late)}`;
  const good = `${what}, and the newest still works`;
  report.expect(OLD, alive.granted, good, `${what}; then the newest returns ${describeCall(alive)}`);
}

async function checkCrowd(examination: Examination): Promise<void> {
  const { report } = examination;
  const link = await newLink(examination);
  if ("why" in link) return report.skipRest([CROWD_CHECK, ALIVE], link.why);
  const { client } = link.manner;
  const token = link.call.refreshToken ?? "";
  const send = (each: string) => refresh(examination, client, each, "simultaneous refreshes", true);
  const calls: TokenCall[] = [];
  await Promise.all(Array.from({ length: CROWD }, () => send(token).then((call) => calls.push(call))));
  const good = calls.filter((call) => call.granted);
  const refused = calls.find((call) => !call.granted);
  const said = `${good.length} of ${CROWD} simultaneous refreshes succeeded`;
  report.expect(CROWD_CHECK, !refused, said, `${said}; others: ${refused && describeCall(refused)}`);
  if (refused) return report.skip(ALIVE, "simultaneous refreshes fail already");
  // Only one: a server may end the others as soon as one of them is used.
  const first = await send(calls[0]?.refreshToken ?? token);
  const issued = new Set(good.map((call) => call.refreshToken ?? token)).size;
  const alive = `${issued} refresh tokens were issued at once; the first of them returns ${describeCall(first)}`;
  report.expect(ALIVE, first.granted, alive, alive);
}

async function checkForms(examination: Examination): Promise<void> {
  const { report } = examination;
  const forms = ["client_id_beside_basic", "body_authentication"].map((id) => report.outcomeOf({ id }) === "pass");
  const link = await newLink(examination);
  if ("why" in link) return report.skip(FORMS, link.why);
  const { client } = link.manner;
  const other = dialectsOf(client).find((each) => each.accessTokenScheme !== client.accessTokenScheme);
  if (!other || forms.includes(false)) return report.skip(FORMS, "codes work in one form only, or it was not tried");
  const call = await refresh(
    examination,
    other,
    link.call.refreshToken ?? "",
    `a refresh with ${other.accessTokenScheme}`,
  );
  const name = other.accessTokenScheme === "HTTP_BASIC" ? "HTTP Basic" : "credentials in the body";
  report.expect(FORMS, call.granted, "both forms work", `a refresh with ${name} returns ${describeCall(call)}`);
}
