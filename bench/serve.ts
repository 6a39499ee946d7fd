// One contestant in a process of its own. Prints its port and the process whose memory counts, and ends with its stdin.
// Arguments: contestant, file with the modules, folder for the storage.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response } from "miniflare";
import { ISSUER } from "./http.ts";
import { startProvider } from "./openid-provider.ts";
import { ADMIN_TOKEN, AMAZON, REDIRECT_URI } from "./seeds.ts";
import { compatibilityDate, type WorkerdSource } from "./workerd.ts";

/** Limits that no run reaches: one person here does the work of thousands. */
const unlimited = (id: string) => ({ namespace_id: id, simple: { limit: 1_000_000_000, period: 60 } });

interface Bindings {
  readonly d1Databases?: readonly string[];
  readonly kvNamespaces?: readonly string[];
}

const OPTIONS: Readonly<Record<string, Bindings & Readonly<Record<string, unknown>>>> = {
  "alexa-link": {
    d1Databases: ["DB"],
    kvNamespaces: ["CODES"],
    serviceBindings: {
      ASSETS: (request: { url: string }) => new Response(readFileSync(`assets${new URL(request.url).pathname}`)),
    },
    ratelimits: { PAGE_LIMIT: unlimited("1"), ADMIN_LIMIT: unlimited("2"), USER_LIMIT: unlimited("3") },
    bindings: { ISSUER, MASTER_KEY: "A".repeat(43), ADMIN_TOKEN, ...AMAZON },
  },
  cloudflare: { kvNamespaces: ["OAUTH_KV"], bindings: { ISSUER, REDIRECT_URI } },
  openauth: { kvNamespaces: ["AUTH_KV"] },
  floor: { d1Databases: ["DB"], kvNamespaces: ["CODES"], bindings: { CRYPTOGRAPHY: "no" } },
  "floor-with-crypto": { d1Databases: ["DB"], kvNamespaces: ["CODES"], bindings: { CRYPTOGRAPHY: "yes" } },
};

async function startWorker(name: string, file: string, folder: string): Promise<number> {
  const { modules } = JSON.parse(readFileSync(file, "utf8")) as WorkerdSource;
  const miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      log: new Log(LogLevel.NONE),
      handleRuntimeStdio(out: NodeJS.ReadableStream, errors: NodeJS.ReadableStream) {
        out.resume();
        errors.resume();
      },
      workers: [
        {
          name,
          modules: modules.map(({ name: path, code }) => ({ type: "ESModule", path, contents: code })),
          modulesRoot: ".",
          compatibilityDate: compatibilityDate(),
          compatibilityFlags: ["nodejs_compat"],
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
          ...OPTIONS[name],
        },
      ],
    } as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
    resourcePersistencePath: join(folder, "storage"),
  });
  await miniflare.ready;
  if (name === "alexa-link") await migrate(miniflare);
  // The simulators of storage start now and not within the first request: Cloudflare's run already.
  const { kvNamespaces = [], d1Databases = [] } = OPTIONS[name]!;
  for (const binding of kvNamespaces) await (await miniflare.getKVNamespace(binding)).get("none");
  for (const binding of d1Databases) await (await miniflare.getD1Database(binding)).prepare("SELECT 1").first();
  return Number((await miniflare.unsafeGetDirectURL(name)).port);
}

async function migrate(miniflare: Miniflare): Promise<void> {
  const database = await miniflare.getD1Database("DB");
  const present = await database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'grants'").first();
  if (present) return;
  // Loaded here, because it takes long to load.
  const { readD1Migrations } = await import("@cloudflare/vitest-plugin");
  for (const { queries } of await readD1Migrations("migrations")) {
    await database.batch(queries.map((query) => database.prepare(query)));
  }
}

/** The workerd that this process has started; this process where there is none, or where /proc is missing. */
function servingProcess(): number {
  try {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const [, name, parent] = /\((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      if (name === "workerd" && Number(parent) === process.pid) return Number(pid);
    }
  } catch {
    // A process ended meanwhile, or this is not Linux.
  }
  return process.pid;
}

const [name = "", file = "", folder = ""] = process.argv.slice(2);
const port = name === "oidc-provider" ? await startProvider() : await startWorker(name, file, folder);
// Ctrl-C reaches the whole group of processes. The parent ends this one.
process.on("SIGINT", () => {});
createInterface({ input: process.stdin }).on("close", () => process.exit(0));
console.log(JSON.stringify({ port, pid: servingProcess() }));
