// The consent page of /authorize and /link/{skillId}: names the account, what it is linked with, and the scopes.
import type { FC } from "hono/jsx";
import type { AppContext } from "../runtime.ts";
import { brandName } from "./brand.ts";
import { languageOf, type Messages, messagesFor } from "./messages.ts";
import { renderPage } from "./page.tsx";
import { ButtonRow, CheckedList, HiddenFields, LinkedPair } from "./parts.tsx";

type Descriptions = Readonly<Record<string, string>>;

/** Scopes that open something of ours, described in case the operator has not described them. */
function ownDescription(text: Messages, scope: string): string | undefined {
  const own: Readonly<Record<string, string>> = {
    links: text.scopeLinks,
    profile: text.scopeProfile,
    email: text.scopeEmail,
  };
  return Object.hasOwn(own, scope) ? own[scope] : undefined;
}

/** What a scope allows, in the visitor's language, else in English; the scope's name where nobody described it. */
export function scopeDescription(c: AppContext, scope: string, descriptions: Descriptions = {}): string {
  const { text } = messagesFor(c);
  return descriptions[languageOf(c)] || descriptions.en || ownDescription(text, scope) || scope;
}

export interface ConsentOptions {
  /** The name of the skill, or of an app client. */
  readonly skillName: string;
  /** The decision is for Alexa, and the page states this. False for the company's own apps. */
  readonly toAlexa: boolean;
  /** Address or name of the signed-in account, as its owner recognises it; null when neither is known. */
  readonly accountLabel: string | null;
  readonly scopes: readonly { readonly name: string; readonly description: string }[];
  /** The sealed form token and other hidden fields that are posted with the decision. */
  readonly hidden: Readonly<Record<string, string>>;
  /** Path that the decision is posted to. */
  readonly action: string;
  /** Customers sign in with Amazon only, where "not you?" (`decision=switch`) leads to the same account again. */
  readonly amazonOnly: boolean;
  /** Offers to go on in the Alexa app by one more button (`via=alexa_app`), which allows as well. */
  readonly offersAlexaApp?: boolean;
}

/** The form with `button[name=decision]`: `allow`, `deny` and `switch`; `button[name=via]` where it is offered. */
const ConsentBody: FC<ConsentOptions & { brandName: string; text: Messages }> = (options) => {
  const { text, brandName, skillName } = options;
  return (
    <section class="card">
      {options.toAlexa ? <LinkedPair brandName={brandName} /> : null}
      <h1>{options.toAlexa ? text.consentTitleAlexa(skillName) : text.consentTitleApp(skillName)}</h1>
      <p class="lead">
        {options.toAlexa ? text.consentLeadAlexa(brandName) : text.consentLeadApp(skillName, brandName)}
      </p>
      <form method="post" action={options.action}>
        <HiddenFields fields={options.hidden} />
        <div class="account">
          <div class="who">
            <small>{text.consentAccount(brandName)}</small>
            <strong>
              <bdi>{options.accountLabel ?? text.consentAccountUnnamed(brandName)}</bdi>
            </strong>
          </div>
          <button class="link" type="submit" name="decision" value="switch">
            {text.consentSwitch}
          </button>
        </div>
        {options.amazonOnly ? <p class="hint">{text.signInOtherAmazon}</p> : null}
        {options.scopes.length > 0 ? (
          <>
            <h2>{options.toAlexa ? text.consentScopesAlexa : text.consentScopesApp(skillName)}</h2>
            <CheckedList items={options.scopes.map((scope) => scope.description)} />
          </>
        ) : null}
        <ButtonRow>
          <button type="submit" name="decision" value="allow">
            {options.toAlexa ? text.consentAllowAlexa : text.consentAllowApp}
          </button>
          {options.offersAlexaApp ? (
            <button class="quiet" type="submit" name="via" value="alexa_app">
              {text.consentAllowAlexaApp}
            </button>
          ) : null}
          <button class="quiet" type="submit" name="decision" value="deny">
            {text.consentDeny}
          </button>
        </ButtonRow>
      </form>
      {options.toAlexa ? <p class="hint actions">{text.consentRevocable}</p> : null}
    </section>
  );
};

/** The consent page with its headers. Costs no storage. */
export function renderConsentPage(c: AppContext, options: ConsentOptions): Promise<Response> {
  const { text } = messagesFor(c);
  const { skillName, toAlexa } = options;
  return renderPage(
    c,
    { title: toAlexa ? text.consentTitleAlexa(skillName) : text.consentTitleApp(skillName) },
    <ConsentBody {...options} brandName={brandName(c.var.runtime)} text={text} />,
  );
}
