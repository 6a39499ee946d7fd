// The sign-up page, for deployments where visitors may create accounts.
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { browserOf } from "../http/browser.ts";
import type { AppContext } from "../runtime.ts";
import { brandName } from "../ui/brand.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderPage } from "../ui/page.tsx";
import { ButtonRow, ErrorNotice, Field, HiddenFields } from "../ui/parts.tsx";
import { MAX_NAME_LENGTH } from "./accounts.ts";
import { type Entry, sealEntry } from "./entry.ts";
import { withEntry } from "./sign-in-page.tsx";

const ERROR_ID = "form-error";
const LONGEST_ECHO = 320;

export interface SignUpOptions {
  readonly entry: Entry;
  readonly status?: ContentfulStatusCode;
  /** What is wrong, in the visitor's language, and with which field. */
  readonly error?: { readonly field: "email" | "password" | "name" | "form"; readonly message: string };
  readonly email?: string | undefined;
  readonly name?: string | undefined;
}

/** The page that asks for name, e-mail address and a new password. Costs no storage. */
export async function renderSignUp(c: AppContext, options: SignUpOptions): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const brand = brandName(rt);
  const { error } = options;
  const entry = await sealEntry(rt, await browserOf(c), options.entry);
  const wrong = (field: "email" | "password" | "name") => (error?.field === field ? ERROR_ID : undefined);
  return renderPage(
    c,
    { title: text.signUpTitle(brand), ...(options.status === undefined ? {} : { status: options.status }) },
    <section class="card">
      <h1>{text.signUpTitle(brand)}</h1>
      {error === undefined ? null : <ErrorNotice id={ERROR_ID}>{error.message}</ErrorNotice>}
      <form method="post" action="/sign-up">
        <HiddenFields fields={{ form: entry }} />
        <Field
          name="name"
          label={text.name}
          type="text"
          autocomplete="name"
          maxlength={MAX_NAME_LENGTH}
          value={options.name?.slice(0, LONGEST_ECHO)}
          errorId={wrong("name")}
        />
        <Field
          name="email"
          label={text.email}
          type="email"
          autocomplete="username"
          value={options.email?.slice(0, LONGEST_ECHO)}
          errorId={wrong("email")}
        />
        <Field
          name="password"
          label={text.password}
          type="password"
          autocomplete="new-password"
          hint={text.passwordRule}
          errorId={wrong("password")}
        />
        <ButtonRow>
          <button type="submit">{text.signUpButton}</button>
        </ButtonRow>
      </form>
      <nav class="links">
        <a href={withEntry("/sign-in", entry)}>{text.haveAccount}</a>
      </nav>
    </section>,
  );
}

/** 404: accounts are not made here; names the company's own page when there is one. */
export function renderSignUpClosed(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const brand = brandName(rt);
  const { signUpUrl } = rt.config.brand;
  return renderPage(
    c,
    { title: text.signUpClosedTitle, status: 404 },
    <section class="card">
      <h1>{text.signUpClosedTitle}</h1>
      <p>{text.signUpClosedMessage(brand)}</p>
      {signUpUrl === undefined ? null : (
        <a class="button" href={signUpUrl}>
          {text.signUpElsewhere(brand)}
        </a>
      )}
    </section>,
  );
}
