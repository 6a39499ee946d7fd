// Client authentication (RFC 6749 §2.3): HTTP Basic, encoded or raw, or credentials in the body, never both.
import { utf8Decode } from "../crypto/encoding.ts";
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";
import type { OAuthError } from "../http/oauth-error.ts";
import type { Runtime } from "../runtime.ts";
import { type Client, clientFromRow, clientStatement } from "../storage/clients/clients.ts";
import type { Sql } from "../storage/sql.ts";
import { readBesideKeys } from "./keys.ts";

/** How a client authenticates (RFC 8414's names). Confidential clients may use either of the first two. */
type AuthMethod = "client_secret_basic" | "client_secret_post" | "none";

/** What a request says about its client, not verified yet. Several candidates when Basic can be read in two ways. */
export interface PresentedCredentials {
  readonly candidates: readonly { readonly id: string; readonly secret: string | undefined }[];
  readonly method: AuthMethod;
}

/** A client that authenticated, or a public one that identified itself. */
export interface AuthenticatedClient {
  readonly client: Client;
  /** The row of `alongside`, null when there is none; undefined when D1 was not read. */
  readonly row?: Record<string, unknown> | null;
}

const LONGEST_BASIC = 4096;
const CHALLENGE = { "www-authenticate": 'Basic realm="token", charset="UTF-8"' };

function invalidClient(withBasic: boolean): OAuthError {
  return { status: 401, error: "invalid_client", ...(withBasic ? { headers: CHALLENGE } : {}) };
}

function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** The text of a base64 value; undefined if it is not base64 of UTF-8. */
function basicText(encoded: string): string | undefined {
  try {
    return utf8Decode(Buffer.from(atob(encoded), "latin1"));
  } catch {
    return undefined;
  }
}

function basicCandidates(header: string): PresentedCredentials["candidates"] | undefined {
  if (header.length > LONGEST_BASIC) return undefined;
  const encoded = header.slice("basic".length).trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const text = basicText(encoded);
  if (text === undefined) return undefined;
  const colon = text.indexOf(":");
  if (colon <= 0) return undefined;
  const raw = { id: text.slice(0, colon), secret: text.slice(colon + 1) };
  const id = formDecode(raw.id);
  const secret = formDecode(raw.secret);
  if (id === undefined || secret === undefined || (id === raw.id && secret === raw.secret)) return [raw];
  return [{ id, secret }, raw];
}

/**
 * Reads the credentials of a request to an OAuth endpoint. Malformed Basic is `invalid_client`; two secrets at once, or
 * a body `client_id` unequal to Basic's, are `invalid_request`.
 */
export function presentedCredentials(
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
): PresentedCredentials | OAuthError {
  const bodyId = fields.get("client_id");
  const bodySecret = fields.get("client_secret");
  if (authorization !== null && /^basic(\s|$)/i.test(authorization)) {
    const candidates = basicCandidates(authorization);
    if (!candidates) return invalidClient(true);
    if (bodySecret !== undefined) {
      return { status: 400, error: "invalid_request", description: "Send the client secret in one place only" };
    }
    const named = bodyId === undefined ? candidates : candidates.filter((candidate) => candidate.id === bodyId);
    if (named.length === 0) {
      return { status: 400, error: "invalid_request", description: "client_id differs from HTTP Basic" };
    }
    return { candidates: named, method: "client_secret_basic" };
  }
  if (bodyId === undefined) return invalidClient(false);
  return {
    candidates: [{ id: bodyId, secret: bodySecret }],
    method: bodySecret === undefined ? "none" : "client_secret_post",
  };
}

/** A digest that no secret has. Compared with when there is no client, so that the time does not show it. */
const NO_SECRET = "-".repeat(43);

/** Whether it is the client's secret, or the previous one while that is still valid at `now` (milliseconds). */
export async function secretMatches(
  client: Client | undefined,
  secret: string | undefined,
  now: number,
): Promise<boolean> {
  const presented = await sha256(secret ?? "");
  const current = equalInConstantTime(presented, client?.secretHash ?? NO_SECRET);
  const stillValid = client?.previousSecretExpiresAt != null && now < client.previousSecretExpiresAt;
  const previous = stillValid && equalInConstantTime(presented, client.previousSecretHash ?? NO_SECRET);
  return secret !== undefined && (current || previous);
}

async function accepts(client: Client | undefined, secret: string | undefined, method: AuthMethod, now: number) {
  if (client?.kind === "app") return method === "none" && secret === undefined;
  return secretMatches(client, secret, now);
}

/**
 * Finds and authenticates the client. A cached row may allow, never refuse: on a mismatch D1 is read once. When D1 is
 * read, stale signing keys are read in the same round trip, and so is `alongside`, which the caller would read next.
 */
export async function authenticateClient(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
  alongside?: Sql,
): Promise<AuthenticatedClient | OAuthError> {
  const presented = presentedCredentials(authorization, fields);
  if ("error" in presented) return presented;
  const { candidates, method } = presented;
  for (const { id, secret } of candidates) {
    const cached = rt.caches.client(id, rt.now());
    if (cached && (await accepts(cached, secret, method, rt.now()))) return { client: cached };
  }
  const ids = new Set(candidates.map(({ id }) => id));
  const loaded = await loadClients(rt, [...ids], alongside);
  for (const { id, secret } of candidates) {
    const client = loaded.clients.get(id);
    if ((await accepts(client, secret, method, rt.now())) && client) {
      return { client, ...(alongside ? { row: loaded.row } : {}) };
    }
  }
  return invalidClient(method === "client_secret_basic");
}

/** Reads clients from D1 and caches them; stale signing keys and `alongside` are read in the same round trip. */
async function loadClients(
  rt: Runtime,
  ids: readonly string[],
  alongside?: Sql,
): Promise<{ clients: ReadonlyMap<string, Client>; row: Record<string, unknown> | null }> {
  const reads = ids.map(clientStatement);
  const rows = await readBesideKeys(rt, alongside ? [...reads, alongside] : reads);
  const clients = new Map<string, Client>();
  ids.forEach((id, i) => {
    const row = rows[i]?.[0];
    const client = row ? clientFromRow(row) : undefined;
    rt.caches.rememberClient(id, client, rt.now());
    if (client) clients.set(id, client);
  });
  return { clients, row: rows[ids.length]?.[0] ?? null };
}

/** The client by id: from the isolate's cache, else D1. `fresh` reads D1 in any case. */
export async function findClient(rt: Runtime, id: string, fresh = false): Promise<Client | undefined> {
  const cached = fresh ? undefined : rt.caches.client(id, rt.now());
  return cached ?? (await loadClients(rt, [id])).clients.get(id);
}
