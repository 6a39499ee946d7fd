// `npm run bench`: compares this service with other OAuth servers on this machine. See docs/benchmark.md.
import { pathToFileURL } from "node:url";
import { parseOptions, USAGE, UsageError } from "./options.ts";

/** Runs one command line and returns the exit code: 0 measured, 1 failed, 2 usage error. */
export async function run(
  args: readonly string[],
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === "help") {
      print(USAGE);
      return 0;
    }
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(`${error.message}\nFor the options: npm run bench -- --help`);
    return 2;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await run(process.argv.slice(2), console.log, console.error);
}
