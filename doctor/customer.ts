// The customer as a program: opens the authorization request, signs in over as many pages as it takes, decides.
import type { AuthorizationRequest } from "../simulator/library/authorization-request.ts";
import {
  type Action,
  createBrowser,
  initialValues,
  type Visit,
  type VisitedPage,
} from "../simulator/library/browser.ts";
import { isLoopback } from "../simulator/library/cookies.ts";
import { type Button, type Form, readPage } from "../simulator/library/html.ts";
import type { Fetch } from "../simulator/library/token.ts";
import type { Customer, Decided, SeenPage } from "./examination.ts";
import {
  buttonMeaning,
  choosesProvider,
  type FieldNames,
  leadsToPassword,
  type Meaning,
  meaningOf,
  passwordFieldOf,
  unknownFieldsOf,
  userFieldOf,
} from "./guesses.ts";

/** An in-app browser of a phone, as the Alexa app shows it. */
export const PHONE_HEADERS = {
  "user-agent":
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
  "accept-language": "en-US,en;q=0.9",
  "upgrade-insecure-requests": "1",
} as const;

export interface CustomerOptions extends FieldNames {
  /** Must not follow redirects of requests that say `redirect: "manual"`. */
  readonly fetch: Fetch;
  readonly user: string;
  readonly password: string;
  /** The button that gives consent, if it cannot be guessed. */
  readonly allowButton?: { readonly name: string; readonly value: string };
  /** All redirect URIs of Alexa: a visit ends there, and none of them is opened. */
  readonly redirectUris: readonly string[];
}

type Decision = "allow" | "deny";

/** A customer who signs in with a name and a password, and stays signed in. */
export function createCustomer(options: CustomerOptions): Customer {
  const browser = createBrowser(options.fetch);
  const seen: SeenPage[] = [];
  const passwordHosts = new Set<string>();
  let queue: Promise<unknown> = Promise.resolve();

  async function visit(request: AuthorizationRequest, decision: Decision): Promise<Decided> {
    const stops = [...options.redirectUris, request.redirectUri];
    const steps = new VisitSteps(options, decision, (host) => passwordHosts.add(host));
    const visit = await browser.browse(request.url, {
      headers: PHONE_HEADERS,
      until: (url) => stops.some((uri) => isAt(url, uri)),
      act: (page) => steps.act(page),
      resend: (url) => steps.resend(url),
    });
    for (const page of visit.pages) {
      const last = visit.arrived && page === visit.pages.at(-1);
      const known = seen.findIndex((each) => isSamePage(each, page));
      if (known < 0) seen.push({ ...page, last });
      else if (last) seen[known] = { ...page, last };
    }
    return decidedBy(visit, request, steps.gavePassword, decision === "deny" ? !steps.denied : steps.lost);
  }

  return {
    canRepeat: true,
    pages: () => seen,
    passwordHosts: () => [...passwordHosts],
    // One visit after another, as one person has one browser.
    decide(request, decision) {
      const next = queue.then(() => visit(request, decision));
      queue = next.catch(() => undefined);
      return next;
    },
  };
}

/** Whether a URL is a redirect URI, whatever its query and fragment. */
export function isAt(url: string, redirectUri: string): boolean {
  if (!url.startsWith(redirectUri)) return false;
  return ["", "?", "#", "&"].includes(url.charAt(redirectUri.length));
}

/** Whether two pages are the same page, perhaps with other content. */
export function isSamePage(one: SeenPage, other: SeenPage): boolean {
  return (
    pathOf(one.url) === pathOf(other.url) && readPage(one.html, one.url).title === readPage(other.html, other.url).title
  );
}

/** The URL without query and fragment, which may hold secrets. */
export function pathOf(url: string): string {
  return url.split(/[?#]/)[0] ?? url;
}

function decidedBy(visit: Visit, request: AuthorizationRequest, gavePassword: boolean, undecided: boolean): Decided {
  const signInTried = gavePassword;
  if (!visit.arrived) {
    const last = visit.pages.at(-1);
    const where = last ? ` (at the page "${last.title.slice(0, 80)}", ${pathOf(last.url)}, status ${last.status})` : "";
    return { arrived: false, why: `${visit.why}${where}`, signInTried, undecided };
  }
  if (isAt(visit.url, request.redirectUri))
    return { arrived: true, url: visit.url, ...(visit.redirect && { redirect: visit.redirect }) };
  return {
    arrived: false,
    why: `the server redirected to ${pathOf(visit.url)} instead of the request's redirect URI`,
    signInTried,
  };
}

/** One visit: what was done already, so that nothing is done in a circle. */
class VisitSteps {
  readonly #options: CustomerOptions;
  readonly #decision: Decision;
  readonly #gave: (host: string) => void;
  readonly #done = new Map<string, number>();
  gavePassword = false;
  /** Whether the form that was sent last had the password. */
  #typedPassword = false;
  /** Whether a button or link was used that gives consent. */
  allowed = false;
  /** Whether it stopped at a page of the server that it did not understand. */
  lost = false;
  /** Whether a way to refuse was found. */
  denied = false;

  constructor(options: CustomerOptions, decision: Decision, gave: (host: string) => void) {
    this.#options = options;
    this.#decision = decision;
    this.#gave = gave;
  }

  /** The password goes with the form, if it is in it. */
  resend(url: string): string | undefined {
    return this.#typedPassword && URL.canParse(url) ? this.#giveTo(new URL(url)) : undefined;
  }

  /** Notes who gets the password; returns why they must not. */
  #giveTo(target: URL): string | undefined {
    if (target.protocol !== "https:" && !isLoopback(target)) {
      return `the password was not sent, because the sign-in page sends it to ${target.origin} without TLS`;
    }
    this.gavePassword = true;
    this.#gave(target.host);
    return undefined;
  }

  act(page: VisitedPage): Action {
    this.#typedPassword = false;
    if (page.status >= 500) return { stop: "the server failed" };
    const action = this.#signIn(page) ?? this.#decide(page) ?? this.#goOn(page);
    if (!action) {
      this.lost = !this.allowed && page.status < 400;
      return { stop: this.allowed || this.denied ? "the server did not redirect to Alexa" : whyStuck(page) };
    }
    const key = `${pathOf(page.url)} ${"submit" in action ? `${pathOf(action.submit.action)} ${action.button?.text}` : JSON.stringify(action)}`;
    const times = (this.#done.get(key) ?? 0) + 1;
    this.#done.set(key, times);
    if (times > 2) return { stop: `the same page came back again and again${alertOf(page)}` };
    return action;
  }

  /** Fills in the name, the password, or both. */
  #signIn(page: VisitedPage): Action | undefined {
    const { user, password } = this.#options;
    const withPassword = page.forms.find((form) => passwordFieldOf(form, this.#options));
    const form = withPassword ?? page.forms.find((each) => userFieldOf(each, this.#options));
    if (!form) return undefined;
    const passwordField = passwordFieldOf(form, this.#options);
    const userField = userFieldOf(form, this.#options);
    if (passwordField && this.gavePassword) {
      return { stop: `the sign-in page came back after the password was sent. Is it the right one?${alertOf(page)}` };
    }
    const unknown = unknownFieldsOf(form, [passwordField, userField]);
    if (unknown.length > 0)
      return {
        stop: `the page asks for ${unknown.map(({ name }) => name).join(", ")}, which the doctor does not know`,
      };
    const typed = new Map<string, string>();
    if (userField) typed.set(userField.name, user);
    if (passwordField) typed.set(passwordField.name, password);
    const button = this.#signInButton(form);
    const target = new URL(button?.action ?? form.action);
    if (passwordField) {
      const why = this.#giveTo(target);
      if (why !== undefined) return { stop: why };
      this.#typedPassword = true;
    }
    return submit(form, button, typed);
  }

  /** On a page that signs in and asks at once, the button that decides; else the button that goes on. */
  #signInButton(form: Form): Button | undefined {
    const meanings = form.buttons.map(buttonMeaning);
    const pick = (meaning: string) => form.buttons[meanings.indexOf(meaning as (typeof meanings)[number])];
    const decides = meanings.includes("allow") && meanings.includes("deny");
    if (decides && this.#decision === "deny") {
      this.denied = true;
      return pick("deny");
    }
    return this.#given(form) ?? pick("allow") ?? pick("go_on") ?? pick("unknown");
  }

  #given(form: Form): Button | undefined {
    const { allowButton } = this.#options;
    if (!allowButton || this.#decision === "deny") return undefined;
    return form.buttons.find(
      ({ name, value, text }) => name === allowButton.name && [value, text].includes(allowButton.value),
    );
  }

  /** Presses the button, or follows the link, of the decision. */
  #decide(page: VisitedPage): Action | undefined {
    if (this.#decision === "allow") {
      const consent =
        press(page, (button, form) => this.#given(form) === button) ??
        press(page, (button) => buttonMeaning(button) === "allow") ??
        follow(page, "allow");
      if (consent) this.allowed = true;
      return consent;
    }
    const denial = press(page, (button) => buttonMeaning(button) === "deny") ?? follow(page, "deny");
    if (denial) this.denied = true;
    return denial;
  }

  /** A page that goes on by itself, a chooser of sign-in methods, or one with a single way on. */
  #goOn(page: VisitedPage): Action | undefined {
    if (page.refresh !== undefined) return { open: page.refresh };
    const sole = page.forms.length === 1 ? page.forms[0] : undefined;
    if (sole && page.script.match(/\bsubmit\b/) && sole.fields.every(({ type }) => type === "hidden")) {
      return submit(sole, sole.buttons[0]);
    }
    const own = (button: Button) => !choosesProvider(`${button.text} ${button.value} ${button.name}`);
    return (
      press(page, (button) => own(button) && leadsToPassword(`${button.value} ${button.text}`)) ??
      press(page, (button) => own(button) && buttonMeaning(button) === "go_on") ??
      this.#link(page) ??
      press(page, (button) => own(button) && buttonMeaning(button) === "unknown") ??
      (page.status < 400 ? follow(page, "go_on") : undefined)
    );
  }

  #link({ links, status }: VisitedPage): Action | undefined {
    const link = links.find(({ text, url }) => /^https?:/.test(url) && leadsToPassword(text));
    return link && status < 400 ? { open: link.url } : undefined;
  }
}

/** Presses the first button for which `wanted` is true. */
function press(page: VisitedPage, wanted: (button: Button, form: Form) => boolean): Action | undefined {
  for (const form of page.forms) {
    const button = form.buttons.find((each) => wanted(each, form));
    if (button) return submit(form, button);
  }
  return undefined;
}

/** Follows the first link that means this. */
function follow({ links }: VisitedPage, meaning: Meaning): Action | undefined {
  const link = links.find(({ text, url }) => meaningOf([text]) === meaning && /^https?:/.test(url));
  return link && { open: link.url };
}

/** Submits a form with what was typed; boxes that must be ticked are ticked. */
function submit(form: Form, button: Button | undefined, typed: ReadonlyMap<string, string> = new Map()): Action {
  const ticked = form.fields.filter(
    (field) => field.type === "checkbox" && field.required && field.value === undefined,
  );
  const values = [
    ...initialValues(form).filter(([name]) => !typed.has(name)),
    ...typed,
    ...ticked.map(({ name }) => [name, "on"] as const),
  ];
  return { submit: form, values, ...(button && { button }) };
}

function alertOf({ alert }: VisitedPage): string {
  return alert === undefined ? "" : ` The page says: "${alert}"`;
}

function whyStuck(page: VisitedPage): string {
  if (page.status >= 400) return `the server refused${alertOf(page)}`;
  if (page.forms.length === 0 && page.script !== "") {
    return "the page needs JavaScript, so sign in by hand: run the doctor in a terminal without --user";
  }
  return "nothing on the page was recognized: --user-field, --password-field and --allow-button name what to use";
}
