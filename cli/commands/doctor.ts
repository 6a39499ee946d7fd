// `alexa-link doctor`: checks a running account-linking server as Alexa would see it.
import { Command } from "commander";
import type { Terminal } from "../terminal.ts";

/** The command. */
export function doctorCommand(_terminal: Terminal): Command {
  return new Command("doctor").description("check an account-linking server as Alexa would see it").argument("[url]");
}
