// The first token response: its status, its form, and each of its fields.
import { SHORTEST_TOKEN_LIFE_SECONDS } from "../../simulator/library/token.ts";
import type { Area, Examination } from "../examination.ts";
import { firstLink } from "../link.ts";
import type { Check, Finding } from "../report.ts";
import { CODE_GRANT, FAQ } from "../sources.ts";
import { describeCall, type TokenCall, tooSlow } from "../token-call.ts";

const UNABLE = "Alexa gets no tokens. The customer agreed on your page, and then sees “We were unable to link”.";
const DIES = "The link works until the first access token expires. Then the customer has to link again.";

const STATUS: Check = {
  id: "token_status",
  title: "The token URL exchanges a code for tokens, with status 200",
  severity: "fail",
  effect: UNABLE,
  remedy:
    "Compare client id and secret with the Alexa console, then read your server's log for this request: a form by POST, without cookies, Origin or Referer. The token URL must not redirect.",
  source: `${CODE_GRANT}; RFC 6749 §4.1.3 and §5.1`,
};

const TYPE: Check = {
  id: "token_content_type",
  title: "The token response is application/json in UTF-8",
  severity: "fail",
  effect: UNABLE,
  remedy: "Send Content-Type: application/json;charset=UTF-8 with the token response.",
  source: "RFC 6749 §5.1; Amazon, Debugging OAuth Token URL",
};

const JSON_BODY: Check = {
  id: "token_json",
  title: "The token response is a JSON object without a byte order mark",
  severity: "fail",
  effect: UNABLE,
  remedy: "Send one JSON object and nothing else: no byte order mark, no form encoding, no text around it.",
  source: "RFC 6749 §5.1; RFC 8259 §8.1",
};

const ACCESS: Check = {
  id: "token_access_token",
  title: "The token response has an access_token",
  severity: "fail",
  effect: UNABLE,
  remedy: "Send access_token as a non-empty string at the top level of the JSON object.",
  source: "RFC 6749 §5.1",
};

const REFRESH: Check = {
  id: "token_refresh_token",
  title: "The token response has a refresh_token",
  severity: "fail",
  effect: DIES,
  remedy:
    "Issue a refresh token with every code exchange. Some servers need a setting for it: a grant type of the client, or a scope such as offline_access.",
  source: `${FAQ}; ${CODE_GRANT}`,
};

const BEARER: Check = {
  id: "token_type_bearer",
  title: "token_type is Bearer",
  severity: "fail",
  effect: "Alexa may refuse the response, or never refresh: links have ended for all customers at once.",
  remedy: 'Send "token_type": "Bearer".',
  source: "RFC 6749 §5.1 and §7.1",
};

const EXPIRES: Check = {
  id: "token_expires_in",
  title: "expires_in is a whole number of seconds",
  severity: "fail",
  effect:
    "Alexa does not know when to refresh, and sends requests with an expired token until the customer links again.",
  remedy: 'Send "expires_in": 3600 as a JSON number, in seconds.',
  source: "RFC 6749 §5.1; Amazon, Account Linking Schemas",
};

const LIFE: Check = {
  id: "token_life",
  title: "The access token lives at least 360 seconds",
  severity: "fail",
  effect: "Alexa refuses tokens that live less than six minutes. The customer sees “We were unable to link”.",
  remedy:
    "Issue access tokens for at least 360 seconds; 3,600 is usual. Always issue a new one, not the rest of an old one.",
  source: FAQ,
};

const MILLISECONDS: Check = {
  id: "token_life_plausible",
  title: "expires_in is in seconds, not in milliseconds",
  severity: "fail",
  effect:
    "Alexa believes that the token lives a thousand times longer than it does. After the real end every request fails, for weeks.",
  remedy: "Divide by 1,000: expires_in is in seconds.",
  source: "RFC 6749 §5.1",
};

const NO_STORE: Check = {
  id: "token_no_store",
  title: "The token response forbids caching",
  severity: "warn",
  effect: "A cache between Alexa and your server may keep tokens, or hand one customer's tokens to another.",
  remedy: "Send Cache-Control: no-store (and Pragma: no-cache) with every response of the token URL.",
  source: "RFC 6749 §5.1",
};

const SIZE: Check = {
  id: "token_size",
  title: "Tokens are shorter than 4,096 characters",
  severity: "warn",
  effect: "Alexa sends the access token with every request. Amazon publishes no limit; a longer token may be refused.",
  remedy: "Leave profile data and lists of rights out of the tokens, or use opaque tokens.",
  source: "Amazon, Use Access Tokens in Your Code (no limit is published)",
};

const LONGEST_TOKEN = 4096;
/** Checks whose failure explains why no code is redeemed. */
const REFUSALS = [
  "responds_to_alexa",
  "no_bot_challenge",
  "same_for_every_client",
  "no_cookie_demanded",
  "token_url_does_not_redirect",
  "many_requests_quickly",
];
const DAY = 86_400;

export const tokenResponse: Area = {
  name: "the token response",
  sendsTokenRequests: true,
  checks: [STATUS, TYPE, JSON_BODY, ACCESS, REFRESH, BEARER, EXPIRES, LIFE, MILLISECONDS, NO_STORE, SIZE],
  async run(examination) {
    const { report } = examination;
    const { tries, why } = await firstLink(examination);
    const call = tries.find((each) => each.call.granted)?.call ?? tries[0]?.call;
    const skipRest = (reason: string) => report.skipRest(this.checks, reason);
    if (!call) return skipRest(why ?? "no code came back");
    judgeStatus(examination, call);
    if (call.status < 200 || call.status > 299) return skipRest("the code was not redeemed");
    judgeForm(examination, call);
    if (!call.json) return skipRest("the response is not JSON");
    judgeFields(examination, call, call.json);
  },
};

function judgeStatus(examination: Examination, call: TokenCall): void {
  const { report } = examination;
  const success = call.status >= 200 && call.status < 300;
  const refusal = REFUSALS.find((id) => report.outcomeOf({ id }) === "fail");
  if (call.failure !== undefined && tooSlow(examination) !== undefined) {
    report.skip(STATUS, `${call.failure} (token_in_time)`);
    return;
  }
  if (!success && refusal !== undefined) {
    report.skip(STATUS, `Alexa's client is not served (${refusal})`);
    return;
  }
  if (call.status === 200 || !success) {
    const detail = call.failure === undefined ? describeCall(call) : `no response: ${call.failure}`;
    report.expect(STATUS, success, "a code was redeemed with 200", `a code was not redeemed: ${detail}`);
    return;
  }
  report.problem(STATUS, `the code was redeemed with status ${call.status}, not 200`);
}

function judgeForm({ report }: Examination, { headers, json, problem }: TokenCall): void {
  const type = headers.get("content-type") ?? "";
  const jsonType = /^application\/json\s*(;\s*charset="?utf-8"?)?\s*;?\s*$/i.test(type);
  if (!json) report.skip(TYPE, "the body is not JSON either");
  else
    report.expect(
      TYPE,
      jsonType,
      type,
      type ? `the content type is ${type.slice(0, 100)}` : "there is no content type",
    );
  report.expect(JSON_BODY, problem === undefined, "a JSON object in UTF-8", problem ?? "");
  const store = headers.get("cache-control") ?? "";
  report.expect(
    NO_STORE,
    /no-store/i.test(store),
    "Cache-Control: no-store",
    store ? `Cache-Control is ${store.slice(0, 100)}` : "there is no Cache-Control header",
  );
}

function judgeFields({ report }: Examination, call: TokenCall, json: Record<string, unknown>): void {
  const { accessToken, refreshToken } = call;
  const missing = (name: string) => (json[name] === undefined ? `there is no ${name}` : `${name} is not a string`);
  report.expect(ACCESS, accessToken !== undefined, "present", missing("access_token"));
  report.expect(REFRESH, refreshToken !== undefined, "present", missing("refresh_token"));
  const type = json.token_type;
  report.expect(
    BEARER,
    typeof type === "string" && /^bearer$/i.test(type),
    String(type),
    type === undefined ? "there is no token_type" : `token_type is ${JSON.stringify(type).slice(0, 60)}`,
  );
  const longest = Math.max(accessToken?.length ?? 0, refreshToken?.length ?? 0);
  report.expect(
    SIZE,
    longest < LONGEST_TOKEN,
    `access token ${accessToken?.length ?? 0}, refresh token ${refreshToken?.length ?? 0} characters`,
    `the longest token has ${longest} characters`,
  );
  judgeLife({ report }, json.expires_in);
}

function judgeLife({ report }: Pick<Examination, "report">, life: unknown): void {
  const { ok, detail, finding, seconds } = readLife(life);
  report.expect(EXPIRES, ok, detail, detail, finding);
  if (seconds === undefined) {
    report.skip(LIFE, detail);
    report.skip(MILLISECONDS, detail);
    return;
  }
  const enough = seconds >= SHORTEST_TOKEN_LIFE_SECONDS;
  report.expect(LIFE, enough, `${seconds} s`, `the token lives ${seconds} s`);
  report.expect(
    MILLISECONDS,
    !looksLikeMilliseconds(seconds),
    `${seconds} s`,
    `expires_in is ${seconds}: as seconds that would be ${Math.round(seconds / DAY)} days`,
  );
}

/** What `expires_in` says. A number written as a string is read too, as Amazon's own servers send it. */
export function readLife(life: unknown): { ok: boolean; detail: string; finding?: Finding; seconds?: number } {
  if (typeof life === "number" && Number.isInteger(life)) return { ok: true, detail: `${life} s`, seconds: life };
  if (life === undefined) return { ok: false, detail: "there is no expires_in" };
  const detail = `expires_in is ${JSON.stringify(life).slice(0, 60)}, not a whole number`;
  if (typeof life === "string" && /^\d{1,12}$/.test(life)) {
    const finding: Finding = {
      outcome: "warn",
      effect:
        "Works with clients that read numbers in strings, as Amazon's own token server writes them. Others refuse it.",
    };
    return { ok: false, detail, finding, seconds: Number(life) };
  }
  return { ok: false, detail };
}

/**
 * A lifetime that makes sense only if it is in milliseconds: more than a year as seconds, or at least 900,000 and a
 * whole number of minutes in milliseconds, but not of days in seconds.
 */
export function looksLikeMilliseconds(seconds: number): boolean {
  if (seconds > 366 * DAY) return true;
  return seconds >= 900_000 && seconds % 60_000 === 0 && seconds % DAY !== 0;
}
