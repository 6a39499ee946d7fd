// `npm run skill` for Alexa+ add-ons, against a stand-in of the admin API that records what it is sent.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { metadataAddress } from "../../cli/add-on-sheet.ts";
import { run } from "../../cli/program.ts";
import { testTerminal } from "./terminal.ts";

const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const ID = "amzn1.ask.skill.0000-notes";
const RESOURCE = "https://mcp.example.com/mcp";
const SECRET = "obviously-fake-secret-of-the-add-on";
const SERVICE_SECRET = "obviously-fake-secret-of-the-service-client";
const HOSTS = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp", "alexa.amazon.com"];
const DOCUMENT = {
  resource: RESOURCE,
  authorization_servers: ["https://link.example.com"],
  scopes_supported: ["mcp:tools"],
  bearer_methods_supported: ["header"],
};
const ADD_ON = {
  id: ID,
  stage: "development",
  type: "add_on",
  name: "Acme Notes",
  vendorId: "M2EXAMPLEVENDOR",
  resource: RESOURCE,
  scopes: [
    { name: "mcp:service", tier: "service", descriptions: {} },
    { name: "mcp:tools", tier: "user", descriptions: { en: "Use your notes" } },
  ],
  returnUrls: [],
  lwa: null,
  client: {
    id: "alexa-acme-notes",
    requirePkce: true,
    redirectUris: HOSTS.map((host) => `https://${host}/api/skill/link/M2EXAMPLEVENDOR`),
  },
  serviceClient: null,
};
const LINE = `alexa-ai configure-account-linking --addon-id ${ID} --stage development --client-id alexa-acme-notes`;

interface Received {
  readonly call: string;
  readonly body: Record<string, unknown>;
}

let server: Server;
let origin = "";
let received: Received[];
/** Responses by method and path; a path that is not here gets 404. */
let responses: Record<string, object>;
let folder = "";

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const path = (request.url ?? "").replace("/api/admin", "").replace(ID, "ID");
    received.push({ call: `${request.method} ${path}`, body: text === "" ? {} : JSON.parse(text) });
    const found = responses[`${request.method} ${path}`];
    response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(found ?? { code: "not_found", title: "Not found" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const before = process.cwd();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "add-on-command-"));
  process.chdir(folder);
  received = [];
  responses = {
    "POST /skills": { ...ADD_ON, client: { ...ADD_ON.client, secret: SECRET } },
    "GET /skills/ID": ADD_ON,
    "PATCH /skills/ID": ADD_ON,
    "GET /skills/ID/protected-resource": DOCUMENT,
    "GET /skills?limit=200": {
      items: [ADD_ON, { ...ADD_ON, id: "amzn1.ask.skill.home", type: "custom", resource: null }],
    },
  };
  return () => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  };
});

async function skill(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const terminal = testTerminal({ environment: { ADMIN_TOKEN, ...environment } });
  const code = await run(["skill", ...args, "--url", origin], terminal);
  return { code, out: terminal.out(), errors: terminal.errors() };
}

const ADDITION = ["add", "--type", "add_on", "--id", ID, "--name", "Acme Notes", "--vendor-id", "M2EXAMPLEVENDOR"];
const addition = (...more: string[]) => [
  ...ADDITION,
  "--resource",
  RESOURCE,
  "--scope",
  "mcp:tools=Use notes",
  ...more,
];
const callsOf = () => received.map(({ call }) => call);
const bodyOf = (call: string) => received.find((one) => one.call === call)?.body;

describe("npm run skill -- add --type add_on", () => {
  it("sends the resource as it was given, and the scopes of each tier", async () => {
    const resource = "https://MCP.example.com/mcp/?a=%2f";
    await skill([
      ...ADDITION,
      "--resource",
      resource,
      "--scope",
      "mcp:tools=Use notes",
      "--service-scope",
      "mcp:service",
    ]);
    expect(bodyOf("POST /skills")).toEqual({
      id: ID,
      name: "Acme Notes",
      type: "add_on",
      vendorId: "M2EXAMPLEVENDOR",
      resource,
      scopes: [
        { name: "mcp:service", tier: "service" },
        { name: "mcp:tools", descriptions: { en: "Use notes" } },
      ],
      returnUrls: [],
    });
  });

  it("leaves the service tier to the server when no scope of it is named", async () => {
    await skill(addition());
    expect(bodyOf("POST /skills")).toMatchObject({
      scopes: [{ name: "mcp:tools", descriptions: { en: "Use notes" } }],
    });
    expect(bodyOf("POST /skills")).not.toHaveProperty("serviceClient");
  });

  it("prints Amazon's commands, the manifest's endpoint, the document with its addresses and four redirect URIs", async () => {
    const { code, out, errors } = await skill(addition());
    expect([code, errors]).toEqual([0, ""]);
    const lines = out.split("\n").map((line) => line.trim());
    expect(lines.slice(lines.indexOf(LINE), lines.indexOf(LINE) + 2)).toEqual([LINE, "alexa-ai deploy"]);
    expect(lines).toContain(RESOURCE);
    expect(out).toContain("at https://mcp.example.com/.well-known/oauth-protected-resource/mcp\n");
    expect(out).toContain("at https://mcp.example.com/.well-known/oauth-protected-resource\n");
    expect(JSON.parse(out.slice(out.lastIndexOf("\n    {")))).toEqual(DOCUMENT);
    for (const host of HOSTS) expect(lines).toContain(`https://${host}/api/skill/link/M2EXAMPLEVENDOR`);
  });

  it("shows the secret once, on a line of its own and never within a command", async () => {
    const { out } = await skill(addition());
    expect(out.split("\n").filter((line) => line.includes(SECRET))).toEqual([`    ${SECRET}`]);
    expect(out).toContain("ALEXA_CLIENT_SECRET");
    expect(out).not.toContain("ask smapi");
    expect(out).not.toContain("developer console");
  });

  it("writes no file, and --json prints the response alone", async () => {
    await skill(addition());
    const { out } = await skill(addition("--json"));
    expect(JSON.parse(out)).toEqual(responses["POST /skills"]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("shows the secret also when the document cannot be read", async () => {
    delete responses["GET /skills/ID/protected-resource"];
    const { code, out, errors } = await skill(addition());
    expect(code).toBe(1);
    expect(out).toContain(SECRET);
    expect(errors).toContain("404");
  });

  it("takes the secret of a known client from CLIENT_SECRET", async () => {
    await skill(addition("--client-id", "alexa-acme-notes"), { CLIENT_SECRET: SECRET });
    expect(bodyOf("POST /skills")).toMatchObject({ client: { id: "alexa-acme-notes", secret: SECRET } });
  });

  it.each([
    [["--service-client"], {}],
    [["--service-client-id", "acme-notes-service"], { id: "acme-notes-service" }],
    [["--service-client", "--service-client-id", "acme-notes-service"], { id: "acme-notes-service" }],
  ])("%j adds a second client, whose id and secret are printed", async (options, serviceClient) => {
    const stored = { id: "acme-notes-service", secret: SERVICE_SECRET };
    responses["POST /skills"] = { ...responses["POST /skills"], serviceClient: stored };
    const { out } = await skill(addition(...options));
    expect(bodyOf("POST /skills")).toMatchObject({ serviceClient });
    expect(out).toMatch(/client id: acme-notes-service\n +secret: +obviously-fake-secret-of-the-service-client\n/);
  });

  it.each([
    ["without --resource", [...ADDITION, "--scope", "mcp:tools"], "--resource is required for an add-on"],
    ["with --no-service-client", addition("--no-service-client"), "--no-service-client is for set"],
    ["with both", addition("--service-client", "--no-service-client"), "exclude each other"],
  ])("%s it sends nothing", async (_, args, message) => {
    const { code, errors } = await skill(args);
    expect([code, errors, received]).toEqual([2, expect.stringContaining(message), []]);
  });

  it.each([
    ["--resource"],
    ["--service-scope"],
    ["--service-client=acme"],
    ["--service-client-id"],
    ["--no-service-client=x"],
  ])("%s without its value, or with one it does not take, is a usage error", async (option) => {
    const { code, errors } = await skill(["set", "--id", ID, option]);
    expect([code, received]).toEqual([2, []]);
    expect(errors).toContain("--help");
  });

  it("prints what the server says about a resource that it refuses", async () => {
    responses = {};
    const { code, errors, out } = await skill(addition());
    expect([code, out]).toEqual([1, ""]);
    expect(errors).toContain("404: Not found");
  });
});

describe("npm run skill -- set, for an add-on", () => {
  it("sends the resource and the second client, and prints the sheet with its new secret only", async () => {
    responses["PATCH /skills/ID"] = { ...ADD_ON, serviceClient: { id: "acme-notes-service", secret: SERVICE_SECRET } };
    const { out } = await skill(["set", "--id", ID, "--resource", RESOURCE, "--service-client"]);
    expect(bodyOf("PATCH /skills/ID")).toEqual({ resource: RESOURCE, serviceClient: {} });
    expect(out).toContain(LINE);
    expect(out).toContain("rotate-secret makes a new one");
    expect(out).toContain(SERVICE_SECRET);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("--no-service-client removes the second client", async () => {
    await skill(["set", "--id", ID, "--no-service-client"]);
    expect(bodyOf("PATCH /skills/ID")).toEqual({ serviceClient: null });
  });

  it.each([
    ["--scope", "mcp:resources", ["mcp:resources", ADD_ON.scopes[0]]],
    ["--service-scope", "acme:catalogue", [{ name: "acme:catalogue", tier: "service" }, ADD_ON.scopes[1]]],
  ])("%s replaces the scopes of its tier and keeps the other tier's", async (option, name, scopes) => {
    await skill(["set", "--id", ID, option, name]);
    expect(bodyOf("PATCH /skills/ID")).toEqual({ scopes });
  });

  it("with scopes of both tiers it asks for nothing first", async () => {
    await skill(["set", "--id", ID, "--scope", "a", "--service-scope", "b", "--json"]);
    expect(callsOf()).toEqual(["PATCH /skills/ID"]);
  });
});

describe("the other commands, for an add-on", () => {
  it("rotate-secret --client service makes a new secret of the second client", async () => {
    responses["POST /skills/ID/rotate-secret?client=service"] = {
      ...ADD_ON,
      previousSecretExpiresAt: "2026-12-06T00:00:00Z",
      serviceClient: { id: "acme-notes-service", secret: SERVICE_SECRET },
    };
    const { code, out } = await skill(["rotate-secret", "--id", ID, "--client", "service"]);
    expect(code).toBe(0);
    expect(out).toContain("works until 2026-12-06T00:00:00Z");
    expect(out).toContain(SERVICE_SECRET);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(["", "Service", "alexa"])("rotate-secret --client %j is refused before anything is sent", async (client) => {
    const { code, errors } = await skill(["rotate-secret", "--id", ID, `--client=${client}`]);
    expect([code, errors, received]).toEqual([2, expect.stringContaining("--client must be service"), []]);
  });

  it("account-linking-request is refused and names Amazon's command; nothing is written", async () => {
    const args = ["account-linking-request", "--id", ID, "--out", join(folder, "accountLinking.json")];
    const { code, out, errors } = await skill(args, { CLIENT_SECRET: SECRET });
    expect([code, out]).toEqual([1, ""]);
    expect(errors).toContain(`SMAPI does not configure. Run: ${LINE}`);
    expect(errors).not.toContain(SECRET);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([[["list"]], [["list", "--json"]], [["set", "--id", ID]], [["\u001b[31m"]]])(
    "%j prints no control characters, which a terminal obeys",
    async (args) => {
      const shown = { ...ADD_ON, name: "\u001b]0;title\u0007\u009b31m\r\u007f", resource: `${RESOURCE}\u001b[2J` };
      responses["GET /skills?limit=200"] = { items: [shown] };
      responses["PATCH /skills/ID"] = shown;
      const { out, errors } = await skill(args);
      expect(out + errors).toMatch(/Acme|title|Unknown/);
      expect(out + errors).not.toMatch(/[^\P{Cc}\n]/u);
    },
  );

  it("list shows the resource of add-ons", async () => {
    const { out } = await skill(["list"]);
    const [head, addOn, other] = out.split("\n");
    expect(head).toMatch(/ RESOURCE$/);
    expect(addOn).toMatch(new RegExp(`^${ID} .* ${RESOURCE}$`));
    expect(other).toMatch(/^amzn1\.ask\.skill\.home .*no Alexa client id$/);
  });

  it("--help names each option", async () => {
    const { out } = await skill(["--help"]);
    for (const option of [
      "--resource URI",
      "--service-scope NAME",
      "--service-client-id ID",
      "--no-service-client",
      "--client service",
    ]) {
      expect(out).toContain(option);
    }
  });
});

describe("the address of a resource's metadata", () => {
  it.each([
    ["https://mcp.example.com/mcp", "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"],
    ["https://mcp.example.com/mcp/", "https://mcp.example.com/.well-known/oauth-protected-resource/mcp/"],
    ["https://mcp.example.com", "https://mcp.example.com/.well-known/oauth-protected-resource"],
    ["https://mcp.example.com/", "https://mcp.example.com/.well-known/oauth-protected-resource"],
    ["http://127.0.0.1:8789/mcp?a=b", "http://127.0.0.1:8789/.well-known/oauth-protected-resource/mcp?a=b"],
  ])("of %s is %s", (resource, address) => {
    expect(metadataAddress(resource)).toBe(address);
  });
});
