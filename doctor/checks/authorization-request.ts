// The authorization URL beside the good case: openings without a customer, denials and errors.

import type { AuthorizationRequest } from "../../simulator/library/authorization-request.ts";
import { readAuthorizationResponse } from "../../simulator/library/authorization-response.ts";
import { rawParameter, rawQuery } from "../../simulator/library/encoding.ts";
import { USER_AGENT } from "../../simulator/library/token.ts";
import { type Attempt, attemptRequest, follow } from "../attempt.ts";
import type { Area, Examination } from "../examination.ts";
import { workingManner } from "../link.ts";
import type { Check } from "../report.ts";
import { REQUIREMENTS } from "../sources.ts";

const STRAYS: Check = {
  id: "stray_openings_harmless",
  title: "Opening the authorization URL changes nothing",
  severity: "fail",
  effect:
    "Link previews, prefetches and Amazon's servers may open the URL before the customer does. That uses the request up, and the customer cannot link: it “works on the PC, not on the phone”.",
  remedy: "Let GET and HEAD only show pages. Issue the code when the customer agrees, by a POST.",
  source: "RFC 9110 §9.2.1 (safe methods)",
};

const HEAD: Check = {
  id: "head_request",
  title: "The authorization URL responds to HEAD",
  severity: "warn",
  effect:
    "Previews and monitors, and perhaps Amazon's console, send HEAD to see whether the URL works, and conclude that it does not.",
  remedy: "Respond to HEAD as to GET, without a body.",
  source: "RFC 9110 §9.1 and §9.3.2",
};

const DENIAL: Check = {
  id: "denial_returns_to_alexa",
  title: "A customer who refuses comes back to Alexa",
  severity: "fail",
  effect: "The customer is stuck on your page inside the Alexa app, and has to close it.",
  remedy: "Redirect to the redirect_uri with error=access_denied and state.",
  source: `${REQUIREMENTS}; RFC 6749 §4.1.2.1`,
};

const ERRORS: Check = {
  id: "errors_return_to_alexa",
  title: "Errors of an otherwise good request come back to Alexa",
  severity: "warn",
  effect: "A wrong setting in the Alexa console ends on your error page. Neither Alexa nor its log names the reason.",
  remedy:
    "If client and redirect_uri are right, redirect with error (unsupported_response_type, invalid_scope, invalid_request) and state.",
  source: "RFC 6749 §4.1.2.1",
};

const STATE: Check = {
  id: "error_response_state",
  title: "Errors come back with state",
  severity: "warn",
  effect: "Alexa cannot tell which attempt failed. The customer sees a general error instead of “cancelled”.",
  remedy: "Append the unchanged state to error redirects too.",
  source: "RFC 6749 §4.1.2.1",
};

export const authorizationRequest: Area = {
  name: "the authorization URL",
  checks: [STRAYS, HEAD, DENIAL, ERRORS, STATE],
  async run(examination) {
    const { report, target } = examination;
    if (!target.client) return;
    const manner = await workingManner(examination);
    await checkStrays(examination, "why" in manner ? manner.why : undefined);
    const redirects: [AuthorizationRequest, string][] = [];
    await checkErrors(examination, redirects);
    await checkDenial(examination, redirects);
    judgeState(examination, redirects);
    if (report.outcomeOf(STATE) === undefined) report.skip(STATE, "no error came back to Alexa");
  },
};

async function checkStrays(examination: Examination, notLinked: string | undefined): Promise<void> {
  const { report, customer, fetch } = examination;
  const request = await attemptRequest(examination);
  const statuses: number[] = [];
  for (const init of [
    { method: "HEAD", headers: { "user-agent": USER_AGENT } },
    { headers: { "user-agent": USER_AGENT } },
    { headers: { "sec-purpose": "prefetch", purpose: "prefetch" } },
  ]) {
    const response = await fetch(new Request(request.url, { ...init, redirect: "manual" })).catch(() => undefined);
    await response?.body?.cancel();
    statuses.push(response?.status ?? 0);
  }
  const [head = 0, get = 0] = statuses;
  if (get >= 400 || get === 0) report.skip(HEAD, `GET returns ${get} as well`);
  else report.expect(HEAD, head > 0 && head < 400, `HEAD returns ${head}`, `HEAD returns ${head}, GET returns ${get}`);
  if (notLinked !== undefined) return report.skip(STRAYS, notLinked);
  if (!customer?.canRepeat) return report.skip(STRAYS, "needs more sign-ins than a person can be asked for");
  const decided = await customer.decide(request, "allow");
  const code = decided.arrived ? readAuthorizationResponse(request, decided.url).code : undefined;
  const bad = decided.arrived ? "no code came back" : decided.why;
  report.expect(
    STRAYS,
    code !== undefined,
    "after HEAD, GET and a prefetch the customer links",
    `after HEAD, GET and a prefetch of the same URL: ${bad}`,
  );
}

async function checkErrors(examination: Examination, redirects: [AuthorizationRequest, string][]): Promise<void> {
  const { report, target } = examination;
  const unsupported = await attemptRequest(examination);
  const scope = await attemptRequest(examination, { scopes: [...target.scopes, "doctor-made-up-scope"] });
  const wrong: AuthorizationRequest = {
    ...unsupported,
    url: unsupported.url.replace("response_type=code", "response_type=doctor"),
  };
  const cases: [what: string, request: AuthorizationRequest, mayBeIgnored: boolean][] = [
    ["an unknown response_type", wrong, false],
    ["an unknown scope", scope, true],
  ];
  for (const [what, request, mayBeIgnored] of cases) {
    const attempt = await follow(examination, request);
    if (attempt.arrived) {
      const error =
        rawParameter(rawQuery(attempt.url), "error") ?? rawParameter(attempt.url.split("#")[1] ?? "", "error");
      if (error !== undefined) redirects.push([request, attempt.url]);
      const said = error === undefined ? `${what} is ignored` : `${what} comes back as error=${error.slice(0, 60)}`;
      if (error !== undefined || mayBeIgnored) report.pass(ERRORS, said);
      else report.problem(ERRORS, `${said}: the server issues a code`);
    } else if (attempt.status >= 400 && report.outcomeOf({ id: "no_bot_challenge" }) === "fail") {
      report.skip(ERRORS, "programs get a page for browsers (no_bot_challenge)");
    } else judgeNoRedirect(examination, what, attempt);
  }
}

function judgeNoRedirect({ report }: Examination, what: string, attempt: Extract<Attempt, { arrived: false }>): void {
  if (attempt.unknown) report.skip(ERRORS, `${what}: ${attempt.why}`);
  else report.problem(ERRORS, `${what} ends at ${attempt.why}`);
}

async function checkDenial(examination: Examination, redirects: [AuthorizationRequest, string][]): Promise<void> {
  const { report, customer } = examination;
  const manner = await workingManner(examination);
  if ("why" in manner) return report.skip(DENIAL, manner.why);
  if (!customer?.canRepeat) return report.skip(DENIAL, "needs one more sign-in, at which the person refuses");
  const request = await attemptRequest(examination);
  const decided = await customer.decide(request, "deny");
  if (!decided.arrived) {
    if (decided.undecided) return report.skip(DENIAL, `no way to refuse was found: ${decided.why}`);
    return report.problem(DENIAL, `after a refusal: ${decided.why}`);
  }
  const { code, error } = readAuthorizationResponse(request, decided.url);
  if (error !== undefined) redirects.push([request, decided.url]);
  if (code !== undefined) return report.skip(DENIAL, "the pages offer no refusal: the server issued a code");
  report.expect(
    DENIAL,
    error === "access_denied",
    "error=access_denied comes back",
    error === undefined ? "the redirect has no error" : `error=${error.slice(0, 60)} comes back, not access_denied`,
    error === undefined ? {} : { outcome: "warn" },
  );
}

function judgeState({ report }: Examination, redirects: readonly [AuthorizationRequest, string][]): void {
  if (report.outcomeOf({ id: "response_code" }) === "fail") {
    report.skip(STATE, "no code came back either");
    return;
  }
  for (const [request, url] of redirects) {
    const found = readAuthorizationResponse(request, url).checks.find(({ name }) => name === "response_state");
    // In a wrong encoding it is still there; `response_state` judges that.
    const present = found?.ok === true || found?.detail !== "state is missing";
    report.expect(STATE, present, "state comes back with errors", "state is missing from an error redirect");
  }
}
