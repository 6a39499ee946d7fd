// Error answers of the OAuth endpoints (RFC 6749 §5.2): JSON with the same type and cache headers as success.

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
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 500 | 503;
  readonly error: OAuthErrorCode;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Headers of every JSON answer of the token endpoint (RFC 6749 §5.1). */
export const TOKEN_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "application/json;charset=UTF-8",
  "cache-control": "no-store",
  pragma: "no-cache",
};

export const RETRY_AFTER_SECONDS = 2;

/** The error as JSON (RFC 6749 §5.2); a 503 says when to come again. */
export function oauthError(error: OAuthError): Response {
  return new Response(
    JSON.stringify({
      error: error.error,
      ...(error.description === undefined ? {} : { error_description: error.description }),
    }),
    {
      status: error.status,
      headers: {
        ...TOKEN_HEADERS,
        ...(error.status === 503 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {}),
        ...error.headers,
      },
    },
  );
}
