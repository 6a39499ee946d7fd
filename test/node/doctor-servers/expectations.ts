// What the doctor finds at servers of others, as the test runs it and as docs/doctor.md prints it.

export interface Expectation {
  /** As in docs/doctor.md. */
  readonly server: string;
  readonly fail: readonly string[];
  readonly warn: readonly string[];
  /** What is found in some runs only, because it is a race. */
  readonly sometimes?: readonly string[];
}

export const EXPECTATIONS = {
  "oidc-provider": {
    server: "`oidc-provider` 9, as it is",
    fail: ["token_refresh_token"],
    warn: [],
  },
  "oidc-provider with refresh tokens": {
    server: "`oidc-provider` 9 with `issueRefreshToken`",
    fail: [],
    warn: ["first_link_lasts"],
  },
  "workers-oauth-provider": {
    server: "`@cloudflare/workers-oauth-provider`, as it is",
    fail: ["client_id_beside_basic", "links_side_by_side", "refresh_tokens_alive"],
    warn: ["body_authentication"],
    sometimes: ["code_won_once_in_parallel"],
  },
  "workers-oauth-provider set up for Alexa": {
    server: "`@cloudflare/workers-oauth-provider` with `client_secret_post` and `revokeExistingGrants: false`",
    fail: ["refresh_tokens_alive"],
    warn: ["basic_authentication"],
    sometimes: ["code_won_once_in_parallel"],
  },
  "this project": { server: "this project", fail: [], warn: [] },
} as const satisfies Record<string, Expectation>;
