// The bundle as `wrangler deploy` makes it: its size, and whether it starts and finds its bindings.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { readD1Migrations } from "@cloudflare/vitest-plugin";
import { convertV4MiniflareOptions, Miniflare, Response } from "miniflare";

const BUNDLE = "dist/index.js";
const LIMIT_BYTES = 130 * 1024;

/** Size of the compressed bundle in bytes, and the limit. */
export function bundleSize(): { bytes: number; limit: number } {
  return { bytes: gzipSync(readFileSync(BUNDLE), { level: 9 }).length, limit: LIMIT_BYTES };
}

/**
 * Starts the built bundle in workerd with an empty, migrated database. Throws when it does not report itself as
 * healthy.
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
    const response = await miniflare.dispatchFetch("https://link.example.com/healthz");
    const text = await response.text();
    if (response.status !== 200) throw new Error(`/healthz: ${response.status} ${text}`);
  } finally {
    await miniflare.dispose();
  }
}
