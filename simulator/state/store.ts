// Everything this Amazon remembers, in the memory of one isolate.
import type { AuthorizationRequest } from "../library/authorization-request.ts";
import type { Check } from "../library/checks.ts";
import { randomText } from "../library/encoding.ts";
import { type AmazonAccount, BUILT_IN_ACCOUNTS, type Skill, type SkillStage, skillKey } from "./configuration.ts";
import type { Exchange } from "./exchange.ts";
import type { Faults } from "./faults.ts";

/** How a linking started: in the Alexa app with a web page, in the Alexa app with the company's app, or at the company. */
export type Flow = "alexa_app" | "alexa_app_to_app" | "company";

/** One attempt to link, from the first tap to the outcome. */
export interface Attempt {
  readonly linkId: string;
  readonly flow: Flow;
  readonly skillId: string;
  readonly stage: SkillStage;
  accountId: string;
  /** Speaker who links for their own voice; undefined when the account links. */
  readonly person?: string | undefined;
  readonly startedAt: number;
  request?: AuthorizationRequest;
  /** `state` of the company's request to Amazon, when it started there. */
  amazonState?: string;
  /** An answer arrived at the redirect URI. */
  redirected?: boolean;
  outcome: "running" | "linked" | "failed" | "cancelled";
  /** Why it failed, for people. */
  reason?: string;
  checks: Check[];
}

/** A skill that an Amazon account has enabled and linked. */
export interface Link {
  readonly linkId: string;
  readonly flow: Flow;
  readonly skillId: string;
  readonly stage: SkillStage;
  readonly accountId: string;
  /** Speaker whose own link this is; undefined for the account's, which all speakers share. */
  readonly person?: string | undefined;
  /** Alexa's id of the customer for this skill, new at every enablement; the account's and its speakers' links have the same. */
  readonly userId: string;
  accessToken: string;
  refreshToken: string;
  oldRefreshTokens: string[];
  expiresAt: number;
  readonly linkedAt: number;
  refreshes: number;
  /** False after the company refused a refresh for good. */
  alive: boolean;
}

/** What one customer allowed one client of Login with Amazon. */
export interface AmazonGrant {
  readonly id: string;
  readonly clientId: string;
  readonly accountId: string;
  readonly scope: string;
  readonly linkId: string | null;
  revoked: boolean;
}

export interface AmazonCode {
  readonly grant: AmazonGrant;
  /** `grant` codes come with AcceptGrant, `reciprocal` ones with the reciprocal call; both without a redirect URI. */
  readonly kind: "authorization" | "grant" | "reciprocal";
  readonly clientIds: readonly string[];
  readonly redirectUri: string | undefined;
  readonly challenge: { readonly value: string; readonly method: "S256" | "plain" } | undefined;
  readonly expiresAt: number;
  used: boolean;
}

export interface AmazonToken {
  readonly grant: AmazonGrant;
  readonly expiresAt: number;
}

export interface Device {
  accessToken?: string;
  refreshToken?: string;
  signIn?: { readonly state: string; readonly codeVerifier: string; readonly then: string };
  /** What the app shows next: the outcome of the last step. */
  message?: { readonly kind: "ok" | "bad" | "warn"; readonly title: string; readonly detail: string };
  /** The linking that the app started last. */
  linkId?: string;
}

export const CHAIN_VARIANTS = ["good", "expired", "wrong_host", "other_root", "missing_intermediate"] as const;
export type ChainVariant = (typeof CHAIN_VARIANTS)[number];

export interface Certificates {
  readonly rootPem: string;
  /** PEM files as served under `/echo.api/`, leaf first. */
  readonly chains: Readonly<Record<ChainVariant, string>>;
  readonly signingKey: CryptoKey;
}

export interface Store {
  readonly skills: Map<string, Skill>;
  readonly accounts: Map<string, AmazonAccount>;
  /** Who is signed in at Amazon in browsers that did not choose. */
  currentAccountId: string;
  readonly attempts: Map<string, Attempt>;
  readonly links: Map<string, Link>;
  readonly codes: Map<string, AmazonCode>;
  readonly accessTokens: Map<string, AmazonToken>;
  readonly refreshTokens: Map<string, AmazonGrant>;
  exchanges: Exchange[];
  nextExchange: number;
  faults: Faults;
  clockOffsetMs: number;
  /** Whether the company's app is on the customer's phone. */
  appInstalled: boolean;
  /** What the company's app remembers on each phone, by the browser's cookie. */
  readonly devices: Map<string, Device>;
  certificates?: Certificates;
}

export function createStore(): Store {
  return {
    skills: new Map(),
    accounts: new Map(BUILT_IN_ACCOUNTS.map((account) => [account.id, account])),
    currentAccountId: "nora",
    attempts: new Map(),
    links: new Map(),
    codes: new Map(),
    accessTokens: new Map(),
    refreshTokens: new Map(),
    exchanges: [],
    nextExchange: 1,
    faults: {},
    clockOffsetMs: 0,
    appInstalled: false,
    devices: new Map(),
  };
}

/** Forgets every linking, link, token, exchange and fault; skills and accounts stay. */
export function resetStore(store: Store): void {
  const { attempts, links, codes, accessTokens, refreshTokens, devices } = store;
  for (const map of [attempts, links, codes, accessTokens, refreshTokens, devices]) map.clear();
  store.exchanges = [];
  store.faults = {};
  store.clockOffsetMs = 0;
  store.currentAccountId = "nora";
  store.appInstalled = false;
}

/** The simulator's own time in milliseconds since 1970; `POST /simulator/clock` moves it. */
export function now(store: Store): number {
  return Date.now() + store.clockOffsetMs;
}

export function findSkill(store: Store, skillId: string, stage: string): Skill | undefined {
  return store.skills.get(skillKey(skillId, stage));
}

/** The skill that pages show when none is named: the one registered first. */
export function firstSkill(store: Store): Skill | undefined {
  return store.skills.values().next().value;
}

/** Key of the account's link, or of one speaker's. */
export function linkKey(accountId: string, skillId: string, stage: string, person?: string): string {
  return `${accountId}/${skillKey(skillId, stage)}${person === undefined ? "" : `/${person}`}`;
}

/** All links of one enablement: the account's and its speakers'. */
export function linksOf(store: Store, of: Pick<Link, "accountId" | "skillId" | "stage">): Link[] {
  return [...store.links.values()].filter(
    ({ accountId, skillId, stage }) => accountId === of.accountId && skillId === of.skillId && stage === of.stage,
  );
}

/** Alexa's id of a speaker of an account. */
export function personIdOf(accountId: string, person: string): string {
  return `amzn1.ask.person.${accountId}.${person}`.toUpperCase().replace("AMZN1.ASK.PERSON", "amzn1.ask.person");
}

/** Begins a linking and remembers it, newest last; only the newest hundred are kept. */
export function startAttempt(
  store: Store,
  start: Pick<Attempt, "flow" | "skillId" | "stage" | "accountId" | "person">,
): Attempt {
  const attempt: Attempt = {
    ...start,
    linkId: `lk_${randomText(6)}`,
    startedAt: now(store),
    outcome: "running",
    checks: [],
  };
  store.attempts.set(attempt.linkId, attempt);
  if (store.attempts.size > 100) store.attempts.delete(store.attempts.keys().next().value ?? "");
  return attempt;
}

/** Ends a linking without success. */
export function failAttempt(attempt: Attempt, reason: string, checks: readonly Check[] = []): void {
  attempt.outcome = "failed";
  attempt.reason = reason;
  attempt.checks.push(...checks);
}
