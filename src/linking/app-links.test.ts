// Association files, and the URL with which Alexa opens the company's app.
import { beforeEach, describe, expect, it } from "vitest";
import { type Service, startService } from "../../test/support/service.ts";

const FINGERPRINT = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0")).join(":");
let service: Service;

beforeEach(() => {
  service = startService({
    APPLE_APP_IDS: "ABCDE12345.com.example.app, ABCDE12345.com.example.beta",
    ANDROID_APPS: `com.example.app=${FINGERPRINT}, com.example.app=${FINGERPRINT.toUpperCase().replace("00", "FF")}`,
  });
});

describe("association files", () => {
  it("L7: Apple's file claims only /app/* and is served as cacheable JSON, without storage calls", async () => {
    const response = await service.request("/.well-known/apple-app-site-association");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("cache-control")).toContain("max-age=");
    const text = await response.text();
    expect(text.length).toBeLessThan(128 * 1024);
    expect(JSON.parse(text)).toEqual({
      applinks: {
        details: [
          {
            appIDs: ["ABCDE12345.com.example.app", "ABCDE12345.com.example.beta"],
            components: [{ "/": "/app/*", comment: expect.any(String) }],
          },
        ],
      },
    });
    expect(service.meter.calls()).toEqual([]);
  });

  it("L7: Android's file has one statement per package, with all its fingerprints in upper case", async () => {
    const response = await service.request("/.well-known/assetlinks.json");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual([
      {
        relation: ["delegate_permission/common.handle_all_urls"],
        target: {
          namespace: "android_app",
          package_name: "com.example.app",
          sha256_cert_fingerprints: [FINGERPRINT.toUpperCase(), FINGERPRINT.toUpperCase().replace("00", "FF")],
        },
      },
    ]);
  });

  it.each([
    ["POST", "/.well-known/assetlinks.json", "application/problem+json"],
    ["POST", "/.well-known/jwks.json", "application/problem+json"],
    ["PUT", "/app/authorize", "text/html; charset=UTF-8"],
    ["DELETE", "/docs", "text/html; charset=UTF-8"],
  ])("%s %s is 405 with Allow, in the format of that path", async (method, path, type) => {
    const response = await service.request(path, { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(response.headers.get("content-type")).toBe(type);
    await response.text();
  });

  it("both files are 404 when no apps are configured", async () => {
    const bare = startService();
    for (const path of ["/.well-known/apple-app-site-association", "/.well-known/assetlinks.json"]) {
      expect((await bare.request(path)).status).toBe(404);
    }
  });
});

describe("the app's URL in a browser", () => {
  it.each(["state=%2f%3D~&x=a%20b+c&redirect_uri=https%3A%2F%2Fx", "", "a=%zz&a=1&&="])(
    "B1: forwards %j to /authorize byte for byte",
    async (query) => {
      const response = await service.request(`/app/authorize${query === "" ? "" : `?${query}`}`);
      expect(response.status).toBe(303);
      expect(response.headers.get("location")).toBe(query === "" ? "/authorize" : `/authorize?${query}`);
      expect(service.meter.calls()).toEqual([]);
    },
  );
});
