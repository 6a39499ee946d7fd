// Reads the authorization response at Alexa's redirect URI, and checks that it is what Alexa needs.
import type { AuthorizationRequest } from "./authorization-request.ts";
import { type Check, must, should } from "./checks.ts";
import { countParameter, decodeParameter, rawParameter, rawQuery } from "./encoding.ts";

export interface AuthorizationResponse {
  readonly code?: string;
  readonly error?: string;
  readonly checks: readonly Check[];
}

/**
 * Reads the URL that the customer's browser (or the company's app) opened at Alexa's redirect URI (RFC 6749 §4.1.2).
 * With `fromApp`, it must carry `source=app`, as Amazon requires for app-to-app linking.
 */
export function readAuthorizationResponse(
  request: AuthorizationRequest,
  url: string,
  fromApp = false,
): AuthorizationResponse {
  const query = rawQuery(url);
  const code = decodeParameter(rawParameter(query, "code") ?? "") || undefined;
  const error = decodeParameter(rawParameter(query, "error") ?? "") || undefined;
  const checks: Check[] = [];
  const repeated = ["code", "state", "error"].filter((name) => countParameter(query, name) > 1);
  checks.push(
    must("response_parameters_once", repeated.length === 0, repeated.length ? `repeated: ${repeated}` : "no repeats"),
  );
  checks.push(...checkState(request, rawParameter(query, "state")));
  if (fromApp) {
    const source = rawParameter(query, "source");
    const detail = source === "app" ? "source=app" : "source=app is missing from the app's response";
    checks.push(
      error
        ? should("response_source_app", source === "app", detail)
        : must("response_source_app", source === "app", detail),
    );
  }
  if (error) {
    checks.push(must("response_code", false, `the server returned error=${error}`));
    return { error, checks };
  }
  checks.push(
    must("response_code", code !== undefined, code ? `a code of ${code.length} characters` : "there is no code"),
  );
  return { ...(code && { code }), checks };
}

function checkState(request: AuthorizationRequest, raw: string | undefined): Check[] {
  if (raw === undefined) return [must("response_state", false, "state is missing")];
  const same = raw === request.encodedState;
  const equal = same || decodeParameter(raw) === request.state;
  return [
    must(
      "response_state",
      equal,
      equal ? `the same ${request.state.length} characters` : explainStateChange(request, raw),
    ),
    should("response_state_bytes", same, same ? "byte for byte as sent" : "the same value, but encoded differently"),
  ];
}

function explainStateChange(request: AuthorizationRequest, raw: string): string {
  const decoded = decodeParameter(raw);
  if (decoded === undefined) return "the percent-encoding of state is invalid";
  if (decoded.replaceAll(" ", "+") === request.state) return "`+` in state was changed to a space";
  if (decoded === request.state.replace(/=+$/, "")) return "the `=` padding of state was lost";
  if (request.state.startsWith(decoded)) {
    return `state was cut from ${request.state.length} to ${decoded.length} characters`;
  }
  return `a different state came back (${decoded.length} characters instead of ${request.state.length})`;
}
