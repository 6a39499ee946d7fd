// The Worker as `wrangler deploy` builds it, and the simulated Skill Management API, for tests of the command line.
import { createTestHarness } from "wrangler";
import { run } from "../../cli/program.ts";
import type { Smapi } from "../../cli/smapi.ts";
import { type TestTerminal, testTerminal } from "./terminal.ts";

export const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
export const DEVELOPER_TOKEN = "Atza|simulated-developer";
export const SECRET = "example-client-secret-0000000000000000";

type Json = Record<string, unknown>;

async function answer(url: string, init: RequestInit): Promise<Json> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${text}`);
  return text === "" ? {} : (JSON.parse(text) as Json);
}

/** Starts both. Every skill has an id of its own, because all tests of a file share the database. */
export async function startSmapiServers() {
  const worker = createTestHarness({
    workers: [{ configPath: "wrangler.toml", env: "test", secrets: { MASTER_KEY: "A".repeat(43), ADMIN_TOKEN } }],
  });
  const amazon = createTestHarness({ workers: [{ configPath: "simulator/wrangler.toml" }] });
  const url = (await worker.listen()).url;
  url.hostname = "localhost";
  const service = url.origin;
  await worker.getWorker().applyD1Migrations("DB");
  const simulator = (await amazon.listen()).url.origin;
  let counter = 0;

  const admin = (method: string, path: string, body?: object) =>
    answer(`${service}/api/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
  const simulated = (method: string, path: string, body?: object) =>
    answer(`${simulator}${path}`, {
      method,
      headers: { authorization: `Bearer ${DEVELOPER_TOKEN}` },
      ...(body && { body: JSON.stringify(body) }),
    });

  /** What Amazon has of a skill at first: an address, a client and scopes that are not this server's. */
  function atAmazon(skillId: string, changes: Json = {}): Promise<Json> {
    return simulated("PUT", "/simulator/skill", {
      skillId,
      stage: "development",
      name: "Acme Home",
      authorizationUrl: "https://old.example.com/authorize",
      tokenUrl: "https://old.example.com/token",
      clientId: "old-client",
      clientSecret: "old-secret",
      scopes: ["profile"],
      vendorId: "M0EXAMPLE00001",
      lwa: { clientId: "amzn1.application-oa2-client.example", clientSecret: "example-lwa-secret" },
      ...changes,
    });
  }

  return {
    service,
    simulator,
    admin,
    simulated,
    atAmazon,
    /** Registers a skill here, with the client secret `SECRET`, and at Amazon. Returns its id. */
    async skill(changes: Json = {}, amazons: Json = {}): Promise<string> {
      const id = `amzn1.ask.skill.0000-smapi-${++counter}`;
      await admin("POST", "/skills", {
        id,
        name: "Acme Home",
        type: "smart_home",
        vendorId: "M0EXAMPLE00001",
        scopes: ["profile", "devices:control"],
        returnUrls: ["https://app.example.com/done"],
        client: { id: `client-${counter}`, secret: SECRET },
        ...changes,
      });
      await atAmazon(id, amazons);
      return id;
    },
    faults: (smapi: object) => simulated("PUT", "/simulator/faults", { smapi }),
    linking: async (id: string) =>
      (await simulated("GET", `/v1/skills/${id}/stages/development/accountLinkingClient`))
        .accountLinkingResponse as Json,
    manifest: async (id: string) =>
      (await simulated("GET", `/v1/skills/${id}/stages/development/manifest`)).manifest as Json,
    /** The requests that SMAPI got for a skill. */
    async requests(id: string) {
      const { items } = await simulated("GET", "/simulator/exchanges");
      const exchanges = items as { request: { method: string; url: string; headers: Record<string, string> } }[];
      return exchanges.map(({ request }) => request).filter(({ url: asked }) => asked.includes(id));
    },
    /** Runs one command line against both servers. */
    async run(args: readonly string[], environment: Json = {}, answers?: readonly string[]) {
      const terminal = testTerminal({
        environment: {
          ADMIN_TOKEN,
          ALEXA_LINK_URL: service,
          SMAPI_URL: simulator,
          SMAPI_ACCESS_TOKEN: DEVELOPER_TOKEN,
          ...environment,
        },
        ...(answers && { answers }),
      });
      return { code: await run(args, terminal), out: terminal.out(), errors: terminal.errors() };
    },
    /** SMAPI without waiting: `waits` are the milliseconds that it would have waited. */
    smapi(): Smapi & { readonly waits: number[]; readonly notes: string[] } {
      const waits: number[] = [];
      const notes: string[] = [];
      return {
        origin: simulator,
        token: DEVELOPER_TOKEN,
        waits,
        notes,
        note: (text) => void notes.push(text),
        wait: async (ms) => void waits.push(ms),
      };
    },
    terminal: (environment: Readonly<Record<string, string>> = {}): TestTerminal =>
      testTerminal({ environment: { CLIENT_SECRET: SECRET, ...environment } }),
    close: () => Promise.all([worker.close(), amazon.close()]),
  };
}
