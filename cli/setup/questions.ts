// What only a person knows, where each value may come from, and how it is asked.
import { type Terminal, UsageError } from "../terminal.ts";
import * as rules from "./rules.ts";

export type Name =
  | "domain"
  | "brand"
  | "signIn"
  | "oidcClientId"
  | "oidcClientSecret"
  | "amazonClientId"
  | "amazonClientSecret"
  | "skillId"
  | "vendorId"
  | "lwaClientId"
  | "lwaClientSecret"
  | "skillType"
  | "skillName"
  | "scope"
  | "returnUrl"
  | "privacyUrl"
  | "termsUrl";

export type Answers = { [Key in Name]?: string };

interface Question {
  /** The option's name, and the name in the review: `skill-id`. */
  readonly name: string;
  /** Of a secret: the environment variable that it may come from. It has no option. */
  readonly variable?: string;
  readonly ask: (answers: Answers) => string;
  readonly rule: (value: string) => rules.Judged;
  /** Whether it matters, given the answers before it. */
  readonly when?: (answers: Answers) => boolean;
  /** Pressing Enter means: not now. */
  readonly optional?: boolean;
  /** Pressing Enter means this. */
  readonly suggestion?: (answers: Answers) => string | undefined;
  /** Taken without a question; the review shows it. */
  readonly derived?: (answers: Answers) => string | undefined;
}

const usesOidc = ({ signIn = "" }: Answers) => signIn.startsWith("https://");
const usesAmazon = ({ signIn }: Answers) => signIn === "amazon";
const hasSkill = ({ skillId = "" }: Answers) => skillId !== "";

/** `link.example.com` and `example.com` are Example's. */
function brandOf({ domain = "" }: Answers): string | undefined {
  const labels = domain.split(".");
  const label = labels.length > 2 ? labels[1] : labels[0];
  return label ? label.charAt(0).toUpperCase() + label.slice(1) : undefined;
}

/** The company's website, as far as the domain tells. */
function websiteOf({ domain = "" }: Answers): string {
  const labels = domain.split(".");
  return `https://${(labels.length > 2 ? labels.slice(1) : labels).join(".")}/`;
}

const table: Readonly<Record<Name, Question>> = {
  domain: {
    name: "domain",
    ask: () => "Domain that customers will see, in a zone of your Cloudflare account (link.example.com)",
    rule: rules.domain,
  },
  brand: { name: "brand", ask: () => "Brand that the pages show", rule: rules.brand, suggestion: brandOf },
  signIn: {
    name: "sign-in",
    ask: () =>
      "Who signs customers in? The https address of your OpenID provider (its issuer), or amazon, or password (see above)",
    rule: rules.signIn,
  },
  oidcClientId: {
    name: "oidc-client-id",
    ask: ({ domain }) => `Client id at that provider (register https://${domain}/sign-in/oidc/callback there)`,
    rule: rules.providerClientId,
    when: usesOidc,
  },
  oidcClientSecret: {
    name: "oidc-client-secret",
    variable: "OIDC_CLIENT_SECRET",
    ask: () => "Client secret at that provider",
    rule: rules.providerSecret,
    when: usesOidc,
  },
  amazonClientId: {
    name: "amazon-client-id",
    ask: ({ domain }) =>
      `Client id of your Login with Amazon profile (register https://${domain}/sign-in/amazon/callback there)`,
    rule: rules.providerClientId,
    when: usesAmazon,
  },
  amazonClientSecret: {
    name: "amazon-client-secret",
    variable: "AMAZON_SIGN_IN_CLIENT_SECRET",
    ask: () => "Client secret of that profile",
    rule: rules.providerSecret,
    when: usesAmazon,
  },
  skillId: {
    name: "skill-id",
    ask: () => "Skill id, amzn1.ask.skill.… (Enter: register the skill later)",
    rule: rules.skillId,
    optional: true,
  },
  vendorId: {
    name: "vendor-id",
    ask: () => "Vendor id: the end of each of the console's Alexa Redirect URLs, or one of these URLs",
    rule: rules.vendorId,
    when: hasSkill,
  },
  lwaClientId: {
    name: "lwa-client-id",
    ask: () => "Alexa Client Id, for linking from your app or website (Enter: later)",
    rule: rules.alexaClientId,
    when: hasSkill,
    optional: true,
  },
  lwaClientSecret: {
    name: "lwa-client-secret",
    variable: "LWA_CLIENT_SECRET",
    ask: () => "Alexa Client Secret",
    rule: rules.providerSecret,
    when: ({ lwaClientId = "" }: Answers) => lwaClientId !== "",
  },
  skillType: {
    name: "skill-type",
    ask: () => "Skill type",
    rule: rules.skillType,
    when: hasSkill,
    derived: () => "smart_home",
  },
  skillName: {
    name: "skill-name",
    ask: () => "Skill name",
    rule: rules.skillName,
    when: hasSkill,
    derived: ({ brand }) => brand,
  },
  scope: { name: "scope", ask: () => "Scope", rule: rules.scope, when: hasSkill, derived: () => "profile" },
  returnUrl: {
    name: "return-url",
    ask: () => "Return address",
    rule: rules.httpsAddress,
    when: hasSkill,
    derived: websiteOf,
  },
  privacyUrl: { name: "privacy-url", ask: () => "Privacy policy", rule: rules.httpsAddress, derived: () => undefined },
  termsUrl: { name: "terms-url", ask: () => "Terms of use", rule: rules.httpsAddress, derived: () => undefined },
};

export const QUESTIONS: ReadonlyMap<Name, Question> = new Map(Object.entries(table) as [Name, Question][]);

/** The questions that matter, given the answers. */
function relevant(answers: Answers): [Name, Question][] {
  return [...QUESTIONS].filter(([, question]) => question.when?.(answers) ?? true);
}

/** The given values in the form in which they are used. Throws a `UsageError` that names all that are wrong. */
export function judged(given: Answers): Answers {
  const problems: string[] = [];
  const answers: Answers = {};
  for (const [name, question] of QUESTIONS) {
    const value = given[name];
    if (value === undefined) continue;
    if (value === "" && question.optional) {
      answers[name] = "";
      continue;
    }
    const result = rules.judge(question.rule, value);
    if ("value" in result) answers[name] = result.value;
    else problems.push(`${question.variable ?? `--${question.name}`} ${result.problem}.`);
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return answers;
}

/** The answers with what follows from them: suggestions and derived values. */
export function completed(answers: Answers): Answers {
  const all: Answers = { ...answers };
  for (const [name, question] of QUESTIONS) {
    if (all[name] !== undefined || !(question.when?.(all) ?? true)) continue;
    const value = question.derived?.(all) ?? question.suggestion?.(all);
    if (value !== undefined) all[name] = value;
  }
  return all;
}

/** The options and variables that are still missing. `have` are secrets that the Worker has already. */
export function missing(answers: Answers, have: ReadonlySet<string> = new Set()): string[] {
  return relevant(answers)
    .filter(([name]) => answers[name] === undefined)
    .filter(([, { optional, derived, suggestion }]) => !optional && !derived && !suggestion)
    .filter(([, { variable = "" }]) => !have.has(variable))
    .map(([, question]) => question.variable ?? `--${question.name}`);
}

/** Asks for what is missing, one after the other. A wrong value is asked again, with the rule. */
export async function asked(terminal: Terminal, known: Answers, have: ReadonlySet<string>): Promise<Answers> {
  const answers: Answers = { ...known };
  for (const [name, question] of QUESTIONS) {
    if (answers[name] !== undefined || question.derived || have.has(question.variable ?? "")) continue;
    if (!(question.when?.(answers) ?? true)) continue;
    if (name === "signIn") terminal.note(PASSWORD_MEANS);
    answers[name] = await askedOnce(terminal, question, answers);
  }
  return answers;
}

async function askedOnce(terminal: Terminal, question: Question, answers: Answers): Promise<string> {
  const suggestion = question.suggestion?.(answers);
  const text = `${question.ask(answers)}${suggestion === undefined ? "" : ` [${suggestion}]`}`;
  for (;;) {
    const typed = await (question.variable === undefined ? terminal.ask(text) : terminal.askSecret(text));
    if (typed.trim() === "" && question.optional) return "";
    const result = rules.judge(question.rule, typed.trim() === "" ? (suggestion ?? "") : typed);
    if ("value" in result) return result.value;
    terminal.note(`This ${result.problem}.`);
  }
}

/** Said before the question, because the word does not show it. */
const PASSWORD_MEANS = [
  "Choose password only for a demo, for reviewers or for a small installation. With it, this service stores the passwords",
  "(hashed), you create each account yourself (npm run alexa-link -- user add), customers cannot sign up or reset a",
  "password, and the Worker needs Cloudflare's Workers Paid plan, because hashing takes more CPU than the free plan allows.",
].join("\n");

/** The values that will be used, for the review. Secrets are named, not shown. */
function reviewed(answers: Answers): string[] {
  return relevant(answers).flatMap(([name, { name: label, variable }]) => {
    const value = answers[name];
    if (value === undefined || value === "") return [];
    return [`  ${label.padEnd(20)} ${variable === undefined ? value : "(given)"}`];
  });
}

/**
 * Shows the values, and lets the person change them by `name=value`, until Enter is pressed. Throws a `UsageError` if
 * the person says no.
 */
export async function confirmed(terminal: Terminal, answers: Answers, also: readonly string[]): Promise<Answers> {
  let current = completed(answers);
  for (;;) {
    terminal.note(["", "This will be set up:", ...reviewed(current), ...also, ""].join("\n"));
    const typed = (
      await terminal.ask("Enter to begin, name=value to change a value (skill-type=custom), no to stop")
    ).trim();
    if (typed === "" || typed === "yes" || typed === "y") return current;
    if (typed === "no" || typed === "n") throw new UsageError("Stopped. Nothing was made.");
    const [, label, value = ""] = /^([a-z-]+)\s*=\s*(.*)$/.exec(typed) ?? [];
    const found = [...QUESTIONS].find(([, question]) => question.name === label && !question.variable);
    if (!found) {
      terminal.note("Type the name of a value above, = and the new value.");
      continue;
    }
    const result = rules.judge(found[1].rule, value);
    if ("value" in result) current = completed({ ...current, [found[0]]: result.value });
    else terminal.note(`${found[1].name} ${result.problem}.`);
  }
}
