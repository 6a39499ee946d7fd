// Access tokens of the company's identity provider as bearer tokens of our API, verified with its published keys.
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from "jose";
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import type { OidcConfig } from "../env.ts";
import { tolerant } from "../http/tolerant.ts";
import type { Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import { createUser, type IdentityKey, readUserOfIdentity, type User, updateUser } from "../storage/users/users.ts";
import { labelsOf } from "./labels.ts";
import { verifyProviderToken } from "./provider.ts";

const CLOCK_TOLERANCE_SECONDS = 5;
const LONGEST_TOKEN = 8192;

/** RFC 9068 §2.1, and the generic type of many providers. Any other names another kind of token. */
const ACCESS_TOKEN_TYPE = /^(jwt|(application\/)?at\+jwt)$/i;
/** Claims that name the client of a token: the standards' two, Okta's and Microsoft's. */
const CLIENT_CLAIMS = ["azp", "client_id", "cid", "appid"] as const;
const SCOPE_CLAIMS = ["scope", "scp", "permissions"] as const;

const clientId = () => z.optional(z.string().check(z.minLength(1)));
const absent = () => z.optional(z.never());

const claimsSchema = () =>
  z.object({
    sub: z.string().check(z.maxLength(255), z.regex(/^\P{Cc}+$/u)),
    exp: z.number(),
    aud: z.union([z.string(), z.array(z.string())]),
    azp: clientId(),
    client_id: clientId(),
    cid: clientId(),
    appid: clientId(),
    // Id tokens (OpenID Connect Core §2) and logout tokens (Back-Channel Logout §2.4).
    nonce: absent(),
    at_hash: absent(),
    c_hash: absent(),
    events: absent(),
    // Bound to a key that a plain bearer token does not prove (RFC 7800).
    cnf: absent(),
    // What Keycloak and Cognito call the kind of a token.
    typ: z.optional(z.string().check(z.regex(/^(bearer|jwt|at\+jwt)$/i))),
    token_use: z.optional(z.literal("access")),
    // What Auth0 and Microsoft call a token of a client that acts for itself.
    gty: z.optional(z.string().check(z.refine((value) => !/client[-_]credentials/.test(value)))),
    idtyp: z.optional(z.literal("user")),
    preferred_username: tolerant(z.string()),
  });
type Claims = z.infer<ReturnType<typeof claimsSchema>>;

/** The entries of a claim that is a list, or text with spaces between its entries; none for any other value. */
function entriesOf(claim: unknown): readonly unknown[] {
  return typeof claim === "string" ? claim.split(" ") : Array.isArray(claim) ? claim : [];
}

/** Whether the token was issued to one of `OIDC_CLIENTS` and has `OIDC_REQUIRED_SCOPE`, where these are set. */
function isMeantForUs(claims: Claims, payload: JWTPayload, { clients, requiredScope }: OidcConfig): boolean {
  const named = CLIENT_CLAIMS.flatMap((name) => claims[name] ?? []);
  if (clients && !(named.length > 0 && named.every((client) => clients.includes(client)))) return false;
  return requiredScope === undefined || SCOPE_CLAIMS.some((name) => entriesOf(payload[name]).includes(requiredScope));
}

/** Whether a client got the token for itself (client credentials): its subject is no customer. */
function isOfMachine(claims: Claims, oidc: OidcConfig): boolean {
  const clients = [...CLIENT_CLAIMS.map((name) => claims[name]), ...(oidc.clients ?? []), oidc.clientId];
  const username = claims.preferred_username?.toLowerCase();
  return (
    claims.sub.endsWith("@clients") ||
    clients.some((id) => id && (claims.sub === id || username === `service-account-${id}`.toLowerCase()))
  );
}

export type ProviderTokenVerdict =
  | { readonly verdict: "valid"; readonly user: User }
  /** Wrong issuer, audience, algorithm, key, time, shape, client or scope; no access token, or not of a customer. */
  | { readonly verdict: "refused" }
  /** The provider's keys cannot be read now. */
  | { readonly verdict: "unavailable" };

/** Whether a token claims to come from the configured provider. Verifies nothing. */
export function claimsToBeFromProvider(rt: Runtime, token: string): boolean {
  const { oidc } = rt.config;
  if (!oidc?.audience || token.length > LONGEST_TOKEN) return false;
  try {
    return decodeJwt(token).iss === oidc.issuer;
  } catch {
    return false;
  }
}

/**
 * Verifies an access token of the provider (RFC 9068 as far as providers follow it) and finds its user, creating the
 * user at first sight. One read, and one write at first sight or when the token has another address.
 */
export async function userOfProviderToken(rt: Runtime, token: string): Promise<ProviderTokenVerdict> {
  const { oidc } = rt.config;
  if (!oidc?.audience) return { verdict: "refused" };
  const verified = await verifyProviderToken(rt, token, {
    issuer: oidc.issuer,
    audience: oidc.audience,
    clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
  });
  if (verified === "unavailable") return { verdict: "unavailable" };
  const claims = schemaOf(claimsSchema).safeParse(verified);
  if (!verified || !claims.success) return { verdict: "refused" };
  const { typ = "JWT" }: { typ?: unknown } = decodeProtectedHeader(token);
  if (typeof typ !== "string" || !ACCESS_TOKEN_TYPE.test(typ)) return { verdict: "refused" };
  if (!isMeantForUs(claims.data, verified, oidc) || isOfMachine(claims.data, oidc)) return { verdict: "refused" };
  const { sub } = claims.data;
  const labels = labelsOf(verified, sub);
  const key: IdentityKey = { method: "oidc", issuer: oidc.issuer, subject: sub };
  const known = await readUserOfIdentity(rt.db, key);
  if (known) {
    // A token without the two claims tells nothing about the address.
    const tells = verified.email !== undefined && verified.email_verified !== undefined;
    if (!tells || labels.email === known.email) return { verdict: "valid", user: known };
    const change = { email: labels.email, ...(labels.name === null ? {} : { name: labels.name }) };
    return { verdict: "valid", user: (await updateUser(rt.db, known.id, change, rt.now())) ?? known };
  }
  const fresh = { id: randomId(), ...labels, passwordHash: null };
  const user = await createUser(rt.db, key, fresh, rt.now());
  if (!user) return { verdict: "refused" };
  rt.log.info("user_first_seen", { method: "oidc" });
  return { verdict: "valid", user };
}
