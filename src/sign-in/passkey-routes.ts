// Passkeys: the script, the JSON that it exchanges with us, and the page that removes one. All of it 404 where they are switched off.
import { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { jsonBody } from "../http/json-body.ts";
import { type ProblemCode, problem } from "../http/problem.ts";
import { json } from "../http/route.ts";
import { seeOther } from "../http/see-other.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { stepStatement } from "../storage/attempts/attempts.ts";
import { batch, write } from "../storage/d1.ts";
import { readAccount } from "../storage/users/account.ts";
import {
  type AddOutcome,
  addPasskey,
  readCredentials,
  readPasskey,
  removePasskey,
  usePasskey,
} from "../storage/users/passkeys.ts";
import { sessionHolds } from "../storage/users/sessions.ts";
import { brandName } from "../ui/brand.ts";
import { messagesFor } from "../ui/messages.ts";
import { PASSKEY_SCRIPT_PATH } from "../ui/page.tsx";
import { type Entry, openEntry } from "./entry.ts";
import {
  ALGORITHMS,
  assertionSchema,
  registrationSchema,
  relyingPartyId,
  userHandleOf,
  verifyAssertion,
  verifyRegistration,
} from "./passkey-ceremony.ts";
import { type Ceremony, CHALLENGE_LIFETIME_MS, newChallenge, openChallenge } from "./passkey-challenge.ts";
import { MAX_PASSKEY_NAME, passkeysOn, renderRemovePasskey } from "./passkey-pages.tsx";
import { signedInStatements } from "./password.ts";
import { passesFirstSieve, postedFields, renderUnusableForm } from "./posted-form.ts";
import { currentSession, type Session, startSession } from "./session.ts";
import { renderSignIn } from "./sign-in-page.tsx";

const ADD_FORM = "passkeys";
const REMOVE_FORM = "remove-passkey";
const FIRST_SIEVE_SECONDS = 60;
const SCRIPT_CACHE_SECONDS = 300;
/** Who adds a passkey has signed in within this time: a session left open must not become a key that stays. */
const FRESH_SIGN_IN_MS = 15 * 60 * 1000;

type Answer = Response | Promise<Response>;

/** Answers 404 while passkeys are switched off. */
function whenOn(answer: (c: AppContext) => Answer): (c: AppContext) => Answer {
  return (c) => (passkeysOn(c.var.runtime) ? answer(c) : (c.notFound() as Answer));
}

export const passkeyRoutes = new Hono<AppEnv>();
passkeyRoutes.get(PASSKEY_SCRIPT_PATH, whenOn(sendScript));
passkeyRoutes.post("/sign-in/passkey/options", whenOn(postSignInOptions));
passkeyRoutes.post("/sign-in/passkey", whenOn(postSignIn));
passkeyRoutes.post("/account/passkeys/options", whenOn(postAddOptions));
passkeyRoutes.post("/account/passkeys", whenOn(postAdd));
for (const path of ["/sign-in/passkey/options", "/sign-in/passkey", "/account/passkeys/options", "/account/passkeys"]) {
  passkeyRoutes.all(
    path,
    whenOn(() => problem("method_not_allowed", "Allowed: POST.", {}, { allow: "POST" })),
  );
}
passkeyRoutes.get("/account/passkeys/:id", whenOn(showRemove));
passkeyRoutes.post("/account/passkeys/:id", whenOn(postRemove));

async function sendScript(c: AppContext): Promise<Response> {
  const script = await c.env.ASSETS.fetch(`https://assets.invalid${PASSKEY_SCRIPT_PATH}`);
  c.header("content-type", "text/javascript; charset=utf-8");
  c.header("cache-control", `public, max-age=${SCRIPT_CACHE_SECONDS}`);
  return c.body(await script.text());
}

/** The JSON that the script sends, or the problem to answer. */
async function scriptBody<S extends z.ZodMiniType>(c: AppContext, schema: S): Promise<z.output<S> | Response> {
  if (!(await passesFirstSieve(c, "passkey"))) {
    return problem("too_many_requests", undefined, {}, { "retry-after": String(FIRST_SIEVE_SECONDS) });
  }
  const type = (c.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  return type === "application/json" ? jsonBody(c, schema) : problem("unsupported_media_type");
}

function unusable(why: "forged" | "expired"): Response {
  return problem(
    why === "expired" ? "form_expired" : "csrf",
    why === "expired" ? undefined : "form: load the page again",
  );
}

const formSchema = z.object({ form: z.string() });
const signInSchema = z.object({ form: z.string(), token: z.string(), credential: assertionSchema });

/** What every browser gets alike: nothing in it depends on an account (S5). No storage trip. */
async function postSignInOptions(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await scriptBody(c, formSchema);
  if (body instanceof Response) return body;
  const browserHash = await browserOf(c);
  const entry = await openEntry(rt, browserHash, body.form);
  if (typeof entry === "string") return unusable(entry);
  const { challenge, token } = await newChallenge(rt, "sign-in", browserHash);
  const rpId = relyingPartyId(rt.issuer);
  return json(c, {
    token,
    publicKey: { challenge, rpId, userVerification: "required", timeout: CHALLENGE_LIFETIME_MS },
  });
}

/** Signs in: three storage trips when all is well. */
async function postSignIn(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await scriptBody(c, signInSchema);
  if (body instanceof Response) return body;
  const browserHash = await browserOf(c);
  const entry = await openEntry(rt, browserHash, body.form);
  if (typeof entry === "string") return unusable(entry);
  const challenge = await openChallenge(rt, "sign-in", browserHash, body.token);
  if (!challenge) return problem("challenge_invalid");
  const { credential } = body;
  const passkey = await readPasskey(rt.db, credential.id);
  if (!passkey) return rejected(c, entry, browserHash, "unknown");
  const verified = await verifyAssertion(credential, passkey, { challenge: challenge.challenge, origin: rt.issuer });
  if (!verified) return rejected(c, entry, browserHash, "not_verified");
  const at = rt.now();
  const use = await usePasskey(rt.db, passkey, verified, challenge, at);
  if (use === "challenge_used") return problem("challenge_invalid");
  if (use !== "used") return rejected(c, entry, browserHash, use);
  const attempt = entry.attempt ?? undefined;
  await batch(rt.db, signedInStatements(rt.db, passkey.user.id, browserHash, attempt, at), true);
  await startSession(c, browserHash, passkey.user);
  return json(c, { continueTo: entry.continueTo });
}

/** One answer, whatever was wrong with the passkey; the reason goes to the log, and the failed step to the attempt. */
async function rejected(c: AppContext, entry: Entry, browserHash: string, reason: string): Promise<Response> {
  const { db, log, now } = c.var.runtime;
  if (reason === "counter_regressed") log.alert("passkey_counter_regressed", {});
  else log.warn("passkey_rejected", { reason });
  if (entry.attempt) await write(stepStatement(db, entry.attempt, "sign_in_failed", now(), { browserHash }), true);
  return problem("passkey_rejected");
}

/** Whether the session was begun so lately that a passkey may be added. */
export function mayAddPasskey(session: Session, now: number): boolean {
  return now - session.issuedAt < FRESH_SIGN_IN_MS;
}

/** Seals the token of the requests that add a passkey. */
export function sealAddForm(c: AppContext, browserHash: string, userId: string): Promise<string> {
  return sealForm(c.var.runtime, ADD_FORM, browserHash, { userId });
}

/** The session that a request to add a passkey belongs to, fresh and of the form's user; or the problem. */
async function sessionToAdd(c: AppContext, browserHash: string, form: string): Promise<Session | Response> {
  const rt = c.var.runtime;
  const opened = await openForm(rt, ADD_FORM, browserHash, form, z.object({ userId: z.string() }));
  if (typeof opened === "string") return unusable(opened);
  const session = await currentSession(c, browserHash);
  if (!session || session.userId !== opened.value.userId || !mayAddPasskey(session, rt.now())) {
    return problem("session_needed");
  }
  return session;
}

const addCeremony = (session: Session): Ceremony => `add ${session.sessionId} ${session.userId}`;

async function postAddOptions(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await scriptBody(c, formSchema);
  if (body instanceof Response) return body;
  const browserHash = await browserOf(c);
  const session = await sessionToAdd(c, browserHash, body.form);
  if (session instanceof Response) return session;
  const [account, known] = await Promise.all([
    readAccount(rt.db, session.userId, sessionHolds(session), rt.now()),
    readCredentials(rt.db, session.userId),
  ]);
  if (account?.passwordSubject === undefined) return problem("session_needed");
  const { challenge, token } = await newChallenge(rt, addCeremony(session), browserHash);
  const name = account.passwordSubject;
  return json(c, {
    token,
    publicKey: {
      challenge,
      rp: { id: relyingPartyId(rt.issuer), name: brandName(rt) },
      user: { id: userHandleOf(session.userId), name, displayName: account.user.name ?? name },
      pubKeyCredParams: Object.values(ALGORITHMS).map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: known.map(({ id, transports }) => ({ type: "public-key", id, transports })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout: CHALLENGE_LIFETIME_MS,
    },
  });
}

const addSchema = z.object({
  form: z.string(),
  token: z.string(),
  name: z._default(
    z.string().check(
      z.trim(),
      z.maxLength(MAX_PASSKEY_NAME, `must have at most ${MAX_PASSKEY_NAME} characters`),
      z.refine((name) => !/\p{Cc}/u.test(name), "must have no control characters"),
    ),
    "",
  ),
  credential: registrationSchema,
});

const ADD_PROBLEMS = {
  challenge_used: "challenge_invalid",
  session_ended: "session_needed",
  exists: "conflict",
} as const satisfies Record<Exclude<AddOutcome, "added">, ProblemCode>;

async function postAdd(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await scriptBody(c, addSchema);
  if (body instanceof Response) return body;
  const browserHash = await browserOf(c);
  const session = await sessionToAdd(c, browserHash, body.form);
  if (session instanceof Response) return session;
  const challenge = await openChallenge(rt, addCeremony(session), browserHash, body.token);
  if (!challenge) return problem("challenge_invalid");
  const expected = { challenge: challenge.challenge, origin: rt.issuer };
  const verified = await verifyRegistration(body.credential, expected);
  if (!verified) {
    rt.log.warn("passkey_rejected", { reason: "registration" });
    return problem("passkey_rejected");
  }
  const name = body.name || messagesFor(c).text.passkeyUnnamed;
  const added = await addPasskey(
    rt.db,
    { ...verified, name, userId: session.userId },
    challenge,
    sessionHolds(session),
    rt.now(),
  );
  return added === "added" ? json(c, { name }, 201) : problem(ADD_PROBLEMS[added]);
}

/** The passkey of the address, if it is the signed-in user's; what to answer otherwise. One trip. */
async function passkeyToRemove(c: AppContext, session: Session | undefined) {
  const { db, now } = c.var.runtime;
  const account = session && (await readAccount(db, session.userId, sessionHolds(session), now()));
  if (!account) return renderSignIn(c, { continueTo: "/account" });
  const id = c.req.param("id");
  return account.passkeys.find((passkey) => passkey.id === id) ?? seeOther(c, "/account?done=passkey-removed");
}

async function showRemove(c: AppContext): Promise<Response> {
  const browserHash = await browserOf(c);
  const found = await passkeyToRemove(c, await currentSession(c, browserHash));
  if (found instanceof Response) return found;
  return renderRemovePasskey(c, found, await sealForm(c.var.runtime, REMOVE_FORM, browserHash, { id: found.id }));
}

async function postRemove(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const browserHash = await browserOf(c);
  const schema = z.object({ id: z.literal(c.req.param("id") ?? "") });
  const form = await openForm(rt, REMOVE_FORM, browserHash, fields.get("form"), schema);
  if (typeof form === "string") return renderUnusableForm(c, form);
  const session = await currentSession(c, browserHash);
  const found = await passkeyToRemove(c, session);
  if (found instanceof Response || !session) return found as Response;
  await removePasskey(rt.db, session.userId, found.id, sessionHolds(session), rt.now());
  return seeOther(c, "/account?done=passkey-removed");
}
