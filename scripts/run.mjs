// What every npm script starts first: says in one sentence what is missing, and then runs the script. It is plain
// JavaScript without packages, because before `npm ci` Node may be too old for TypeScript and no package is there.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [script = "", ...args] = process.argv.slice(2);
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (!existsSync("node_modules/.package-lock.json")) {
  console.error("The packages are not installed yet. Run `npm ci` first, then this again.");
  process.exit(1);
}
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `This needs Node 22.18 or newer, and this is Node ${process.versions.node}. \`npm ci\` brings the right one for ` +
      "npm scripts (unless optional packages are left out): start this with `npm run`, or install a newer Node.",
  );
  process.exit(1);
}
process.argv = [process.argv[0], resolve(script), ...args];
await import(pathToFileURL(process.argv[1]).href);
