// Everything that the admin API can do has a command: the API's description against the requests of the commands.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { run } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

interface Operation {
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}
interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const description = JSON.parse(readFileSync("assets/openapi.json", "utf8")) as Description;
const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([, operation]) => operation.security?.some((one) => "adminToken" in one))
    .map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
);

/** Every field of a skill, from a file. */
const SKILL = {
  stage: "live",
  linking: "optional",
  name: "Acme",
  type: "custom",
  vendorId: "M2EXAMPLE",
  redirectUris: [],
  extraRedirectUris: [],
  resource: null,
  scopes: ["profile"],
  returnUrls: [],
  lwa: null,
  eventGateway: null,
  relay: null,
  client: {},
  serviceClient: null,
  force: true,
};
const CLIENT = ["--name", "Acme", "--redirect-uri", "u", "--scope", "s", "--skill-id", "i", "--resource", "r"];

/** A command line that makes the request of each operation, with every parameter and field that the operation has. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "POST /api/admin/skills": ["skill", "add", "--id", "ID", "--file", "skill.json"],
  "GET /api/admin/skills": ["skill", "list"],
  "GET /api/admin/skills/{id}": ["skill", "show", "ID"],
  "PATCH /api/admin/skills/{id}": ["skill", "set", "ID", "--file", "skill.json"],
  "DELETE /api/admin/skills/{id}": ["skill", "remove", "ID", "--yes"],
  "POST /api/admin/skills/{id}/rotate-secret": [
    ...["skill", "rotate-secret", "ID", "--client", "service", "--overlap-seconds", "60"],
  ],
  "GET /api/admin/skills/{id}/account-linking-request": ["skill", "account-linking-request", "ID"],
  "GET /api/admin/skills/{id}/protected-resource": ["skill", "protected-resource", "ID"],
  "GET /api/admin/developer-token": ["skill", "developer-token", "show"],
  "POST /api/admin/developer-token": ["skill", "developer-token", "store", "--client-id", "ID"],
  "DELETE /api/admin/developer-token": ["skill", "developer-token", "remove", "--yes"],
  "POST /api/admin/clients": ["client", "add", "--kind", "service", "--id", "ID", ...CLIENT],
  "GET /api/admin/clients": ["client", "list"],
  "GET /api/admin/clients/{id}": ["client", "show", "ID"],
  "PATCH /api/admin/clients/{id}": ["client", "set", "ID", ...CLIENT],
  "DELETE /api/admin/clients/{id}": ["client", "remove", "ID", "--yes"],
  "POST /api/admin/clients/{id}/rotate-secret": ["client", "rotate-secret", "ID", "--overlap-seconds", "60"],
  "POST /api/admin/users": ["user", "add", "--email", "ada@example.com", "--name", "Ada"],
  "GET /api/admin/users": ["user", "list", "--email", "ada@example.com"],
  "GET /api/admin/users/{id}": ["user", "show", "ID"],
  "PATCH /api/admin/users/{id}": ["user", "set", "ID", "--email", "a@example.com", "--name", "Ada", "--password"],
  "POST /api/admin/users/{id}/erase": ["user", "remove", "ID", "--yes"],
  "GET /api/admin/users/{id}/links": ["links", "list", "ID"],
  "DELETE /api/admin/users/{id}/links": ["links", "remove", "ID", "--all", "--yes"],
  "GET /api/admin/users/{id}/links/{grantId}": ["links", "show", "ID", "ID"],
  "DELETE /api/admin/users/{id}/links/{grantId}": ["links", "remove", "ID", "ID", "--yes"],
  "GET /api/admin/users/{id}/logins": ["user", "logins", "ID"],
  "DELETE /api/admin/users/{id}/logins/{loginId}": ["user", "sign-out", "ID", "--login", "ID"],
  "POST /api/admin/users/{id}/sign-out": ["user", "sign-out", "ID", "--yes"],
  "GET /api/admin/linkings": [
    "attempts",
    "--skill-id",
    "i",
    "--user-id",
    "u",
    "--outcome",
    "failed",
    "--reason",
    "r",
    "--flow",
    "website",
    "--platform",
    "ios",
    "--from",
    "2026-10-01",
    "--to",
    "2026-10-02",
  ],
  "GET /api/admin/refusals": ["refusals", "--endpoint", "token", "--client-id", "x"],
  "GET /api/admin/alerts": ["alerts", "--open", "--skill-id", "i"],
  "GET /api/admin/audit": ["audit", "--alerts", "--user-id", "u", "--link-id", "g"],
  "GET /api/admin/metrics": [
    ...["metrics", "--skill-id", "i", "--from", "2026-10-01", "--to", "2026-10-02", "--period", "hour"],
    ...["--group-by", "skill", "--stage", "live", "--locale", "en", "--platform", "ios", "--flow", "app_to_app"],
  ],
  "GET /api/admin/keys": ["keys", "list"],
  "POST /api/admin/keys/rotate": ["keys", "rotate", "--compromised", "KID", "--yes"],
  "GET /api/admin/webhooks": ["webhooks", "list"],
  "POST /api/admin/webhooks/redeliver": ["webhooks", "redeliver", "ID", "--yes"],
  "POST /api/admin/maintenance": ["maintenance"],
};

/** Operations without a command line above, and why. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "DELETE /api/admin/users/{id}": "POST …/erase does the same, and returns what was done",
  "POST /api/admin/imports": "move-in reads files of links, so it has tests of its own",
  "POST /api/admin/imports/users": "move-in, in the same way",
  "GET /api/admin/exports/users": "move-out writes files, so it has tests of its own",
  "GET /api/admin/exports/links": "move-out, in the same way",
};

/** Fields that are given in another way: a secret comes from the environment, a page from the list's own paging. */
const environment = {
  ...{ ADMIN_TOKEN: "test-admin-token-0000000000000000000000", PASSWORD: "p", CLIENT_SECRET: "s" },
  ...{ LWA_CLIENT_SECRET: "s", SMAPI_REFRESH_TOKEN: "t" },
};

/** A response with the members of every kind of response. */
const ANYTHING = {
  ...{ id: "ID", name: "Acme", kind: "service", type: "custom", stage: "live", email: null, createdAt: "", from: "" },
  ...{ redirectUris: [], scopes: [], skillIds: [], resources: [], returnUrls: [], steps: [], items: [], failed: [] },
  ...{ client: { id: "ID", redirectUris: [] }, swept: {}, removed: { links: 0 }, anonymised: {}, totals: {} },
  accountLinkingRequest: { scopes: [], domains: [], redirectUrls: [] },
};

interface Received {
  readonly name: string;
  readonly query: readonly string[];
  readonly body: Readonly<Record<string, unknown>>;
}

let server: Server;
let origin = "";
let received: Received[];
/** The next responses. */
let pages: object[];
let folder = "";
const before = process.cwd();

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { pathname, searchParams } = new URL(request.url ?? "", origin);
    received.push({
      name: `${request.method} ${pathname}`,
      query: [...searchParams.keys()],
      body: text === "" ? {} : JSON.parse(text),
    });
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(pages.shift() ?? ANYTHING));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), "coverage-"));
  writeFileSync(join(folder, "skill.json"), JSON.stringify(SKILL));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  received = [];
  pages = [];
  process.chdir(folder);
  return () => process.chdir(before);
});

/** The request that the command line makes for this operation. */
async function requestOf(name: string): Promise<Received | undefined> {
  const terminal = testTerminal({ environment });
  expect([await run([...(COMMANDS[name] ?? []), "--url", origin], terminal), terminal.errors()]).toEqual([0, ""]);
  const path = name.replaceAll(/\{\w+\}/g, "ID");
  return received.find((request) => request.name === path);
}

function fieldsOf(operation: Operation): string[] {
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const named = schema?.$ref?.split("/").at(-1);
  return Object.keys((named === undefined ? schema : description.components.schemas[named])?.properties ?? {});
}

describe("lists", () => {
  const list = async (args: readonly string[]) => {
    const terminal = testTerminal({ environment });
    const code = await run([...args, "--url", origin], terminal);
    return { code, out: terminal.out(), errors: terminal.errors() };
  };
  const page = (from: number, to: number, nextCursor?: string) => ({
    items: Array.from({ length: to - from }, (_, index) => ({ kid: `k${from + index}`, steps: [], kind: "k" })),
    nextCursor,
  });

  it("are read page by page, and say on standard error how far they are", async () => {
    pages = [page(0, 200, "next"), page(200, 230)];
    const { code, out, errors } = await list(["audit", "--all", "--json"]);
    expect([code, errors, (JSON.parse(out) as object[]).length]).toEqual([0, "200 read …", 230]);
    expect(received.map(({ query }) => query)).toEqual([["limit"], ["limit", "cursor"]]);
  });

  it("stop at --limit", async () => {
    pages = [page(0, 200, "next"), page(200, 210, "more")];
    const { out } = await list(["audit", "--limit", "210", "--json"]);
    expect([(JSON.parse(out) as object[]).length, received.length]).toEqual([210, 2]);
  });

  it("stop at a server that returns the same page for ever", async () => {
    pages = [page(0, 1, "same"), page(0, 1, "same"), page(0, 1, "same")];
    const { code, errors } = await list(["skill", "list"]);
    expect([code, errors]).toEqual([1, expect.stringContaining("twice")]);
  });

  it("say in one sentence that the server is down", async () => {
    const terminal = testTerminal({ environment });
    const code = await run(["keys", "list", "--url", "http://127.0.0.1:1"], terminal);
    expect([code, terminal.out()]).toEqual([1, ""]);
    expect(terminal.errors()).toMatch(/^Cannot reach http:\/\/127\.0\.0\.1:1: .*Check that the server is running/);
  });
});

describe("the admin API", () => {
  it("has a command for each of its operations", () => {
    expect(operations.length).toBeGreaterThan(30);
    const known = [...Object.keys(COMMANDS), ...Object.keys(ELSEWHERE)].sort();
    expect(operations.flatMap(({ operation }) => fieldsOf(operation)).length).toBeGreaterThan(40);
    expect(known).toEqual(operations.map(({ name }) => name).sort());
  });

  it.each(operations.filter(({ name }) => !(name in ELSEWHERE)))(
    "$name: its command sends each parameter and field",
    async ({ name, operation }) => {
      const request = await requestOf(name);
      expect(request, name).toBeDefined();
      // `cursor` belongs to the second page of a list.
      const parameters = (operation.parameters ?? []).filter((one) => one.in === "query" && one.name !== "cursor");
      expect(request?.query).toEqual(expect.arrayContaining(parameters.map((one) => one.name)));
      expect(Object.keys(request?.body ?? {})).toEqual(expect.arrayContaining(fieldsOf(operation)));
    },
  );

  it.each(Object.entries(COMMANDS).filter(([, args]) => args.includes("--yes")))(
    "%s is not sent without --yes where nobody can be asked",
    async (name, args) => {
      const terminal = testTerminal({ environment });
      const code = await run([...args.filter((arg) => arg !== "--yes"), "--url", origin], terminal);
      expect([code, terminal.errors()]).toEqual([2, expect.stringContaining("--yes")]);
      expect(received.filter((request) => !request.name.startsWith("GET "))).toEqual([]);
      expect(name).not.toMatch(/^GET/);
    },
  );

  it.each(Object.values(COMMANDS))("%s %s prints JSON alone with --json", async (...args) => {
    const terminal = testTerminal({ environment });
    expect(await run([...args, "--json", "--url", origin], terminal)).toBe(0);
    expect(() => JSON.parse(terminal.out())).not.toThrow();
  });
});
