// Client of Amazon's Skill Management API (SMAPI): a skill's metrics and account linking configuration.
import { utf8Decode } from "../crypto/encoding.ts";
import { fetchOut, OutboundError } from "../http/outbound.ts";
import { parseJson } from "../http/read.ts";
import type { Runtime } from "../runtime.ts";
import type { MetricQuery, Series } from "./metric-series.ts";

const LIMITS = { timeoutMs: 8000, maxBytes: 512 * 1024 };
const MOST_QUERIES = 5;

export type SmapiFailureKind =
  /** 401: the access token is refused. */
  | "denied"
  | "forbidden"
  /** 404: no such skill or stage, or not of this developer. */
  | "unknown"
  | "busy"
  /** 412: it is no longer what was read. */
  | "changed"
  | "throttled"
  | "refused"
  /** No response, or an error of Amazon's. */
  | "unavailable"
  /** A successful response of a form that we do not know. */
  | "not_understood";

export interface SmapiFailure {
  readonly failure: SmapiFailureKind;
  /** What Amazon says about it, as text; "" if nothing. */
  readonly message: string;
}

/** The access token, and the server's settings. */
export type Developer = Pick<Runtime, "config"> & { readonly accessToken: string };

type Json = Readonly<Record<string, unknown>>;

/** An account linking configuration, and the `ETag` with which it may be replaced. */
export interface StoredLinking {
  readonly content: Json;
  readonly etag: string | undefined;
}

/** The account linking configuration of the development stage; null: Amazon has none. It never has the secret. */
export async function readLinking(by: Developer, skillId: string): Promise<StoredLinking | null | SmapiFailure> {
  const reply = await call(by, "GET", linkingPath(skillId));
  if ("failure" in reply) return reply.failure === "unknown" ? null : reply;
  const { accountLinkingResponse } = objectOf(reply.json);
  if (!isObject(accountLinkingResponse)) return { failure: "not_understood", message: "" };
  return { content: accountLinkingResponse, etag: reply.etag };
}

/** Replaces it, if it is still the one with this `ETag`. */
export async function writeLinking(
  by: Developer,
  skillId: string,
  accountLinkingRequest: Json,
  etag: string | undefined,
): Promise<"written" | SmapiFailure> {
  const headers: Record<string, string> = etag === undefined ? {} : { "if-match": etag };
  const reply = await call(by, "PUT", linkingPath(skillId), { accountLinkingRequest }, headers);
  if (!("failure" in reply)) return "written";
  const secret = String(accountLinkingRequest.clientSecret);
  return { ...reply, message: reply.message.replaceAll(secret, "(hidden)") };
}

/** The series of each query by its id, of `[from, to)` in milliseconds. Five queries are one request. */
export async function readMetrics(
  by: Developer,
  skill: { readonly id: string; readonly stage: string },
  range: { readonly from: number; readonly to: number },
  queries: readonly MetricQuery[],
): Promise<ReadonlyMap<string, readonly Series[]> | SmapiFailure> {
  const chunks = Array.from({ length: Math.ceil(queries.length / MOST_QUERIES) }, (_, index) =>
    queries.slice(index * MOST_QUERIES, (index + 1) * MOST_QUERIES),
  );
  const replies = await Promise.all(
    chunks.map((chunk) =>
      call(by, "POST", `/v2/skills/${encodeURIComponent(skill.id)}/metrics`, {
        startTime: range.from,
        endTime: range.to,
        metricQueries: chunk.map((query) => ({
          ...query,
          label: query.name,
          stat: "count",
          dimensions: [{ name: "Alexa.Stage", value: skill.stage }],
        })),
      }),
    ),
  );
  const all = new Map<string, readonly Series[]>();
  for (const reply of replies) {
    if ("failure" in reply) return reply;
    const found = seriesById(reply.json);
    if (!found) return { failure: "not_understood", message: "" };
    for (const [id, series] of found) all.set(id, series);
  }
  return all;
}

/**
 * Amazon's documents do not show this response. Read are the members that public code reads, and none is required:
 * `{"results": [{"id", "data": [{"timestamps", "values", "groupedBy": {"groupedByValue"}}]}]}`.
 */
function seriesById(json: unknown): Map<string, Series[]> | undefined {
  const { results } = objectOf(json);
  if (!Array.isArray(results)) return undefined;
  const found = new Map<string, Series[]>();
  for (const result of results) {
    const { id, data } = objectOf(result);
    if (typeof id === "string" && Array.isArray(data)) found.set(id, data.flatMap(seriesOf));
  }
  return results.length > 0 && found.size === 0 ? undefined : found;
}

function seriesOf(data: unknown): Series[] {
  const { timestamps, values, groupedBy } = objectOf(data);
  if (!Array.isArray(values)) return [];
  const times: readonly unknown[] = Array.isArray(timestamps) ? timestamps : [];
  const { groupedByValue } = objectOf(Array.isArray(groupedBy) ? groupedBy[0] : groupedBy);
  const points = values.flatMap((value, index) =>
    typeof value === "number" && value >= 0 && Number.isFinite(value) ? [{ at: timeOf(times[index]), value }] : [],
  );
  return [{ group: typeof groupedByValue === "string" ? groupedByValue : null, points }];
}

function timeOf(value: unknown): number | null {
  if (typeof value !== "number" && typeof value !== "string") return null;
  const at = new Date(value).getTime();
  return Number.isNaN(at) ? null : at;
}

function linkingPath(skillId: string): string {
  return `/v1/skills/${encodeURIComponent(skillId)}/stages/development/accountLinkingClient`;
}

interface Reply {
  readonly json: unknown;
  readonly etag: string | undefined;
}

/** One request. It is not repeated: an operator waits for it, and may ask again. */
async function call(
  { config, accessToken }: Developer,
  method: "GET" | "PUT" | "POST",
  path: string,
  body?: Json,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply | SmapiFailure> {
  try {
    const response = await fetchOut(
      `${config.amazon.apiUrl}${path}`,
      {
        method,
        headers: {
          authorization: `Bearer ${accessToken}`,
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      LIMITS,
    );
    const json = parseJson(utf8Decode(new Uint8Array(await response.arrayBuffer())));
    if (response.ok) return { json, etag: response.headers.get("etag") ?? undefined };
    return { failure: failureOf(response.status), message: messageOf(json).replaceAll(accessToken, "(hidden)") };
  } catch (error) {
    if (error instanceof OutboundError) return { failure: "unavailable", message: error.reason.replaceAll("_", " ") };
    throw error;
  }
}

function failureOf(status: number): SmapiFailureKind {
  const known: Readonly<Record<number, SmapiFailureKind>> = {
    401: "denied",
    403: "forbidden",
    404: "unknown",
    409: "busy",
    412: "changed",
    429: "throttled",
  };
  return known[status] ?? (status >= 500 ? "unavailable" : "refused");
}

const LONGEST_MESSAGE = 500;

/** Amazon's `message` and those of its `violations`, without control characters. */
function messageOf(json: unknown): string {
  const { message, violations } = objectOf(json);
  const details = Array.isArray(violations) ? violations.map((one) => objectOf(one).message) : [];
  const texts = [message, ...details].filter((one) => typeof one === "string" && one !== "");
  return texts
    .join(". ")
    .replaceAll(/\p{Cc}/gu, " ")
    .slice(0, LONGEST_MESSAGE);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}
