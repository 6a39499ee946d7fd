// The sign-in page. Drawn in place by whatever needs to know who the visitor is; its form goes to POST /sign-in.
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AppContext, Runtime } from "../runtime.ts";
import type { LinkingStart } from "../storage/linkings.ts";
import { brandName } from "../ui/brand.ts";
import { messagesFor } from "../ui/messages.ts";
import { renderPage } from "../ui/page.tsx";
import { ButtonRow, ErrorNotice, Field, HiddenFields, LinkedPair } from "../ui/parts.tsx";
import { browserOf } from "./browser.ts";
import { sealEntry } from "./entry.ts";

export interface SignInOptions {
  /** Path with query of this origin; where the visitor goes, unchanged, after signing in. */
  readonly continueTo: string;
  /** The linking that waits: failed and successful sign-ins become its steps. */
  readonly linking?: LinkingStart | undefined;
  /** What is being linked, by the name the customer knows. */
  readonly skillName?: string | undefined;
  readonly status?: ContentfulStatusCode;
  /** What is wrong with the last try, in the visitor's language. */
  readonly error?: string | undefined;
  /** Something to know that is no fault, for instance that the visitor is signed out. */
  readonly notice?: string | undefined;
  /** Kept in its field. */
  readonly email?: string | undefined;
}

const ERROR_ID = "form-error";
/** A sealed entry up to this length travels in the link to sign-up; a longer one would not fit into a URL everywhere. */
const LONGEST_LINKED_ENTRY = 12_000;
const LONGEST_ECHO = 320;

/** `path` with the sealed entry, when it fits. */
export function withEntry(path: "/sign-in" | "/sign-up", entry: string): string {
  return entry.length <= LONGEST_LINKED_ENTRY ? `${path}?form=${entry}` : path;
}

/** Whether visitors may create password accounts here. */
export function signUpOpen(rt: Runtime): boolean {
  if (!rt.config.signInMethods.includes("password")) return false;
  return rt.config.signUp === "open" || (rt.config.signUp === undefined && rt.development);
}

/** The sign-in page. Costs no storage and changes nothing but the browser cookie. */
export async function renderSignIn(c: AppContext, options: SignInOptions): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const brand = brandName(rt);
  const entry = await sealEntry(rt, await browserOf(c), {
    continueTo: options.continueTo,
    linking: options.linking ?? null,
    skillName: options.skillName ?? null,
  });
  const title =
    options.skillName === undefined ? text.signInTitle(brand) : text.signInTitleLinking(brand, options.skillName);
  const errorId = options.error === undefined ? undefined : ERROR_ID;
  return renderPage(
    c,
    { title, ...(options.status === undefined ? {} : { status: options.status }) },
    <section class="card">
      {options.skillName === undefined ? null : <LinkedPair brandName={brand} />}
      <h1>{title}</h1>
      <p class="lead">{options.skillName === undefined ? text.signInLead(brand) : text.signInLeadLinking(brand)}</p>
      {options.notice === undefined ? null : (
        <p class="notice" role="status">
          {options.notice}
        </p>
      )}
      {options.error === undefined ? null : <ErrorNotice id={ERROR_ID}>{options.error}</ErrorNotice>}
      <form method="post" action="/sign-in">
        <HiddenFields fields={{ form: entry }} />
        <Field
          name="email"
          label={text.email}
          type="email"
          autocomplete="username"
          value={options.email?.slice(0, LONGEST_ECHO)}
          errorId={errorId}
        />
        <Field
          name="password"
          label={text.password}
          type="password"
          autocomplete="current-password"
          errorId={errorId}
        />
        <ButtonRow>
          <button type="submit">{text.signInButton}</button>
        </ButtonRow>
      </form>
      <SignInLinks rt={rt} entry={entry} forgot={text.forgotPassword} create={text.noAccountYet} />
    </section>,
  );
}

function SignInLinks(props: { rt: Runtime; entry: string; forgot: string; create: string }) {
  const { brand } = props.rt.config;
  const signUp = brand.signUpUrl ?? (signUpOpen(props.rt) ? withEntry("/sign-up", props.entry) : undefined);
  if (brand.resetPasswordUrl === undefined && signUp === undefined) return null;
  return (
    <nav class="links">
      {brand.resetPasswordUrl === undefined ? null : <a href={brand.resetPasswordUrl}>{props.forgot}</a>}
      {signUp === undefined ? null : <a href={signUp}>{props.create}</a>}
    </nav>
  );
}
