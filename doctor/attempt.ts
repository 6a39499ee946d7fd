// Authorization requests that a good server refuses, and what became of them.
import {
  type AuthorizationRequest,
  type AuthorizationRequestOptions,
  buildAuthorizationRequest,
} from "../simulator/library/authorization-request.ts";
import { isAt } from "./customer.ts";
import type { Examination } from "./examination.ts";

/** What became of a request. */
export type Attempt =
  /** The server redirected to the redirect URI of the request. */
  | { readonly arrived: true; readonly url: string }
  | {
      readonly arrived: false;
      /** The server asked for a sign-in that did not happen, so its decision is unknown. */
      readonly unknown: boolean;
      /** Status of the last response; 0 without one. */
      readonly status: number;
      readonly why: string;
    };

/** An authorization request of the target, with these changes. */
export function attemptRequest(
  { target }: Examination,
  changes: Partial<AuthorizationRequestOptions> = {},
): Promise<AuthorizationRequest> {
  return buildAuthorizationRequest({
    authorizationUrl: target.authorizationUrl,
    clientId: target.client?.clientId ?? "",
    redirectUri: target.redirectUris[0] ?? "",
    scopes: target.scopes,
    pkce: target.pkce,
    ...changes,
  });
}

/**
 * Opens an authorization request without cookies and looks at the first response. Only if that neither redirects to
 * Alexa nor is an error, a customer who can repeat goes on. A redirect to a registered redirect URI counts as a
 * refusal, if the request has another one.
 */
export async function follow(examination: Examination, request: AuthorizationRequest): Promise<Attempt> {
  const { customer, fetch, target } = examination;
  let status = 0;
  try {
    const response = await fetch(new Request(request.url, { redirect: "manual", headers: { accept: "text/html" } }));
    await response.body?.cancel();
    status = response.status;
    const location = response.headers.get("location") ?? "";
    if (status >= 300 && status < 400) {
      if (isAt(location, request.redirectUri)) return { arrived: true, url: location };
      const other = target.redirectUris.find((uri) => isAt(location, uri));
      if (other) return { arrived: false, unknown: false, status, why: `a redirect to ${other}` };
    }
  } catch (error) {
    return { arrived: false, unknown: true, status: 0, why: error instanceof Error ? error.message : String(error) };
  }
  if (status >= 400) return { arrived: false, unknown: false, status, why: `a page with status ${status}` };
  if (!customer?.canRepeat) return { arrived: false, unknown: true, status, why: "a page that asks for a sign-in" };
  const decided = await customer.decide(request, "allow");
  if (decided.arrived) return { arrived: true, url: decided.url };
  return { arrived: false, unknown: decided.undecided === true, status, why: decided.why };
}
