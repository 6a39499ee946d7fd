// Requests to the token URL, and what came back: facts only. The checks judge them, each one thing.
import { encodeParameters } from "../simulator/library/encoding.ts";
import {
  basicCredentials,
  type CodeGrant,
  codeExchangeRequest,
  readJsonObject,
  refreshRequest,
  TOKEN_LIMIT_MS,
  type TokenClient,
  USER_AGENT,
} from "../simulator/library/token.ts";
import type { Examination } from "./examination.ts";

export interface TokenCall {
  /** HTTP status; 0 if there was no response. */
  readonly status: number;
  readonly headers: Headers;
  /** The body as a JSON object, with or without a byte order mark. */
  readonly json?: Record<string, unknown>;
  /** What is wrong with the body as JSON in UTF-8; undefined if nothing is. */
  readonly problem?: string;
  /** The OAuth error code. */
  readonly error?: string;
  /** Whether the response has a success status and an access token, however malformed the rest may be. */
  readonly granted: boolean;
  readonly accessToken?: string;
  readonly refreshToken?: string;
  readonly millis: number;
  /** Why there was no response. */
  readonly failure?: string;
}

/** What all token requests of one examination have in common. */
interface Log {
  /** Milliseconds of each request that was not one of many at once. */
  readonly millis: number[];
  /** Status and request of each server error. */
  readonly serverErrors: string[];
}

const logs = new WeakMap<Examination, Log>();

/** The log of an examination's token requests. */
export function tokenLog(examination: Examination): Log {
  const log = logs.get(examination) ?? { millis: [], serverErrors: [] };
  logs.set(examination, log);
  return log;
}

/** Why no further token requests are worth sending: every response was late, and each takes that long. */
export function tooSlow(examination: Examination): string | undefined {
  const limit = examination.target.tokenLimitMs ?? TOKEN_LIMIT_MS;
  const { millis } = tokenLog(examination);
  const late = millis.length > 0 && millis.every((each) => each > limit);
  return late ? "not tried, because the token URL responds too late (token_in_time)" : undefined;
}

/**
 * Sends a request to the token URL. Never throws. `what` names it in the list of server errors. Requests of a crowd are
 * not timed: a server may serve twenty at once more slowly than one. A refresh token in the response is remembered, so
 * that its grant can be revoked at the end.
 */
export async function callToken(
  examination: Examination,
  request: Request,
  what: string,
  crowd = false,
): Promise<TokenCall> {
  const log = tokenLog(examination);
  const start = performance.now();
  const millis = () => Math.round(performance.now() - start);
  let call: TokenCall;
  try {
    const response = await examination.fetch(request);
    const body = new Uint8Array(await response.arrayBuffer());
    call = { ...readResponse(response, body), millis: millis() };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    call = { status: 0, headers: new Headers(), granted: false, millis: millis(), failure };
  }
  if (!crowd) log.millis.push(call.millis);
  if (call.granted && call.refreshToken !== undefined) examination.keep(call.refreshToken);
  if (call.status >= 500) log.serverErrors.push(`${call.status} for ${what}`);
  return call;
}

function readResponse({ status, headers }: Response, body: Uint8Array): Omit<TokenCall, "millis"> {
  const { json: strict, problem } = readJsonObject(body);
  const json = strict ?? readJsonObject(new TextEncoder().encode(new TextDecoder().decode(body))).json;
  const text = (name: string) => (typeof json?.[name] === "string" && json[name] !== "" ? json[name] : undefined);
  const accessToken = text("access_token");
  const refreshToken = text("refresh_token");
  const error = text("error");
  return {
    status,
    headers,
    granted: status >= 200 && status < 300 && accessToken !== undefined,
    ...(json && { json }),
    ...(problem !== undefined && { problem }),
    ...(error !== undefined && { error }),
    ...(accessToken !== undefined && { accessToken }),
    ...(refreshToken !== undefined && { refreshToken }),
  };
}

/** Redeems a code. Without a refresh token the access token is remembered, so that the grant can be revoked. */
export async function exchange(
  examination: Examination,
  client: TokenClient,
  grant: CodeGrant,
  what = "a code",
  crowd = false,
): Promise<TokenCall> {
  const call = await callToken(examination, codeExchangeRequest(client, grant), what, crowd);
  const { granted, refreshToken, accessToken } = call;
  if (granted && refreshToken === undefined && accessToken !== undefined) examination.keep(accessToken);
  return call;
}

/** Refreshes. */
export function refresh(
  examination: Examination,
  client: TokenClient,
  refreshToken: string,
  what = "a refresh token",
  crowd = false,
): Promise<TokenCall> {
  return callToken(examination, refreshRequest(client, refreshToken), what, crowd);
}

/** A form sent to an endpoint of the server as Alexa sends forms, with these headers and fields and no others. */
export function formRequest(
  url: string,
  fields: Record<string, string | undefined>,
  headers: Record<string, string> = {},
): Request {
  const type = "application/x-www-form-urlencoded;charset=UTF-8";
  return new Request(url, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": type, "user-agent": USER_AGENT, ...headers },
    body: encodeParameters(fields),
  });
}

/** The credentials of a client as Alexa sends them: headers and form fields. */
export function credentialsOf(client: TokenClient): {
  headers: Record<string, string>;
  fields: Record<string, string | undefined>;
} {
  const { clientId, clientSecret } = client;
  if (client.accessTokenScheme === "HTTP_BASIC")
    return {
      headers: { authorization: basicCredentials(client) },
      fields: { client_id: client.idBesideBasic === false ? undefined : clientId },
    };
  return { headers: {}, fields: { client_id: clientId, client_secret: clientSecret } };
}

/** A token request with the credentials of `client`, or only its id. */
export function grantRequest(
  client: TokenClient,
  grant: Record<string, string | undefined>,
  withoutSecret = false,
): Request {
  const { headers, fields } = withoutSecret
    ? { headers: {}, fields: { client_id: client.clientId } }
    : credentialsOf(client);
  return formRequest(client.tokenUrl, { ...grant, ...fields }, headers);
}

/** Asks a revocation endpoint to end the grant of a refresh token (RFC 7009 §2.1). */
export function revocationRequest(endpoint: string, client: TokenClient, token: string): Request {
  const { headers, fields } = credentialsOf(client);
  return formRequest(endpoint, { token, token_type_hint: "refresh_token", ...fields }, headers);
}

/** The server's own explanation of an error. Long words are left out, because they may be codes, tokens or secrets. */
function explanationOf({ json }: TokenCall): string {
  const text = json?.error_description;
  if (typeof text !== "string" || text.trim() === "") return "";
  const short = text.trim().slice(0, 160);
  return ` ("${short.replace(/[^\s"]{20,}/g, "…").replaceAll('"', "'")}")`;
}

/** The response in a few words, for the detail of a result. What the server says is cut. */
export function describeCall(call: TokenCall): string {
  if (call.failure !== undefined) return call.failure;
  if (call.granted) return `${call.status} with an access token`;
  if (call.error !== undefined) return `${call.status} ${call.error.slice(0, 60)}${explanationOf(call)}`;
  if (call.status >= 300 && call.status < 400) return `${call.status}, a redirect`;
  return call.json ? `${call.status} without an error code` : `${call.status} without a JSON object`;
}
