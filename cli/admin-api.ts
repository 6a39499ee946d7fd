// The admin API of a running service, as the commands use it.
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

/** What `GET …/account-linking-request` answers. */
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

/** Where to call and with what: `--url`, and `ADMIN_TOKEN` from the environment; on this machine also from .dev.vars. */
export function serviceFrom(url: string, environment: NodeJS.ProcessEnv): Service {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
    throw new CommandError(`--url must be the service's address, such as https://link.example.com, not ${url}`);
  }
  if (parsed.protocol === "http:" && !isLoopback(parsed)) {
    throw new CommandError("--url must be https: the admin token would travel in clear");
  }
  const adminToken = environment.ADMIN_TOKEN || (isLoopback(parsed) ? localAdminToken() : undefined);
  if (!adminToken) throw new CommandError("Set ADMIN_TOKEN in the environment to the service's admin token.");
  return { origin: parsed.origin, adminToken };
}

/** One call. A problem document becomes a `CommandError` with its detail. */
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
    throw new CommandError(`${service.origin} cannot be reached${cause}. Is it running? --url names another address.`);
  }
  const text = await response.text();
  let answer: unknown;
  try {
    answer = text === "" ? {} : JSON.parse(text);
  } catch {
    answer = undefined;
  }
  if (response.ok && answer !== undefined) return answer as T;
  const { title, detail, code } = (answer ?? {}) as { title?: string; detail?: string; code?: string };
  const said =
    code === undefined ? "no answer of the admin API" : `${title}${detail === undefined ? "" : `. ${detail}`}`;
  throw new CommandError(`${service.origin} answered ${response.status}: ${said}`);
}

/** The path of a skill. */
export function skillPath(id: string): string {
  return `/skills/${encodeURIComponent(id)}`;
}
