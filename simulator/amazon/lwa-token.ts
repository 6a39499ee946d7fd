// `POST /auth/o2/token` and `GET /user/profile` of Login with Amazon.

import { fromBase64 } from "../library/encoding.ts";
import { challengeOf } from "../library/pkce.ts";
import { recordIncoming, type SimulatorContext } from "../state/context.ts";
import type { Exchange } from "../state/exchange.ts";
import { applyResponseFault, useFault } from "../state/faults.ts";
import { type AmazonGrant, now, type Store } from "../state/store.ts";
import { findSecurityProfile, type SecurityProfile } from "./security-profiles.ts";
import { findAccessToken, mintTokens } from "./tokens.ts";

/** The token endpoint: the company redeems Amazon's codes and refresh tokens here. */
export function serveLwaToken(c: SimulatorContext): Promise<Response> {
  const about = {
    from: "company",
    to: "amazon",
    title: "The company’s server redeems Amazon’s code or refresh token",
    why: "Only the server knows the client secret, so the app never holds Amazon’s tokens.",
  } as const;
  return recordIncoming(c, about, async (body, exchange) => {
    const bad = await applyResponseFault(useFault(c.var.store.faults, "lwa"));
    return bad ?? (await grantTokens(c.var.store, c.req.raw, new URLSearchParams(body), exchange));
  });
}

async function grantTokens(
  store: Store,
  request: Request,
  form: URLSearchParams,
  exchange: Exchange,
): Promise<Response> {
  if (!/^application\/x-www-form-urlencoded/i.test(request.headers.get("content-type") ?? "")) {
    return refuse(exchange, 400, "invalid_request", "The body must be form-encoded");
  }
  const profile = authenticate(store, request, form);
  if (!profile) return refuse(exchange, 401, "invalid_client", "Client authentication failed");
  const grantType = form.get("grant_type") ?? "";
  const shape = store.faults.lwaResponse;
  const applies = shape !== undefined && (shape.grant === undefined || shape.grant === grantType);
  const fault = applies ? useFault(store.faults, "lwaResponse") : undefined;
  if (fault?.error) {
    const status = fault.error === "ServerError" ? 500 : fault.error === "invalid_client" ? 401 : 400;
    return refuse(exchange, status, fault.error, "Injected fault");
  }
  const found =
    grantType === "authorization_code"
      ? await spendCode(store, profile, form)
      : grantType === "refresh_token"
        ? findRefreshToken(store, profile, form)
        : { error: "unsupported_grant_type", description: `No such grant type: ${grantType}` };
  if ("error" in found) return refuse(exchange, 400, found.error, found.description);
  exchange.linkId = found.grant.linkId;
  const presented = form.get("refresh_token") ?? undefined;
  const keep = grantType === "refresh_token" && !fault?.newRefreshToken ? presented : undefined;
  const tokens = mintTokens(store, found.grant, keep);
  if (fault?.newRefreshToken && presented) store.refreshTokens.delete(presented);
  return Response.json(
    {
      access_token: tokens.accessToken,
      refresh_token: tokens.refreshToken,
      token_type: "bearer",
      expires_in: fault?.expiresInString ? String(tokens.expiresIn) : tokens.expiresIn,
    },
    { headers: { "cache-control": "no-store", pragma: "no-cache" } },
  );
}

type Found = { readonly grant: AmazonGrant } | { readonly error: string; readonly description: string };

function invalidGrant(description: string): Found {
  return { error: "invalid_grant", description };
}

async function spendCode(store: Store, profile: SecurityProfile, form: URLSearchParams): Promise<Found> {
  const code = store.codes.get(form.get("code") ?? "");
  if (!code)
    return invalidGrant("Amazon never issued this code; the company’s own code belongs in the enablement call");
  if (!code.clientIds.includes(profile.clientId)) return invalidGrant("The code was issued to another client");
  if (code.used) return invalidGrant("The code has already been used");
  if (code.expiresAt <= now(store)) return invalidGrant("The code is older than five minutes");
  if (code.kind === "authorization" && form.get("redirect_uri") !== code.redirectUri) {
    return invalidGrant("redirect_uri is not the one that the code was sent to");
  }
  if (code.challenge) {
    const verifier = form.get("code_verifier");
    if (!verifier) return invalidGrant("code_verifier is missing");
    const computed = code.challenge.method === "S256" ? await challengeOf(verifier) : verifier;
    if (computed !== code.challenge.value) return invalidGrant("code_verifier does not match the code_challenge");
  }
  if (code.grant.revoked) return invalidGrant("The customer withdrew the permission");
  code.used = true;
  return { grant: code.grant };
}

function findRefreshToken(store: Store, profile: SecurityProfile, form: URLSearchParams): Found {
  const grant = store.refreshTokens.get(form.get("refresh_token") ?? "");
  if (!grant) return invalidGrant("Unknown refresh token");
  if (grant.clientId !== profile.clientId) return invalidGrant("The refresh token belongs to another client");
  return grant.revoked ? invalidGrant("The customer withdrew the permission") : { grant };
}

function authenticate(store: Store, request: Request, form: URLSearchParams): SecurityProfile | undefined {
  const [scheme = "", credentials = ""] = (request.headers.get("authorization") ?? "").split(" ");
  const basic = scheme.toLowerCase() === "basic" ? (fromBase64(credentials) ?? "") : undefined;
  const split = basic?.indexOf(":") ?? -1;
  const clientId = basic === undefined ? form.get("client_id") : basic.slice(0, split);
  const secret = basic === undefined ? form.get("client_secret") : basic.slice(split + 1);
  const profile = findSecurityProfile(store, clientId ?? "");
  return profile && profile.clientSecret === secret ? profile : undefined;
}

function refuse(exchange: Exchange, status: number, error: string, error_description: string): Response {
  exchange.note = error_description;
  const body = { error, error_description, request_id: `simulator-${exchange.id}` };
  return Response.json(body, { status, headers: { "cache-control": "no-store", pragma: "no-cache" } });
}

/** The profile of a customer who allowed the scope `profile`. */
export function serveProfile(c: SimulatorContext): Promise<Response> {
  const about = {
    from: "company",
    to: "amazon",
    title: "The company’s server asks who the Amazon customer is",
    why: "Signing in with Amazon: the profile’s user_id identifies the customer.",
  } as const;
  return recordIncoming(c, about, async () => {
    const { store } = c.var;
    const bad = await applyResponseFault(useFault(store.faults, "profile"));
    if (bad) return bad;
    const bearer = /^bearer (.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const found = findAccessToken(
      store,
      bearer ?? c.req.header("x-amz-access-token") ?? c.req.query("access_token") ?? "",
    );
    if ("problem" in found) {
      return Response.json(
        { error: "invalid_token", error_description: `The token is ${found.problem}` },
        { status: 400 },
      );
    }
    const { grant } = found.token;
    const account = store.accounts.get(grant.accountId);
    if (!account || !/(^| )profile(:user_id)?( |$)/.test(grant.scope)) {
      return Response.json(
        { error: "insufficient_scope", error_description: "The scope profile was not allowed" },
        { status: 403 },
      );
    }
    const user = { user_id: `amzn1.account.${account.id.toUpperCase()}` };
    return Response.json(
      grant.scope.includes("profile:user_id") ? user : { ...user, name: account.name, email: account.email },
    );
  });
}
