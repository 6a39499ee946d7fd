// Responses of the OAuth endpoints: errors (RFC 6749 §5.2) have the same content type and cache headers as success.

export type OAuthErrorCode =
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "invalid_scope"
  | "invalid_target"
  | "invalid_token"
  | "insufficient_scope"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "unsupported_token_type"
  | "temporarily_unavailable"
  | "server_error";

export interface OAuthError {
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 421 | 500 | 503;
  readonly error: OAuthErrorCode;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** RFC 6749 §5.1. */
const OAUTH_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "application/json;charset=UTF-8",
  "cache-control": "no-store",
  pragma: "no-cache",
};
/** The same, ready to be copied. */
const SUCCESS_HEADERS = new Headers(OAUTH_HEADERS);

export const RETRY_AFTER_SECONDS = 2;

/** A successful response. Without `body`, its body is empty. */
export function oauthSuccess(body?: object): Response {
  return new Response(body === undefined ? null : JSON.stringify(body), { headers: SUCCESS_HEADERS });
}

/** An error response. A 503 has `Retry-After`. */
export function oauthError({ status, error, description, headers }: OAuthError): Response {
  return new Response(
    JSON.stringify({ error, ...(description === undefined ? {} : { error_description: description }) }),
    {
      status,
      headers: {
        ...OAUTH_HEADERS,
        ...(status === 503 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {}),
        ...headers,
      },
    },
  );
}
