// How a command ends the program with an exit code of its own.

/** Ends the program with this exit code, and prints nothing more. */
export class ExitCode extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit code ${code}`);
    this.code = code;
  }
}
