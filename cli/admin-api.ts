// Client of the admin API of a running server.
import { existsSync, readFileSync } from "node:fs";

/** A message for the person at the terminal; no stack trace. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

export interface SkillView {
  readonly id: string;
  readonly stage: string;
  readonly name: string;
  readonly type: string;
  readonly vendorId: string | null;
  /** An add-on's MCP server; null for other skills. */
  readonly resource?: string | null;
  /** A scope without texts and tier is its name. */
  readonly scopes: readonly (string | { readonly name: string; readonly tier?: string })[];
  /** An add-on's second client. */
  readonly serviceClient?: { readonly id: string; readonly secret?: string } | null;
  readonly lwa: { readonly clientId: string } | null;
  readonly returnUrls: readonly string[];
  readonly previousSecretExpiresAt?: string;
  readonly client: {
    readonly id: string;
    readonly secret?: string;
    readonly redirectUris: readonly string[];
    readonly requirePkce: boolean;
  };
}

/** Response of `GET …/account-linking-request`. */
export interface LinkingRequest {
  readonly accountLinkingRequest: {
    readonly authorizationUrl: string;
    readonly authorizationUrlsByPlatform?: readonly {
      readonly platformType: string;
      readonly platformAuthorizationUrl: string;
    }[];
    readonly accessTokenUrl: string;
    readonly accessTokenScheme: string;
    readonly clientId: string;
    readonly clientSecret: string;
    readonly scopes: readonly string[];
    readonly domains: readonly string[];
    readonly defaultTokenExpirationInSeconds: number;
    readonly redirectUrls: readonly string[];
    readonly reciprocalAccessTokenUrl?: string;
    readonly pkceConfiguration?: { readonly status: string };
  };
}

export interface Service {
  readonly origin: string;
  readonly adminToken: string;
}

function isLoopback(url: URL): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
}

function localAdminToken(): string | undefined {
  if (!existsSync(".dev.vars")) return undefined;
  return /^\s*ADMIN_TOKEN\s*=\s*["']?([^"'\s]+)/m.exec(readFileSync(".dev.vars", "utf8"))?.[1];
}

/**
 * The server's origin from `--url`, and its admin token from the environment variable `ADMIN_TOKEN`. For a loopback
 * address the token may also come from .dev.vars.
 */
export function serviceFrom(url: string, environment: NodeJS.ProcessEnv): Service {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
    throw new CommandError(`--url must be the server's address, such as https://link.example.com, not ${url}`);
  }
  if (parsed.protocol === "http:" && !isLoopback(parsed)) {
    throw new CommandError("--url must be https: http would send the admin token unencrypted");
  }
  const adminToken = environment.ADMIN_TOKEN || (isLoopback(parsed) ? localAdminToken() : undefined);
  if (!adminToken) throw new CommandError("Set the environment variable ADMIN_TOKEN to the server's admin token.");
  return { origin: parsed.origin, adminToken };
}

/** Calls the admin API. An error response becomes a `CommandError` with the problem document's detail. */
export async function call<T>(service: Service, method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`${service.origin}/api/admin${path}`, {
      method,
      redirect: "manual",
      headers: {
        authorization: `Bearer ${service.adminToken}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new CommandError(
      `Cannot reach ${service.origin}${cause}. Check that the server is running, or pass its address with --url.`,
    );
  }
  const text = await response.text();
  let content: unknown;
  try {
    content = text === "" ? {} : JSON.parse(text);
  } catch {
    content = undefined;
  }
  if (response.ok && content !== undefined) return content as T;
  const { title, detail, code } = (content ?? {}) as { title?: string; detail?: string; code?: string };
  const reason =
    code === undefined
      ? "not a response of the admin API; check --url"
      : `${title}${detail === undefined ? "" : `. ${detail}`}`;
  throw new CommandError(`${service.origin} returned ${response.status}: ${reason}`);
}

/** The path of a skill. */
export function skillPath(id: string): string {
  return `/skills/${encodeURIComponent(id)}`;
}
