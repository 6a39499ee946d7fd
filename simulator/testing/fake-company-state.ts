// What the fake company's pages and token URL share: its options, its codes and its grants.
import type { Breakage } from "./fake-company-faults.ts";

export interface FakeCompanyOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUris: readonly string[];
  /** Origin of the server. */
  readonly issuer?: string;
  /** Who may sign in. Without it the consent page is open to everyone. */
  readonly signIn?: { readonly user: string; readonly password: string };
  /** Refuses authorization requests without PKCE. */
  readonly requiresPkce?: boolean;
  /** Issues a new refresh token at each refresh; the previous one lives until the new one is used. */
  readonly rotates?: boolean;
  /** Lets time pass: `slow_token` and `sluggish_token` use it. */
  readonly wait?: (milliseconds: number) => Promise<void>;
}

export interface Code {
  readonly redirectUri: string;
  readonly challenge: string | null;
  readonly plain: boolean;
  used: boolean;
}

export interface Grant {
  /** Refresh tokens that work: with rotation up to two. */
  readonly live: Set<string>;
  /** Handed out, and not used yet. */
  successor: string | undefined;
  busy: boolean;
  readonly retired: Set<string>;
}

export interface Company {
  readonly options: FakeCompanyOptions & { readonly issuer: string };
  readonly is: (...faults: Breakage[]) => boolean;
  readonly codes: Map<string, Code>;
  readonly grants: Grant[];
  readonly next: (prefix: string) => string;
}

export function createCompany(options: FakeCompanyOptions, broken?: Breakage): Company {
  let sequence = 0;
  return {
    options: { issuer: "https://link.example.com", ...options },
    is: (...faults) => broken !== undefined && faults.includes(broken),
    codes: new Map(),
    grants: [],
    next: (prefix) => `${prefix}_fake${++sequence}`,
  };
}
