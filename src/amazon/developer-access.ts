// An access token of the developer's account for the Skill Management API, from the refresh token that is stored.
import type { Runtime } from "../runtime.ts";
import {
  openDeveloperToken,
  readDeveloperToken,
  recordDeveloperTokenUse,
  type StoredDeveloperToken,
} from "../storage/amazon/developer-token.ts";
import { UnreadableValue } from "../storage/sealed.ts";
import { refreshForDeveloper } from "./lwa.ts";

export type DeveloperAccess =
  | { readonly outcome: "token"; readonly accessToken: string }
  | { readonly outcome: "no_token" }
  /** It was sealed with a master key that is gone. */
  | { readonly outcome: "unreadable" }
  /** Login with Amazon refused the refresh token or its client pair, `at` (milliseconds). The token is kept. */
  | { readonly outcome: "refused"; readonly error: string; readonly at: number }
  /** No usable response. */
  | { readonly outcome: "unavailable" };

/**
 * A fresh access token, which lasts an hour and is not kept. A token that was refused is not presented again, unless
 * `again` says so: a page that is reloaded does not repeat a refused request.
 */
export async function developerAccess(rt: Runtime, { again = false } = {}): Promise<DeveloperAccess> {
  const stored = await readDeveloperToken(rt.db);
  if (!stored) return { outcome: "no_token" };
  if (stored.refusal !== null && stored.usedAt !== null && !again) {
    return { outcome: "refused", error: stored.refusal, at: stored.usedAt };
  }
  try {
    return await refresh(rt, stored);
  } catch (error) {
    if (error instanceof UnreadableValue) return { outcome: "unreadable" };
    throw error;
  }
}

async function refresh(rt: Runtime, stored: StoredDeveloperToken): Promise<DeveloperAccess> {
  const credentials = await openDeveloperToken(rt, stored);
  const response = await refreshForDeveloper(rt, credentials, credentials.refreshToken);
  switch (response.outcome) {
    case "unavailable":
      return { outcome: "unavailable" };
    case "rejected":
      await recordDeveloperTokenUse(rt, stored, { refusal: response.error });
      return { outcome: "refused", error: response.error, at: rt.now() };
    case "tokens": {
      const { accessToken, refreshToken } = response.tokens;
      const isNew = refreshToken !== credentials.refreshToken;
      await recordDeveloperTokenUse(rt, stored, {
        refusal: null,
        ...(isNew ? { credentials: { ...credentials, refreshToken } } : {}),
      });
      return { outcome: "token", accessToken };
    }
  }
}
