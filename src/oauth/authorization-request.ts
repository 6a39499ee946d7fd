// The authorization request (RFC 6749 §4.1.1). Errors of the first rules must not be sent by redirect.
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { CAPABILITIES } from "./capabilities.ts";
import { findClient } from "./client-authentication.ts";
import { isChallenge } from "./pkce.ts";
import { appendToUri, parseRawQuery, type RawParameter } from "./raw-query.ts";
import { resourceProblem } from "./resource.ts";
import { grantedScopes, scopeNames } from "./scopes.ts";

/** Longest `state` in bytes as it stands in the query string. */
const LONGEST_STATE = 8192;
/** Longest query looked at at all, in bytes. */
export const LONGEST_QUERY = 16 * 1024;

/** Refused on a page of ours: nothing here may be redirected to. */
export type PageRefusal =
  | { readonly kind: "page"; readonly reason: "query_too_long" }
  | {
      readonly kind: "page";
      readonly reason: "parameter_repeated";
      readonly parameter: string;
      // The console's authorization URI contains a query, to which Alexa added its own.
      readonly inConsole: boolean;
    }
  | { readonly kind: "page"; readonly reason: "client_missing" | "client_unknown" | "redirect_uri_missing" }
  | { readonly kind: "page"; readonly reason: "redirect_uri_unregistered"; readonly redirectUri: string }
  | { readonly kind: "page"; readonly reason: "state_too_long" | "state_not_printable" };

/** Where a response may be sent: a registered redirect URI of a known client, and the state to return. */
export interface AnswerTarget {
  readonly client: Client;
  readonly redirectUri: string;
  /** Percent-encoded, exactly as sent; undefined when there was none. */
  readonly rawState: string | undefined;
}

/** Refused by a redirect with an error code of RFC 6749 §4.1.2.1. */
export interface RedirectRefusal {
  readonly kind: "redirect";
  readonly target: AnswerTarget;
  /** The tagged reason for the operator's list. */
  readonly reason: string;
  readonly error:
    | "invalid_request"
    | "unauthorized_client"
    | "unsupported_response_type"
    | "invalid_scope"
    | "invalid_target";
  readonly description: string;
}

/** Only this carries a redirect URI that a code may be sent to. */
export interface ValidatedAuthorizationRequest extends AnswerTarget {
  readonly kind: "valid";
  readonly scopes: readonly string[];
  readonly codeChallenge: string | null;
}

type Query = ReadonlyMap<string, readonly RawParameter[]>;

const NEVER_REPEATED_ON_A_PAGE = ["client_id", "redirect_uri", "state", "code_challenge"];
/** What a query inside the console's authorization URI repeats, with the value that Alexa sends. */
const IN_CONSOLE = ["client_id", "response_type"];
const NEVER_REPEATED = ["response_type", "scope", "code_challenge_method", "response_mode"];

/** A parameter without a value counts as omitted (RFC 6749 §3.1). */
function given(query: Query, name: string): RawParameter | undefined {
  const parameter = query.get(name)?.[0];
  return parameter?.raw === "" ? undefined : parameter;
}

/** Whether `client_id` or `response_type` came more than once with one and the same value. */
function repeatsConsole(query: Query): boolean {
  return IN_CONSOLE.some((name) => {
    const [first, ...others] = query.get(name) ?? [];
    return others.length > 0 && first?.raw !== "" && others.every(({ raw }) => raw === first?.raw);
  });
}

function single(query: Query, name: string): string | undefined {
  return given(query, name)?.value;
}

/** What else must hold of the client. */
export interface ExpectedClient {
  /** A client of another kind counts as unknown. */
  readonly kind?: Client["kind"];
  /** The resource that the consent page was shown for. Another one by now is refused as `resource_changed`. */
  readonly shownFor?: string | null | undefined;
}

/**
 * Checks the raw query of an authorization request. One D1 read when the client is not in the isolate's cache, or when
 * the cached row would refuse: a cached row may allow, never refuse.
 */
export async function checkAuthorizationRequest(
  rt: Runtime,
  rawQuery: string,
  { kind, shownFor }: ExpectedClient = {},
): Promise<ValidatedAuthorizationRequest | RedirectRefusal | PageRefusal> {
  if (rawQuery.length > LONGEST_QUERY) return { kind: "page", reason: "query_too_long" };
  const query = parseRawQuery(rawQuery);
  const repeated = NEVER_REPEATED_ON_A_PAGE.find((name) => (query.get(name)?.length ?? 0) > 1);
  if (repeated) {
    return { kind: "page", reason: "parameter_repeated", parameter: repeated, inConsole: repeatsConsole(query) };
  }
  const clientId = single(query, "client_id");
  if (clientId === undefined) return { kind: "page", reason: "client_missing" };
  const cached = rt.caches.client(clientId, rt.now());
  const fits = (client: Client) => kind === undefined || client.kind === kind;
  const verdict = cached && fits(cached) ? checkWithClient(query, cached, shownFor) : undefined;
  if (verdict?.kind === "valid") return verdict;
  const client = await findClient(rt, clientId, true);
  return client && fits(client) ? checkWithClient(query, client, shownFor) : { kind: "page", reason: "client_unknown" };
}

function checkWithClient(
  query: Query,
  client: Client,
  shownFor: ExpectedClient["shownFor"],
): ValidatedAuthorizationRequest | RedirectRefusal | PageRefusal {
  const target = checkTarget(query, client);
  if ("kind" in target) return target;
  const refuse = (error: RedirectRefusal["error"], description: string, reason: string = error): RedirectRefusal => ({
    kind: "redirect",
    target,
    reason,
    error,
    description,
  });
  const repeated = NEVER_REPEATED.find((name) => (query.get(name)?.length ?? 0) > 1);
  if (repeated) {
    const reason = repeatsConsole(query) ? "parameter_repeated" : "parameter_repeated_otherwise";
    return refuse("invalid_request", `${repeated} is given more than once`, reason);
  }
  if (client.kind !== "alexa" && client.kind !== "app")
    return refuse("unauthorized_client", "This client has no authorization requests");
  const responseType = single(query, "response_type");
  if (responseType === undefined) return refuse("invalid_request", "response_type is missing");
  if (responseType !== CAPABILITIES.responseTypes[0]) {
    return refuse("unsupported_response_type", "response_type must be code");
  }
  const responseMode = single(query, "response_mode");
  if (responseMode !== undefined && responseMode !== CAPABILITIES.responseModes[0]) {
    return refuse("invalid_request", "response_mode must be query");
  }
  if (shownFor !== undefined && shownFor !== client.resource) {
    return refuse("invalid_target", "The resource has changed since the consent page was shown", "resource_changed");
  }
  const values = (query.get("resource") ?? []).map(({ value }) => value);
  const wrongResource = resourceProblem(values, client.resource);
  if (wrongResource) return refuse("invalid_target", "resource is not the one of this client", wrongResource);
  const pkceProblem = checkPkce(query, client);
  if (pkceProblem) return refuse("invalid_request", ...pkceProblem);
  const scopes = checkScope(query, client);
  if (typeof scopes === "string") return refuse("invalid_scope", "A scope is not one of this client's", scopes);
  return { kind: "valid", ...target, scopes, codeChallenge: single(query, "code_challenge") ?? null };
}

/** Client, redirect URI and state: what must hold before anything may be redirected anywhere. */
function checkTarget(query: Query, client: Client): AnswerTarget | PageRefusal {
  const parameter = given(query, "redirect_uri");
  if (!parameter) return { kind: "page", reason: "redirect_uri_missing" };
  const redirectUri = client.redirectUris.find((registered) => registered === parameter.value);
  if (redirectUri === undefined) {
    return { kind: "page", reason: "redirect_uri_unregistered", redirectUri: parameter.value ?? parameter.raw };
  }
  const rawState = given(query, "state")?.raw;
  if (rawState !== undefined && rawState.length > LONGEST_STATE) return { kind: "page", reason: "state_too_long" };
  if (rawState !== undefined && !/^[\x21-\x7e]*$/.test(rawState)) {
    return { kind: "page", reason: "state_not_printable" };
  }
  return { client, redirectUri, rawState };
}

type Problem = [description: string, reason?: string];

/** PKCE (RFC 7636 §4.3): S256 or nothing; never `plain`, never a method that we do not know. Add-ons always use it. */
function checkPkce(query: Query, client: Client): Problem | undefined {
  const challenge = given(query, "code_challenge");
  const method = given(query, "code_challenge_method");
  if (!challenge) {
    if (method) return ["code_challenge_method without code_challenge"];
    return client.requirePkce || client.kind === "app" || client.resource !== null
      ? ["code_challenge is required (PKCE, S256)", "pkce_missing"]
      : undefined;
  }
  if (challenge.value === undefined || !isChallenge(challenge.value)) {
    return ["code_challenge must be 43 base64url characters"];
  }
  // Without a method RFC 7636 means `plain`, which is refused.
  return method?.value === CAPABILITIES.challengeMethods[0] ? undefined : ["code_challenge_method must be S256"];
}

/** The scopes to grant, or the reason for `invalid_scope`. */
function checkScope(query: Query, client: Client): ReturnType<typeof grantedScopes> {
  const parameter = given(query, "scope");
  if (parameter && parameter.value === undefined) return "invalid_scope";
  return grantedScopes(client, scopeNames(parameter?.value ?? ""));
}

export interface AnswerExtras {
  /** Adds `source=app`: the response comes from the company's app. */
  readonly fromApp?: boolean;
}

function answerUri(target: AnswerTarget, first: readonly string[], extras: AnswerExtras): string {
  return appendToUri(target.redirectUri, [
    ...first,
    ...(target.rawState === undefined ? [] : [`state=${target.rawState}`]),
    ...(extras.fromApp ? ["source=app"] : []),
  ]);
}

/** The redirect that carries a code (RFC 6749 §4.1.2), built by joining strings. */
export function successUri(request: ValidatedAuthorizationRequest, code: string, extras: AnswerExtras): string {
  return answerUri(request, [`code=${code}`], extras);
}

/** The redirect that carries an error (RFC 6749 §4.1.2.1). */
export function errorUri(
  target: AnswerTarget,
  error: string,
  description: string | undefined,
  extras: AnswerExtras = {},
): string {
  const described = description === undefined ? [] : [`error_description=${encodeURIComponent(description)}`];
  return answerUri(target, [`error=${error}`, ...described], extras);
}
