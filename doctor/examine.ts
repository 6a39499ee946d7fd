// Runs an examination: the areas in order, then the end of the grants that it made.
import { buildAuthorizationRequest } from "../simulator/library/authorization-request.ts";
import { readAuthorizationResponse } from "../simulator/library/authorization-response.ts";
import type { Fetch } from "../simulator/library/token.ts";
import { AREAS } from "./areas.ts";
import { addressesOf, brokenConnection, connection } from "./checks/connection.ts";
import { refusedTokenUrl } from "./checks/reachability.ts";
import type { Area, Customer, Decided, Examination, Obtained, ObtainOptions, Probes, Target } from "./examination.ts";
import { limitedFetch } from "./limited-fetch.ts";
import { dialectsOf } from "./link.ts";
import { revocationEndpointIn } from "./metadata.ts";
import { Report, type Result } from "./report.ts";
import { revocationRequest, tooSlow } from "./token-call.ts";

export interface ExaminationSetup {
  readonly target: Target;
  /** Must not follow redirects of requests that say `redirect: "manual"`. */
  readonly fetch: Fetch;
  readonly customer?: Customer;
  /** Why there is no customer, for the results of the checks that need one. */
  readonly whyNoCustomer?: string;
  readonly probes?: Probes;
  readonly timeoutMs?: number;
  readonly progress?: (text: string) => void;
  /** Ids of the checks whose results are wanted. Default: all. Areas with none of them do not run. */
  readonly only?: readonly string[];
  /** Default: all areas. */
  readonly areas?: readonly Area[];
}

export interface Examined {
  /** One result for each check, in the order of the catalogue. */
  readonly results: readonly Result[];
  /** How many grants the server still has, and why they were not revoked. */
  readonly remaining: { readonly count: number; readonly why: string };
  /** Where the customer stopped, if no authorization request ever came back to Alexa's redirect URI. */
  readonly stopped?: string;
}

/** How many codes a person is asked for who pastes addresses. */
const MOST_PASTED = 2;
const TOO_MANY = "needs more codes than a person can paste";

/** Runs the areas. Never throws because of what the server does. */
export async function examine(setup: ExaminationSetup): Promise<Examined> {
  const only = setup.only && new Set(setup.only);
  const wanted = (id: string) => only?.has(id) ?? true;
  // Where nothing can be sent, no other area has to wait for a time limit to find that out.
  const runs = (area: Area) => area === connection || area.checks.some(({ id }) => wanted(id));
  const areas = (setup.areas ?? AREAS).filter(runs);
  const report = new Report();
  const timeoutMs = setup.timeoutMs ?? 10_000;
  const fetch = limitedFetch(setup.fetch, timeoutMs);
  const codes = new Codes(setup);
  const kept = new Set<string>();
  const examination: Examination = {
    target: setup.target,
    fetch,
    report,
    ...(setup.customer && { customer: setup.customer }),
    probes: {
      ...setup.probes,
      ...(setup.probes?.plainFetch && { plainFetch: limitedFetch(setup.probes.plainFetch, timeoutMs) }),
    },
    timeoutMs,
    progress: setup.progress ?? (() => {}),
    lost: () => codes.lost,
    obtainCode: (options) => codes.obtain(options),
    keep: (token) => void kept.add(token),
  };
  for (const area of areas) await runArea(area, examination);
  const remaining = await revokeAll(examination, [...kept]);
  const results = report.results();
  return {
    results: areas.flatMap((area) =>
      area.checks.filter(({ id }) => wanted(id)).flatMap(({ id }) => results.find((result) => result.id === id) ?? []),
    ),
    remaining,
    ...(codes.stopped !== undefined && { stopped: codes.stopped }),
  };
}

/** Runs one area. If it throws, what it has not reported is skipped; that is a defect of the area. */
async function runArea(area: Area, examination: Examination): Promise<void> {
  examination.progress(area.name);
  const { report, target } = examination;
  const broken =
    brokenConnection(report, addressesOf(target)) ??
    ((area.sendsTokenRequests && refusedTokenUrl(report)) || undefined) ??
    ((area.sendsMany && tooSlow(examination)) || undefined);
  let why = broken ?? "not reached";
  try {
    if (broken === undefined) await area.run(examination);
  } catch (error) {
    why = `internal: ${error instanceof Error ? error.message : String(error)}`;
  }
  report.skipRest(area.checks, why);
}

/** Gets codes from the customer, and remembers if that is impossible. */
class Codes {
  readonly #setup: ExaminationSetup;
  /** The redirect URI that is used where any will do: the first one that the server accepts. */
  #redirectUri: string | undefined;
  #asked = 0;
  #first: Promise<void> | undefined;
  /** Where the customer stopped at the first attempt, after which nothing else is tried. */
  stopped: string | undefined;
  lost = false;

  constructor(setup: ExaminationSetup) {
    this.#setup = setup;
  }

  async obtain(options: ObtainOptions = {}): Promise<Obtained | { readonly why: string }> {
    const { target, customer, whyNoCustomer } = this.#setup;
    if (!target.client) return { why: "needs a client id and its secret" };
    if (!customer) return { why: whyNoCustomer ?? "needs a customer who signs in" };
    if (!customer.canRepeat && this.#asked >= MOST_PASTED) return { why: TOO_MANY };
    this.#asked++;
    try {
      this.#first ??= customer.canRepeat ? this.#signInOnce() : Promise.resolve();
      await this.#first;
      if (this.stopped !== undefined) return { why: this.stopped };
      return await this.#ask(customer, options);
    } catch (error) {
      return { why: String(error instanceof Error ? error.message : error) };
    }
  }

  /**
   * The first authorization request. It settles whether the customer can sign in, so that a wrong password is tried
   * once only, and which redirect URI the server accepts.
   */
  async #signInOnce(): Promise<void> {
    const { target, customer } = this.#setup;
    for (const redirectUri of target.redirectUris) {
      const decided = await customer?.decide(await this.#build({ redirectUri }), "allow");
      if (!decided) return;
      if (decided.arrived) {
        this.#redirectUri = redirectUri;
        this.stopped = undefined;
        this.lost = false;
        return;
      }
      this.stopped ??= decided.why;
      this.lost = decided.undecided === true;
      if (decided.signInTried) return;
    }
  }

  async #ask(customer: Customer, options: ObtainOptions): Promise<Obtained | { readonly why: string }> {
    const request = await this.#build(options);
    const decided: Decided = await customer.decide(request, "allow");
    if (!decided.arrived) return { why: decided.why };
    // A wrong state is a finding of its own. The code is still good for the other checks.
    const { code, error } = readAuthorizationResponse(request, decided.url);
    if (error !== undefined) return { why: `the server redirected with error=${error.slice(0, 60)}` };
    if (code === undefined) {
      const inFragment = /[#&]code=/.test(decided.url.slice(decided.url.indexOf("#")));
      return {
        why: inFragment ? "the code is in the fragment (after #), not in the query" : "the redirect has no code",
      };
    }
    const { redirectUri, codeVerifier } = request;
    const grant = { code, redirectUri, codeVerifier, resource: options.resource };
    return { request, url: decided.url, grant, ...(decided.redirect && { redirect: decided.redirect }) };
  }

  #build(options: ObtainOptions) {
    const { target } = this.#setup;
    const resource = options.resource;
    return buildAuthorizationRequest({
      authorizationUrl: target.authorizationUrl,
      clientId: target.client?.clientId ?? "",
      redirectUri: options.redirectUri ?? this.#redirectUri ?? target.redirectUris[0] ?? "",
      scopes: target.scopes,
      pkce: options.pkce ?? target.pkce,
      ...(resource !== undefined && { resources: [resource] }),
      ...(options.stateLength !== undefined && { stateLength: options.stateLength }),
      ...(options.state !== undefined && { state: options.state }),
    });
  }
}

/** Revokes the grants of these tokens (RFC 7009). Several may belong to one grant. */
async function revokeAll(examination: Examination, tokens: readonly string[]): Promise<Examined["remaining"]> {
  if (tokens.length === 0) return { count: 0, why: "" };
  const endpoint = revocationEndpointIn(examination.target.metadata);
  if ("why" in endpoint) return { count: tokens.length, why: endpoint.why };
  examination.progress("revoking the grants that were made");
  const outcomes = await Promise.all(tokens.map((token) => revoke(examination, endpoint.url, token)));
  const failures = outcomes.filter((why) => why !== undefined);
  return { count: failures.length, why: failures[0] ?? "" };
}

/** Returns why the grant remains, or undefined. Tries the other form of credentials if the first is refused. */
async function revoke({ target, fetch }: Examination, endpoint: string, token: string): Promise<string | undefined> {
  if (!target.client) return "there is no client";
  const forms = dialectsOf({ ...target.client, idBesideBasic: false });
  if (target.client.accessTokenScheme === "REQUEST_BODY_CREDENTIALS") forms.reverse();
  let why: string | undefined;
  for (const client of forms) {
    try {
      const response = await fetch(revocationRequest(endpoint, client, token));
      await response.body?.cancel();
      if (response.status === 200) return undefined;
      why ??= `the revocation endpoint responded with ${response.status}`;
    } catch (error) {
      why ??= `the revocation endpoint did not respond: ${error instanceof Error ? error.message : error}`;
    }
  }
  return why;
}
