// `alexa-link setup`: from a clone to a deployed service that Alexa can use.
import { Command, InvalidArgumentError } from "commander";
import { ExitCode } from "../exit-code.ts";
import { prepare, withExamples } from "../options.ts";
import { type Answers, type Name, QUESTIONS } from "../setup/questions.ts";
import * as rules from "../setup/rules.ts";
import { type Given, setUp } from "../setup/setup.ts";
import { thisMachine, type World } from "../setup/world.ts";
import { jsonText, type Terminal } from "../terminal.ts";
import { doctorCommand } from "./doctor.ts";
import { skillCommand } from "./skill.ts";

const HELP: Partial<Record<Name, string>> = {
  domain: "the host name that customers see, in a zone of the Cloudflare account",
  brand: "the name that the pages show",
  signIn: "who signs customers in: the https address of an OpenID provider (its issuer), amazon or password",
  oidcClientId: "the client id at that provider",
  amazonClientId: "the client id of the Login with Amazon profile",
  skillId: "the skill to register",
  vendorId: "the developer account's vendor id, or one of the console's Alexa Redirect URLs",
  lwaClientId: "the console's Alexa Client Id, for linking from your app or website",
  skillType: `${rules.SKILL_TYPES.join(", ")} (default: smart_home)`,
  skillName: "the name that customers see (default: the brand)",
  scope: "NAME or NAME=TEXT, what Alexa may do (default: profile)",
  returnUrl: "where linking from your app or website returns to (default: the website of the domain)",
  privacyUrl: "your privacy policy, which Amazon's review opens",
  termsUrl: "your terms of use",
};

function judgedBy(rule: (value: string) => rules.Judged): (value: string) => string {
  return (value) => {
    const result = rules.judge(rule, value);
    if ("value" in result) return result.value;
    throw new InvalidArgumentError(`It ${result.problem}.`);
  };
}

function seconds(value: string): number {
  if (!/^\d{1,5}$/.test(value)) throw new InvalidArgumentError("It must be a number of seconds.");
  return Number(value);
}

/** Runs one of the commands that setup needs. */
export async function startCommand(terminal: Terminal, args: readonly string[]): Promise<void> {
  const program = new Command("alexa-link").addCommand(skillCommand(terminal)).addCommand(doctorCommand(terminal));
  prepare(program, terminal);
  await program.parseAsync([...args], { from: "user" });
}

/** The command. Tests give it another machine. */
export function setupCommand(terminal: Terminal, world: World = thisMachine(terminal, startCommand)): Command {
  const command = new Command("setup").description(
    "set up and deploy the service: asks for what only you know, creates what is missing, can be run again",
  );
  for (const [name, help] of Object.entries(HELP)) {
    command.option(`--${QUESTIONS.get(name as Name)!.name} <VALUE>`, help);
  }
  command
    .option(
      "--env <NAME>",
      "a second deployment, such as staging, with storage and keys of its own",
      judgedBy(rules.workerName),
    )
    .option("--name <NAME>", "the Worker's name (default: the one in wrangler.toml)", judgedBy(rules.workerName))
    .option("--account-id <ID>", "the Cloudflare account", judgedBy(rules.accountId))
    .option(
      "--location <PLACE>",
      `where D1 keeps the data: ${rules.LOCATIONS.join(", ")} (default: near you)`,
      judgedBy(rules.location),
    )
    .option("--skip-skill", "register the skill later")
    .option("--new-admin-token", "replace the Worker's ADMIN_TOKEN")
    .option("--take-over-domain", "without a terminal: replace the DNS records that the domain has")
    .option("--wait <SECONDS>", "how long to wait until the service responds (default: 600)", seconds)
    .option("--no-doctor", "do not check the service at the end")
    .option("-y, --yes", "take what is suggested, and do not ask whether to begin")
    .option("--dry-run", "show every step and the commands it would run, and change nothing")
    .option("--json", "print the result as JSON")
    .action(async (options: Record<string, string | boolean | number | undefined>) => {
      const shown = options.json ? { ...terminal, print: terminal.note } : terminal;
      const result = await setUp({ ...world, terminal: shown }, givenBy(options));
      if (options.json) terminal.print(jsonText(result));
      if (!result.healthy) throw new ExitCode(1);
    });
  command.addHelpText("after", `\n${SECRETS}`);
  return withExamples(command, terminal, [
    "setup",
    "setup --dry-run",
    "setup --env staging --domain link-staging.example.com",
    "OIDC_CLIENT_SECRET=… setup --yes --domain link.example.com --brand Acme --sign-in https://login.example.com --oidc-client-id alexa-link --skip-skill",
  ]);
}

const SECRETS = `Secrets come from the environment or are asked for: OIDC_CLIENT_SECRET, AMAZON_SIGN_IN_CLIENT_SECRET,
LWA_CLIENT_SECRET (the Alexa Client Secret), and MASTER_KEY and ADMIN_TOKEN, which are made if they are not given.
CLOUDFLARE_API_TOKEN is used instead of a login. With SMAPI_ACCESS_TOKEN the skill is set up at Amazon too.`;

function givenBy(options: Record<string, string | boolean | number | undefined>): Given {
  const answers: Answers = {};
  for (const name of QUESTIONS.keys()) {
    const camel = QUESTIONS.get(name)!.name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const value = options[camel];
    if (typeof value === "string") answers[name] = value;
  }
  const text = (name: string) => options[name] as string | undefined;
  return {
    answers,
    name: text("name"),
    accountId: text("accountId"),
    settings: {
      environment: text("env"),
      dryRun: options.dryRun === true,
      yes: options.yes === true,
      skipSkill: options.skipSkill === true,
      newAdminToken: options.newAdminToken === true,
      takeOverDomain: options.takeOverDomain === true,
      doctor: options.doctor !== false,
      location: text("location"),
      wait: (options.wait as number | undefined) ?? 600,
    },
  };
}
