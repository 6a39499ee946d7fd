// Runs the doctor's command against a server of others, as a person would.
import { run } from "../../../cli/program.ts";
import type { Result } from "../../../doctor/report.ts";
import { testTerminal } from "../terminal.ts";
import { CLIENT, PERSON, VENDOR_ID } from "./foreign-server.ts";

export interface Found {
  readonly code: number;
  readonly checks: readonly Result[];
  readonly fail: readonly string[];
  readonly warn: readonly string[];
  /** What was printed on standard error. */
  readonly errors: string;
}

/** With `--json`. Throws if standard output holds anything else. */
export async function runDoctor(
  args: readonly string[],
  client: { id: string; secret: string } = CLIENT,
): Promise<Found> {
  const terminal = testTerminal({ environment: { CLIENT_SECRET: client.secret, PASSWORD: PERSON.password } });
  const known = ["--client-id", client.id, "--vendor-id", VENDOR_ID, "--user", PERSON.name];
  const code = await run(["doctor", "--json", ...known, ...args], terminal);
  const printed = terminal.out();
  const { checks } = JSON.parse(printed) as { checks: Result[] };
  for (const secret of [client.secret, PERSON.password]) {
    if (`${printed}${terminal.errors()}`.includes(secret)) throw new Error("a secret was printed");
  }
  const idsOf = (outcome: string) => checks.filter((check) => check.outcome === outcome).map(({ id }) => id);
  return { code, checks, fail: idsOf("fail"), warn: idsOf("warn"), errors: terminal.errors() };
}
