// One examination: which areas run, what happens when one throws, when codes are asked for, how grants end.
import { describe, expect, it } from "vitest";
import type { Area, Customer, Examination, Target } from "../../doctor/examination.ts";
import { examine } from "../../doctor/examine.ts";
import type { Check } from "../../doctor/report.ts";

function check(id: string): Check {
  return { id, title: `Title of ${id}`, severity: "fail", effect: "An effect.", remedy: "A remedy.", source: "RFC 0" };
}

function area(name: string, ids: readonly string[], run: (examination: Examination, checks: Check[]) => Promise<void>) {
  const checks = ids.map(check);
  return { name, checks, run: (examination: Examination) => run(examination, checks) } satisfies Area;
}

const TARGET: Target = {
  authorizationUrl: "https://link.example.com/authorize",
  tokenUrl: "https://link.example.com/token",
  client: {
    tokenUrl: "https://link.example.com/token",
    clientId: "alexa",
    clientSecret: "example-secret",
    accessTokenScheme: "HTTP_BASIC",
  },
  redirectUris: ["https://pitangui.amazon.com/api/skill/link/M1", "https://layla.amazon.com/api/skill/link/M1"],
  scopes: ["profile"],
  pkce: true,
};

/** A customer who reaches the redirect URIs that `accepts` names, and records what was asked. */
function customer(accepts: (redirectUri: string) => boolean, signInTried = false) {
  const asked: string[] = [];
  const made: Customer = {
    canRepeat: true,
    async decide({ redirectUri, encodedState }) {
      asked.push(redirectUri);
      if (!accepts(redirectUri)) return { arrived: false, why: "it stopped at a page", signInTried };
      return { arrived: true, url: `${redirectUri}?code=c${asked.length}&state=${encodedState}` };
    },
  };
  return { made, asked };
}

const noFetch = async () => new Response(null, { status: 404 });

describe("areas", () => {
  it("an area that throws skips what it has not reported, and the next area runs", async () => {
    const { results } = await examine({
      target: TARGET,
      fetch: noFetch,
      areas: [
        area("first", ["one", "two"], async ({ report }, [one]) => {
          report.pass(one!, "fine");
          throw new Error("a defect");
        }),
        area("second", ["three"], async ({ report }, [three]) => report.problem(three!, "bad")),
      ],
    });
    expect(results.map(({ id, outcome, detail }) => [id, outcome, detail])).toEqual([
      ["one", "pass", "fine"],
      ["two", "skipped", "internal: a defect"],
      ["three", "fail", "bad"],
    ]);
  });

  it("only wanted results are returned, and areas without any do not run", async () => {
    const ran: string[] = [];
    const make = (name: string, ids: readonly string[]) =>
      area(name, ids, async ({ report }, checks) => {
        ran.push(name);
        for (const each of checks) report.problem(each, "bad");
      });
    const areas = [make("first", ["one"]), make("second", ["two", "three"])];
    const { results } = await examine({ target: TARGET, fetch: noFetch, areas, only: ["three"] });
    expect(ran).toEqual(["second"]);
    expect(results.map(({ id }) => id)).toEqual(["three"]);
  });
});

describe("codes", () => {
  const obtain = (count: number, results: unknown[]) =>
    area("codes", ["one"], async (examination) => {
      for (let i = 0; i < count; i++) results.push(await examination.obtainCode());
    });

  it("come with their request, and use a redirect URI that the server accepts", async () => {
    const { made, asked } = customer((uri) => uri.includes("layla"));
    const results: { grant?: { redirectUri: string; code: string } }[] = [];
    const examined = await examine({ target: TARGET, fetch: noFetch, customer: made, areas: [obtain(1, results)] });
    expect(asked.map((uri) => new URL(uri).host)).toEqual(["pitangui", "layla", "layla"].map((n) => `${n}.amazon.com`));
    expect(results[0]?.grant).toMatchObject({ redirectUri: TARGET.redirectUris[1], code: "c3" });
    expect(examined.stopped).toBeUndefined();
  });

  it("a refused password is tried once, and the examination says where the customer stopped", async () => {
    const { made, asked } = customer(() => false, true);
    const results: unknown[] = [];
    const examined = await examine({ target: TARGET, fetch: noFetch, customer: made, areas: [obtain(5, results)] });
    expect(asked).toHaveLength(1);
    expect(results).toEqual(Array(5).fill({ why: "it stopped at a page" }));
    expect(examined.stopped).toBe("it stopped at a page");
  });

  it("a person who pastes addresses is asked twice", async () => {
    const { made, asked } = customer(() => true);
    const results: unknown[] = [];
    const pasting = { ...made, canRepeat: false };
    await examine({ target: TARGET, fetch: noFetch, customer: pasting, areas: [obtain(3, results)] });
    expect(asked).toHaveLength(2);
    expect(results[2]).toEqual({ why: "needs more codes than a person can paste" });
  });

  it("need a client and a customer, and a customer that throws gives a reason", async () => {
    const results: unknown[] = [];
    const { client: _, ...stranger } = TARGET;
    await examine({ target: stranger, fetch: noFetch, areas: [obtain(1, results)] });
    await examine({ target: TARGET, fetch: noFetch, whyNoCustomer: "nobody is there", areas: [obtain(1, results)] });
    const broken: Customer = { canRepeat: true, decide: () => Promise.reject(new Error("no browser")) };
    await examine({ target: TARGET, fetch: noFetch, customer: broken, areas: [obtain(1, results)] });
    expect(results).toEqual([
      { why: "needs a client id and its secret" },
      { why: "nobody is there" },
      { why: "no browser" },
    ]);
  });
});

describe("grants", () => {
  const keeps = area("keeps", ["one"], async ({ keep }) => {
    for (const token of ["rt1", "rt2", "rt1"]) keep(token);
  });

  it("are revoked at the end, each once, with the client's credentials", async () => {
    const bodies: string[] = [];
    const fetch = async (request: Request) => {
      expect(request.url).toBe("https://link.example.com/revoke");
      expect(request.headers.get("authorization")).toBe(`Basic ${btoa("alexa:example-secret")}`);
      bodies.push(await request.text());
      return new Response(null, { status: 200 });
    };
    const metadata = { revocation_endpoint: "https://link.example.com/revoke" };
    const { remaining } = await examine({ target: { ...TARGET, metadata }, fetch, areas: [keeps] });
    expect(bodies.sort()).toEqual(["rt1", "rt2"].map((token) => `token=${token}&token_type_hint=refresh_token`));
    expect(remaining.count).toBe(0);
  });

  it.each([
    ["no endpoint", undefined, 404, "the server names no revocation endpoint"],
    ["a refusal", "https://link.example.com/revoke", 403, "the revocation endpoint responded with 403"],
  ])("remain, and are counted, with %s", async (_, endpoint, status, why) => {
    const metadata = endpoint === undefined ? {} : { revocation_endpoint: endpoint };
    const fetch = async () => new Response(null, { status });
    const { remaining } = await examine({ target: { ...TARGET, metadata }, fetch, areas: [keeps] });
    expect(remaining).toEqual({ count: 2, why });
  });
});
