// The two metadata documents that Amazon's deploy command reads: the MCP host's and the authorization server's.
import type { Check } from "./checks.ts";
import { type Fetch, withinLimit } from "./token.ts";

const LIMIT_MS = 10_000;

/** Where the protected-resource metadata is (RFC 9728 §3.1): the path-inserted form first, then the root form. */
export function resourceMetadataUrls(resource: string): string[] {
  return [...new Set([insertWellKnown(resource, "oauth-protected-resource"), rootUrl(resource)])];
}

function rootUrl(resource: string): string {
  return `${new URL(resource).origin}/.well-known/oauth-protected-resource`;
}

/** Where an authorization server's metadata is (RFC 8414 §3.1). */
export function serverMetadataUrl(issuer: string): string {
  return insertWellKnown(issuer, "oauth-authorization-server");
}

function insertWellKnown(url: string, name: string): string {
  const { origin, pathname, search } = new URL(url);
  return `${origin}/.well-known/${name}${pathname === "/" ? "" : pathname}${search}`;
}

export interface ResourceDocument {
  readonly checks: readonly Check[];
  /** The only authorization server that Alexa+ uses. */
  readonly issuer?: string;
  readonly scopes: readonly string[];
}

/** Reads the MCP host's protected-resource metadata. `load` fetches one address. */
export async function readResourceDocument(load: Loader, resource: string): Promise<ResourceDocument> {
  const urls = resourceMetadataUrls(resource);
  let found: Loaded | undefined;
  for (const url of urls) {
    found = await load(url);
    if (found.status !== 404) break;
  }
  const { json } = found ?? {};
  if (!json) {
    return { checks: [check("resource_document", false, `${urls.join(" and ")}: ${found?.problem}`)], scopes: [] };
  }
  const servers = textsOf(json.authorization_servers);
  const [issuer] = servers;
  const usable = isUrl(issuer);
  const scopes = textsOf(json.scopes_supported);
  const ignored = servers.length > 1 ? `; the other ${servers.length - 1} are ignored` : "";
  const tiered = scopes.length > 0 && !scopes.includes("mcp:service");
  return {
    checks: [
      check("resource_document", true, `found at ${found?.url}`),
      check("resource_exact", json.resource === resource, explainResource(json.resource, resource)),
      check("authorization_server", usable, usable ? `${issuer}${ignored}` : "authorization_servers has no URL"),
      check("resource_scopes", tiered, `scopes_supported: ${scopes.join(" ") || "(absent)"}`),
    ],
    ...(usable && { issuer }),
    scopes,
  };
}

function explainResource(found: unknown, resource: string): string {
  if (found === resource) return `resource is ${resource}`;
  const slash = typeof found === "string" && (`${found}/` === resource || found === `${resource}/`);
  return `resource is ${JSON.stringify(found)}, configured is ${resource}${slash ? "; they differ by a slash at the end" : ""}`;
}

export interface ServerDocument {
  readonly checks: readonly Check[];
  readonly authorizationUrl?: string;
  readonly tokenUrl?: string;
}

/** Reads the authorization server's metadata and checks what Amazon's deploy command checks. */
export async function readServerDocument(
  load: Loader,
  issuer: string,
  userScopes: readonly string[],
): Promise<ServerDocument> {
  const url = serverMetadataUrl(issuer);
  const { json, problem } = await load(url);
  if (!json) return { checks: [check("server_document", false, `${url}: ${problem}`)] };
  const { authorization_endpoint: authorizationUrl, token_endpoint: tokenUrl } = json;
  const complete = isUrl(authorizationUrl) && isUrl(tokenUrl);
  const methods = textsOf(json.code_challenge_methods_supported);
  const grants = textsOf(json.grant_types_supported);
  const missing = ["client_credentials", "authorization_code", "refresh_token"].filter(
    (each) => !grants.includes(each),
  );
  // RFC 8414 §2: client_secret_basic is the default.
  const clientAuth = textsOf(json.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]);
  const scopes = textsOf(json.scopes_supported);
  const unlisted = ["mcp:service", ...userScopes].filter((each) => !scopes.includes(each));
  return {
    checks: [
      check("server_document", true, `found at ${url}`),
      check("server_issuer", json.issuer === issuer, `issuer is ${JSON.stringify(json.issuer)}`),
      check("server_endpoints", complete, complete ? "both endpoints are named" : "an endpoint is missing"),
      check(
        "server_pkce",
        methods.includes("S256"),
        `code_challenge_methods_supported: ${methods.join(" ") || "(absent)"}`,
      ),
      check(
        "server_grant_types",
        missing.length === 0,
        missing.length ? `missing: ${missing.join(" ")}` : grants.join(" "),
      ),
      check("server_client_secret_basic", clientAuth.includes("client_secret_basic"), clientAuth.join(" ")),
      check(
        "server_scopes",
        unlisted.length === 0,
        unlisted.length ? `not listed: ${unlisted.join(" ")}` : scopes.join(" "),
      ),
    ],
    ...(complete && { authorizationUrl, tokenUrl }),
  };
}

const RULES: Record<string, readonly ["must" | "should", string]> = {
  resource_document: ["must", "RFC 9728 §3.1: the MCP host serves /.well-known/oauth-protected-resource."],
  resource_exact: [
    "must",
    "Amazon, QuickStart: resource is the MCP server’s URI, byte for byte; a slash at the end counts.",
  ],
  authorization_server: ["must", "Amazon, Account Linking: only the first entry of authorization_servers is used."],
  resource_scopes: [
    "should",
    "Amazon, Account Linking: customers are asked for these scopes, so all of them are user-tier scopes.",
  ],
  server_document: ["must", "RFC 8414 §3.1: the issuer serves /.well-known/oauth-authorization-server."],
  server_issuer: ["should", "RFC 8414 §3.3: issuer equals the value that led to the document."],
  server_endpoints: ["must", "RFC 8414 §2: authorization_endpoint and token_endpoint."],
  server_pkce: ["must", "Amazon’s deploy command: code_challenge_methods_supported contains S256."],
  server_grant_types: ["must", "Amazon’s deploy command: client_credentials, authorization_code and refresh_token."],
  server_client_secret_basic: ["must", "Amazon, Authentication: the token endpoint takes HTTP Basic."],
  server_scopes: ["should", "Amazon, Authentication: scopes_supported lists the scopes of both tiers."],
};

function check(name: string, ok: boolean, detail: string): Check {
  const [level, rule] = RULES[name] ?? ["must", ""];
  return { name, ok, detail, level, rule };
}

export interface Loaded {
  readonly url: string;
  readonly status: number;
  readonly json?: Record<string, unknown>;
  readonly problem?: string;
}
export type Loader = (url: string) => Promise<Loaded>;

/** Fetches a metadata document. Redirects are not followed. Never throws. */
export async function loadJson(fetch: Fetch, url: string): Promise<Loaded> {
  try {
    const { status, text } = await withinLimit(LIMIT_MS, async (signal) => {
      const headers = { accept: "application/json" };
      const response = await fetch(new Request(url, { headers, redirect: "manual", signal }));
      return { status: response.status, text: await response.text() };
    });
    if (status !== 200) return { url, status, problem: `returned ${status}` };
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null && !Array.isArray(json)) {
      return { url, status, json: json as Record<string, unknown> };
    }
    return { url, status, problem: "is not a JSON object" };
  } catch (error) {
    return { url, status: 0, problem: error instanceof SyntaxError ? "is not JSON" : `no response: ${String(error)}` };
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}

function isUrl(value: unknown): value is string {
  return typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
