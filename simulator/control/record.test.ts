// The record: searched, exported as HAR; scenarios say why they failed.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { startSimulator } from "../testing/test-simulator.ts";

interface Har {
  log: {
    version: string;
    pages: { id: string }[];
    entries: {
      pageref?: string;
      startedDateTime: string;
      time: number;
      request: {
        method: string;
        url: string;
        queryString: { name: string; value: string }[];
        postData?: { text: string };
      };
      response: { status: number; content: { text: string }; redirectURL: string; _error?: string };
      timings: { send: number; wait: number; receive: number };
    }[];
  };
}

/** The fields that HAR 1.2 requires and allows; names that begin with `_` are free. */
function harSchema() {
  const pairs = z.array(z.strictObject({ name: z.string(), value: z.string() }));
  const withOwnNames = (shape: z.ZodRawShape) =>
    z.looseObject(shape).refine((value) => Object.keys(value).every((name) => name.startsWith("_") || name in shape));
  const size = z.int().min(-1);
  const message = {
    httpVersion: z.string(),
    cookies: z.array(z.never()),
    headers: pairs,
    headersSize: size,
    bodySize: size,
  };
  const milliseconds = z.number().min(0);
  return z.strictObject({
    log: z.strictObject({
      version: z.literal("1.2"),
      creator: z.strictObject({ name: z.string().min(1), version: z.string().min(1) }),
      pages: z.array(
        z.strictObject({
          startedDateTime: z.iso.datetime(),
          id: z.string(),
          title: z.string(),
          pageTimings: z.strictObject({}),
        }),
      ),
      entries: z.array(
        withOwnNames({
          pageref: z.string().optional(),
          startedDateTime: z.iso.datetime(),
          time: milliseconds,
          request: withOwnNames({
            ...message,
            method: z.string().min(1),
            url: z.url(),
            queryString: pairs,
            postData: z.strictObject({ mimeType: z.string(), text: z.string() }).optional(),
          }),
          response: withOwnNames({
            ...message,
            status: z.int().min(0).max(599),
            statusText: z.string(),
            content: z.strictObject({ size, mimeType: z.string(), text: z.string() }),
            redirectURL: z.string(),
          }),
          cache: z.strictObject({}),
          timings: z.strictObject({ send: milliseconds, wait: milliseconds, receive: milliseconds }),
        }),
      ),
    }),
  });
}

describe("the HTTP Archive", () => {
  it("has the fields of HAR 1.2 and no others, also for redirects, failures and what has no attempt", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    await simulator.call("/v1/alexaApiEndpoint");
    const usual = simulator.company.fetch;
    simulator.company.fetch = () => Promise.reject(new Error("connection lost"));
    await simulator.json("POST", "/simulator/run", { scenario: "authorize" });
    simulator.company.fetch = usual;
    for (const query of ["", "?q=no-such-text", "?linkId=unknown"]) {
      const har = await simulator.json("GET", `/simulator/exchanges.har${query}`);
      expect(harSchema().safeParse(har).error?.issues).toBeUndefined();
      const { log } = har as unknown as Har;
      const pages = log.pages.map(({ id }) => id);
      expect(log.entries.filter(({ pageref }) => pageref !== undefined && !pages.includes(pageref))).toEqual([]);
    }
  });

  it("has one page per attempt, and every exchange with its request and response", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    const exchanges = await simulator.exchanges();
    const response = await simulator.call("/simulator/exchanges.har");
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="alexa-simulator.har"');
    const { log } = await response.json<Har>();
    expect(log.version).toBe("1.2");
    expect(log.entries).toHaveLength(exchanges.length);
    expect(log.pages.map(({ id }) => id)).toEqual([exchanges[0]?.linkId]);
    const token = log.entries.find(({ request }) => request.method === "POST" && request.url.endsWith("/token"));
    expect(token?.request.postData?.text).toContain("grant_type=authorization_code");
    expect(token?.response.status).toBe(200);
    expect(token?.timings.wait).toBe(token?.time);
    const opened = log.entries[0]?.request.queryString.find(({ name }) => name === "client_id");
    expect(opened).toEqual({ name: "client_id", value: "alexa-test" });
  });

  it("contains no secret", async () => {
    const simulator = await startSimulator({ accessTokenScheme: "REQUEST_BODY_CREDENTIALS" });
    await simulator.linkFromAlexa();
    const text = await (await simulator.call("/simulator/exchanges.har")).text();
    expect(text).toContain("client_secret=(hidden)");
    expect(text).not.toMatch(/example-secret|example-lwa-secret/);
    // What is long enough to be used is shortened.
    expect(text).toMatch(/code_verifier=[^&"]{10}…\(\d+\)/);
    expect(text).not.toMatch(/"(set-)?cookie","value":"(?!\(hidden\))/);
  });

  it("names the error of a request that got no response", async () => {
    const simulator = await startSimulator();
    const usual = simulator.company.fetch;
    simulator.company.fetch = (input, init) => {
      const request = new Request(input, init);
      return request.url.endsWith("/token") ? Promise.reject(new Error("connection lost")) : usual(request);
    };
    await simulator.json("POST", "/simulator/run", { scenario: "authorize" });
    const { log } = await simulator.json<Har>("GET", "/simulator/exchanges.har");
    const failed = log.entries.filter(({ response }) => response._error !== undefined);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0]?.response.status).toBe(0);
  });
});

describe("the search", () => {
  it("finds what is in titles, addresses, headers and bodies, whatever its case, and nothing else", async () => {
    const simulator = await startSimulator();
    await simulator.linkFromAlexa();
    const found = async (q: string) =>
      (await simulator.json<{ items: unknown[] }>("GET", `/simulator/exchanges?q=${encodeURIComponent(q)}`)).items
        .length;
    const all = (await simulator.exchanges()).length;
    expect(await found("")).toBe(all);
    expect(await found("REDEEMS the company")).toBe(1);
    expect(await found("authorization_code")).toBe(1);
    expect(await found("no such text")).toBe(0);
    expect(await found(".*")).toBe(0);
    const { log } = await simulator.json<Har>("GET", "/simulator/exchanges.har?q=authorization_code");
    expect(log.entries).toHaveLength(1);
  });

  it("shows what was searched for as text, and cuts what is too long", async () => {
    const simulator = await startSimulator();
    const page = async (q: string) => (await simulator.call(`/exchanges?q=${encodeURIComponent(q)}`)).text();
    expect(await page("<script>alert(1)</script>")).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    const long = await page("x".repeat(5000));
    expect(/value="(x+)"/.exec(long)?.[1]).toHaveLength(200);
  });
});

describe("a scenario that fails", () => {
  it("says why, and where its requests are", async () => {
    const simulator = await startSimulator();
    const passed = await simulator.json("POST", "/simulator/run", { scenario: "authorize" });
    expect([passed.ok, passed.reason]).toEqual([true, null]);
    await simulator.faults({ tokenClient: { wrongSecret: true } });
    const failed = await simulator.json("POST", "/simulator/run", { scenario: "authorize" });
    expect(failed.ok).toBe(false);
    expect(failed.reason).toContain("The token URL did not return what Alexa needs");
    expect(failed.record).toBe(`http://127.0.0.1:8788/exchanges/${failed.linkId}`);
  });

  it("says so on its page too", async () => {
    const simulator = await startSimulator();
    await simulator.faults({ tokenClient: { wrongSecret: true } });
    const run = async (scenario: string) => {
      const response = await simulator.post("/scenarios", { scenario });
      return { status: response.status, text: await response.text() };
    };
    const failed = await run("authorize");
    expect(failed.text).toContain("The token URL did not return what Alexa needs");
    expect(failed.text).toMatch(/href="[^"]+\/exchanges\/lk_/);
    expect(await run("no-such-scenario")).toMatchObject({ status: 400 });
    expect((await run("add-on")).text).toContain("no add-on is configured");
  });
});

it("an attempt leads to the company's console, by its grant or else by its minute", async () => {
  const simulator = await startSimulator({
    company: { searchUrl: "https://link.example.com/admin/search?zone=UTC&q=" },
  });
  await simulator.linkFromAlexa();
  const link = async () =>
    /href="(https:\/\/link\.example\.com\/admin\/search[^"]+)"/.exec(
      await (await simulator.call("/exchanges")).text(),
    )?.[1];
  expect(decodeURIComponent((await link()) ?? "")).toMatch(/q=\d{4}-\d\d-\d\d \d\d:\d\d$/);
  const other = await startSimulator();
  await other.linkFromAlexa();
  expect(await (await other.call("/exchanges")).text()).not.toContain("console");
});
