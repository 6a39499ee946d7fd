// What only shows after many requests: time, server errors, and whether the first link still lives.
import { TOKEN_LIMIT_MS } from "../../simulator/library/token.ts";
import type { Area, Examination } from "../examination.ts";
import { newLink, workingLink } from "../link.ts";
import type { Check } from "../report.ts";
import { FAQ, REQUIREMENTS } from "../sources.ts";
import { describeCall, exchange, refresh, tokenLog } from "../token-call.ts";

const LASTS: Check = {
  id: "first_link_lasts",
  title: "The first link still works after all the others",
  severity: "warn",
  effect: "Your server keeps a limited number of links for one customer or client, and ends the oldest without notice.",
  remedy: "Do not limit the number of grants, or end those first that have not been used for months.",
  source: REQUIREMENTS,
};

const TIME: Check = {
  id: "token_in_time",
  title: "The token URL responds within Alexa's limit of 4.5 s",
  severity: "fail",
  effect: "Alexa gives up. Linking fails, or links end at a refresh, whenever your server is as slow as it was now.",
  remedy:
    "Find what takes the time: cold starts, a slow password hash for the client secret, calls to another server, a database far away.",
  source: FAQ,
};

const USUAL: Check = {
  id: "token_usually_fast",
  title: "The token URL usually responds within a second",
  severity: "warn",
  effect: "Little is left of Alexa's 4.5 s when your server is busy. Then customers cannot link.",
  remedy: "Aim for 300 ms. Keep the server warm, and the database close to it.",
  source: FAQ,
};

const ERRORS: Check = {
  id: "no_server_errors",
  title: "No token request causes a server error",
  severity: "warn",
  effect: "A wrong or simultaneous request ends in an unhandled error. Alexa may repeat it, and your log fills up.",
  remedy: "Find the exception in your server's log, and respond with an error of RFC 6749 instead.",
  source: "RFC 6749 §5.2",
};

/** Milliseconds. */
const USUAL_MS = 1000;

export const endurance: Area = {
  name: "endurance",
  sendsTokenRequests: true,
  checks: [LASTS, TIME, USUAL, ERRORS],
  async run(examination) {
    await checkFirstLink(examination);
    judgeTime(examination);
    judgeServerErrors(examination);
  },
};

async function checkFirstLink(examination: Examination): Promise<void> {
  const { report, customer } = examination;
  const link = await workingLink(examination);
  if ("why" in link) return report.skip(LASTS, link.why);
  const token = link.call.refreshToken;
  if (token === undefined) return report.skip(LASTS, "the server issues no refresh token");
  if (!customer?.canRepeat) return report.skip(LASTS, "there was one link only");
  for (const id of ["links_side_by_side", "refresh_status"]) {
    if (report.outcomeOf({ id }) === "fail") return report.skip(LASTS, `${id} failed`);
  }
  const call = await refresh(examination, link.manner.client, token, "the first link");
  if (call.granted) return report.pass(LASTS, "the first link refreshes");
  if (await usedCodeEndsOtherLinks(examination)) {
    return report.problem(LASTS, "a code that is used twice ends the customer's other links too", {
      effect: "If Alexa repeats a token request whose response was lost, the customer's other links end as well.",
      remedy: "When a code is used twice, end the link of that code only: give each link a grant of its own.",
    });
  }
  report.problem(LASTS, `after all checks the first link returns ${describeCall(call)}`);
}

async function usedCodeEndsOtherLinks(examination: Examination): Promise<boolean> {
  const link = await newLink(examination);
  const other = await newLink(examination);
  if ("why" in link || "why" in other || link.call.refreshToken === undefined) return false;
  await exchange(examination, other.manner.client, other.obtained.grant, "a used code");
  const call = await refresh(examination, link.manner.client, link.call.refreshToken);
  return !call.granted;
}

function judgeTime(examination: Examination): void {
  const { report, target } = examination;
  const limit = target.tokenLimitMs ?? TOKEN_LIMIT_MS;
  const millis = [...tokenLog(examination).millis].sort((a, b) => a - b);
  if (millis.length === 0) {
    report.skipRest([TIME, USUAL], "no token request was sent");
    return;
  }
  const median = millis[Math.floor((millis.length - 1) / 2)] ?? 0;
  const worst = millis.at(-1) ?? 0;
  const said = `${millis.length} responses: median ${median} ms, slowest ${worst} ms`;
  report.expect(TIME, worst <= limit, said, said);
  if (worst > limit) {
    report.skip(USUAL, "the limit is exceeded already");
    return;
  }
  report.expect(USUAL, median <= USUAL_MS, said, said);
}

function judgeServerErrors(examination: Examination): void {
  const { millis, serverErrors } = tokenLog(examination);
  if (millis.length === 0) {
    examination.report.skip(ERRORS, "no token request was sent");
    return;
  }
  const said = [...new Set(serverErrors)].join("; ");
  examination.report.expect(ERRORS, serverErrors.length === 0, `none in ${millis.length} requests`, said);
}
