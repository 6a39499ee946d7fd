// Runs one area of the doctor without the command.
import type { Area, Examination, Target } from "../../doctor/examination.ts";
import { Report, type Result } from "../../doctor/report.ts";

export const CLIENT = {
  tokenUrl: "https://link.example.com/token",
  clientId: "alexa-acme",
  clientSecret: "obviously-fake-secret",
  accessTokenScheme: "HTTP_BASIC",
} as const;

export const TARGET: Target = {
  issuer: "https://link.example.com",
  authorizationUrl: "https://link.example.com/authorize",
  tokenUrl: CLIENT.tokenUrl,
  metadata: { issuer: "https://link.example.com", jwks_uri: "https://link.example.com/jwks.json" },
  client: CLIENT,
  redirectUris: ["https://pitangui.amazon.com/api/skill/link/M0EXAMPLE00001"],
  scopes: ["profile"],
  pkce: true,
};

/** An examination in which nothing responds and no customer is there, except for `given`. */
export function examinationOf(given: Partial<Examination> = {}): Examination {
  return {
    target: TARGET,
    fetch: () => Promise.reject(new Error("nothing responds")),
    report: new Report(),
    probes: {},
    timeoutMs: 2000,
    progress: () => {},
    obtainCode: async () => ({ why: "no customer" }),
    lost: () => false,
    keep: () => {},
    ...given,
  };
}

/** Runs the area, and returns its results by check. Each of its checks must have one, and nothing else. */
export async function examine(area: Area, examination: Examination): Promise<Map<string, Result>> {
  await area.run(examination);
  const results = new Map(examination.report.results().map((result) => [result.id, result]));
  const missing = area.checks.filter(({ id }) => !results.has(id)).map(({ id }) => id);
  const unknown = [...results.keys()].filter((id) => !area.checks.some((check) => check.id === id));
  if (missing.length + unknown.length > 0) throw new Error(`without a result: ${missing}; not listed: ${unknown}`);
  return results;
}

/** The checks with this outcome. */
export function withOutcome(results: ReadonlyMap<string, Result>, ...outcomes: Result["outcome"][]): string[] {
  return [...results.values()].filter(({ outcome }) => outcomes.includes(outcome)).map(({ id }) => id);
}

/** The checks that found something. */
export function findings(results: ReadonlyMap<string, Result>): string[] {
  return withOutcome(results, "warn", "fail");
}
