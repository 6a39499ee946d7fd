// What all responses of the OAuth endpoints have in common.
import { expect } from "vitest";

/** An error response is JSON with an OAuth code and the headers of a success. */
export async function expectOAuthError(response: Response, status: number, error: string) {
  const text = await response.text();
  expect([response.status, (JSON.parse(text) as { error: string }).error]).toEqual([status, error]);
  expectTokenHeaders(response);
  expect(text).not.toMatch(/\bat [\w.]+ \(|Error:/);
}

/** Headers of success and error alike (RFC 6749 §5.1). */
export function expectTokenHeaders(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/json;charset=UTF-8");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("pragma")).toBe("no-cache");
  expect(response.headers.get("location")).toBeNull();
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("set-cookie")).toBeNull();
}
