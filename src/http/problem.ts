// Errors of the JSON API: application/problem+json (RFC 9457) with a stable code.

/** Status and title of every code. */
export const PROBLEMS = {
  invalid_body: [400, "The request body is not valid"],
  invalid_query: [400, "The query is not valid"],
  invalid_result: [400, "The result is not valid for this link attempt"],
  invalid_ticket: [400, "The ticket is not valid for this user and query"],
  event_refused: [400, "The request is not from Alexa, or not for a skill of this server"],
  return_to_not_allowed: [400, "The return URL is not one of the skill's return URLs"],
  client_unknown: [400, "No such client"],
  redirect_uri_unregistered: [400, "The redirect URI is not registered"],
  unauthenticated: [401, "A valid access token is required"],
  insufficient_scope: [403, "The access token lacks the scope"],
  wrong_user: [403, "Another user started this link attempt"],
  not_found: [404, "Not found"],
  skill_not_found: [404, "No such skill"],
  state_unknown: [404, "No link attempt has this state"],
  grant_not_found: [404, "No such grant"],
  method_not_allowed: [405, "This method is not allowed here"],
  conflict: [409, "It already exists"],
  state_used: [409, "This link attempt was completed with another code"],
  in_progress: [409, "This link attempt is in progress"],
  state_expired: [410, "This link attempt has expired"],
  body_too_large: [413, "The request body is too large"],
  wrong_origin: [421, "This server has another address"],
  amazon_denied: [422, "The customer did not approve at Amazon"],
  code_not_final: [422, "The gateway's code does not end the tokens"],
  amazon_code_rejected: [422, "Login with Amazon rejected the code"],
  enablement_rejected: [422, "Alexa rejected the enablement"],
  enablement_forbidden: [422, "Alexa did not permit the enablement"],
  account_linking_not_supported: [422, "Skills of this type do not support account linking"],
  redirect_uris_incomplete: [422, "Some of Amazon's redirect URIs are missing"],
  scope_reserved: [422, "The scope is reserved"],
  too_many_requests: [429, "Too many requests"],
  internal: [500, "Internal error"],
  admin_disabled: [503, "The admin API is off: ADMIN_TOKEN is not set"],
  not_configured: [503, "This server is not set up"],
  amazon_unavailable: [503, "Login with Amazon cannot be reached"],
  enablement_unavailable: [503, "Alexa cannot be reached"],
  temporarily_unavailable: [503, "Temporarily unavailable. Try again later"],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

const RETRY_AFTER_SECONDS = 5;

/** A problem document. `extra` adds members beside `type`, `title`, `status`, `code` and `detail`. */
export function problem(
  code: ProblemCode,
  detail?: string,
  extra: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Response {
  const [status, title] = PROBLEMS[code];
  const body = { type: "about:blank", title, status, code, ...(detail === undefined ? {} : { detail }), ...extra };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(status === 503 ? { "retry-after": String(RETRY_AFTER_SECONDS) } : {}),
      ...(status === 401 ? { "www-authenticate": 'Bearer error="invalid_token"' } : {}),
      ...headers,
    },
  });
}
