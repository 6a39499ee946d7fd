// What comes back to Alexa's redirect URI after the customer agreed: code, state, and how the redirect was made.
import { readAuthorizationResponse } from "../../simulator/library/authorization-response.ts";
import type { Area, Examination, Obtained } from "../examination.ts";
import { firstLink } from "../link.ts";
import type { Check } from "../report.ts";
import { REQUIREMENTS } from "../sources.ts";

const LOST =
  "Alexa does not recognise its own request. The customer signs in, agrees, and sees “We were unable to link”.";

const CODE: Check = {
  id: "response_code",
  title: "The customer comes back to Alexa with a code",
  severity: "fail",
  effect: "Linking ends on your pages, or in the Alexa app with “We were unable to link”. Alexa never asks for tokens.",
  remedy:
    "After the customer agreed, redirect to the redirect_uri of the request, with code and state in the query (after ?, not after #).",
  source: `${REQUIREMENTS}; RFC 6749 §4.1.2`,
};

const ONCE: Check = {
  id: "response_parameters_once",
  title: "No parameter of the redirect to Alexa is repeated",
  severity: "fail",
  effect: "Alexa may read the wrong one of two values, or refuse the response. Linking fails for some customers.",
  remedy: "Append code and state once each. Check for a proxy or a framework that appends the query a second time.",
  source: "RFC 6749 §3.1",
};

const STATE: Check = {
  id: "response_state",
  title: "state comes back unchanged",
  severity: "fail",
  effect: LOST,
  remedy:
    "Keep state as the percent-encoded text of the request's query, and put the same text into the redirect. Do not parse, decode, cut or store it in a column that is too short.",
  source: `${REQUIREMENTS}; RFC 6749 §4.1.2`,
};

const BYTES: Check = {
  id: "response_state_bytes",
  title: "state comes back byte for byte, in the encoding in which it was sent",
  severity: "warn",
  effect: "Linking works as long as Amazon's page decodes state as you encoded it. Links of other clients may break.",
  remedy: "Copy the percent-encoded text of state from the query of the request, instead of decoding and encoding it.",
  source: REQUIREMENTS,
};

const LONG: Check = {
  id: "long_state",
  title: "A state of 4,000 characters comes back unchanged",
  severity: "fail",
  effect: `Alexa's states differ in length, and some are longer than others. For those customers: ${LOST}`,
  remedy:
    "Accept at least 4,096 bytes of state: in the request line (proxy, web server), in cookies and hidden fields, and in the database.",
  source: REQUIREMENTS,
};

const VERY_LONG: Check = {
  id: "very_long_state",
  title: "A state of 8,000 characters comes back unchanged",
  severity: "warn",
  effect: "Amazon publishes no limit for state. If it grows, customers stop at your authorization URL.",
  remedy: "Raise the limit for request lines and headers to 16 KB, and keep state out of cookies.",
  source: REQUIREMENTS,
};

const ANY: Check = {
  id: "state_any_characters",
  title: "state may contain spaces, percent signs, & and #",
  severity: "warn",
  effect:
    "Alexa's present states are base64, so links work today. A state with other characters would come back changed or truncated.",
  remedy: "Percent-encode state exactly once when you build the redirect, and never decode it twice.",
  source: "RFC 6749 §4.1.2 and appendix A.5",
};

const STATUS: Check = {
  id: "redirect_status",
  title: "The redirect to Alexa is a 302 or 303",
  severity: "fail",
  effect:
    "With 307 or 308 the browser sends the form of your page on to Amazon, password included, and Alexa refuses the POST.",
  remedy: "Redirect with 303 after a form was sent (302 works too).",
  source: "RFC 9700 §4.12",
};

const LENGTH: Check = {
  id: "code_length",
  title: "The code is shorter than 2,000 characters",
  severity: "warn",
  effect: "Alexa publishes no limit, but long URLs are cut on their way: by apps, proxies and Amazon's own pages.",
  remedy: "Issue a random code of 20 to 60 characters, and keep what belongs to it in your database.",
  source: "RFC 6749 §4.1.2 (the size of codes is left open)",
};

const LONGEST_CODE = 2000;
/** A state whose value contains what is commonly decoded twice or not encoded at all. */
const STATE_OF_ANY_CHARACTERS = "a b%20c&d=e#f+g~h/i?j:k@l";

export const authorizationResponse: Area = {
  name: "the redirect back to Alexa",
  checks: [CODE, ONCE, STATE, BYTES, LONG, VERY_LONG, ANY, STATUS, LENGTH],
  async run(examination) {
    const { report } = examination;
    const { obtained, why } = await firstLink(examination);
    if (!obtained) {
      const blame = examination.customer && examination.target.client && !examination.lost();
      if (blame) report.problem(CODE, why ?? "no code came back");
      for (const check of this.checks) if (check !== CODE) report.skip(check, `no code came back: ${why}`);
      if (report.outcomeOf(CODE) === undefined) report.skip(CODE, why ?? "not tried");
      return;
    }
    report.pass(CODE, `a code of ${obtained.grant.code.length} characters`);
    judgeParameters(examination, obtained);
    const { length } = obtained.grant.code;
    report.expect(LENGTH, length < LONGEST_CODE, `${length} characters`, `the code has ${length} characters`);
    judgeStatus(examination, obtained);
    await judgeStates(examination);
  },
};

function judgeParameters({ report }: Examination, { request, url }: Obtained): void {
  const { checks } = readAuthorizationResponse(request, url);
  for (const [check, name] of [
    [ONCE, "response_parameters_once"],
    [STATE, "response_state"],
    [BYTES, "response_state_bytes"],
  ] as const) {
    const found = checks.find((each) => each.name === name);
    if (found && (check !== BYTES || report.outcomeOf(STATE) === "pass"))
      report.expect(check, found.ok, found.detail, found.detail);
    else report.skip(check, "state did not come back as sent");
  }
}

function judgeStatus({ report }: Examination, { redirect }: Obtained): void {
  if (!redirect) {
    report.skip(STATUS, "the customer's browser does not report it");
    return;
  }
  const { status, afterForm } = redirect;
  const what = afterForm ? `${status} after a form` : String(status);
  report.expect(STATUS, !afterForm || status <= 303, what, `the server redirects with ${what}`);
}

async function judgeStates(examination: Examination): Promise<void> {
  const { report } = examination;
  if (report.outcomeOf(STATE) !== "pass") {
    return report.skipRest([LONG, VERY_LONG, ANY], "state does not come back even with 640 characters");
  }
  const cases = [
    [LONG, { stateLength: 4000 }, "4,000 characters"],
    [VERY_LONG, { stateLength: 8000 }, "8,000 characters"],
    [ANY, { state: STATE_OF_ANY_CHARACTERS }, "unusual characters"],
  ] as const;
  for (const [check, options, what] of cases) {
    const long = report.outcomeOf(LONG);
    if (check === VERY_LONG && long !== "pass") {
      report.skip(check, `4,000 characters ${long === "skipped" ? "were not tried" : "do not work"}`);
      continue;
    }
    const code = await examination.obtainCode(options);
    if ("why" in code) {
      if (examination.customer?.canRepeat) report.problem(check, `with a state of ${what}: ${code.why}`);
      else report.skip(check, code.why);
      continue;
    }
    const found = readAuthorizationResponse(code.request, code.url).checks.find(
      ({ name }) => name === "response_state",
    );
    const ok = found?.ok === true;
    report.expect(check, ok, `a state of ${what} comes back unchanged`, `with a state of ${what}: ${found?.detail}`);
  }
}
