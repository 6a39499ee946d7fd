// `alexa-link skill push` and `alexa-link skill diff`: Amazon's side of a skill, by SMAPI.
import { type Command, Option } from "commander";
import { type AdminOptions, type AdminRun, adminAction, adminCommand } from "../admin-command.ts";
import { ExitCode } from "../exit-code.ts";
import { commandLine, withExamples } from "../options.ts";
import { compareSkill, comparisonJson, comparisonText, ourSide } from "../skill/diff.ts";
import { type PushOptions, pushSkill } from "../skill/push.ts";
import { skillIdOf } from "../skill-body.ts";
import { STAGES, type Stage, smapiFrom } from "../smapi.ts";
import { CommandError, type Terminal, UsageError } from "../terminal.ts";

interface AmazonOptions extends AdminOptions {
  readonly id?: string;
  readonly smapiUrl?: string;
}

const ENVIRONMENT = `  SMAPI_ACCESS_TOKEN  a token of the skill's developer account; without it you are asked. Amazon's ASK CLI prints one:
                      ask util generate-lwa-tokens --scopes "alexa::ask:skills:readwrite"
  SMAPI_URL           SMAPI's address, if --smapi-url is not given (default: https://api.amazonalexa.com)`;

function amazonCommand(name: string, description: string): Command {
  return adminCommand(name, description)
    .argument("[id]", "skill id")
    .option("--id <ID>", "skill id: amzn1.ask.skill.…")
    .option("--smapi-url <URL>", "SMAPI's address: https, or http on this machine (the simulator's)");
}

/** The command that writes. */
export function pushCommand(terminal: Terminal): Command {
  const command = amazonCommand("push", "write the account linking configuration of the development stage to Amazon")
    .option("--events", "the manifest too: skill events to this server, and the permissions that linking needs")
    .option("--rotate-secret", "make a new client secret and send it; the old one works for seven more days")
    .option("--out <FILE>", "where a new secret is kept until Amazon has it (default: accountLinking.json)")
    .option("--dry-run", "show what would change, and change nothing")
    .option("--yes", "do not ask before a new secret is made")
    .addHelpText("after", `${ENVIRONMENT}\n  CLIENT_SECRET       the client's secret; without it you are asked`);
  return withExamples(command, terminal, [
    "skill push amzn1.ask.skill.1234 --dry-run",
    "CLIENT_SECRET=… SMAPI_ACCESS_TOKEN=… skill push amzn1.ask.skill.1234 --url https://link.example.com --events",
    "skill push amzn1.ask.skill.1234 --rotate-secret",
  ]).action(adminAction<AmazonOptions & PushOptions>(terminal, push));
}

async function push(run: AdminRun<AmazonOptions & PushOptions>, argument?: string): Promise<void> {
  const { terminal, service, options, show } = run;
  const skillId = skillIdOf(options, argument);
  const pushed = await pushSkill(terminal, service, () => smapiFrom(terminal, options.smapiUrl), skillId, options);
  const { comparison, text, ...rest } = pushed;
  show({ ...rest, ...comparison }, () => {
    if (pushed.dryRun) return `${text}\n\nNothing was written: this was a dry run.`;
    const what = pushed.written.includes("manifest") ? "account linking and the manifest" : "account linking";
    const diff = commandLine(terminal, `skill diff ${skillId}`);
    return `Wrote ${what} of ${skillId} to Amazon's development stage. To read it back: ${diff}`;
  });
}

/** The command that compares. Its exit code is 1 if anything differs, and 2 if it could not compare. */
export function diffCommand(terminal: Terminal): Command {
  const command = amazonCommand("diff", "compare what Amazon has for a skill with what this server wants it to have")
    .addOption(new Option("--stage <STAGE>", "Amazon's stage").choices([...STAGES]).default("development"))
    .option("--no-events", "leave out the manifest: skill events and permissions")
    .addHelpText("after", `${ENVIRONMENT}\n\nExit code: 0 no difference, 1 differences, 2 could not compare.`);
  return withExamples(command, terminal, [
    "SMAPI_ACCESS_TOKEN=… skill diff amzn1.ask.skill.1234 --url https://link.example.com",
    "skill diff amzn1.ask.skill.1234 --stage live --json",
  ]).action(async (...args: unknown[]) => {
    try {
      await adminAction<DiffOptions>(terminal, diff)(...args);
    } catch (error) {
      // Exit code 1 means a difference, so what could not be compared is 2.
      if (error instanceof CommandError && error.name === "CommandError") throw new UsageError(error.message);
      throw error;
    }
  });
}

type DiffOptions = AmazonOptions & { readonly stage: Stage; readonly events: boolean };

async function diff(run: AdminRun<DiffOptions>, argument?: string): Promise<void> {
  const { terminal, service, options, show } = run;
  const ours = await ourSide(service, skillIdOf(options, argument));
  const sides = await compareSkill(ours, await smapiFrom(terminal, options.smapiUrl), options);
  show(comparisonJson(sides, options.stage), () => comparisonText(sides, service.origin, options.stage));
  if (sides.comparison.drift.length > 0) throw new ExitCode(1);
}
