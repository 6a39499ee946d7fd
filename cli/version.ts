// The version of this program.
import { readFileSync } from "node:fs";

/** The version in package.json, which is one folder up from here and from the built program. */
export function version(): string {
  return (JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }).version;
}
