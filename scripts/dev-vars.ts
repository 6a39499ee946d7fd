// .dev.vars: local secrets, created once, never overwritten, readable by their owner only.
import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";

const PATH = ".dev.vars";
const HEADING =
  "# Local secrets and settings, created by `npm run dev`. You may edit them; .dev.vars.example lists every variable.\n";

/** The secrets of the demo. The service itself reads only the first two. */
export const SECRETS = [
  "MASTER_KEY",
  "ADMIN_TOKEN",
  "DEMO_ALEXA_CLIENT_SECRET",
  "DEMO_SERVICE_CLIENT_SECRET",
  "DEMO_LWA_CLIENT_SECRET",
  "DEMO_EVENT_GATEWAY_CLIENT_SECRET",
  "DEMO_ADD_ON_CLIENT_SECRET",
] as const;
export type SecretName = (typeof SECRETS)[number];

/** Reads the file's variables. Missing secrets are created (32 random bytes each, as base64url) and appended. */
export function ensureDevVars(): { values: ReadonlyMap<string, string>; made: readonly SecretName[] } {
  if (!existsSync(PATH)) writeFileSync(PATH, HEADING, { mode: 0o600 });
  const values = readVars(readFileSync(PATH, "utf8"));
  const made = SECRETS.filter((name) => !values.get(name));
  if (made.length > 0) {
    const lines = made.map((name) => {
      const value = randomBytes(32).toString("base64url");
      values.set(name, value);
      return `${name}="${value}"\n`;
    });
    const separator = readFileSync(PATH, "utf8").endsWith("\n") ? "" : "\n";
    appendFileSync(PATH, separator + lines.join(""));
  }
  chmodSync(PATH, 0o600);
  return { values, made };
}

/** The file's variables; none without a file. */
export function readDevVars(): ReadonlyMap<string, string> {
  return existsSync(PATH) ? readVars(readFileSync(PATH, "utf8")) : new Map();
}

function readVars(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^\s*([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1]) values.set(match[1], (match[2] ?? "").replace(/^(["'])(.*)\1$/, "$2"));
  }
  return values;
}
