// docs/cli.md has the help of every command. After a change of one, this writes the page again:
// npx vitest run --project node test/node/cli-document.test.ts --update
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { expect, it } from "vitest";
import { pathOf } from "../../cli/options.ts";
import { programFor } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

const PAGE = "docs/cli.md";
const HEADING = "## Reference\n";

function helpOf(path: string): string {
  const terminal = testTerminal();
  let command: Command | undefined = programFor(terminal);
  for (const name of path.split(" ")) command = command?.commands.find((one) => one.name() === name);
  command?.configureOutput({ getOutHelpWidth: () => 110 }).outputHelp();
  // The introduction says once what every command has.
  return terminal
    .out()
    .replace(/\nEnvironment:(\n .*)+\n/, "")
    .replace(/^ +-h, --help .*\n?/m, "")
    .trim();
}

/** A group is its description and its commands; a command is its help. */
function section(command: Command, level: number): string {
  const path = pathOf(command);
  const heading = `${"#".repeat(level)} ${path}\n\n`;
  if (command.commands.length === 0) return `${heading}\`\`\`text\n${helpOf(path)}\n\`\`\`\n`;
  const sections = command.commands.map((child) => section(child, level + 1));
  return `${heading}${command.description()}.\n\n${sections.join("\n")}`;
}

it("docs/cli.md has the help of every command", async () => {
  const [introduction = ""] = readFileSync(PAGE, "utf8").split(HEADING);
  const sections = programFor(testTerminal()).commands.map((command) => section(command, 3));
  expect(sections.length).toBeGreaterThan(8);
  await expect(`${introduction}${HEADING}\n${sections.join("\n")}`).toMatchFileSnapshot(`../../${PAGE}`);
});
