#!/usr/bin/env node
// The command-line program `alexa-link`.
import { run } from "./program.ts";
import { processTerminal } from "./terminal.ts";

// A reader such as `head` that has seen enough closes the pipe.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
// A command that has something to finish or to stop has a listener of its own.
process.on("SIGINT", () => {
  if (process.listenerCount("SIGINT") === 1) process.exit(130);
});
process.exitCode = await run(process.argv.slice(2), processTerminal());
