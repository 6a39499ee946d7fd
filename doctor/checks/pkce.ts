// PKCE: it works, it is enforced, and it cannot be switched off by a changed request.
import { randomText, rawParameter, rawQuery } from "../../simulator/library/encoding.ts";
import type { TokenClient } from "../../simulator/library/token.ts";
import { attemptRequest, follow } from "../attempt.ts";
import type { Area, Examination } from "../examination.ts";
import { firstLink, workingManner } from "../link.ts";
import { makeMistakes } from "../mistakes.ts";
import type { Check } from "../report.ts";
import { REQUIREMENTS } from "../sources.ts";
import { describeCall, exchange } from "../token-call.ts";

const INTERCEPTED =
  "Anyone who intercepts a code, for instance in an app on the phone, can redeem it. PKCE gives no protection.";

const WORKS: Check = {
  id: "pkce_works",
  title: "A code with an S256 challenge is redeemed with its verifier",
  severity: "fail",
  effect:
    "As soon as PKCE is switched on for the skill, nobody can link. Amazon recommends it; Alexa+ add-ons need it.",
  remedy: "Compare code_challenge with BASE64URL(SHA-256(code_verifier)), without padding.",
  source: `${REQUIREMENTS}; RFC 7636 §4.6`,
};

const VERIFIER: Check = {
  id: "code_needs_the_verifier",
  title: "A code with a challenge needs the right verifier",
  severity: "fail",
  effect: INTERCEPTED,
  remedy:
    "Store code_challenge with the code. Refuse the exchange, with invalid_grant, if the verifier is missing or wrong.",
  source: "RFC 7636 §4.6; RFC 9700 §2.1.1",
};

const DOWNGRADE: Check = {
  id: "pkce_downgrade_refused",
  title: "A verifier is refused for a code without a challenge",
  severity: "fail",
  effect: `An attacker removes the challenge from the request, and PKCE is off without a trace. ${INTERCEPTED}`,
  remedy:
    "Refuse a token request with code_verifier if the authorization request had no code_challenge, or require PKCE.",
  source: "RFC 9700 §2.1.1 and §4.8.2",
};

const PLAIN: Check = {
  id: "pkce_plain_refused",
  title: "The PKCE method plain is refused",
  severity: "warn",
  effect: "Alexa uses S256, so links work. With plain, the verifier can be read in the customer's address bar.",
  remedy: "Accept S256 only. Respond to other methods with error=invalid_request.",
  source: "RFC 9700 §2.1.1; RFC 7636 §7.2",
};

export const pkce: Area = {
  name: "PKCE",
  sendsTokenRequests: true,
  sendsMany: true,
  checks: [WORKS, VERIFIER, DOWNGRADE, PLAIN],
  async run(examination) {
    const { report, target } = examination;
    const { tries } = await firstLink(examination);
    const manner = await workingManner(examination);
    if ("why" in manner) return report.skipRest(this.checks, manner.why);
    if (!target.pkce) return report.skipRest(this.checks, "PKCE is off for this skill");
    const refused = tries[0] ? describeCall(tries[0].call) : "not tried";
    const bad = `with a challenge and its verifier: ${refused}; without PKCE the exchange works`;
    report.expect(WORKS, manner.pkce, "a code was redeemed with its verifier", bad);
    if (!manner.pkce) return report.skipRest(this.checks, "PKCE does not work at all");
    await checkVerifier(examination);
    if (report.outcomeOf(VERIFIER) === "fail") {
      return report.skipRest(this.checks, "the verifier is not checked anyway");
    }
    await checkDowngrade(examination, manner.client);
    await checkPlain(examination, manner.client);
  },
};

async function checkVerifier(examination: Examination): Promise<void> {
  const { report } = examination;
  const { made, why } = await makeMistakes(examination, [
    { what: "a wrong verifier", grant: { codeVerifier: randomText(48) } },
    { what: "no verifier", grant: { codeVerifier: undefined } },
  ]);
  const granted = made.filter((each) => each.call.granted).map((each) => each.what);
  if (made.length === 0) report.skip(VERIFIER, why ?? "not tried");
  else
    report.expect(VERIFIER, granted.length === 0, "refused", `the server gives tokens with ${granted.join(" and ")}`);
}

async function checkDowngrade(examination: Examination, client: TokenClient): Promise<void> {
  const { report, customer } = examination;
  const code = await examination.obtainCode({ pkce: false });
  if ("why" in code) {
    if (customer?.canRepeat) return report.pass(DOWNGRADE, `a request without a challenge gets no code: ${code.why}`);
    return report.skip(DOWNGRADE, code.why);
  }
  const grant = { ...code.grant, codeVerifier: randomText(48) };
  const call = await exchange(examination, client, grant, "a verifier without a challenge");
  const bad = "tokens for a verifier that belongs to no challenge";
  report.expect(DOWNGRADE, !call.granted, `refused: ${describeCall(call)}`, bad);
}

async function checkPlain(examination: Examination, client: TokenClient): Promise<void> {
  const { report } = examination;
  const { redirectUri } = (await firstLink(examination)).obtained?.grant ?? {};
  const request = await attemptRequest(examination, { ...(redirectUri !== undefined && { redirectUri }) });
  const verifier = randomText(48);
  const url = request.url
    .replace(/code_challenge=[^&]*/, `code_challenge=${verifier}`)
    .replace("code_challenge_method=S256", "code_challenge_method=plain");
  const attempt = await follow(examination, { ...request, url });
  if (!attempt.arrived) {
    return attempt.unknown ? report.skip(PLAIN, attempt.why) : report.pass(PLAIN, `refused: ${attempt.why}`);
  }
  const code = rawParameter(rawQuery(attempt.url), "code");
  if (code === undefined) return report.pass(PLAIN, "refused with an error");
  const grant = { code: decodeURIComponent(code), redirectUri: request.redirectUri, codeVerifier: verifier };
  const call = await exchange(examination, client, grant, "a plain challenge");
  report.expect(PLAIN, !call.granted, `the code is refused: ${describeCall(call)}`, "a plain challenge gets tokens");
}
