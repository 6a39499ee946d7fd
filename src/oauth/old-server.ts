// The token endpoint of the server from which links move here: one refresh there, and the person whom it names.
import { decodeJwt } from "jose";
import * as z from "zod/mini";
import { callForJson, type NoResponse, type OutboundResponse } from "../http/outbound.ts";
import { schemaOf } from "../schema-of.ts";
import { labelsOf } from "../sign-in/labels.ts";
import type { LwaCredentials, Relay } from "../storage/skills/skills.ts";

/** For each of at most two calls. The platform lets work continue for 30 seconds after the response. */
export const OLD_SERVER_LIMITS = { timeoutMs: 5_000, maxBytes: 64 * 1024 };
const LONGEST_PERSON = 255;

/** A refresh request as Alexa sent it. */
export interface RefreshRequest {
  readonly authorization: string | null;
  readonly fields: ReadonlyMap<string, string>;
}

/** Whom the old server names, in the words of `POST /api/admin/imports`. */
export type NamedPerson = { readonly oidcSubject: string } | { readonly email: string } | { readonly id: string };

export type OldServerOutcome =
  | { readonly outcome: "refreshed"; readonly person: NamedPerson; readonly scope: string | undefined }
  /** `invalid_grant`: the link has ended there. */
  | { readonly outcome: "refused" }
  /** Nothing is known about the link. */
  | { readonly outcome: "failed"; readonly reason: OldServerFailure; readonly detail: string };
export type OldServerFailure =
  | "relay_unreachable"
  | "relay_server_error"
  | "relay_client_rejected"
  | "relay_response_unusable"
  | "relay_person_missing"
  | "relay_person_unverified";

const text = () => z.string().check(z.minLength(1));
const tokenResponse = () => z.looseObject({ access_token: text() });
const errorResponse = () => z.object({ error: text() });
const document = () => z.record(z.string(), z.unknown());
type Claims = z.output<ReturnType<typeof document>>;

function failed(reason: OldServerFailure, detail: string): OldServerOutcome {
  return { outcome: "failed", reason, detail };
}

/** Presents Alexa's refresh token to the old server. `credentials`: ours there, instead of Alexa's. */
export async function refreshAtOldServer(
  relay: Relay,
  credentials: LwaCredentials | undefined,
  request: RefreshRequest,
): Promise<OldServerOutcome> {
  const response = await callForJson(relay.tokenUrl, tokenRequest(credentials, request), OLD_SERVER_LIMITS);
  if (!response.responded || response.status !== 200) return outcomeOfFailure(response);
  const tokens = schemaOf(tokenResponse).safeParse(response.json);
  if (!tokens.success) return failed("relay_response_unusable", "200 without access_token");
  let documents = documentsIn(tokens.data);
  if (relay.userinfoUrl !== null) {
    const headers = { authorization: `Bearer ${tokens.data.access_token}`, accept: "application/json" };
    const userinfo = await callForJson(relay.userinfoUrl, { headers }, OLD_SERVER_LIMITS);
    if (!userinfo.responded || userinfo.status >= 500) return outcomeOfFailure(userinfo);
    const claims = schemaOf(document).safeParse(userinfo.json);
    if (userinfo.status !== 200 || !claims.success)
      return failed("relay_response_unusable", `userinfo: ${userinfo.status}`);
    documents = [claims.data];
  }
  const { scope } = tokens.data;
  return personIn(documents, relay.person, typeof scope === "string" ? scope : undefined);
}

/** Alexa's request once more, with its own credentials or ours in the same place. */
function tokenRequest(credentials: LwaCredentials | undefined, { authorization, fields }: RefreshRequest): RequestInit {
  const body = new URLSearchParams([...fields]);
  let basic = /^basic\s/i.test(authorization ?? "") ? authorization : null;
  if (credentials) {
    const { clientId, clientSecret } = credentials;
    body.set("client_id", clientId);
    if (basic === null) body.set("client_secret", clientSecret);
    else basic = `Basic ${btoa(`${formEncode(clientId)}:${formEncode(clientSecret)}`)}`;
  }
  return {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
      accept: "application/json",
      ...(basic === null ? {} : { authorization: basic }),
    },
    body: body.toString(),
  };
}

/** RFC 6749 §2.3.1. */
function formEncode(value: string): string {
  return new URLSearchParams([["", value]]).toString().slice(1);
}

function outcomeOfFailure(response: OutboundResponse | NoResponse): OldServerOutcome {
  if (!response.responded) return failed("relay_unreachable", response.reason);
  const { status, json } = response;
  if (status >= 500 || status === 429) return failed("relay_server_error", String(status));
  const { error } = schemaOf(errorResponse).safeParse(json).data ?? {};
  // Some servers send it with 401 or 403.
  if (error === "invalid_grant") return { outcome: "refused" };
  if (error === "invalid_client" || error === "unauthorized_client" || status === 401) {
    return failed("relay_client_rejected", String(status));
  }
  return failed("relay_response_unusable", String(status));
}

/**
 * Where a token response may name the person: in itself, its ID token, or its access token. Their signatures are not
 * checked: both came over TLS from the configured endpoint (OpenID Connect Core §3.1.3.7, 6).
 */
function documentsIn(tokens: Claims): Claims[] {
  return [tokens, ...[tokens.id_token, tokens.access_token].flatMap(claimsOf)];
}

function claimsOf(token: unknown): Claims[] {
  if (typeof token !== "string") return [];
  try {
    return [decodeJwt(token)];
  } catch {
    return [];
  }
}

/** The person in the first document that has the claim. */
function personIn(
  documents: readonly Claims[],
  { claim, as }: Relay["person"],
  scope: string | undefined,
): OldServerOutcome {
  const claims = documents.find((one) => Object.hasOwn(one, claim));
  const value = claims?.[claim];
  if (!claims || typeof value !== "string") return failed("relay_person_missing", claim);
  if (value.length > LONGEST_PERSON || !/^\P{C}+$/u.test(value)) return failed("relay_person_missing", claim);
  if (as !== "email") {
    return { outcome: "refreshed", scope, person: as === "id" ? { id: value } : { oidcSubject: value } };
  }
  const { email } = labelsOf({ email: value, email_verified: claims.email_verified }, "");
  if (email === null) return failed("relay_person_unverified", claim);
  return { outcome: "refreshed", scope, person: { email } };
}
