// What the commands of the benchmark share: strict options, and one sentence for a user's mistake.
import { type ParseArgsConfig, parseArgs } from "node:util";

type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;

/** Wrong options. The message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The values of these options. Throws `UsageError` for unknown and repeated ones, and for other arguments. */
export function optionsIn<const Config extends OptionsConfig>(args: readonly string[], options: Config) {
  try {
    const { values, tokens } = parseArgs({ args: [...args], tokens: true, options });
    const given = tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []));
    const repeated = given.find((name, index) => given.indexOf(name) !== index);
    if (repeated !== undefined) throw new UsageError(`--${repeated} is given twice.`);
    return values;
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof TypeError)) throw error;
    throw new UsageError(error.message);
  }
}

/** The number in an option's text. Throws `UsageError` unless it is whole and within the bounds. */
export function whole(text: string, option: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d{1,7}$/.test(text) && number >= least && number <= most) return number;
  throw new UsageError(`${option}: ${JSON.stringify(text)} is no whole number from ${least} to ${most}.`);
}

/** Runs a command and returns its exit code: what `command` returns, 2 for wrong options, 1 for other errors. */
export async function runCommand(
  command: () => Promise<number>,
  help: string,
  complain: (text: string) => void,
): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${error.message}\nFor the options: ${help}`);
      return 2;
    }
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}
