// What the console says when Amazon does not give what it was asked for.
import type { DeveloperAccess } from "../../amazon/developer-access.ts";
import type { SmapiFailure } from "../../amazon/smapi.ts";
import { clock } from "./parts.tsx";

/** Why there is no access token, in sentences. */
export function accessText(access: Exclude<DeveloperAccess, { outcome: "token" }>, zone: string): string {
  switch (access.outcome) {
    case "no_token":
      return "No developer token is stored, so Amazon cannot be asked.";
    case "unreadable":
      return "The developer token was stored under another MASTER_KEY, which is not set any more. Store it again.";
    case "refused":
      return `Login with Amazon refused the developer token on ${clock(access.at, zone)} (${access.error}). It is kept, and not presented again until you ask for that or store another one. invalid_grant: the token was withdrawn, or belongs to another client. invalid_client: the client id or secret is wrong.`;
    case "unavailable":
      return "Login with Amazon did not respond in time, or not with a token. Load the page again in a minute.";
  }
}

/** Why a request to SMAPI failed, in sentences. */
export function failureText({ failure, message }: SmapiFailure): string {
  const says = message === "" ? "" : ` Amazon says: ${message}`;
  switch (failure) {
    case "denied":
      return `Amazon does not accept the access token (401). The developer token lacks the scope alexa::ask:skills:readwrite, or was withdrawn.${says}`;
    case "forbidden":
      return `The developer token may not do this (403). It must be of a developer account that owns the skill, with the scope alexa::ask:skills:readwrite.${says}`;
    case "unknown":
      return `Amazon does not know this skill (404). Check its id, and that the developer token is of the skill's developer account.${says}`;
    case "busy":
      return `Another change of the skill is in progress at Amazon (409). Try again in a minute.${says}`;
    case "changed":
      return "The configuration at Amazon has changed since this page was shown, and nothing was written (412). Look at the differences again.";
    case "throttled":
      return "Amazon has had too many requests (429). Wait a minute, then load the page again.";
    case "refused":
      return `Amazon refused the request.${says || " It does not say why."}`;
    case "unavailable":
      return `Amazon did not respond, or failed.${says} Try again in a minute.`;
    case "not_understood":
      return "Amazon's response was not understood: it has another form than expected, and nothing of it is shown.";
  }
}
