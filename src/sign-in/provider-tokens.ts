// Access tokens of the company's identity provider as bearer tokens of our API, verified with its published keys.
import { decodeJwt } from "jose";
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";
import { createUser, type IdentityKey, readUserOfIdentity, type User, updateUser } from "../storage/users/users.ts";
import { labelsOf } from "./labels.ts";
import { verifyProviderToken } from "./provider.ts";

const CLOCK_TOLERANCE_SECONDS = 5;
const LONGEST_TOKEN = 8192;

const claimsSchema = z.object({
  sub: z.string().check(z.minLength(1), z.maxLength(255)),
  exp: z.number(),
  nonce: z.optional(z.never()),
  at_hash: z.optional(z.never()),
});

export type ProviderTokenVerdict =
  | { readonly verdict: "valid"; readonly user: User }
  /** Wrong issuer, audience, algorithm, key, time or shape. */
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
  const claims = claimsSchema.safeParse(verified);
  if (!verified || !claims.success) return { verdict: "refused" };
  const { sub } = claims.data;
  const labels = labelsOf(verified);
  const key: IdentityKey = { method: "oidc", issuer: oidc.issuer, subject: sub };
  const known = await readUserOfIdentity(rt.db, key);
  if (known) {
    // A token without the two claims tells nothing about the address.
    const tells = verified.email !== undefined && verified.email_verified !== undefined;
    if (!tells || labels.email === known.email) return { verdict: "valid", user: known };
    const change = { email: labels.email, name: labels.name ?? known.name, moved: undefined };
    return { verdict: "valid", user: (await updateUser(rt.db, known.id, change, rt.now())) ?? known };
  }
  const fresh = { id: randomId(), ...labels, passwordHash: null };
  const user = await createUser(rt.db, key, fresh, rt.now());
  if (!user) return { verdict: "refused" };
  rt.log.info("user_first_seen", { method: "oidc" });
  return { verdict: "valid", user };
}
