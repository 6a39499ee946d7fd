// GET and POST /account/password: change the password with the current one. Ends all other sessions.
import type { Hono } from "hono/tiny";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { networkOf } from "../http/network.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { setPassword } from "../sign-in/accounts.ts";
import { checkPasswordTry } from "../sign-in/password.ts";
import { checkPassword } from "../sign-in/password-hash.ts";
import { postedFields, renderUnusableForm } from "../sign-in/posted-form.ts";
import { currentSession, newSession, setSessionCookie } from "../sign-in/session.ts";
import { renderSignIn } from "../sign-in/sign-in-page.tsx";
import { readAccount } from "../storage/users/account.ts";
import { recordPasswordChange } from "../storage/users/sign-ins.ts";
import { messagesFor, waitInWords } from "../ui/messages.ts";
import { renderPage } from "../ui/page.tsx";
import { ButtonRow, ErrorNotice, Field, HiddenFields } from "../ui/parts.tsx";

const FORM = "change-password";
const PATH = "/account/password";
const ERROR_ID = "form-error";

/** Adds these routes to a router. */
export function passwordPages(app: Hono<AppEnv>): void {
  app.get(PATH, showForm);
  app.post(PATH, postForm);
}

/** The session and its user, read now. One read. */
async function ownerOf(c: AppContext, browserHash: string) {
  const { db, now } = c.var.runtime;
  const session = await currentSession(c, browserHash);
  const account = session && (await readAccount(db, session, now()));
  return account && { session, user: account.user };
}

async function showForm(c: AppContext): Promise<Response> {
  const owner = await ownerOf(c, await browserOf(c));
  if (!owner) return renderSignIn(c, { continueTo: PATH });
  if (owner.user.passwordSubject === null) return seeOther(c, "/account");
  return renderForm(c, owner.user.id, owner.user.passwordSubject);
}

interface FormError {
  readonly status: ContentfulStatusCode;
  readonly field: "current" | "password" | "form";
  readonly message: string;
}

async function renderForm(c: AppContext, userId: string, subject: string, error?: FormError): Promise<Response> {
  const { text } = messagesFor(c);
  const wrong = (field: FormError["field"]) => (error?.field === field ? ERROR_ID : undefined);
  const token = await sealForm(c.var.runtime, FORM, await browserOf(c), { userId });
  return renderPage(
    c,
    { title: text.changePassword, ...(error ? { status: error.status } : {}) },
    <section class="card">
      <h1>{text.changePassword}</h1>
      <p class="lead">{text.changePasswordHint}</p>
      {error ? <ErrorNotice id={ERROR_ID}>{error.message}</ErrorNotice> : null}
      <form method="post" action={PATH}>
        <HiddenFields fields={{ form: token }} />
        {/* Password managers need to know whose password changes. */}
        <input type="text" name="username" value={subject} autocomplete="username" readonly hidden />
        <Field
          name="current"
          label={text.currentPassword}
          type="password"
          autocomplete="current-password"
          errorId={wrong("current")}
        />
        <Field
          name="password"
          label={text.newPassword}
          type="password"
          autocomplete="new-password"
          hint={text.passwordRule}
          errorId={wrong("password")}
        />
        <ButtonRow>
          <button type="submit">{text.changePassword}</button>
          <a class="button quiet" href="/account">
            {text.cancel}
          </a>
        </ButtonRow>
      </form>
    </section>,
  );
}

async function postForm(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { language, text } = messagesFor(c);
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const browserHash = await browserOf(c);
  const form = await openForm(rt, FORM, browserHash, fields.get("form"), z.object({ userId: z.string() }));
  if (typeof form === "string") return renderUnusableForm(c, form);
  const owner = await ownerOf(c, browserHash);
  // Rendered for one person: somebody else who has signed in since must sign in again.
  if (!owner || owner.user.id !== form.value.userId) return renderSignIn(c, { continueTo: PATH });
  const subject = owner.user.passwordSubject;
  if (subject === null) return seeOther(c, "/account");
  const again = (error: FormError) => renderForm(c, owner.user.id, subject, error);
  const password = fields.get("password") ?? "";
  const verdict = checkPassword(password);
  if (verdict !== "acceptable") {
    const message = verdict === "too_short" ? text.passwordTooShort : text.passwordTooLong;
    return again({ status: 400, field: "password", message });
  }
  // A session that was left open must not allow unlimited guesses of the password.
  const current = fields.get("current") ?? "";
  const checked = await checkPasswordTry(rt, { email: subject, password: current, browserHash, network: networkOf(c) });
  if ("outcome" in checked) {
    const seconds = checked.retryAfterSeconds;
    c.header("retry-after", String(seconds));
    return again({ status: 429, field: "form", message: text.signInThrottled(waitInWords(language, seconds)) });
  }
  if (checked.verdict === "wrong") return again({ status: 401, field: "current", message: text.currentPasswordWrong });
  const changed = await setPassword(rt, password, {
    subject,
    passwordHash: checked.passwordHash,
    session: owner.session,
  });
  if ("refused" in changed) return renderSignIn(c, { continueTo: PATH });
  const session = newSession(rt, changed.user);
  await recordPasswordChange(rt.db, checked.charged, { session, browserHash, at: session.issuedAt });
  await setSessionCookie(c, browserHash, session);
  return seeOther(c, "/account?done=password-changed");
}
