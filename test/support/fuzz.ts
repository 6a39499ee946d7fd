// Malformed requests: valid ones with one part broken, hostile values on known paths, and random ones on unknown paths.
import { BROKEN_ENCODINGS, CONTENT_TYPES, HEADER_NAMES, HOSTILE, METHODS, PARAMETERS } from "./fuzz-values.ts";
import type { Random } from "./random.ts";

export type Pair = readonly [name: string, value: string];

/**
 * A request before it is put on the wire. Names and values of query and form are percent-encoded already, or
 * deliberately not.
 */
export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly query: readonly Pair[];
  readonly headers: readonly Pair[];
  readonly form?: readonly Pair[];
  readonly json?: unknown;
  readonly raw?: Uint8Array<ArrayBuffer> | string;
}

export interface Material {
  /** Requests that succeed unchanged. */
  readonly valid: readonly FuzzRequest[];
  /** The OAuth requests among them. Half of all malformed requests derive from these. */
  readonly protocol: readonly FuzzRequest[];
  /** Paths of the route table, with `:name` and `*` as Hono writes them. */
  readonly paths: readonly string[];
  /** Tokens, codes, sealed forms and ids that are valid for one endpoint, sent to every endpoint. */
  readonly secrets: readonly string[];
}

/** Percent-encodes text; lone surrogates are left to the URL parser. */
export function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

function hostileValue(random: Random, material: Material): string {
  if (random.oneIn(5)) return random.pick(material.secrets);
  if (random.oneIn(6)) return damaged(random, random.pick(material.secrets));
  if (random.oneIn(40)) return random.pick(["a", "%", "é", "\u0000"]).repeat(random.pick([256, 4096, 8193, 20_000]));
  if (random.oneIn(20)) return String.fromCharCode(...random.bytes(1 + random.below(40)));
  if (random.oneIn(60)) return "\ud800";
  return random.pick(HOSTILE);
}

/** Decodes base64, changes the content, and encodes it again. Other text stays. */
function damagedInside(random: Random, encodedText: string): string {
  try {
    const inside = atob(encodedText.replaceAll("-", "+").replaceAll("_", "/"));
    const wrong = random.oneIn(3)
      ? damaged(random, inside)
      : inside.replace(random.pick([":", '"', "e", ","]), random.pick(random.oneIn(2) ? BROKEN_ENCODINGS : HOSTILE));
    return btoa(String.fromCharCode(...new TextEncoder().encode(wrong)));
  } catch {
    return encodedText;
  }
}

/** A JWT with a changed header or claim. */
function damagedJwt(random: Random, token: string): string {
  const parts = token.split(".");
  const at = random.below(2);
  parts[at] = damagedInside(random, parts[at] ?? "")
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  return parts.join(".");
}

/** A valid value with one change: shortened, extended, altered or doubled. */
function damaged(random: Random, value: string): string {
  if (/^eyJ[^.]*\.[^.]*\.[^.]*$/.test(value) && random.oneIn(2)) return damagedJwt(random, value);
  const at = random.below(value.length + 1);
  switch (random.below(6)) {
    case 0:
      return value.slice(0, at);
    case 1:
      return value.slice(at);
    case 2:
      return value.slice(0, at) + random.pick(["A", "_", ".", "=", " ", "\u0000", "é", "%"]) + value.slice(at + 1);
    case 3:
      return value + value;
    case 4:
      return value.toUpperCase();
    default:
      return value.slice(0, at) + random.pick(HOSTILE) + value.slice(at);
  }
}

function hostilePairs(random: Random, material: Material, most: number): Pair[] {
  return Array.from(
    { length: random.below(most + 1) },
    (): Pair => [
      random.oneIn(12) ? urlText(random, random.pick(HOSTILE)) : random.pick(PARAMETERS),
      urlText(random, hostileValue(random, material)),
    ],
  );
}

/** A value as in a query or form: mostly encoded correctly. */
function urlText(random: Random, value: string): string {
  if (random.oneIn(8)) return `${encoded(value)}${random.pick(BROKEN_ENCODINGS)}`;
  return random.oneIn(6) ? value : encoded(value);
}

function withPairBroken(random: Random, material: Material, pairs: readonly Pair[]): Pair[] {
  const list = [...pairs];
  const at = random.below(list.length + 1);
  const pair = list[at];
  if (!pair) return [...list, ...hostilePairs(random, material, 3)];
  const [name, value] = pair;
  switch (random.below(7)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.push(pair);
      break;
    case 2:
      list.push([name, urlText(random, hostileValue(random, material))]);
      break;
    case 3:
      list[at] = [name, urlText(random, hostileValue(random, material))];
      break;
    case 4:
      list[at] = [name, damaged(random, value)];
      break;
    case 5:
      list[at] = [damaged(random, name), value];
      break;
    default:
      list[at] = [name, value + random.pick(BROKEN_ENCODINGS)];
  }
  return list;
}

/** Any JSON, a few levels deep. */
function anyJson(random: Random, material: Material, depth = 0): unknown {
  switch (random.below(depth > 3 ? 5 : 8)) {
    case 0:
      return random.pick([null, true, false, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER]);
    case 1:
    case 2:
    case 3:
    case 4:
      return hostileValue(random, material);
    case 5:
      return Array.from({ length: random.below(4) }, () => anyJson(random, material, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [
          random.pick(random.oneIn(3) ? HOSTILE : PARAMETERS),
          anyJson(random, material, depth + 1),
        ]),
      );
  }
}

function withLeafBroken(random: Random, material: Material, value: unknown): unknown {
  if (random.oneIn(6)) return anyJson(random, material);
  if (Array.isArray(value) && value.length > 0) {
    const at = random.below(value.length);
    if (random.oneIn(4)) return Array.from({ length: random.pick([0, 1, 31, 300]) }, () => value[at]);
    return value.map((entry, index) => (index === at ? withLeafBroken(random, material, entry) : entry));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    const entry = entries[random.below(entries.length + 1)];
    if (!entry) return { ...value, [random.pick(PARAMETERS)]: anyJson(random, material) };
    if (random.oneIn(4)) return Object.fromEntries(entries.filter(([name]) => name !== entry[0]));
    return { ...value, [entry[0]]: withLeafBroken(random, material, entry[1]) };
  }
  return typeof value === "string" && random.oneIn(2) ? damaged(random, value) : anyJson(random, material);
}

function rawBody(random: Random, request: FuzzRequest): Uint8Array<ArrayBuffer> | string {
  const text = bodyText(request);
  switch (random.below(6)) {
    case 0:
      return random.bytes(random.below(300));
    case 1:
      return text.slice(0, random.below(text.length + 1));
    case 2:
      return `\ufeff${text}`;
    case 3:
      return random.pick(["[", "{", '{"a":'].map((open) => open.repeat(random.pick([10, 2000, 20_000]))));
    case 4:
      return random
        .pick(["a=", "&", "%", "a=b&"])
        .repeat(random.pick([100, 9000, random.oneIn(20) ? 400_000 : 20_000]));
    default:
      return text + text;
  }
}

function headerValue(random: Random, material: Material, name: string): string {
  const value = hostileValue(random, material);
  switch (name) {
    case "content-type":
      return random.pick(CONTENT_TYPES);
    case "authorization":
      return `${random.pick(["Bearer", "bearer", "Basic", "BASIC", "DPoP", "Digest", ""])} ${value}`;
    case "cookie":
      return `${random.pick(["__Host-session", "__Host-browser", "__Host-admin", "", "x"])}=${value}`;
    default:
      return value;
  }
}

function damagedHeader(random: Random, name: string, value: string): string {
  if (name === "content-type") return random.pick(CONTENT_TYPES);
  const [scheme = "", credentials = ""] = value.split(" ");
  if (name !== "authorization" || random.oneIn(6)) return damaged(random, value);
  return `${scheme} ${scheme === "Basic" ? damagedInside(random, credentials) : damaged(random, credentials)}`;
}

function withHeaderBroken(random: Random, material: Material, headers: readonly Pair[]): Pair[] {
  const list = [...headers];
  const at = random.below(list.length + 1);
  const header = list[at];
  if (!header || random.oneIn(6)) {
    const name = random.pick(HEADER_NAMES);
    return [...list, [name, headerValue(random, material, name)]];
  }
  const [name, value] = header;
  const how = random.below(6);
  if (how === 0) list.splice(at, 1);
  else if (how === 1) list.push(header);
  else list[at] = [name, damagedHeader(random, name, value)];
  return list;
}

function withPathBroken(random: Random, material: Material, path: string): string {
  switch (random.below(7)) {
    case 0:
      return `${path}/`;
    case 1:
      return `/${path}`;
    case 2:
      return path.toUpperCase();
    case 3:
      return `${path}${random.pick(BROKEN_ENCODINGS)}`;
    case 4:
      return `${path}/${urlText(random, hostileValue(random, material))}`;
    case 5:
      return damaged(random, path);
    default:
      return knownPath(random, material);
  }
}

/** A path of the route table with its parameters replaced. */
function knownPath(random: Random, material: Material): string {
  return random
    .pick(material.paths)
    .replaceAll(/:[A-Za-z]+(\{[^}]*\})?|\*/g, () => urlText(random, hostileValue(random, material)));
}

function broken(random: Random, material: Material, request: FuzzRequest): FuzzRequest {
  const dice = random.below(24);
  if (dice < 1) return { ...request, path: withPathBroken(random, material, request.path) };
  if (dice < 2) return { ...request, method: random.pick(METHODS) };
  if (dice < 4) return { ...request, raw: rawBody(random, request) };
  if (dice < 6) return { ...request, query: withPairBroken(random, material, request.query) };
  if (dice < 13) return { ...request, headers: withHeaderBroken(random, material, request.headers) };
  if (request.form) return { ...request, form: withPairBroken(random, material, request.form) };
  if (request.json !== undefined) return { ...request, json: withLeafBroken(random, material, request.json) };
  return { ...request, query: withPairBroken(random, material, request.query) };
}

/** The next request. One in twenty is valid, so that stored state keeps changing. */
export function makeRequest(random: Random, material: Material): FuzzRequest {
  const dice = random.below(20);
  if (dice < 15) {
    let request = random.pick(random.oneIn(2) ? material.valid : material.protocol);
    for (let left = dice === 0 ? 0 : 1 + random.below(3); left > 0; left--) request = broken(random, material, request);
    return request;
  }
  const path = dice < 19 ? knownPath(random, material) : `/${urlText(random, hostileValue(random, material))}`;
  const method = random.pick(METHODS);
  const headers = [1, 2, 3].flatMap(() => withHeaderBroken(random, material, [])).slice(0, random.below(4));
  const query = random.oneIn(2) ? [] : hostilePairs(random, material, 5);
  const request: FuzzRequest = { method, path, query, headers };
  if (random.oneIn(3)) return request;
  if (random.oneIn(2)) return { ...request, form: hostilePairs(random, material, 6) };
  return random.oneIn(3)
    ? { ...request, raw: rawBody(random, request) }
    : { ...request, json: anyJson(random, material) };
}

function joined(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join("&");
}

function bodyText(request: FuzzRequest): string {
  if (request.form) return joined(request.form);
  return request.json === undefined ? "" : JSON.stringify(request.json);
}

/**
 * The request for the app, or undefined when no HTTP library would let it out (a control character or a non-ASCII one
 * in a header, …).
 */
export function toWire(request: FuzzRequest, origin: string): Request | undefined {
  const body = request.raw ?? (request.form || request.json !== undefined ? bodyText(request) : undefined);
  const carries = request.method !== "GET" && request.method !== "HEAD" && body !== undefined;
  try {
    const headers = new Headers();
    for (const [name, value] of request.headers) {
      if (/[^\x20-\x7e]/.test(value)) return undefined;
      headers.append(name, value);
    }
    if (carries && !headers.has("content-type")) {
      if (request.form) headers.set("content-type", "application/x-www-form-urlencoded");
      else if (request.json !== undefined) headers.set("content-type", "application/json");
    }
    const query = request.query.length === 0 ? "" : `?${joined(request.query)}`;
    return new Request(`${origin}${request.path}${query}`, {
      method: request.method,
      headers,
      redirect: "manual",
      ...(carries ? { body } : {}),
    });
  } catch {
    return undefined;
  }
}

/** The request as text, for failure messages. Bodies are cut at 4,000 characters. */
export function describeRequest(request: FuzzRequest): string {
  const raw = request.raw instanceof Uint8Array ? `bytes ${[...request.raw].join(" ")}` : request.raw;
  const body = (raw ?? bodyText(request)).slice(0, 4000);
  return JSON.stringify({ ...request, raw: undefined, form: undefined, json: undefined, body }, null, 1);
}
