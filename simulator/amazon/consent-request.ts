// Validates the request that opens Amazon's consent page, as Login with Amazon does.

import { appendQuery, countParameter, decodeParameter, encodeParameters, rawParameter } from "../library/encoding.ts";
import type { Skill } from "../state/configuration.ts";
import type { Store } from "../state/store.ts";
import { ACCOUNT_LINKING_SCOPE, findSecurityProfile } from "./security-profiles.ts";

/** The Alexa app, opened by its URL, or the Login with Amazon page in a browser. */
export type ConsentPlace = "alexa_app" | "lwa";

export interface ConsentRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  /** `state`, still percent-encoded. */
  readonly rawState: string | undefined;
  readonly scope: string;
  readonly challenge: { readonly value: string; readonly method: "S256" | "plain" } | undefined;
  /** The skill to link; undefined if the customer only signs in to the company with Amazon. */
  readonly skill: Skill | undefined;
  /** What is allowed but not recommended. */
  readonly advice: readonly string[];
}

export type ConsentCheck =
  | { readonly kind: "ok"; readonly request: ConsentRequest }
  | { readonly kind: "page"; readonly title: string; readonly detail: string }
  | { readonly kind: "redirect"; readonly url: string };

/**
 * Checks a consent request. An unknown client or redirect URI shows an error page; all other errors are sent to the
 * redirect URI (RFC 6749 §4.1.2.1).
 */
export function checkConsentRequest(store: Store, query: string, place: ConsentPlace): ConsentCheck {
  const value = (name: string) => decodeParameter(rawParameter(query, name) ?? "") || undefined;
  const repeated = ["client_id", "redirect_uri", "scope", "state"].find((name) => countParameter(query, name) > 1);
  if (repeated) return page("Repeated parameter", `“${repeated}” appears more than once in the URL.`);
  const clientId = value("client_id");
  const profile = clientId ? findSecurityProfile(store, clientId) : undefined;
  if (!clientId || !profile) {
    return page(
      "Unknown client",
      `No security profile has the client id “${clientId ?? ""}”. It is the “Alexa Client Id” of the skill.`,
    );
  }
  const redirectUri = value("redirect_uri");
  if (!redirectUri || !profile.returnUrls.includes(redirectUri)) {
    return page(
      "Redirect URI not allowed",
      `“${redirectUri ?? ""}” is not on this client’s list: ${profile.returnUrls.join(", ") || "(empty)"}. The whole URL must match, character for character.`,
    );
  }
  const rawState = rawParameter(query, "state");
  const refuse = (error: string, error_description: string): ConsentCheck => ({
    kind: "redirect",
    url: redirectUrl(redirectUri, rawState, encodeParameters({ error, error_description })),
  });
  if (value("response_type") !== "code") return refuse("unsupported_response_type", "response_type must be code");
  const scope = value("scope");
  const unknown = (scope ?? "").split(" ").find((each) => !profile.scopes.includes(each));
  if (!scope || unknown !== undefined) return refuse("invalid_scope", "An unknown scope was requested");
  const attempt = scope.split(" ").includes(ACCOUNT_LINKING_SCOPE);
  const missing = place === "alexa_app" ? ["fragment", "skill_stage", "state"].find((name) => !value(name)) : undefined;
  if (missing) return refuse("invalid_request", `${missing} is missing`);
  const stage = value("skill_stage");
  const skill = attempt ? (profile.skills.find((each) => !stage || each.stage === stage) ?? undefined) : undefined;
  if (attempt && !skill) return refuse("invalid_request", `the skill has no stage ${stage}`);
  const method = value("code_challenge_method") ?? "plain";
  if (method !== "S256" && method !== "plain")
    return refuse("invalid_request", "code_challenge_method must be S256 or plain");
  const challenge = value("code_challenge");
  const advice = [
    ...(challenge ? [] : ["There is no code_challenge: Amazon recommends PKCE."]),
    ...(challenge && method === "plain" ? ["code_challenge_method is not S256; the default is plain."] : []),
    ...(rawState ? [] : ["There is no state: the response cannot be bound to this customer."]),
  ];
  return {
    kind: "ok",
    request: {
      clientId,
      redirectUri,
      rawState,
      scope,
      challenge: challenge ? { value: challenge, method } : undefined,
      skill,
      advice,
    },
  };
}

function page(title: string, detail: string): ConsentCheck {
  return { kind: "page", title, detail };
}

/** The URL that returns Amazon's response to the company, with `state` unchanged. */
export function redirectUrl(redirectUri: string, rawState: string | undefined, response: string): string {
  return appendQuery(redirectUri, rawState === undefined ? response : `${response}&state=${rawState}`);
}
