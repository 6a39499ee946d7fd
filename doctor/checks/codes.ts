// Codes: used twice, at once, late, with the wrong redirect URI, and by another client.
import type { Area, Examination } from "../examination.ts";
import { firstLink, newCode, newLink, workingManner } from "../link.ts";
import { MADE_UP_CLIENT, MADE_UP_SECRET, type Mistake, type Mistaken, makeMistakes } from "../mistakes.ts";
import type { Check } from "../report.ts";
import { describeCall, exchange, refresh } from "../token-call.ts";

const ONCE: Check = {
  id: "code_works_once",
  title: "A code works once",
  severity: "fail",
  effect: "Anyone who finds a used code in a log or a history gets tokens of their own for the customer's account.",
  remedy:
    "Mark the code as used in the same database statement that reads it, and refuse it with invalid_grant from then on.",
  source: "RFC 6749 §4.1.2",
};

const RACE: Check = {
  id: "code_won_once_in_parallel",
  title: "Of 20 simultaneous exchanges of a code, exactly one succeeds",
  severity: "fail",
  effect: "An attacker who sends a stolen code at the same moment as Alexa gets tokens as well, and nobody notices.",
  remedy:
    "Claim the code by one atomic statement (UPDATE … WHERE used = 0, and look at the number of rows), not by reading first and writing later.",
  source: "RFC 6749 §4.1.2 and §10.5",
};

const REDIRECT: Check = {
  id: "code_bound_to_redirect_uri",
  title: "A code works only with its own redirect URI",
  severity: "fail",
  effect: "A code that was sent to another address can be redeemed as if it had been Alexa's (code injection).",
  remedy: "Store the redirect_uri with the code, and compare it byte for byte at the exchange.",
  source: "RFC 6749 §4.1.3",
};

const CLIENT: Check = {
  id: "code_bound_to_client",
  title: "A code works only for the client that it was issued to",
  severity: "fail",
  effect: "Another client of yours, or none that you know, turns Alexa's codes into tokens.",
  remedy: "Authenticate the client by id and secret, store the client with the code, and compare them at the exchange.",
  source: "RFC 6749 §4.1.3",
};

const SPENDS: Check = {
  id: "mistake_spends_no_code",
  title: "A request with wrong credentials does not use up the code",
  severity: "warn",
  effect:
    "Anyone who sees a code can make it useless without knowing a secret, and a wrong first try cannot be repeated.",
  remedy: "Authenticate the client first. Use the code only for a client that has authenticated.",
  source: "RFC 6749 §4.1.3 (order of the checks)",
};

const LATER: Check = {
  id: "code_works_later",
  title: "A code still works after others were issued",
  severity: "fail",
  effect:
    "If two people link at the same time, or one of them twice, the first code is refused: “We were unable to link”.",
  remedy:
    "Keep each code for up to ten minutes (five are enough), however many others the same customer or client has.",
  source: "RFC 6749 §4.1.2",
};

const CROWD = 20;

export const codes: Area = {
  name: "codes",
  sendsTokenRequests: true,
  sendsMany: true,
  checks: [ONCE, RACE, REDIRECT, CLIENT, SPENDS, LATER],
  async run(examination) {
    const { report } = examination;
    const manner = await workingManner(examination);
    if ("why" in manner) return report.skipRest(this.checks, manner.why);
    await checkLater(examination);
    await checkReuse(examination);
    await checkRace(examination);
    const unauthenticated = await checkBinding(examination);
    judgeSpending(examination, unauthenticated);
  },
};

/** Comes before any code is used twice, which may end a customer's other codes (RFC 6749 §4.1.2). */
async function checkLater(examination: Examination): Promise<void> {
  const { report } = examination;
  const early = await newCode(examination);
  if ("why" in early) return report.skip(LATER, early.why);
  const start = performance.now();
  for (let count = 0; count < 2; count++) {
    const other = await newCode(examination);
    if ("why" in other) return report.skip(LATER, other.why);
    await exchange(examination, other.manner.client, other.grant);
  }
  const call = await exchange(examination, early.manner.client, early.grant, "a code that waited");
  const after = `after ${((performance.now() - start) / 1000).toFixed(1)} s and two other codes`;
  if (!call.granted && (await linkEndsAtNextLink(examination))) {
    return report.skip(LATER, "a second link of the same customer ends the first (links_side_by_side)");
  }
  const good = `redeemed ${after}; how long a code lives at most was not tried`;
  report.expect(LATER, call.granted, good, `${after}: ${describeCall(call)}`);
}

async function linkEndsAtNextLink(examination: Examination): Promise<boolean> {
  const link = await newLink(examination);
  if ("why" in link || link.call.refreshToken === undefined) return false;
  await newLink(examination);
  return !(await refresh(examination, link.manner.client, link.call.refreshToken)).granted;
}

async function checkReuse(examination: Examination): Promise<void> {
  const { report } = examination;
  const code = await newCode(examination);
  if ("why" in code) return report.skip(ONCE, code.why);
  const first = await exchange(examination, code.manner.client, code.grant);
  if (!first.granted) return report.skip(ONCE, `its first use was refused: ${describeCall(first)}`);
  const second = await exchange(examination, code.manner.client, code.grant, "a used code");
  report.expect(ONCE, !second.granted, `the second use returns ${describeCall(second)}`, "the second use gives tokens");
}

async function checkRace(examination: Examination): Promise<void> {
  const { report } = examination;
  if (report.outcomeOf(ONCE) === "fail") return report.skip(RACE, "a code works more than once anyway");
  const code = await newCode(examination);
  if ("why" in code) return report.skip(RACE, code.why);
  const send = () => exchange(examination, code.manner.client, code.grant, "a code, 20 times at once", true);
  const calls = await Promise.all(Array.from({ length: CROWD }, send));
  const winners = calls.filter((call) => call.granted).length;
  const said = `${winners} of ${CROWD} simultaneous exchanges succeeded`;
  if (winners > 0) return report.expect(RACE, winners === 1, said, said);
  report.problem(RACE, said, {
    outcome: "warn",
    effect:
      "If Alexa repeats a request because the first response is late, both are refused and the customer cannot link.",
    remedy: "Let exactly one of several simultaneous exchanges succeed.",
  });
}

/** Returns the mistakes of clients that did not authenticate. */
async function checkBinding(examination: Examination): Promise<readonly Mistaken[]> {
  const { report, target } = examination;
  const redirectUri = (await firstLink(examination)).obtained?.grant.redirectUri ?? "";
  const other = target.redirectUris.find((uri) => uri !== redirectUri);
  const elsewhere: Mistake[] = [`${redirectUri}x`, ...(other === undefined ? [] : [other])].map((uri) => ({
    what: `a code with redirect_uri ${uri}`,
    grant: { redirectUri: uri },
  }));
  await judgeBinding(examination, REDIRECT, elsewhere);
  const foreign: Mistake[] = [
    { what: "a made-up client id with the right secret", client: { clientId: MADE_UP_CLIENT } },
    {
      what: "a made-up client id with a made-up secret",
      client: { clientId: MADE_UP_CLIENT, clientSecret: MADE_UP_SECRET },
    },
  ];
  if (report.outcomeOf({ id: "code_needs_the_secret" }) === "fail") {
    report.skip(CLIENT, "a code works without the right secret anyway");
    return [];
  }
  return judgeBinding(examination, CLIENT, foreign);
}

async function judgeBinding(
  examination: Examination,
  check: Check,
  mistakes: readonly Mistake[],
): Promise<readonly Mistaken[]> {
  const { report } = examination;
  const { made, why } = await makeMistakes(examination, mistakes);
  const granted = made.filter((each) => each.call.granted).map((each) => each.what);
  if (made.length === 0) report.skip(check, why ?? "not tried");
  else
    report.expect(check, granted.length === 0, `${made.length} tried, all refused`, `tokens for ${granted.join(", ")}`);
  return made;
}

function judgeSpending({ report }: Examination, made: readonly Mistaken[]): void {
  const refused = made.filter((each) => each.survived !== undefined);
  const spent = refused.filter((each) => !each.survived).map((each) => each.what);
  if (refused.length === 0) {
    report.skip(SPENDS, "no mistake was refused");
    return;
  }
  report.expect(
    SPENDS,
    spent.length === 0,
    "the right request works afterwards",
    `the code was used up by ${spent.join(", ")}`,
  );
}
