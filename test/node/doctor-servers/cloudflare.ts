// `@cloudflare/workers-oauth-provider` in workerd, on a loopback port of its own.
import { build } from "esbuild";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { type ForeignServer, PERSON, REDIRECT_URIS } from "./foreign-server.ts";

export interface CloudflareServer extends ForeignServer {
  /** The library chooses id and secret. */
  readonly client: { readonly id: string; readonly secret: string };
}

export interface CloudflareSettings {
  /** Default: that of the library, `client_secret_basic`. */
  readonly tokenEndpointAuthMethod?: "client_secret_basic" | "client_secret_post";
  readonly revokeExistingGrants?: boolean;
}

/** Builds and starts it. */
export async function startCloudflareProvider(settings: CloudflareSettings = {}): Promise<CloudflareServer> {
  const { outputFiles } = await build({
    entryPoints: ["test/support/cloudflare-provider.ts"],
    bundle: true,
    format: "esm",
    write: false,
    external: ["cloudflare:*", "node:*"],
    conditions: ["workerd", "worker"],
  });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      log: new Log(LogLevel.NONE),
      workers: [
        {
          name: "cloudflare-provider",
          modules: [{ type: "ESModule", path: "index.js", contents: outputFiles[0]?.text ?? "" }],
          compatibilityDate: "2026-10-01",
          compatibilityFlags: ["nodejs_compat"],
          kvNamespaces: ["OAUTH_KV"],
          bindings: {
            PERSON: PERSON.name,
            PASSWORD: PERSON.password,
            REDIRECT_URIS: REDIRECT_URIS.join(","),
            SETTINGS: { tokenEndpointAuthMethod: "client_secret_basic", ...settings },
          },
        },
      ],
    } as unknown as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  const issuer = (await miniflare.ready).origin;
  const client = (await (await fetch(`${issuer}/test/client`)).json()) as CloudflareServer["client"];
  return { issuer, client, close: () => miniflare.dispose() };
}
