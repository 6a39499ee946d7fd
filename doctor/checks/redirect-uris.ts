// Redirect URIs: Alexa's own link, and everything that only resembles them is refused.

import { REDIRECT_HOSTS } from "../../simulator/library/authorization-request.ts";
import { appendQuery, encodeParameters } from "../../simulator/library/encoding.ts";
import { type Attempt, attemptRequest, follow } from "../attempt.ts";
import type { Area, Examination } from "../examination.ts";
import { newCode, workingManner } from "../link.ts";
import type { Check } from "../report.ts";
import { REQUIREMENTS } from "../sources.ts";
import { describeCall, exchange, tooSlow } from "../token-call.ts";

const LEAK =
  "Anyone who sends a customer a link to your authorization URL receives the customer's code, and with it the account. Amazon's review may reject the skill.";
const EXACT =
  "Compare redirect_uri, as a whole string, with the registered URIs: no parsing, no prefixes, no patterns.";

const REGIONS: Check = {
  id: "links_in_every_region",
  title: "Customers of every region can link",
  severity: "fail",
  effect:
    "Alexa chooses the redirect URI by the customer's region: pitangui (America), layla (Europe), alexa.amazon.co.jp (Japan, Australia). Customers of the missing region cannot link.",
  remedy: "Register all redirect URIs that the Alexa developer console shows for the skill, each as a whole string.",
  source: REQUIREMENTS,
};

const FOREIGN: Check = {
  id: "foreign_redirects_refused",
  title: "Foreign redirect URIs are refused",
  severity: "fail",
  effect: LEAK,
  remedy: `${EXACT} Show an error page for all others, and do not redirect.`,
  source: "RFC 9700 §4.1; RFC 6749 §4.1.2.1",
};

const NEAR: Check = {
  id: "redirect_uri_exact",
  title: "Redirect URIs that differ from the registered one in a detail are refused",
  severity: "fail",
  effect: `Patterns and prefixes have been bypassed again and again. ${LEAK}`,
  remedy: EXACT,
  source: "RFC 9700 §2.1 and §4.1",
};

const REPEATED: Check = {
  id: "repeated_redirect_uri",
  title: "A second redirect_uri in the request changes nothing",
  severity: "fail",
  effect: `One of the two is checked and the other one used. ${LEAK}`,
  remedy: "Refuse requests in which a parameter appears twice, with an error page.",
  source: "RFC 6749 §3.1",
};

const CLIENT: Check = {
  id: "unknown_client_refused",
  title: "An unknown client is refused with a page, not with a redirect",
  severity: "fail",
  effect: "Your server sends browsers to any address that a link names (an open redirect), which helps phishing.",
  remedy: "Look the client up first. If it does not exist, show an error page and do not redirect.",
  source: "RFC 6749 §4.1.2.1",
};

const MISSING: Check = {
  id: "incomplete_requests",
  title: "Authorization requests without client_id or redirect_uri get an error page",
  severity: "warn",
  effect: "Alexa always sends both, so links work. You see server errors in your log for what strangers send.",
  remedy: "Check the parameters before you use them, and show an error page with status 400.",
  source: "RFC 6749 §4.1.2.1",
};

/** Not an Amazon page, but seen in public set-ups: Alexa+ add-ons use it. */
const OPTIONAL_HOST = REDIRECT_HOSTS.alexa;
const EVIL = "https://evil.invalid/alexa";

export const redirectUris: Area = {
  name: "redirect URIs",
  checks: [REGIONS, FOREIGN, NEAR, REPEATED, CLIENT, MISSING],
  async run(examination) {
    await checkRegions(examination);
    if (!examination.target.client) return;
    await checkForeign(examination);
    await checkOthers(examination);
  },
};

async function checkRegions(examination: Examination): Promise<void> {
  const { report, target, customer } = examination;
  const manner = await workingManner(examination);
  if ("why" in manner) return report.skip(REGIONS, manner.why);
  const good: string[] = [];
  for (const redirectUri of target.redirectUris) {
    const code = await newCode(examination, { redirectUri });
    if ("why" in code) {
      if (!customer?.canRepeat) {
        report.skip(REGIONS, code.why);
        continue;
      }
      noteRegion(examination, redirectUri, code.why);
      continue;
    }
    if (tooSlow(examination) !== undefined) {
      good.push(`${new URL(redirectUri).host} (the code was not redeemed)`);
      continue;
    }
    const call = await exchange(examination, manner.client, code.grant);
    if (call.granted) good.push(new URL(redirectUri).host);
    else noteRegion(examination, redirectUri, `the code cannot be redeemed: ${describeCall(call)}`);
  }
  if (good.length > 0) report.pass(REGIONS, `links at ${good.join(", ")}`);
}

function noteRegion({ report }: Examination, redirectUri: string, why: string): void {
  if (new URL(redirectUri).host !== OPTIONAL_HOST) {
    report.problem(REGIONS, `${redirectUri}: ${why}`);
    return;
  }
  report.problem(REGIONS, `${redirectUri}: ${why}`, {
    outcome: "warn",
    effect: "Skills use the three other hosts, so links work today. Alexa+ add-ons use this one too.",
    remedy: `Register ${redirectUri} beside the others.`,
  });
}

/** Other parties' URIs that contain Alexa's. */
function foreignUris(redirectUri: string): string[] {
  const { host } = new URL(redirectUri);
  return [
    EVIL,
    redirectUri.replace(host, `${host}.evil.invalid`),
    redirectUri.replace(host, `${host}@evil.invalid`),
    redirectUri.replace(host, `evil-${host}`),
    redirectUri.replace(host, `evil.invalid/${host}`),
  ];
}

/** URIs at the right host that are not the registered one. */
function nearUris(redirectUri: string): string[] {
  const { host, protocol } = new URL(redirectUri);
  const before = redirectUri.slice(0, redirectUri.lastIndexOf("/") + 1);
  const last = redirectUri.slice(before.length);
  const encoded = last && `%${last.charCodeAt(0).toString(16)}${last.slice(1)}`;
  return [
    `${redirectUri}/more`,
    `${redirectUri}/`,
    `${redirectUri}x`,
    `${redirectUri}?x=1`,
    `${redirectUri}#x`,
    `${redirectUri}/../${last}`,
    `${before}M0OTHERVENDOR0`,
    `${before}${last.toLowerCase()}`,
    `${before}${encoded}`,
    redirectUri.replace(protocol, protocol === "https:" ? "http:" : "https:"),
    redirectUri.replace(host, `${host.split(":")[0]}:8443`),
  ].filter((uri) => uri !== redirectUri);
}

async function checkForeign(examination: Examination): Promise<void> {
  const { report, target } = examination;
  const [redirectUri = ""] = target.redirectUris;
  for (const [check, uris] of [
    [FOREIGN, foreignUris(redirectUri)],
    [NEAR, nearUris(redirectUri)],
  ] as const) {
    if (check === NEAR && report.outcomeOf(FOREIGN) === "fail") {
      report.skip(NEAR, "foreign redirect URIs are accepted already");
      continue;
    }
    const found: Attempt[] = [];
    for (const uri of uris) {
      found.push(await follow(examination, await attemptRequest(examination, { redirectUri: uri })));
    }
    judgeAttempts(examination, check, found, uris);
  }
}

function judgeAttempts(
  { report }: Examination,
  check: Check,
  found: readonly Attempt[],
  uris: readonly string[],
): void {
  const taken = uris.filter((_, index) => found[index]?.arrived);
  const open = found.filter((each) => !each.arrived && each.unknown).length;
  if (taken.length > 0) {
    report.problem(check, `the server redirects to ${taken.join(", ")}`);
    return;
  }
  if (open === uris.length) {
    report.skip(check, "all attempts lead to a sign-in page that was not passed");
    return;
  }
  const rest = open > 0 ? `; ${open} lead to a sign-in page that was not passed` : "";
  report.pass(check, `${uris.length - open} of ${uris.length} tried, all refused${rest}`);
}

async function checkOthers(examination: Examination): Promise<void> {
  const { report, target } = examination;
  const [redirectUri = ""] = target.redirectUris;
  const good = await attemptRequest(examination, { redirectUri });
  const evil = encodeParameters({ redirect_uri: EVIL });
  const ours = encodeParameters({ redirect_uri: redirectUri });
  const doubled = [
    { ...good, redirectUri: EVIL, url: `${good.url}&${evil}` },
    { ...good, redirectUri: EVIL, url: good.url.replace(ours, `${evil}&${ours}`) },
  ];
  if (report.outcomeOf(FOREIGN) === "fail") report.skip(REPEATED, "foreign redirect URIs are accepted already");
  else {
    const found: Attempt[] = [];
    for (const request of doubled) found.push(await follow(examination, request));
    judgeAttempts(examination, REPEATED, found, ["the second redirect_uri", "the first of two redirect_uri"]);
  }
  const clientId = "doctor-made-up-client";
  const strangers: Attempt[] = [];
  for (const uri of [EVIL, redirectUri]) {
    strangers.push(await follow(examination, await attemptRequest(examination, { redirectUri: uri, clientId })));
  }
  judgeAttempts(examination, CLIENT, strangers, [EVIL, redirectUri]);
  await checkIncomplete(examination);
}

async function checkIncomplete(examination: Examination): Promise<void> {
  const { report, target, fetch } = examination;
  const cases: [what: string, fields: Record<string, string | undefined>][] = [
    ["without redirect_uri", { client_id: target.client?.clientId, response_type: "code", state: "x" }],
    ["without client_id", { redirect_uri: target.redirectUris[0], response_type: "code", state: "x" }],
    ["without any parameter", {}],
  ];
  const bad: string[] = [];
  for (const [what, fields] of cases) {
    const url = appendQuery(target.authorizationUrl, encodeParameters(fields));
    try {
      const response = await fetch(new Request(url, { redirect: "manual", headers: { accept: "text/html" } }));
      await response.body?.cancel();
      if (response.status >= 500) bad.push(`${response.status} ${what}`);
    } catch {
      bad.push(`no response ${what}`);
    }
  }
  report.expect(MISSING, bad.length === 0, "no server error", bad.join(", "));
}
