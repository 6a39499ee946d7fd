// The OAuth figures: percentiles and shares from counters, exactly.
import { expect, it } from "vitest";
import { BUCKETS_MS, readTokenCounter, tokenCounter } from "../observability/token-counters.ts";
import { oauthFigures } from "./oauth-figures.ts";

const NOTHING = {
  requests: 0,
  succeeded: 0,
  successRate: null,
  p50: null,
  p90: null,
  p99: null,
  over1s: null,
  over4500ms: null,
};

it("no requests: no rates, no percentiles, no shares; other counters are no token requests", () => {
  const others = {
    code_issued: 3,
    token_error_invalid_grant: 2,
    token_milliseconds_refresh: 900,
    token_refresh_success_51: 1,
  };
  for (const counts of [{}, others]) {
    expect(oauthFigures(counts)).toEqual({ exchange: NOTHING, refresh: NOTHING, clientCredentials: NOTHING });
  }
});

it("one request lies in the middle of its bucket at the median", () => {
  expect(oauthFigures({ token_refresh_success_250: 1 }).refresh).toEqual({
    requests: 1,
    succeeded: 1,
    successRate: 1,
    p50: 175,
    p90: 235,
    p99: 249,
    over1s: 0,
    over4500ms: 0,
  });
});

it("requests that all took longer than the last bound: the percentiles are that bound", () => {
  expect(oauthFigures({ token_exchange_temporarily_unavailable_more: 4 }).exchange).toEqual({
    requests: 4,
    succeeded: 0,
    successRate: 0,
    p50: 4500,
    p90: 4500,
    p99: 4500,
    over1s: 1,
    over4500ms: 1,
  });
});

it("outcomes of one grant type are added; those of another stay apart", () => {
  const counts = {
    token_refresh_success_50: 80,
    token_refresh_success_1000: 10,
    token_refresh_invalid_grant_2000: 6,
    token_refresh_success_4500: 3,
    token_refresh_invalid_client_more: 1,
    token_exchange_success_100: 2,
    token_client_credentials_invalid_client_100: 1,
    token_client_credentials_success_100: 2,
  };
  const { exchange, refresh, clientCredentials } = oauthFigures(counts);
  // 80 of 100 within 50 ms; the rank 90 is the last of those within 1000; the rank 99 the last of those within 4500.
  expect(refresh).toEqual({
    requests: 100,
    succeeded: 93,
    successRate: 0.93,
    p50: 31,
    p90: 1000,
    p99: 4500,
    over1s: 0.1,
    over4500ms: 0.01,
  });
  expect(exchange).toMatchObject({ requests: 2, succeeded: 2, p50: 75 });
  expect(clientCredentials).toMatchObject({ requests: 3, succeeded: 2, successRate: 0.6667 });
});

it("a bound belongs to its bucket, and what is a millisecond longer to the next", () => {
  const names = ["token_refresh_success_50", ...BUCKETS_MS.map((bound) => tokenCounter("refresh", "success", bound))];
  for (const [i, bound] of BUCKETS_MS.entries()) {
    expect(names[i + 1]).toBe(`token_refresh_success_${bound}`);
    const next = `token_refresh_success_${BUCKETS_MS[i + 1] ?? "more"}`;
    expect(tokenCounter("refresh", "success", bound + 1)).toBe(next);
  }
  expect(tokenCounter("refresh", "success", 0)).toBe("token_refresh_success_50");
});

it("every name is read as it was made", () => {
  for (const grant of ["exchange", "refresh", "client_credentials"] as const) {
    for (const outcome of ["success", "invalid_grant", "temporarily_unavailable"]) {
      expect(readTokenCounter(tokenCounter(grant, outcome, 101))).toEqual({ grant, outcome, bucket: 2 });
      expect(readTokenCounter(tokenCounter(grant, outcome, 1e9))).toEqual({ grant, outcome, bucket: 7 });
    }
  }
  for (const name of ["token_refresh_50", "token_refresh__", "token_refresh_success_", "token_relayed"]) {
    expect(readTokenCounter(name), name).toBeUndefined();
  }
});
