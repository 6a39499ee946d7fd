// What the console says when a request to Amazon fails.
import type { DeveloperAccess } from "../../amazon/developer-access.ts";
import type { SmapiFailure } from "../../amazon/smapi.ts";
import { clock } from "./parts.tsx";

/** Why there is no access token, in sentences. */
export function accessText(access: Exclude<DeveloperAccess, { outcome: "token" }>, zone: string): string {
  switch (access.outcome) {
    case "no_token":
      return "No developer token is stored, so this server cannot read from Amazon.";
    case "unreadable":
      return "The developer token was encrypted with a MASTER_KEY that is no longer set. Store the token again.";
    case "refused":
      return `Login with Amazon refused the developer token on ${clock(access.at, zone)} (${access.error}). It stays stored, but is not used until you try it again or store another one. invalid_grant: the token was revoked, or belongs to another client. invalid_client: the client id or secret is wrong.`;
    case "unavailable":
      return "Login with Amazon did not respond in time, or its response had no token. Reload the page in a minute.";
  }
}

/** Why a request to SMAPI failed, in sentences. */
export function failureText({ failure, message }: SmapiFailure): string {
  const says = message === "" ? "" : ` Amazon says: ${message}`;
  switch (failure) {
    case "denied":
      return `Amazon rejected the access token (401). The developer token lacks the scope alexa::ask:skills:readwrite, or was revoked.${says}`;
    case "forbidden":
      return `The developer token does not allow this (403). It must belong to the developer account that owns the skill, and have the scope alexa::ask:skills:readwrite.${says}`;
    case "unknown":
      return `Amazon does not know this skill (404). Check the skill id, and that the developer token belongs to the skill's developer account.${says}`;
    case "busy":
      return `Amazon is still processing another change to the skill (409). Try again in a minute.${says}`;
    case "changed":
      return "The configuration at Amazon has changed since this page was shown, so nothing was written (412). Check the differences again.";
    case "throttled":
      return "Amazon is throttling requests (429). Wait a minute, then reload the page.";
    case "refused":
      return `Amazon refused the request.${says || " It gave no reason."}`;
    case "unavailable":
      return `Amazon did not respond, or responded with a server error.${says} Try again in a minute.`;
    case "not_understood":
      return "Amazon's response does not have the expected format, so it is not shown.";
  }
}
