// Client of the admin API of a running server.
import { existsSync, readFileSync } from "node:fs";
import { TooLarge, withLimitedBody } from "../doctor/limited-fetch.ts";
import { CommandError, secretFrom, type Terminal, UsageError } from "./terminal.ts";

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
  readonly eventGateway?: { readonly clientId: string } | null;
  readonly returnUrls: readonly string[];
  readonly previousSecretExpiresAt?: string;
  readonly client: {
    readonly id: string;
    readonly secret?: string;
    readonly redirectUris: readonly string[];
    readonly requirePkce: boolean;
    readonly previousSecretExpiresAt?: string;
  };
}

/** Response of `GET …/account-linking-request`. */
export interface LinkingRequest {
  readonly accountLinkingRequest: {
    readonly type: "AUTH_CODE";
    readonly authorizationUrl: string;
    readonly authorizationUrlsByPlatform?: readonly {
      readonly platformType: "iOS" | "Android";
      readonly platformAuthorizationUrl: string;
    }[];
    readonly accessTokenUrl: string;
    readonly accessTokenScheme: "HTTP_BASIC" | "REQUEST_BODY_CREDENTIALS";
    readonly clientId: string;
    readonly clientSecret: string;
    readonly scopes: readonly string[];
    readonly domains: readonly string[];
    readonly defaultTokenExpirationInSeconds: number;
    readonly redirectUrls: readonly string[];
    readonly reciprocalAccessTokenUrl?: string;
    readonly skipOnEnablement: boolean;
    readonly voiceForwardAccountLinking?: "ENABLED" | "DISABLED";
    readonly pkceConfiguration?: { readonly status: string; readonly codeChallengeMethod: string };
  };
}

export interface Service {
  readonly origin: string;
  readonly adminToken: string;
}

/** Whether the address is this machine's, so that a token may go there by http. */
export function isLoopback(url: URL): boolean {
  return ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
}

function localAdminToken(): string | undefined {
  if (!existsSync(".dev.vars")) return undefined;
  return /^\s*ADMIN_TOKEN\s*=\s*["']?([^"'\s]+)/m.exec(readFileSync(".dev.vars", "utf8"))?.[1];
}

/**
 * The server's origin from `--url`, else from `ALEXA_LINK_URL`, else this machine; and its admin token from the
 * environment variable `ADMIN_TOKEN`, for a loopback address also from .dev.vars, else from a prompt.
 */
export async function serviceFrom(options: { readonly url?: string }, terminal: Terminal): Promise<Service> {
  const { ALEXA_LINK_URL, PORT, ADMIN_TOKEN } = terminal.environment;
  const [url, name] =
    options.url !== undefined
      ? [options.url, "--url"]
      : ALEXA_LINK_URL
        ? [ALEXA_LINK_URL, "ALEXA_LINK_URL"]
        : [`http://localhost:${PORT || 8787}`, "PORT"];
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
    throw new UsageError(`${name} must be the server's address, such as https://link.example.com`);
  }
  // https://link.example.com@evil.example is evil.example's.
  if (parsed.username !== "" || parsed.password !== "") {
    throw new UsageError(`${name} must not contain a name or a password: the admin token is sent to ${parsed.host}`);
  }
  if (parsed.protocol === "http:" && !isLoopback(parsed)) {
    throw new UsageError(`${name} must be https: http would send the admin token unencrypted`);
  }
  const { origin } = parsed;
  const known = ADMIN_TOKEN?.trim() || (isLoopback(parsed) ? localAdminToken() : undefined);
  if (!known && !terminal.interactive) {
    throw new UsageError("Set the environment variable ADMIN_TOKEN to the server's admin token.");
  }
  const adminToken = known ?? (await secretFrom(terminal, "ADMIN_TOKEN", `the admin token of ${origin}`));
  // `fetch` would refuse it with a message that quotes it.
  if (!/^[\x21-\x7e]{1,8192}$/.test(adminToken)) {
    throw new UsageError("ADMIN_TOKEN is not an admin token: it has spaces or other characters, or is too long.");
  }
  return { origin, adminToken };
}

const TIMEOUT_MS = 60_000;
/** More than a full page of any list. */
const MOST_BYTES = 50_000_000;

/** Calls the admin API: JSON, or the text of CSV. An error response becomes a `CommandError` with the problem document's detail. */
export async function call<T>(service: Service, method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${service.origin}/api/admin${path}`, {
      method,
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        authorization: `Bearer ${service.adminToken}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await withLimitedBody(response, MOST_BYTES).text();
  } catch (error) {
    if (error instanceof TooLarge) throw new CommandError(`${service.origin} sent ${error.message}; check --url.`);
    if (error instanceof Error && error.name === "TimeoutError") {
      throw new CommandError(
        `${service.origin} did not respond within ${TIMEOUT_MS / 1000} seconds. What was asked may have been done.`,
      );
    }
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new CommandError(
      `Cannot reach ${service.origin}${cause}. Check that the server is running, or pass its address with --url.`,
    );
  }
  if (response.ok && response.headers.get("content-type")?.startsWith("text/csv")) return text as T;
  let content: unknown;
  try {
    content = text === "" ? {} : JSON.parse(text);
  } catch {
    content = undefined;
  }
  if (response.ok && typeof content === "object" && content !== null) return content as T;
  const { title, detail, code } = (content ?? {}) as { title?: string; detail?: string; code?: string };
  const reason =
    code === undefined
      ? "not a response of the admin API; check --url"
      : `${title}${detail === undefined ? "" : `. ${detail}`}`;
  throw new CommandError(`${service.origin} returned ${response.status}: ${reason}`);
}

/** One part of a path. Ids that would change the path are refused. */
export function segment(id: string): string {
  if (id === "" || id === "." || id === "..") throw new UsageError(`${JSON.stringify(id)} is not an id.`);
  return encodeURIComponent(id);
}

/** The path of a skill. */
export function skillPath(id: string): string {
  return `/skills/${segment(id)}`;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

export type Query = Readonly<Record<string, string | undefined>>;

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** Calls a GET with a query; members that are undefined are left out. */
export function read<T>(service: Service, path: string, query: Query = {}): Promise<T> {
  return call<T>(service, "GET", withQuery(path, query));
}

/**
 * All items of a list, page by page, or the first `limit`. A list that takes several pages says on standard error how
 * far it is.
 */
export async function readAll<T>(
  service: Service,
  path: string,
  terminal: Pick<Terminal, "note">,
  { query = {}, limit = Number.POSITIVE_INFINITY }: { readonly query?: Query; readonly limit?: number } = {},
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const pageSize = String(Math.min(200, limit - items.length));
    const page: Page<T> = await read(service, path, { ...query, limit: pageSize, cursor });
    items.push(...page.items);
    if (page.nextCursor === cursor && cursor !== undefined) {
      throw new CommandError(`${service.origin} returned the same page of ${path} twice.`);
    }
    cursor = page.nextCursor;
    if (cursor !== undefined && items.length < limit) terminal.note(`${items.length} read …`);
  } while (cursor !== undefined && items.length < limit);
  return items;
}
