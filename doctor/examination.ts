// One examination of a server: what is known about it, and what the checks may do.
import type { AuthorizationRequest } from "../simulator/library/authorization-request.ts";
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
  /** The domain list of the skill, as far as it is known: hosts that its pages may load from. */
  readonly domains?: readonly string[];
}

/** What came of an authorization request that a customer decided. */
export type Decided =
  /** The URL to which the server redirected: the redirect URI of the request with parameters. */
  | { readonly arrived: true; readonly url: string }
  /** Where the customer stopped instead, in plain words. */
  | {
      readonly arrived: false;
      readonly why: string;
      /** Whether a password was given before. */
      readonly signInTried?: boolean;
    };

/** The customer: a program that fills in forms, a person in a browser window, or a person who pastes an address. */
export interface Customer {
  /** Whether it can decide as often as the checks want. A person who pastes addresses cannot. */
  readonly tireless: boolean;
  decide(request: AuthorizationRequest, decision: "allow" | "deny"): Promise<Decided>;
}

/** One code, and the request that it came from. */
export interface Obtained {
  readonly request: AuthorizationRequest;
  readonly url: string;
  readonly grant: CodeGrant;
}

export interface ObtainOptions {
  readonly redirectUri?: string;
  readonly stateLength?: number;
  /** Default: as the target says. */
  readonly pkce?: boolean;
  readonly resource?: string;
}

/** What Node can do and a Worker cannot. Absent in the simulator. */
export interface Probes {
  /** Looks at name, port, TLS versions and certificate chain of an https origin. */
  readonly connection?: (origin: string) => Promise<ConnectionFacts>;
}

export interface ConnectionFacts {
  readonly addresses: readonly string[];
  readonly protocol?: string;
  /** From the server's certificate to the root, by subject and issuer. */
  readonly chain: readonly { readonly subject: string; readonly issuer: string; readonly validTo: string }[];
  /** Why the chain is not trusted; undefined if it is. */
  readonly untrusted?: string;
  /** Why there was no connection at all. */
  readonly unreachable?: string;
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
  /** Remembers a refresh token, so that its grant is revoked at the end. */
  keep(refreshToken: string): void;
}

/** A part of the examination. Areas run one after another; each notes a result for each of its checks. */
export interface Area {
  readonly name: string;
  readonly checks: readonly Check[];
  run(examination: Examination): Promise<void>;
}
