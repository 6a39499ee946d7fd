// Whether a client that is no browser gets the same responses: Alexa's servers run Java, without cookies and scripts.
import { encodeParameters } from "../../simulator/library/encoding.ts";
import { type Fetch, refreshRequest, USER_AGENT } from "../../simulator/library/token.ts";
import type { Area, Examination } from "../examination.ts";
import type { Check, Report } from "../report.ts";
import { type Challenge, challengeIn } from "./bot-challenge.ts";

const TROUBLE =
  "Amazon, “Debugging OAuth Token URL using API wrapper”, lists IP restrictions; RFC 6749 §3.2 asks for a POST and nothing else";

const RESPONDS: Check = {
  id: "responds_to_alexa",
  title: "Alexa's client gets a response",
  severity: "fail",
  effect: "Alexa gets no response, and every customer sees “We were unable to link”.",
  remedy:
    "Find out why this request gets no response although the connection is possible: a proxy, a firewall, or a server that is stuck.",
  source: TROUBLE,
};

const CHALLENGE: Check = {
  id: "no_bot_challenge",
  title: "No firewall challenges Alexa's client",
  severity: "fail",
  effect:
    "Alexa cannot solve a challenge. Linking fails for every customer, existing links end at the next refresh, and your server's log shows nothing.",
  remedy: "Exclude the addresses that Alexa's servers call from the firewall's check for robots.",
  source: TROUBLE,
};

const SAME: Check = {
  id: "same_for_every_client",
  title: "A Java client and a browser get the same response",
  severity: "fail",
  effect: "The server works when you try it in a browser, and refuses Alexa.",
  remedy:
    "Remove rules that look at User-Agent, Accept-Language or Origin from the token, metadata and key addresses. Alexa sends a Java user agent and neither of the others.",
  source: TROUBLE,
};

const COOKIES: Check = {
  id: "no_cookie_demanded",
  title: "No cookie is demanded",
  severity: "fail",
  effect: "Alexa's servers keep no cookies, so they are redirected to the same address again and again, or refused.",
  remedy: "Serve the token, metadata and key addresses without a session, and without a redirect that sets a cookie.",
  source: "RFC 6749 §3.2",
};

const TOKEN_REDIRECT: Check = {
  id: "token_url_does_not_redirect",
  title: "The token URL does not redirect",
  severity: "fail",
  effect: "Alexa does not present its secret at another address. Linking fails after the customer has signed in.",
  remedy: "Enter the final address as Access Token URI in the console, or serve the token endpoint at this address.",
  source: "RFC 6749 §3.2 and §5.1 (the response is 200 or an error)",
};

const METADATA_REDIRECT: Check = {
  id: "metadata_does_not_redirect",
  title: "The metadata and the keys are served without a redirect",
  severity: "warn",
  effect: "Clients that do not follow redirects, Amazon's deploy command for add-ons among them, find no metadata.",
  remedy: "Serve the documents at these addresses of the issuer's own host with status 200.",
  source: "RFC 8414 §3.2",
};

const BURST: Check = {
  id: "many_requests_quickly",
  title: "20 token requests in quick succession are served",
  severity: "fail",
  effect:
    "All of Alexa's calls come from few addresses. A limit for each address refuses customers as soon as there are many of them, or after an outage, when all of them refresh.",
  remedy:
    "Do not limit the token URL by address. Limit wrong secrets for each client instead, and exclude the address from rate limiting rules of the firewall.",
  source: "RFC 6749 §2.3.1 asks for protection against guessing, which need not be by address",
};

const BROWSER = {
  "user-agent":
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  "accept-language": "en-US,en;q=0.9",
  accept: "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8",
};
const AT_ONCE = 20;
const TOKEN_URL = "token URL";

interface Seen {
  readonly what: string;
  readonly url: string;
  /** 0: no response. */
  readonly status: number;
  readonly why?: string;
  readonly location?: string;
  readonly cookie: boolean;
  readonly challenge?: Challenge | undefined;
}

/** Requests as Alexa's servers send them, compared with those of a browser, and many at once. */
export const reachability: Area = {
  name: "reachability without a browser",
  checks: [RESPONDS, CHALLENGE, SAME, COOKIES, TOKEN_REDIRECT, METADATA_REDIRECT, BURST],
  async run(examination: Examination) {
    const { report, probes, fetch } = examination;
    const send = probes.plainFetch ?? fetch;
    const addresses = addressesOf(examination);
    const clean: boolean[] = [];
    for (const { what, request } of addresses) clean.push(await judge(examination, send, what, request));
    if (addresses.every(({ what }) => what === TOKEN_URL)) {
      report.skip(METADATA_REDIRECT, "the server has no metadata");
    }
    if (clean.at(-1)) await sendMany(examination, send);
    else report.skip(BURST, "one request is not served");
  },
};

/** Why token requests are in vain, or undefined: what is wrong with the token URL has been reported already. */
export function refusedTokenUrl(report: Report): string | undefined {
  const refusals = [RESPONDS, CHALLENGE, SAME, COOKIES, TOKEN_REDIRECT].map(({ id }) => id);
  const found = report
    .results()
    .find(
      ({ id, outcome, detail }) => outcome === "fail" && refusals.includes(id) && detail.includes(`${TOKEN_URL}: `),
    );
  return found && `no token request is sent, because the check ${found.id} failed`;
}

interface Address {
  readonly what: string;
  readonly request: () => Request;
}

/** The token URL is the last. */
function addressesOf({ target }: Examination): Address[] {
  const documents = [
    ["metadata", target.metadataUrl],
    ["keys", target.metadata?.jwks_uri],
  ].flatMap(([what, url]) =>
    typeof url === "string" && URL.canParse(url)
      ? [{ what: String(what), request: () => new Request(url, { redirect: "manual", headers: { accept: "*/*" } }) }]
      : [],
  );
  return [...documents, { what: TOKEN_URL, request: () => refusedTokenRequest(target.tokenUrl) }];
}

/** A token request that every server refuses, without a secret. */
function refusedTokenRequest(tokenUrl: string): Request {
  const body = encodeParameters({ grant_type: "refresh_token", refresh_token: "none", client_id: "alexa-link-doctor" });
  const headers = { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" };
  return new Request(tokenUrl, { method: "POST", headers, body, redirect: "manual" });
}

async function look(send: Fetch, what: string, request: Request, headers: Record<string, string>): Promise<Seen> {
  const asked = new Request(request, { redirect: "manual" });
  for (const [name, value] of Object.entries(headers)) asked.headers.set(name, value);
  try {
    const response = await send(asked);
    const location = response.headers.get("location");
    return {
      what,
      url: request.url,
      status: response.status,
      ...(location !== null && { location }),
      cookie: response.headers.has("set-cookie"),
      challenge: challengeIn(response, await response.text()),
    };
  } catch (error) {
    return {
      what,
      url: request.url,
      status: 0,
      why: String(error instanceof Error ? error.message : error),
      cookie: false,
    };
  }
}

/** Whether the address serves Alexa. */
async function judge(
  { report, timeoutMs, progress }: Examination,
  send: Fetch,
  what: string,
  make: () => Request,
): Promise<boolean> {
  progress(`asking the ${what} as Alexa does`);
  const redirects = what === TOKEN_URL ? TOKEN_REDIRECT : METADATA_REDIRECT;
  const java = await look(send, what, make(), { "user-agent": USER_AGENT });
  if (java.status === 0) {
    const browser = await look(send, what, make(), BROWSER);
    if (browser.status === 0) report.problem(RESPONDS, `${what}: ${java.why ?? `none within ${timeoutMs / 1000} s`}`);
    else report.problem(SAME, `${what}: a browser gets ${browser.status}, Alexa gets no response`);
    for (const check of [CHALLENGE, COOKIES, redirects]) report.skip(check, `${what}: no response`);
    return false;
  }
  report.pass(RESPONDS, `${what}: ${java.status}`);
  if (java.challenge) {
    const { by, remedy } = java.challenge;
    report.problem(CHALLENGE, `${what}: ${by} returns ${java.status} with a page for browsers`, { remedy });
    for (const check of [SAME, COOKIES, redirects]) report.skip(check, `${what}: a firewall responds`);
    return false;
  }
  report.pass(CHALLENGE, what);
  if (java.status >= 300 && java.status < 400) {
    judgeRedirect(report, redirects, java);
    report.skip(SAME, `${what}: redirects`);
    return false;
  }
  report.pass(COOKIES, what);
  report.pass(redirects, what);
  const browser = await look(send, what, make(), BROWSER);
  const same = browser.status === java.status;
  const found = browser.status === 0 ? "no response" : String(browser.status);
  report.expect(SAME, same, `${what}: both ${java.status}`, `${what}: Alexa gets ${java.status}, a browser ${found}`);
  return same && java.status < 500;
}

function judgeRedirect(report: Report, redirects: Check, { what, url, status, location, cookie }: Seen): void {
  const to = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  const itself = to !== undefined && to.origin + to.pathname === new URL(url).origin + new URL(url).pathname;
  if (itself && cookie) {
    report.problem(COOKIES, `${what}: ${status} to the same address, with a cookie`);
    report.skip(redirects, `${what}: a cookie is demanded`);
    return;
  }
  report.pass(COOKIES, what);
  report.problem(redirects, `${what}: ${status} to ${to?.href ?? "nowhere"}`);
}

/** Requests that the server refuses anyway: with the client's right secret, if there is a client. */
async function sendMany({ target, report, progress }: Examination, send: Fetch): Promise<void> {
  progress(`sending ${AT_ONCE} token requests at once`);
  const { client } = target;
  const make = () => (client ? refreshRequest(client, "none") : refusedTokenRequest(target.tokenUrl));
  const agent = { "user-agent": USER_AGENT };
  const seen = await Promise.all(Array.from({ length: AT_ONCE }, () => look(send, TOKEN_URL, make(), agent)));
  const limited = seen.filter(({ status, challenge }) => status === 429 || challenge);
  const lost = seen.filter(({ status }) => status === 0 || status >= 500);
  if (limited.length > 0) {
    const found = `${limited.length} of ${AT_ONCE} got ${[...new Set(limited.map(({ status }) => status))].join(", ")}`;
    // Without a client, the limit may be one for clients that do not exist.
    if (client) report.problem(BURST, found);
    else report.problem(BURST, `${found}; tried with a client that does not exist`, { outcome: "warn" });
    return;
  }
  const failed = `${lost.length} of ${AT_ONCE} got ${lost[0]?.status || "no response"}`;
  report.expect(BURST, lost.length === 0, `all ${AT_ONCE} got a response`, failed);
}
