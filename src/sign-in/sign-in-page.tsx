// The sign-in page. Every route that needs to know the visitor renders it in place; its form posts to /sign-in.
import type { FC } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { browserOf } from "../http/browser.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { brandName } from "../ui/brand.ts";
import { type Messages, messagesFor } from "../ui/messages.ts";
import { renderPage } from "../ui/page.tsx";
import { ButtonRow, ErrorNotice, Field, HiddenFields, LinkedPair } from "../ui/parts.tsx";
import { sealEntry } from "./entry.ts";
import { mustReauthenticate } from "./session.ts";

export interface SignInOptions {
  /** Path with query of this origin to continue to after signing in. */
  readonly continueTo: string;
  /** The link attempt that waits for the sign-in. Failed and successful sign-ins become its steps. */
  readonly attempt?: AttemptStart | undefined;
  /** The name of what is being linked, as the customer knows it. */
  readonly skillName?: string | undefined;
  readonly status?: ContentfulStatusCode;
  /** Why the last try failed, in the visitor's language. */
  readonly error?: string | undefined;
  /** A message that is not an error, for instance that the visitor is signed out. */
  readonly notice?: string | undefined;
  /** What the visitor typed, to be kept in the field. */
  readonly email?: string | undefined;
}

const ERROR_ID = "form-error";
const LONGEST_ECHO = 320;

/** The sign-in page. Costs no storage and changes nothing but the browser cookie. */
export async function renderSignIn(c: AppContext, options: SignInOptions): Promise<Response> {
  const rt = c.var.runtime;
  const { text } = messagesFor(c);
  const brand = brandName(rt);
  const entry = await sealEntry(rt, await browserOf(c), {
    continueTo: options.continueTo,
    attempt: options.attempt ?? null,
    skillName: options.skillName ?? null,
  });
  const { skillName } = options;
  const linkingTitle = skillName === brand ? text.signInTitleLinkingBrand : text.signInTitleLinking;
  const title = skillName === undefined ? text.signInTitle(brand) : linkingTitle(brand, skillName);
  // An unavailable provider is not an error of the fields.
  const errorId = options.error === undefined || options.email === undefined ? undefined : ERROR_ID;
  return renderPage(
    c,
    { title, ...(options.status === undefined ? {} : { status: options.status }) },
    <section class="card">
      {options.skillName === undefined ? null : <LinkedPair brandName={brand} />}
      <h1>{title}</h1>
      <p class="lead">{leadOf(rt, text, options.skillName !== undefined)}</p>
      {options.notice === undefined ? null : (
        <p class="notice" role="status">
          {options.notice}
        </p>
      )}
      {options.error === undefined ? null : <ErrorNotice id={ERROR_ID}>{options.error}</ErrorNotice>}
      <SignInMethods rt={rt} text={text} entry={entry} email={options.email} errorId={errorId} />
      {mustReauthenticate(c) && rt.config.signInMethods.includes("amazon") ? (
        <p class="hint actions">{text.signInOtherAmazon}</p>
      ) : null}
      <SignInLinks rt={rt} forgot={text.forgotPassword} create={text.noAccountYet} />
    </section>,
  );
}

/** Tells the customer which account to use, so that they do not enter the password of their Amazon account. */
function leadOf(rt: Runtime, text: Messages, linking: boolean): string {
  const brand = brandName(rt);
  const methods = rt.config.signInMethods;
  if (!methods.includes("amazon")) return linking ? text.signInLeadLinking(brand) : text.signInLead(brand);
  return methods.length === 1 ? text.signInLeadAmazon(brand) : text.signInLead(brand);
}

interface MethodsProps {
  readonly rt: Runtime;
  readonly text: Messages;
  readonly entry: string;
  readonly email: string | undefined;
  readonly errorId: string | undefined;
}

/** One form per method, in the configured order. With several, each button names its method. */
const SignInMethods: FC<MethodsProps> = (props) => {
  const methods = props.rt.config.signInMethods;
  const several = methods.length > 1;
  return (
    <>
      {methods.map((method, index) => (
        <>
          {index > 0 && (method === "password" || methods[index - 1] === "password") ? (
            <p class="or">{props.text.or}</p>
          ) : null}
          {method === "password" ? (
            <PasswordForm {...props} several={several} />
          ) : (
            <ProviderForm {...props} method={method} several={several} main={index === 0} />
          )}
        </>
      ))}
    </>
  );
};

const PasswordForm: FC<MethodsProps & { several: boolean }> = ({ text, entry, email, errorId, several }) => (
  <form method="post" action="/sign-in">
    <HiddenFields fields={{ form: entry }} />
    <Field
      name="email"
      label={text.email}
      type="email"
      autocomplete="username"
      value={email?.slice(0, LONGEST_ECHO)}
      errorId={errorId}
    />
    <Field name="password" label={text.password} type="password" autocomplete="current-password" errorId={errorId} />
    <ButtonRow>
      <button type="submit" {...(several ? { name: "method", value: "password" } : {})}>
        {text.signInButton}
      </button>
    </ButtonRow>
  </form>
);

const ProviderForm: FC<MethodsProps & { method: "oidc" | "amazon"; several: boolean; main: boolean }> = (props) => {
  const { rt, text, entry, method, several, main } = props;
  const label = method === "amazon" ? text.signInWith("Amazon") : text.signInWith(brandName(rt));
  return (
    <form method="post" action="/sign-in">
      <HiddenFields fields={several ? { form: entry } : { form: entry, method }} />
      <button type="submit" class={main ? undefined : "quiet"} {...(several ? { name: "method", value: method } : {})}>
        {label}
      </button>
    </form>
  );
};

function SignInLinks(props: { rt: Runtime; forgot: string; create: string }) {
  const { signUpUrl: signUp, resetPasswordUrl: reset } = props.rt.config.brand;
  if (reset === undefined && signUp === undefined) return null;
  return (
    <nav class="links">
      {reset === undefined ? null : <a href={reset}>{props.forgot}</a>}
      {signUp === undefined ? null : <a href={signUp}>{props.create}</a>}
    </nav>
  );
}
