// Which grant a presented token belongs to, verified: for refreshes, revocation and introspection.
import { sha256 } from "../crypto/hash.ts";
import type { Runtime } from "../runtime.ts";
import { type Client, clientFromRow, clientStatement } from "../storage/clients/clients.ts";
import { type Grant, grantFromRow, selectGrant, selectImportedGrant } from "../storage/grants/grants.ts";
import { readFirst, type Sql } from "../storage/sql.ts";
import { type AccessTokenClaims, readAccessToken, type UnverifiedToken, verifyAccessToken } from "./access-tokens.ts";
import type { AuthenticatedClient } from "./client-authentication.ts";
import { readBesideKeys } from "./keys.ts";
import { isGenuine, type PresentedRefreshToken, parseRefreshToken } from "./refresh-tokens.ts";

type Row = Record<string, unknown>;

export interface FoundRefreshToken {
  readonly kind: "refresh";
  readonly grant: Grant;
  /** null: a stable token. */
  readonly generation: number | null;
}

export type FoundToken =
  | { readonly kind: "access"; readonly claims: AccessTokenClaims; readonly grant: Grant | undefined }
  /** A token without a user, and the client that it was issued to. */
  | { readonly kind: "service"; readonly claims: AccessTokenClaims; readonly client: Client | undefined }
  | FoundRefreshToken;

/** A token as it was presented, by its form, and the read that finds what it belongs to. Nothing is verified yet. */
export type PresentedToken = { readonly token: string; readonly read: Sql } & (
  | { readonly form: "refresh"; readonly refresh: PresentedRefreshToken }
  /** A JWT, perhaps an access token of ours. Without a grant it belongs to a client. */
  | { readonly form: "access"; readonly access: UnverifiedToken }
  /** Anything else: perhaps a refresh token that another server issued. */
  | { readonly form: "foreign" }
);

/** A token that should be a refresh token. */
export async function presentedRefreshToken(rt: Runtime, token: string): Promise<PresentedToken> {
  const refresh = parseRefreshToken(token);
  if (refresh) return { token, form: "refresh", refresh, read: selectGrant(refresh.grantId, rt.now()) };
  return { token, form: "foreign", read: selectImportedGrant(await sha256(token), rt.now()) };
}

/** A token of any kind. */
export async function presentedToken(rt: Runtime, token: string): Promise<PresentedToken> {
  const access = readAccessToken(token);
  if (!access) return presentedRefreshToken(rt, token);
  const { grant, client_id: clientId } = access.claims;
  const read = grant === undefined ? clientStatement(clientId) : selectGrant(grant, rt.now());
  return { token, form: "access", access, read };
}

/** Whether the client's tokens may come from another server: only skills are moved here, so an app's are ours. */
function mayBeImported({ client }: AuthenticatedClient): boolean {
  return client.kind !== "app";
}

/**
 * The row that `presented.read` finds, or null: the one that was read with the caller's client, else in one round trip,
 * which also reads the signing keys when they are stale.
 */
export async function readPresented(
  rt: Runtime,
  { form, read }: PresentedToken,
  caller: AuthenticatedClient,
): Promise<Row | null> {
  if (form === "foreign" && !mayBeImported(caller)) return null;
  return caller.row === undefined ? ((await readBesideKeys(rt, [read]))[0]?.[0] ?? null) : caller.row;
}

/**
 * What a token belongs to, from the row that was found for it. A D1 read more for one that only looks like ours, if the
 * caller's tokens may come from another server.
 */
export async function findToken(
  rt: Runtime,
  presented: PresentedToken,
  row: Row | null,
  caller: AuthenticatedClient,
): Promise<FoundToken | undefined> {
  if (presented.form === "foreign") return row ? importedToken(row) : undefined;
  if (presented.form === "refresh") {
    const { generation } = presented.refresh;
    const grant = row ? grantFromRow(row) : undefined;
    if (grant && (await isGenuine(rt, presented.refresh, grant))) return { kind: "refresh", grant, generation };
    return mayBeImported(caller) ? findImportedToken(rt, presented.token) : undefined;
  }
  const claims = await verifyAccessToken(rt, presented.access);
  if (!claims) return mayBeImported(caller) ? findImportedToken(rt, presented.token) : undefined;
  return claims.grant !== undefined
    ? { kind: "access", claims, grant: row ? grantFromRow(row) : undefined }
    : { kind: "service", claims, client: row ? clientFromRow(row) : undefined };
}

function importedToken(row: Row): FoundRefreshToken {
  return { kind: "refresh", grant: grantFromRow(row), generation: null };
}

async function findImportedToken(rt: Runtime, token: string): Promise<FoundRefreshToken | undefined> {
  const row = await readFirst<Row>(rt.db, selectImportedGrant(await sha256(token), rt.now()));
  return row ? importedToken(row) : undefined;
}

/** Whether a rotating token is older than one that was used already. */
export function isRetired({ grant, generation }: FoundRefreshToken): boolean {
  return generation !== null && generation < grant.generation;
}
