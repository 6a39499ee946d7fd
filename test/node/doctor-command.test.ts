// The doctor's command: what it refuses, how it ends, what it prints.

import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { causeOf, isCertificateFault, whyOutOfReach } from "../../cli/doctor/out-of-reach.ts";
import { run } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

const SECRETS = { CLIENT_SECRET: "example-client-secret", PASSWORD: "example-password" };
const CLIENT = ["--client-id", "alexa", "--vendor-id", "M1EXAMPLE"];
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function doctor(args: readonly string[], environment: Record<string, string> = {}) {
  const terminal = testTerminal({ environment });
  const code = await run(["doctor", ...args], terminal);
  return { code, out: terminal.out(), errors: terminal.errors() };
}

/** Starts a server; returns its origin. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server with metadata whose sign-in page refuses every password. */
function company(): Promise<string> {
  return serve((request, response) => {
    const origin = `http://${request.headers.host}`;
    const path = request.url?.split("?")[0];
    if (path === "/.well-known/oauth-authorization-server") {
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
        }),
      );
      return;
    }
    response.setHeader("content-type", "text/html");
    response.end(
      '<!doctype html><title>Acme sign-in</title><form method="post"><input name="email"><input type="password" name="p"><button>Go</button></form>',
    );
  });
}

describe("a usage error, before anything is sent", () => {
  const errors: [args: string[], message: RegExp][] = [
    [[], /Give the server's address/],
    [["--authorize-url", "https://a.example/authorize"], /Give the server's address/],
    [["ftp://a.example"], /must begin with https/],
    [["a.example"], /absolute URL/],
    [["https://me:secret@a.example"], /must not contain a name or a password/],
    [["https://a.example", "--only", "token_jso"], /no check "token_jso"/],
    [["https://a.example", "--only", "certificate_isuer"], /Did you mean certificate_issuer/],
    [["https://a.example", "--only", ""], /There is no check ""/],
    [["https://a.example", "--timeout", "0"], /number of seconds/],
    [["https://a.example", "--timeout", "1e9"], /number of seconds/],
    [["https://a.example", "--vendor-id", "M1/../x"], /letters and digits/],
    [["https://a.example", "--allow-button", "allow"], /a name and a value/],
    [["https://a.example", "--client-id", "alexa"], /--vendor-id or --redirect-uri/],
    [["https://a.example", "--client-id", "alexa", "--redirect-uri", "nothing"], /absolute URI/],
    [["https://a.example", ...CLIENT], /CLIENT_SECRET/],
    [["https://a.example", "--html", "/nowhere/report.html"], /cannot be written/],
    [["https://a.example", "--user", "a", "--user", "b"], /more than once/],
  ];
  it.each(errors)("%j", async (args, message) => {
    const { code, out, errors } = await doctor(args);
    expect([code, out]).toEqual([2, ""]);
    expect(errors).toMatch(message);
    expect(errors).not.toContain("me:secret");
  });
});

describe("a server out of reach", () => {
  it("is named in one sentence with the cause, and exit code 2", async () => {
    const origin = await serve(() => {});
    closing.pop()?.();
    const { code, out, errors } = await doctor([origin, "--json"]);
    expect([code, out]).toEqual([2, ""]);
    expect(errors).toBe(
      `${origin} is out of reach (ECONNREFUSED): nothing listens at this address and port. Is the server running?`,
    );
  });

  it("may be slow", async () => {
    const { code, errors } = await doctor([await serve(() => {}), "--timeout", "0.2"]);
    expect(code).toBe(2);
    expect(errors).toMatch(/out of reach: no response within 0\.2 s\.$/);
  });

  it.each([
    ["ENOTFOUND", /does not exist in DNS/, false],
    ["CERT_HAS_EXPIRED", /has expired/, true],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", /self-signed/, true],
    ["ERR_SSL_WRONG_VERSION_NUMBER", /does not speak TLS/, false],
    ["ESOMETHING", /: no connection\.$/, false],
  ])("%s is explained", (code, meaning, untrusted) => {
    const error = new TypeError("fetch failed", { cause: new AggregateError([Object.assign(new Error(), { code })]) });
    expect(causeOf(error)).toBe(code);
    expect(whyOutOfReach("https://a.example/x", error)).toMatch(new RegExp(`^https://a\\.example .*\\(${code}\\)`));
    expect(whyOutOfReach("https://a.example/x", error)).toMatch(meaning);
    expect(isCertificateFault(error)).toBe(untrusted);
  });

  it("a server without metadata needs both endpoints", async () => {
    const origin = await serve((_, response) => response.writeHead(404).end("nothing"));
    const { code, errors } = await doctor([origin]);
    expect(code).toBe(2);
    expect(errors).toMatch(/No metadata.*oauth-authorization-server returned 404.*--authorize-url and --token-url/);
  });
});

describe("a run", () => {
  it("without a client prints every check, and skips what needs one", async () => {
    const { code, out } = await doctor([await company(), "--json"]);
    const { target, startedAt, checks, summary } = JSON.parse(out);
    expect(target).toMatch(/^http:\/\/127/);
    expect(new Date(startedAt).toISOString()).toBe(startedAt);
    expect(code).toBe(summary.fail > 0 ? 1 : 0);
    expect(checks.length).toBe(summary.pass + summary.warn + summary.fail + summary.skipped);
    expect(checks.find(({ id }: { id: string }) => id === "page_opens")).toMatchObject({
      outcome: "skipped",
      detail: "needs a client id",
    });
    for (const { outcome, detail, effect, remedy, source } of checks) {
      expect(detail.length * source.length).toBeGreaterThan(0);
      expect(effect !== "" && remedy !== "").toBe(outcome === "fail" || outcome === "warn");
    }
  });

  it("--only prints the wanted checks alone, and its files hold the same", async () => {
    const folder = mkdtempSync(join(tmpdir(), "doctor-"));
    const [junit, html] = [join(folder, "a.xml"), join(folder, "a.html")];
    const args = ["--only", "page_brand_domain", "--json", "--junit", junit, "--html", html];
    const { code, out } = await doctor([await company(), ...args]);
    expect(code).toBe(0);
    expect(JSON.parse(out).checks.map(({ id }: { id: string }) => id)).toEqual(["page_brand_domain"]);
    expect(readFileSync(junit, "utf8")).toContain('tests="1" failures="0"');
    expect(existsSync(html) && readFileSync(html, "utf8")).toContain("page_brand_domain");
  });

  it("that cannot sign in says at which page it stopped, with exit code 2, and tells no secret", async () => {
    const args = [await company(), ...CLIENT, "--user", "me@example.com", "--only", "page_form_action"];
    const needsCustomer = await doctor(args, SECRETS);
    const everything = JSON.stringify(needsCustomer);
    expect(everything).not.toMatch(/example-client-secret|example-password/);
    expect(needsCustomer.out).toContain("page_form_action");
    expect(needsCustomer.code).toBe(2);
    expect(needsCustomer.errors).toMatch(/^Signing in was impossible: .*password was sent.*"Acme sign-in".*status 200/);
  });

  it("--list lists the checks", async () => {
    const { code, out } = await doctor(["--list"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^ {2}page_form_action: /m);
  });
});
