// The bundle as `wrangler deploy` makes it: its size, what its start costs, and whether it responds.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { readD1Migrations } from "@cloudflare/vitest-plugin";
import { convertV4MiniflareOptions, Miniflare, Response } from "miniflare";
import { builtBundle, canMeasureStartUp, measureStartUp } from "../bench/start-up.ts";

const BUNDLE = "dist/index.js";
const LIMIT_BYTES = 206 * 1024;
const START_UP_ROUNDS = 5;
/** Twice what was measured on a machine with little other work (decision 39): machines differ. */
const START_UP_BOUND_MS = 150;

/** Size of the compressed bundle in bytes, and the limit. */
export function bundleSize(): { bytes: number; limit: number } {
  return { bytes: gzipSync(readFileSync(BUNDLE), { level: 9 }).length, limit: LIMIT_BYTES };
}

/**
 * Starts the built bundle in workerd with an empty, migrated database. Throws when it does not report itself as
 * healthy, or does not serve its metadata and a page.
 */
export async function startBundle(): Promise<void> {
  const configuration = readFileSync("wrangler.toml", "utf8");
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          name: "alexa-link",
          modules: [{ type: "ESModule", path: BUNDLE }],
          compatibilityDate: /^compatibility_date = "([\d-]+)"$/m.exec(configuration)?.[1] ?? "",
          compatibilityFlags: ["nodejs_compat"],
          d1Databases: ["DB"],
          kvNamespaces: ["CODES"],
          serviceBindings: {
            ASSETS: (request) => new Response(readFileSync(`assets${new URL(request.url).pathname}`)),
          },
          bindings: { ISSUER: "https://link.example.com", MASTER_KEY: "A".repeat(43) },
        },
      ],
    }),
  );
  try {
    const database = await miniflare.getD1Database("DB");
    for (const { queries } of await readD1Migrations("migrations")) {
      await database.batch(queries.map((query) => database.prepare(query)));
    }
    for (const path of ["/healthz", "/.well-known/oauth-authorization-server", "/sign-in"]) {
      const response = await miniflare.dispatchFetch(`https://link.example.com${path}`);
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    }
  } finally {
    await miniflare.dispose();
  }
}

/**
 * CPU time that the start of the built bundle takes beyond that of an empty Worker, in milliseconds. Undefined where the
 * system does not show it.
 */
export async function startUpMilliseconds(): Promise<number | undefined> {
  if (!canMeasureStartUp()) return undefined;
  const workers = new Map([["bundle", builtBundle()]]);
  return (await measureStartUp({ workers, rounds: START_UP_ROUNDS })).at(-1)!.beyondEmpty.median;
}

/** Whether a start is fast enough, and the line that says so. A start that was not measured is. */
export function startUpResult(milliseconds: number | undefined): { readonly ok: boolean; readonly text: string } {
  if (milliseconds === undefined) {
    return { ok: true, text: "CPU of the bundle's start is not measured: this system has no /proc." };
  }
  const ok = milliseconds <= START_UP_BOUND_MS;
  const figure = `${milliseconds.toFixed(0)} ms CPU over an empty Worker (bound ${START_UP_BOUND_MS} ms)`;
  return { ok, text: `${ok ? "✓" : "✗"} bundle starts with ${figure}` };
}
