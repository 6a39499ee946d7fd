// How Alexa proves who it is: both forms of credentials, and what happens without the right secret.
import type { TokenClient } from "../../simulator/library/token.ts";
import type { Area, Examination } from "../examination.ts";
import { dialectsOf, firstLink, needsEncoding, newCode, workingManner } from "../link.ts";
import { MADE_UP_SECRET, type Mistaken, makeMistakes } from "../mistakes.ts";
import type { Check } from "../report.ts";
import { describeCall, exchange, type TokenCall } from "../token-call.ts";

const SCHEMAS = "Amazon, Account Linking Schemas (accessTokenScheme)";

const BASIC: Check = {
  id: "basic_authentication",
  title: "The token URL accepts HTTP Basic",
  severity: "warn",
  effect:
    "HTTP Basic is the default of the Alexa console. Linking works only if the skill is set to “Credentials in request body”, and stops for everyone when somebody changes that.",
  remedy: "Accept client id and secret in the Authorization header, with client_id in the body beside it.",
  source: `${SCHEMAS}; RFC 6749 §2.3.1`,
};

const ID: Check = {
  id: "client_id_beside_basic",
  title: "HTTP Basic works with client_id in the body beside it",
  severity: "fail",
  effect:
    "Alexa sends client_id in the body also with HTTP Basic. Its requests are refused: the customer agreed on your page, and then sees “We were unable to link”.",
  remedy:
    "Accept client_id in the body if it is that of the Authorization header (it is no second form of authentication). If the library cannot be told to, register the client for client_secret_post, and set the skill to “Credentials in request body”.",
  source: `${SCHEMAS}; RFC 6749 §2.3.1 and §3.2.1`,
};

const BODY: Check = {
  id: "body_authentication",
  title: "The token URL accepts the credentials in the body",
  severity: "warn",
  effect:
    "Linking works only if the skill is set to HTTP Basic, and stops for everyone when somebody changes that in the Alexa console.",
  remedy: "Accept client_id and client_secret in the body too, or state in your metadata that you do not.",
  source: `${SCHEMAS}; RFC 6749 §2.3.1`,
};

const SECRET: Check = {
  id: "code_needs_the_secret",
  title: "A code is worth nothing without the client's secret",
  severity: "fail",
  effect: "Anyone who finds a code in a log, a history or a Referer header gets the customer's tokens.",
  remedy:
    "Authenticate the client at the token URL before you look at the code, and refuse it without the right secret.",
  source: "RFC 6749 §3.2.1 and §4.1.3",
};

const ERROR: Check = {
  id: "wrong_secret_error",
  title: "A wrong secret is refused with invalid_client",
  severity: "warn",
  effect:
    "If the secret in the Alexa console is wrong, nothing names the cause: not your log, not your status codes. It costs days.",
  remedy: 'Respond with 401 and {"error":"invalid_client"}.',
  source: "RFC 6749 §5.2",
};

const HEADER: Check = {
  id: "www_authenticate",
  title: "A refused HTTP Basic request gets WWW-Authenticate",
  severity: "warn",
  effect: "Clients that wait for the header do not know how to authenticate. Alexa is not known to need it.",
  remedy: 'Add WWW-Authenticate: Basic realm="token" to the 401, if the request had an Authorization header.',
  source: "RFC 6749 §5.2; RFC 9110 §15.5.2",
};

export const clientAuthentication: Area = {
  name: "client authentication",
  sendsTokenRequests: true,
  sendsMany: true,
  checks: [BASIC, ID, BODY, SECRET, ERROR, HEADER],
  async run(examination) {
    const { report } = examination;
    const manner = await workingManner(examination);
    if ("why" in manner) return report.skipRest(this.checks, manner.why);
    await checkForms(examination);
    await checkSecret(examination);
  },
};

/** The authentication forms that the metadata lists; all if there is no metadata (RFC 8414 §2 has the default). */
function listedForms({ metadata }: Examination["target"]): readonly string[] {
  if (!metadata) return ["client_secret_basic", "client_secret_post"];
  const listed = metadata.token_endpoint_auth_methods_supported;
  return Array.isArray(listed) ? listed.filter((each) => typeof each === "string") : ["client_secret_basic"];
}

async function checkForms(examination: Examination): Promise<void> {
  const { report, target } = examination;
  const listed = listedForms(target);
  const { client } = target;
  if (!client) return;
  const [basic, body] = dialectsOf(client);
  let refusal: TokenCall | undefined;
  for (const [check, form, dialect] of [
    [BASIC, "client_secret_basic", basic],
    [BODY, "client_secret_post", body],
  ] as const) {
    const configured = client.accessTokenScheme === dialect.accessTokenScheme;
    if (!listed.includes(form) && !(configured && target.schemeKnown)) {
      report.skip(check, `the metadata does not list ${form}`);
      continue;
    }
    const call = await redeemWith(examination, dialect);
    if ("why" in call) report.skip(check, call.why);
    else if (call.granted) {
      report.pass(check, "a code was redeemed");
      if (check === BASIC) report.pass(ID, "a code was redeemed");
    } else if (check === BASIC && (await worksBare(examination, basic))) {
      report.pass(BASIC, "a code was redeemed, without client_id in the body");
      refusal = call;
    } else {
      report.problem(check, `a code is refused: ${describeCall(call)}`, {
        ...(configured &&
          target.schemeKnown && { outcome: "fail", effect: "Alexa cannot redeem codes. Nobody can link." }),
      });
    }
  }
  if (refusal) judgeIdBesideBasic(examination, refusal);
  else if (report.outcomeOf(ID) === undefined) report.skip(ID, "HTTP Basic does not work, or was not tried");
  if (needsEncoding(client) && report.outcomeOf(ID) === "pass") await checkEncoding(examination, basic);
}

async function worksBare(examination: Examination, basic: TokenClient): Promise<boolean> {
  const call = await redeemWith(examination, { ...basic, idBesideBasic: false });
  return "granted" in call && call.granted;
}

function judgeIdBesideBasic({ report }: Examination, refusal: TokenCall): void {
  const other = report.outcomeOf(BODY) === "pass";
  report.problem(ID, `a code with client_id in the body is refused: ${describeCall(refusal)}; without it, it works`, {
    ...(other && {
      outcome: "warn",
      effect: "Linking works only if the skill is set to “Credentials in request body”.",
    }),
  });
}

/** Redeems a new code with this form of credentials, unless the first link did so already. */
async function redeemWith(
  examination: Examination,
  client: TokenClient,
): Promise<TokenCall | { readonly why: string }> {
  const { tries } = await firstLink(examination);
  const done = tries.find(
    ({ manner }) =>
      manner.client.accessTokenScheme === client.accessTokenScheme &&
      manner.client.basicEncoding === client.basicEncoding &&
      manner.client.idBesideBasic === client.idBesideBasic,
  );
  if (done?.call.granted) return done.call;
  const code = await newCode(examination);
  return "why" in code ? code : exchange(examination, client, code.grant, `a code with ${client.accessTokenScheme}`);
}

/** RFC 6749 wants id and secret form-encoded before base64; which spelling Alexa sends is not published. */
async function checkEncoding(examination: Examination, basic: TokenClient): Promise<void> {
  const call = await redeemWith(examination, { ...basic, basicEncoding: "form" });
  if ("why" in call || call.granted) return;
  examination.report.problem(BASIC, `form-encoded credentials in HTTP Basic are refused: ${describeCall(call)}`, {
    effect:
      "Your client id or secret has characters that one half of the clients encode in HTTP Basic and the other not.",
    remedy: "Choose a client id and a secret of letters, digits, - and _ only.",
  });
}

async function checkSecret(examination: Examination): Promise<void> {
  const { report } = examination;
  const { made, why } = await makeMistakes(examination, [
    { what: "a code with a wrong secret", client: { clientSecret: MADE_UP_SECRET } },
    { what: "a code without a secret", withoutSecret: true },
    { what: "a code with an empty secret", client: { clientSecret: "" } },
  ]);
  const granted = made.filter((each) => each.call.granted).map((each) => each.what);
  if (made.length === 0) report.skip(SECRET, why ?? "not tried");
  else report.expect(SECRET, granted.length === 0, "refused", `the server gives tokens for ${granted.join(", ")}`);
  await judgeError(examination, made[0], why);
}

async function judgeError(
  examination: Examination,
  wrong: Mistaken | undefined,
  why: string | undefined,
): Promise<void> {
  const { report } = examination;
  const manner = await workingManner(examination);
  const basic = "client" in manner && manner.client.accessTokenScheme === "HTTP_BASIC";
  if (!wrong || wrong.call.granted || wrong.call.status >= 500 || wrong.call.status === 0) {
    const reason = why ?? (wrong?.call.granted ? "the wrong secret is accepted" : "the server failed");
    report.skip(ERROR, reason);
    return report.skip(HEADER, reason);
  }
  const { status, error, headers } = wrong.call;
  const right = error === "invalid_client" && (status === 401 || (!basic && status === 400));
  report.expect(ERROR, right, `${status} invalid_client`, `a wrong secret returns ${describeCall(wrong.call)}`);
  if (!basic || status !== 401) return report.skip(HEADER, basic ? "the status is not 401" : "HTTP Basic is not used");
  report.expect(HEADER, headers.has("www-authenticate"), "present", "the 401 has no WWW-Authenticate header");
}
