// One examination of a server: what is known about it, and what the checks may do.
import type { AuthorizationRequest } from "../simulator/library/authorization-request.ts";
import type { RedirectMade } from "../simulator/library/browser.ts";
import type { CodeGrant, Fetch, TokenClient } from "../simulator/library/token.ts";
import type { Check, Report } from "./report.ts";

/** The server under examination, as the operator described it and as its metadata completes it. */
export interface Target {
  /** The origin, or undefined if only the two endpoints are known. */
  readonly issuer?: string;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  /** The parsed metadata document, if there is one. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Where the metadata was found: an address of RFC 8414, or else that of OpenID Connect. */
  readonly metadataUrl?: string;
  /** Without one, checks that need a registered client are skipped. */
  readonly client?: TokenClient;
  /** Alexa's redirect URIs; the first is used where any will do. */
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
  /** Whether authorization requests carry a PKCE challenge. */
  readonly pkce: boolean;
  /** The MCP server of an add-on. */
  readonly resource?: string;
  /** Whether `client.accessTokenScheme` is known to be that of the skill, and not a guess. */
  readonly schemeKnown?: boolean;
  /** How long Alexa waits for a token response, in milliseconds. Default: 4,500. */
  readonly tokenLimitMs?: number;
  /** The domain list of the skill, as far as it is known: hosts that its pages may load from. */
  readonly domains?: readonly string[];
}

/** What came of an authorization request that a customer decided. */
export type Decided =
  /** The URL to which the server redirected: the redirect URI of the request with parameters. */
  | { readonly arrived: true; readonly url: string; readonly redirect?: RedirectMade }
  /** Where the customer stopped instead, in plain words. */
  | {
      readonly arrived: false;
      readonly why: string;
      /** Whether a password was given before. */
      readonly signInTried?: boolean;
      /** True if no way to decide was found, so that the server is not to blame for what followed. */
      readonly undecided?: boolean;
    };

/** The customer: a program that fills in forms, a person in a browser window, or a person who pastes an address. */
export interface Customer {
  /** Whether it can decide as often as the checks want. A person who pastes addresses cannot. */
  readonly canRepeat: boolean;
  decide(request: AuthorizationRequest, decision: "allow" | "deny"): Promise<Decided>;
  /** The pages that it saw, each once. */
  pages?(): readonly SeenPage[];
  /** The hosts that received the customer's password. */
  passwordHosts?(): readonly string[];
  /** What a real browser noticed. */
  observations?(): readonly Observation[];
}

/** A page that the customer saw. */
export interface SeenPage {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where the server redirected to after a form of this page was sent. */
  readonly ledTo?: readonly string[];
  /** From here the server redirected to Alexa. */
  readonly last?: boolean;
}

/** Something that happened in a real browser, in plain words; `url` is the page's, without its query. */
export interface Observation {
  readonly kind: "popup" | "dialog" | "foreign_host" | "script_error" | "overflow" | "download" | "blocked";
  readonly url: string;
  readonly what: string;
}

/** One code, and the request that it came from. */
export interface Obtained {
  readonly request: AuthorizationRequest;
  readonly url: string;
  readonly grant: CodeGrant;
  readonly redirect?: RedirectMade;
}

export interface ObtainOptions {
  readonly redirectUri?: string;
  readonly stateLength?: number;
  /** The value of `state`, instead of one like Alexa's. */
  readonly state?: string;
  /** Default: as the target says. */
  readonly pkce?: boolean;
  readonly resource?: string;
}

/** What Node can do and a Worker cannot. Absent in the simulator. */
export interface Probes {
  /** Looks at name, port, TLS versions and certificate chain of an https origin. Never throws. */
  readonly connection?: (origin: string) => Promise<ConnectionFacts>;
  /** Sends a request with exactly its own headers, as a Java client does; `fetch` adds those of browsers. */
  readonly plainFetch?: Fetch;
  /** Reads the admin API of the target. */
  readonly administration?: Administration;
}

/** A certificate of a chain. Times are milliseconds since 1970. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly validFrom: number;
  readonly validTo: number;
}

/** What is wrong with a chain beside dates and names, which the checks judge themselves. */
export type ChainFault = "self_signed" | "incomplete" | "untrusted";

export interface ConnectionFacts {
  /** When the probe looked, in milliseconds since 1970. */
  readonly at: number;
  /** Empty if the name does not resolve. */
  readonly addresses: readonly string[];
  /** Why no TCP connection or no TLS handshake was possible; undefined if both were. */
  readonly unreachable?: string;
  /** The TLS versions that the server accepts, of `TLSv1` to `TLSv1.3`. */
  readonly versions: readonly string[];
  /** From the server's certificate towards the root. */
  readonly chain: readonly CertificateFacts[];
  readonly fault?: { readonly kind: ChainFault; readonly reason: string };
  /** Why the certificate is not for this host; undefined if it is. */
  readonly wrongName?: string;
  /** What the same host returns at port 80: nothing, or a status with the address of a redirect. */
  readonly insecure?: { readonly status: number; readonly location?: string };
}

/** The admin API of the server under examination. */
export interface Administration {
  /** `GET` of a path such as `/api/admin/skills`, with the admin token. `json` is undefined if the body is none. */
  get(path: string): Promise<{ readonly status: number; readonly json?: Record<string, unknown> }>;
  /** How Amazon's stored configuration of a skill differs from ours; absent without a developer's token. */
  readonly driftOf?: (skillId: string) => Promise<readonly string[]>;
}

export interface Examination {
  readonly target: Target;
  readonly fetch: Fetch;
  readonly report: Report;
  readonly customer?: Customer;
  readonly probes: Probes;
  /** Milliseconds that one request may take before it is given up. */
  readonly timeoutMs: number;
  /** Says what is being done, for a person who waits. */
  readonly progress: (text: string) => void;
  /** A new code, or why there is none. Never throws. */
  obtainCode(options?: ObtainOptions): Promise<Obtained | { readonly why: string }>;
  /** Whether no code came because the customer did not find the way, so that the server is not to blame. */
  lost(): boolean;
  /** Remembers a token, so that its grant is revoked at the end. */
  keep(token: string): void;
}

/** A part of the examination. Areas run one after another; each notes a result for each of its checks. */
export interface Area {
  readonly name: string;
  readonly checks: readonly Check[];
  /** Sends token requests, so it does not run if the token URL refuses Alexa's client altogether. */
  readonly sendsTokenRequests?: true;
  /** It sends so many that it does not run if each of them is late. */
  readonly sendsMany?: true;
  run(examination: Examination): Promise<void>;
}
