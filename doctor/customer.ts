// The customer as a program: signs in and decides on plain pages.
import type { AuthorizationRequest } from "../simulator/library/authorization-request.ts";
import { createBrowser } from "../simulator/library/browser.ts";
import type { Fetch } from "../simulator/library/token.ts";
import type { Customer, Decided } from "./examination.ts";

export interface CustomerOptions {
  readonly fetch: Fetch;
  readonly user: string;
  readonly password: string;
}

/** A customer who signs in with a name and a password, and stays signed in. */
export function createCustomer({ fetch, user, password }: CustomerOptions): Customer {
  const browser = createBrowser(fetch);
  return {
    tireless: true,
    async decide(request: AuthorizationRequest, decision: "allow" | "deny"): Promise<Decided> {
      const visit = await browser.visit(request.url, {
        fields: { email: user, username: user, password },
        decision,
        until: (url) => url.startsWith(request.redirectUri),
      });
      return visit.arrived ? { arrived: true, url: visit.url } : { arrived: false, why: visit.why };
    },
  };
}
