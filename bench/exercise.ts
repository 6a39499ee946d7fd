// What every contestant does for a workload: something that is prepared, then sent and timed, then checked.
import { createHash } from "node:crypto";
import { formsOf } from "../test/support/visitor.ts";
import { type Connection, form, ISSUER, type Outgoing, type ReceivedResponse } from "./http.ts";
import { REDIRECT_URI, SCOPES, STATE, VERIFIER } from "./seeds.ts";
import type { Workload } from "./workloads.ts";

/** One measurement. `send` is timed; `check` throws when the response is not what it must be. */
export interface Exercise {
  send(): Promise<ReceivedResponse>;
  check(response: ReceivedResponse): void;
}

/** Makes the n-th exercise of a workload, without delay and outside the time that is measured. */
export type Prepare = (index: number) => Promise<Exercise>;

export interface Contestant {
  /** Registers clients and people, and signs in. Once, before anything else. */
  setUp(): Promise<void>;
  /** What it offers. */
  readonly workloads: Readonly<Partial<Record<Workload, Prepare>>>;
}

/** A response that a contestant must not give. */
export class WrongResponse extends Error {
  override readonly name = "WrongResponse";

  constructor(expected: string, { status, headers, body }: ReceivedResponse) {
    super(`expected ${expected}, got ${status} ${headers.location ?? ""} ${body.slice(0, 300)}`);
  }
}

/** A browser's cookies and its way through redirects and forms. */
export class Browser {
  readonly #connection: Connection;
  /** Of the session: all tabs have them. */
  readonly #shared: Map<string, string>;
  /** Of one flow, whose path no other flow has. */
  readonly #own = new Map<string, string>();

  constructor(connection: Connection, session = new Map<string, string>()) {
    this.#connection = connection;
    this.#shared = session;
  }

  /** Another tab, with the cookies of the session. */
  tab(): Browser {
    return new Browser(this.#connection, this.#shared);
  }

  /** After signing in: the cookies with these names are the session's. */
  shareCookies(names: RegExp): void {
    for (const [name, value] of this.#own) if (names.test(name)) this.#shared.set(name, value);
    this.#own.clear();
  }

  /** Opens a page; follows redirects within the server. */
  open(path: string): Promise<ReceivedResponse> {
    return this.#send(path, {});
  }

  /** Submits the first form of a page; follows redirects within the server. */
  submit(path: string, page: ReceivedResponse, fields: Readonly<Record<string, string>>): Promise<ReceivedResponse> {
    const [first] = formsOf(page.body);
    if (!first) throw new WrongResponse("a page with a form", page);
    return this.#send(first.action || path, form({ ...first.fields, ...fields }));
  }

  /** The path of the page that `open` ended at. */
  path = "";

  async #send(path: string, outgoing: Outgoing): Promise<ReceivedResponse> {
    this.path = path;
    const cookie = [...this.#shared, ...this.#own].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await this.#connection.send(path, {
      ...outgoing,
      headers: { ...outgoing.headers, ...(cookie === "" ? {} : { cookie }) },
    });
    for (const line of response.headers["set-cookie"] ?? []) this.#keep(line);
    const location = String(response.headers.location ?? "");
    if (location.startsWith(`${ISSUER}/`)) return this.#send(location.slice(ISSUER.length), {});
    return location.startsWith("/") ? this.#send(location, {}) : response;
  }

  #keep(line: string): void {
    const [pair = ""] = line.split(";");
    const name = pair.slice(0, pair.indexOf("="));
    const jar = this.#shared.has(name) ? this.#shared : this.#own;
    if (/;\s*max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name);
    else jar.set(name, pair.slice(name.length + 1));
  }
}

/** The parameters of an authorization request, with `more` of its own. */
export function authorizationRequest(clientId: string, more: Readonly<Record<string, string>> = {}): string {
  return new URLSearchParams({
    client_id: clientId,
    response_type: "code",
    scope: SCOPES.join(" "),
    redirect_uri: REDIRECT_URI,
    state: STATE,
    ...more,
  }).toString();
}

/** PKCE parameters of `VERIFIER`. */
export const PKCE = {
  code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
  code_challenge_method: "S256",
};

/** The code of a redirect back to the client, whose state is checked. */
export function codeIn(response: ReceivedResponse, redirectUri = REDIRECT_URI): string {
  const location = String(response.headers.location ?? "");
  const code = location.startsWith(`${redirectUri}?`) ? new URL(location).searchParams.get("code") : null;
  if (code === null || new URL(location).searchParams.get("state") !== STATE) {
    throw new WrongResponse("a redirect with code and state", response);
  }
  return code;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** The tokens of a token response, whose form is checked. */
export function tokensIn(response: ReceivedResponse): Tokens {
  const tokens = response.status === 200 ? (JSON.parse(response.body) as Record<string, unknown>) : {};
  const complete = typeof tokens.access_token === "string" && typeof tokens.refresh_token === "string";
  if (!complete || typeof tokens.expires_in !== "number") throw new WrongResponse("tokens", response);
  return tokens as unknown as Tokens;
}

/** Throws unless a page with a form came. */
export function checkPage(response: ReceivedResponse): void {
  if (response.status !== 200 || formsOf(response.body).length === 0)
    throw new WrongResponse("a page with a form", response);
}

/** Throws unless an introspection response says that the token is active. */
export function checkActive(response: ReceivedResponse): void {
  const { active } = response.status === 200 ? (JSON.parse(response.body) as { active?: unknown }) : {};
  if (active !== true) throw new WrongResponse("an active token", response);
}

/** Throws when the status is another one. */
export function expectStatus(response: ReceivedResponse, status: number): ReceivedResponse {
  if (response.status !== status) throw new WrongResponse(`status ${status}`, response);
  return response;
}

export interface FlowSettings {
  readonly connection: Connection;
  /** A browser whose person is signed in. */
  readonly browser: () => Browser;
  /** Path and query of the authorization request. */
  readonly authorize: () => string;
  /** The token request for a code. */
  readonly exchange: (code: string) => readonly [path: string, request: Outgoing];
  /** The token request for a refresh token. */
  readonly refresh: (token: string) => readonly [path: string, request: Outgoing];
}

/** The token requests of a public client that uses PKCE. */
export function publicTokenRequests(path: string, clientId: () => string): Pick<FlowSettings, "exchange" | "refresh"> {
  const request = (fields: Readonly<Record<string, string>>) =>
    [path, form({ ...fields, client_id: clientId() })] as const;
  return {
    exchange: (code) =>
      request({ grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER }),
    refresh: (token) => request({ grant_type: "refresh_token", refresh_token: token }),
  };
}

/** Refresh tokens that take turns, as many as this. */
const GRANTS = 16;

/** The exercises of the authorization code flow with one client. */
export function codeFlow({ connection, browser, authorize, exchange, refresh }: FlowSettings) {
  const grants: Promise<{ token: string }>[] = [];

  async function consentPage() {
    const visitor = browser().tab();
    const page = await visitor.open(authorize());
    checkPage(page);
    const allow = () => visitor.submit(visitor.path, page, { decision: "allow" });
    return { allow };
  }
  async function code(): Promise<string> {
    return codeIn(await (await consentPage()).allow());
  }
  async function tokens(): Promise<Tokens> {
    return tokensIn(await connection.send(...exchange(await code())));
  }

  return {
    tokens,
    authorize: async (): Promise<Exercise> => {
      const visitor = browser().tab();
      return { send: () => visitor.open(authorize()), check: checkPage };
    },
    consent: async (): Promise<Exercise> => {
      const { allow } = await consentPage();
      return { send: allow, check: (response) => void codeIn(response) };
    },
    exchange: async (): Promise<Exercise> => {
      const request = exchange(await code());
      return { send: () => connection.send(...request), check: (response) => void tokensIn(response) };
    },
    /** Each refresh presents the newest token of its grant. */
    refresh: async (index: number): Promise<Exercise> => {
      grants[index % GRANTS] ??= tokens().then(({ refresh_token }) => ({ token: refresh_token }));
      const grant = await grants[index % GRANTS]!;
      return {
        send: () => connection.send(...refresh(grant.token)),
        check(response) {
          grant.token = tokensIn(response).refresh_token;
        },
      };
    },
  };
}
