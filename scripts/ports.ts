// Ports from the environment, and the end of a command that cannot start.

/** Prints the reason and ends the process with exit code 1. */
export function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/** The port in an environment variable, or `fallback`. */
export function portFrom(name: string, fallback: number): number {
  const text = process.env[name] ?? String(fallback);
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) fail(`${name} must be a port number, 1 to 65535.`);
  return port;
}
