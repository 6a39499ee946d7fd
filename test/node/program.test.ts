// The command-line program: help, usage errors, unexpected errors, pipes and signals.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, it, onTestFinished } from "vitest";
import { collect, commandLine, prepare, withExamples } from "../../cli/options.ts";
import { programFor, run } from "../../cli/program.ts";
import { sheet, table } from "../../cli/table.ts";
import { CommandError, confirm, jsonText, printable, UsageError } from "../../cli/terminal.ts";
import { testTerminal } from "./terminal.ts";

/** Every command with its path, groups included. */
function commandsWithin(
  command: Command,
  path: readonly string[] = [],
): { path: readonly string[]; command: Command }[] {
  return command.commands.flatMap((child) => {
    const to = [...path, child.name()];
    return [{ path: to, command: child }, ...commandsWithin(child, to)];
  });
}

/** Runs a command that exists in tests only: `try`, with the options of interest. */
async function tryCommand(args: readonly string[]) {
  const terminal = testTerminal();
  const command = new Command("try")
    .option("--name <NAME>", "a name")
    .option("--scope <NAME>", "a scope", collect)
    .option("--json", "JSON")
    .action(() => undefined);
  prepare(command, terminal);
  try {
    await command.parseAsync([...args], { from: "user" });
    return { options: command.opts(), errors: terminal.errors() };
  } catch {
    return { options: undefined, errors: terminal.errors() };
  }
}

describe("the program", () => {
  it.each([[[]], [["docter"]], [["--colour"]], [["doctor", "a", "b"]], [["__proto__"]], [["constructor"]]])(
    "%j is a usage error: exit code 2, and nothing on standard output",
    async (args) => {
      const terminal = testTerminal();
      expect(await run(args, terminal)).toBe(2);
      expect(terminal.out()).toBe("");
      expect(terminal.errors()).not.toMatch(/^\s+at /m);
    },
  );

  it("names the command that was probably meant, and where help is", async () => {
    const terminal = testTerminal();
    await run(["docter"], terminal);
    expect(terminal.errors()).toContain("Unknown command 'docter'");
    expect(terminal.errors()).toContain("Did you mean doctor?");
    expect(terminal.errors()).toContain("alexa-link --help");
  });

  it("--help and --version print to standard output and exit with 0", async () => {
    const help = testTerminal();
    expect(await run(["--help"], help)).toBe(0);
    expect(help.out()).toContain("doctor");
    const version = testTerminal();
    expect(await run(["--version"], version)).toBe(0);
    expect(version.out()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("every command describes itself and each of its options", () => {
    for (const { path, command } of commandsWithin(programFor(testTerminal()))) {
      expect(command.description(), path.join(" ")).not.toBe("");
      for (const option of command.options)
        expect(option.description, `${path.join(" ")} ${option.flags}`).not.toBe("");
    }
  });

  it("the help of every command and group has examples of that command", async () => {
    for (const { path } of commandsWithin(programFor(testTerminal()))) {
      const terminal = testTerminal();
      await run([...path, "--help"], terminal);
      const [, examples = ""] = terminal.out().split("\nExamples:\n");
      expect(examples, path.join(" ")).toMatch(new RegExp(`^  (\\S+=\\S* )*alexa-link ${path.join(" ")}`));
    }
  });

  it("an error that nobody foresaw is one sentence; DEBUG shows its stack", async () => {
    const failing = (environment: Record<string, string>) => {
      const terminal = testTerminal({ environment });
      return {
        ...terminal,
        print: () => {
          throw new TypeError("x is not a function");
        },
      };
    };
    const terminal = failing({});
    expect(await run(["--version"], terminal)).toBe(1);
    expect(terminal.errors()).toBe("Unexpected error: x is not a function. Run again with DEBUG=1 for the details.");
    const debugged = failing({ DEBUG: "1" });
    expect(await run(["--version"], debugged)).toBe(1);
    expect(debugged.errors()).toMatch(/^\s+at /m);
  });
});

describe("texts from servers", () => {
  const hostile = "a\u001b[31m\u009b2J\u0007\r\u007f\u202e\u2066b";

  it("have nothing that a terminal obeys when they are printed", () => {
    expect(printable(hostile)).toMatch(/^a\ufffd\[31m\ufffd2J\ufffd{5}b$/);
    expect(printable("Ünï\ncode \u200f שלום")).toBe("Ünï\ncode \u200f שלום");
  });

  it("are complete as JSON, which has nothing that a terminal obeys either", () => {
    const text = jsonText({ name: hostile });
    expect(printable(text)).toBe(text);
    expect(JSON.parse(text)).toEqual({ name: hostile });
  });

  it("take one line in a table and in a list of fields", () => {
    expect(table(["NAME"], [["one\ntwo"]]).split("\n")).toHaveLength(2);
    expect(sheet({ name: "one\ntwo", scopes: ["a\nb", "c"] }).split("\n")).toHaveLength(3);
  });
});

describe("options", () => {
  it("takes an option once, and one that may be repeated as often as it comes", async () => {
    const { options } = await tryCommand(["--name", "a", "--scope", "b", "--scope=c"]);
    expect(options).toEqual({ name: "a", scope: ["b", "c"] });
  });

  it.each([
    ["repeated", ["--name", "a", "--name=a"], "--name is given more than once."],
    ["empty", ["--name="], "--name needs a value."],
    ["empty", ["--scope", ""], "--scope needs a value."],
    ["forgotten before another option", ["--name", "--json"], "--name needs a value, and --json is an option."],
    ["forgotten at the end", ["--name"], "argument missing"],
    ["misspelt", ["--nmae", "a"], "Did you mean --name?"],
  ])("refuses one that is %s: %j", async (_, args, message) => {
    const { options, errors } = await tryCommand(args);
    expect([options, errors]).toEqual([undefined, expect.stringContaining(message)]);
    expect(errors).toContain("--help");
  });
});

describe("an error message", () => {
  const tokens = ["fake-token-with-ellipsis-0000000000…", "fake-token-of-two-lines\nX-Other: 1", "f".repeat(9000)];

  it.each(tokens)("does not repeat an admin token that no header can carry: %j", async (token) => {
    const terminal = testTerminal({ environment: { ADMIN_TOKEN: token } });
    expect(await run(["keys", "list"], terminal)).toBe(2);
    expect(terminal.errors()).toContain("ADMIN_TOKEN is not an admin token");
    expect(terminal.errors()).not.toContain(token.slice(0, 20));
  });

  it("does not quote a file that is not JSON, because it may hold a secret", async () => {
    const folder = mkdtempSync(join(tmpdir(), "program-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "broken.json");
    writeFileSync(file, "obviously-fake-secret");
    const terminal = testTerminal({ environment: { ADMIN_TOKEN: "test-admin-token-0000000000000000000000" } });
    const start = ["skill", "set", "amzn1.ask.skill.1", "--url", "https://link.example.com", "--file"];
    expect(await run([...start, file], terminal)).toBe(1);
    expect(await run([...start, join(folder, "none.json")], terminal)).toBe(2);
    expect(terminal.errors()).toMatch(/broken\.json as JSON\.\n.*none\.json cannot be read: ENOENT\.$/);
    expect(terminal.errors()).not.toContain("obviously");
  });
});

describe("what a person is told to type", () => {
  it.each([
    ["skill", "skill list --json", "npm run skill -- list --json"],
    ["skill", "dev", "npm run dev"],
    ["alexa-link", "user list", "npm run alexa-link -- user list"],
    ["alexa-link", "", "npm run alexa-link --"],
    ["npx", "skill list", "alexa-link skill list"],
    [undefined, "skill list", "alexa-link skill list"],
  ])("started by the npm script %j, %j is written %j", (script, line, written) => {
    expect(commandLine({ environment: { npm_lifecycle_event: script } }, line)).toBe(written);
  });

  it("examples keep the environment variables in front", () => {
    const terminal = testTerminal({ environment: { npm_lifecycle_event: "skill" } });
    const command = withExamples(new Command("skill"), terminal, ["A_SECRET=… skill list"]);
    prepare(command, terminal);
    command.outputHelp();
    expect(terminal.out()).toContain("  A_SECRET=… npm run skill -- list");
  });
});

describe("a question before something is deleted", () => {
  it("is answered by --yes, or by a person, and else is a usage error", async () => {
    const nobody = testTerminal();
    await confirm(nobody, "Delete it?", true);
    await expect(confirm(nobody, "Delete it?", undefined)).rejects.toThrow(UsageError);
    await confirm(testTerminal({ answers: ["y"] }), "Delete it?", undefined);
    await expect(confirm(testTerminal({ answers: [""] }), "Delete it?", undefined)).rejects.toThrow(CommandError);
  });
});

describe("the process", () => {
  const start = (args: readonly string[]) => spawn(process.execPath, ["cli/alexa-link.ts", ...args]);

  it("ends quietly when the reader of its output closes the pipe", async () => {
    const child = start(["--help"]);
    child.stdout.destroy();
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    expect([(await once(child, "close"))[0], errors]).toEqual([0, ""]);
  });

  it("ends with 130 on Ctrl-C, also while it waits for a server", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const child = spawn(process.execPath, ["cli/alexa-link.ts", "keys", "list", "--url", `http://127.0.0.1:${port}`], {
      env: { ...process.env, ADMIN_TOKEN: "test-admin-token-0000000000000000000000" },
    });
    await once(server, "request");
    child.kill("SIGINT");
    expect((await once(child, "close"))[0]).toBe(130);
    server.closeAllConnections();
    server.close();
  });
});
