import { describe, expect, it } from "vitest";
import { certificateUrl } from "./certificate-url.ts";

const AMAZON = "https://s3.amazonaws.com";

describe("S4: certificate URL", () => {
  it.each([
    ["https://s3.amazonaws.com/echo.api/a.pem", "https://s3.amazonaws.com/echo.api/a.pem"],
    ["HTTPS://s3.amazonaws.com:443/echo.api/a.pem", "https://s3.amazonaws.com/echo.api/a.pem"],
    ["https://S3.AmazonAWS.com/echo.api/a.pem", "https://s3.amazonaws.com/echo.api/a.pem"],
    ["https://s3.amazonaws.com/echo.api/../echo.api/a.pem", "https://s3.amazonaws.com/echo.api/a.pem"],
    ["https://s3.amazonaws.com/x/../echo.api/a.pem", "https://s3.amazonaws.com/echo.api/a.pem"],
  ])("%s is accepted", (header, url) => {
    expect(certificateUrl(header, AMAZON)).toBe(url);
  });

  it.each([
    ["another scheme", "http://s3.amazonaws.com/echo.api/a.pem"],
    ["an unsupported scheme", "ftp://s3.amazonaws.com/echo.api/a.pem"],
    ["another host", "https://evil.test/echo.api/a.pem"],
    ["a host that starts like Amazon's", "https://s3.amazonaws.com.evil.test/echo.api/a.pem"],
    ["a host that ends like Amazon's", "https://evil-s3.amazonaws.com/echo.api/a.pem"],
    ["a bucket as host name", "https://echo.api.s3.amazonaws.com/echo.api/a.pem"],
    ["a trailing dot in the host", "https://s3.amazonaws.com./echo.api/a.pem"],
    ["Amazon as user name", "https://s3.amazonaws.com@evil.test/echo.api/a.pem"],
    ["a user name", "https://user@s3.amazonaws.com/echo.api/a.pem"],
    ["another port", "https://s3.amazonaws.com:563/echo.api/a.pem"],
    ["another case in the path", "https://s3.amazonaws.com/EcHo.aPi/a.pem"],
    ["another path", "https://s3.amazonaws.com/echo.apis/a.pem"],
    ["a path traversal", "https://s3.amazonaws.com/echo.api/../x/a.pem"],
    ["an encoded path traversal", "https://s3.amazonaws.com/echo.api/%2e%2e/x/a.pem"],
    ["a partly encoded path traversal", "https://s3.amazonaws.com/echo.api/.%2E/x/a.pem"],
    ["an encoded slash", "https://s3.amazonaws.com/echo.api/..%2fx/a.pem"],
    ["an encoded letter, as one more URL of a known file", "https://s3.amazonaws.com/echo.api/%61.pem"],
    ["an encoded NUL", "https://s3.amazonaws.com/echo.api/a.pem%00"],
    ["a percent sign alone", "https://s3.amazonaws.com/echo.api/a%.pem"],
    ["a double slash", "https://s3.amazonaws.com//echo.api/a.pem"],
    ["a backslash", "https://s3.amazonaws.com\\echo.api/a.pem"],
    ["a tab in the host", "https://s3.amazon\taws.com/echo.api/a.pem"],
    ["a leading space", " https://s3.amazonaws.com/echo.api/a.pem"],
    ["no scheme", "s3.amazonaws.com/echo.api/a.pem"],
    ["an empty value", ""],
    ["a query", "https://s3.amazonaws.com/echo.api/a.pem?x=1"],
    ["an empty query", "https://s3.amazonaws.com/echo.api/a.pem?"],
    ["a fragment", "https://s3.amazonaws.com/echo.api/a.pem#part"],
    ["an empty fragment", "https://s3.amazonaws.com/echo.api/a.pem#"],
    ["more than 1,024 characters", `https://s3.amazonaws.com/echo.api/${"a".repeat(1024)}.pem`],
  ])("%s is refused", (_, header) => {
    expect(certificateUrl(header, AMAZON)).toBeUndefined();
  });

  it("in development another origin replaces Amazon's, including scheme and port", () => {
    const simulator = "http://127.0.0.1:8788";
    expect(certificateUrl("http://127.0.0.1:8788/echo.api/a.pem", simulator)).toBe(
      "http://127.0.0.1:8788/echo.api/a.pem",
    );
    expect(certificateUrl("https://s3.amazonaws.com/echo.api/a.pem", simulator)).toBeUndefined();
    expect(certificateUrl("http://127.0.0.1:8787/echo.api/a.pem", simulator)).toBeUndefined();
    expect(certificateUrl("https://127.0.0.1:8788/echo.api/a.pem", simulator)).toBeUndefined();
  });
});
