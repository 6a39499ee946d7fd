// requests-oauthlib (Python, from Debian): a client that shares neither language nor library with the service.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALEXA, APP, type Issuer, REDIRECT_URI, SCOPE, startIssuer } from "./issuer.ts";

const SCRIPT = fileURLToPath(new URL("requests_oauthlib_client.py", import.meta.url));

/**
 * A Python that has the library. Debian puts it beside the system's own interpreter, which need not be the first in
 * PATH.
 */
const python = ["python3", "/usr/bin/python3"].find(
  (command) => spawnSync(command, ["-c", "import requests_oauthlib"], { stdio: "ignore" }).status === 0,
);
if (!python) {
  console.warn("No Python with requests_oauthlib found (Debian: python3-requests-oauthlib): its tests are LEFT OUT.");
}

let issuer: Issuer;

interface Outcome {
  readonly tokenType: string;
  readonly expiresIn: number;
  readonly scope: string[];
  readonly sameRefreshToken: boolean;
  readonly newAccessToken: boolean;
  readonly user: { readonly sub: string; readonly email?: string };
  readonly revocationStatus: number;
  readonly afterRevocation: string;
}

async function run(client: { id: string; secret?: string }, scope: string, method: "basic" | "body"): Promise<Outcome> {
  const process = spawn(
    python ?? "python3",
    [SCRIPT, issuer.origin, client.id, client.secret ?? "", REDIRECT_URI, scope, method],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  let complaints = "";
  process.stderr.on("data", (chunk) => {
    complaints += String(chunk);
  });
  const ended = once(process, "close");
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const authorizationUrl = await lines.next();
  if (authorizationUrl.done) throw new Error(`the client ended early: ${complaints}`);
  const back = await issuer.approve(authorizationUrl.value);
  process.stdin.end(`${back.href}\n`);
  const outcome = await lines.next();
  await ended;
  if (outcome.done) throw new Error(`the client did not finish: ${complaints}`);
  return JSON.parse(outcome.value) as Outcome;
}

describe("requests-oauthlib", { skip: !python }, () => {
  beforeAll(async () => {
    issuer = await startIssuer();
  });
  afterAll(() => issuer?.close());

  it.each(["basic", "body"] as const)(
    "A1, A3: a confidential client (%s) links, refreshes, revokes",
    async (method) => {
      expect(await run(ALEXA, SCOPE, method)).toMatchObject({
        tokenType: "Bearer",
        expiresIn: 3600,
        scope: SCOPE.split(" "),
        sameRefreshToken: true,
        newAccessToken: true,
        user: { email: "ada@example.com" },
        revocationStatus: 200,
        afterRevocation: "invalid_grant",
      });
    },
  );

  it("a public app links with PKCE alone and rotates its refresh token", async () => {
    expect(await run(APP, APP.scope, "body")).toMatchObject({
      scope: [APP.scope],
      sameRefreshToken: false,
      newAccessToken: true,
      user: { sub: expect.stringMatching(/^[0-9a-z]{26}$/) },
      revocationStatus: 200,
      afterRevocation: "invalid_grant",
    });
  });
});
