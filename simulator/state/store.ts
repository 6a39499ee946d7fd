// Everything that the simulator keeps, in the memory of one isolate.
import type { AuthorizationRequest } from "../library/authorization-request.ts";
import type { Check } from "../library/checks.ts";
import { randomText } from "../library/encoding.ts";
import { type Activity, countActivity } from "./activity.ts";
import { ADD_ON_STAGE, type AddOnState, createAddOnState } from "./add-on.ts";
import { type AmazonAccount, BUILT_IN_ACCOUNTS, type Skill, type SkillStage, skillKey } from "./configuration.ts";
import { DEVELOPER, SMAPI_SCOPE } from "./developer.ts";
import type { Exchange } from "./exchange.ts";
import type { Faults } from "./faults.ts";
import type { Manifest } from "./smapi-schema.ts";

/**
 * Where an attempt started: in the Alexa app with a web page, in the Alexa app with the company's app, or at the
 * company.
 */
export type Flow = "alexa_app" | "alexa_app_to_app" | "company";

/** One link attempt, from the first tap to the outcome. */
export interface Attempt {
  readonly linkId: string;
  readonly flow: Flow;
  readonly skillId: string;
  readonly stage: SkillStage;
  accountId: string;
  /** The speaker who links a personal account; undefined for the shared account. */
  readonly person?: string | undefined;
  readonly startedAt: number;
  request?: AuthorizationRequest;
  /** `state` of the company's request to Amazon, when it started there. */
  amazonState?: string;
  /** The customer has come back to the redirect URI. */
  redirected?: boolean;
  outcome: "running" | "linked" | "failed" | "cancelled";
  /** Why it failed, in plain words. */
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
  /** The speaker who owns this link; undefined for the account's link, which all speakers share. */
  readonly person?: string | undefined;
  /** Alexa's user id for this skill, new at every enablement. The account's link and its speakers' links share it. */
  readonly userId: string;
  accessToken: string;
  refreshToken: string;
  oldRefreshTokens: string[];
  expiresAt: number;
  readonly linkedAt: number;
  refreshes: number;
  /** False once the company has refused a refresh with a definite error. */
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
  /**
   * `grant` codes are sent with AcceptGrant, `reciprocal` codes with the reciprocal call; neither has a redirect URI.
   */
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
  /** The outcome of the last step, which the app shows next. */
  message?: { readonly kind: "ok" | "bad" | "warn"; readonly title: string; readonly detail: string };
  /** The newest attempt that the app started. */
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

/** A skill's manifest at SMAPI, and an update that is in progress: `seen` once its status was asked for. */
export interface StoredManifest {
  manifest: Manifest;
  pending?: { readonly manifest: Manifest; seen: boolean };
}

export interface Store {
  readonly skills: Map<string, Skill>;
  /** By `skillKey`; one that is missing follows from the skill. */
  readonly manifests: Map<string, StoredManifest>;
  /** The MCP add-on of Alexa+. */
  addOn?: AddOnState;
  readonly accounts: Map<string, AmazonAccount>;
  /** The Amazon account of browsers that have not chosen one. */
  currentAccountId: string;
  readonly attempts: Map<string, Attempt>;
  readonly links: Map<string, Link>;
  readonly codes: Map<string, AmazonCode>;
  readonly accessTokens: Map<string, AmazonToken>;
  readonly refreshTokens: Map<string, AmazonGrant>;
  /** What Amazon's metrics count, oldest first. */
  activities: Activity[];
  exchanges: Exchange[];
  nextExchange: number;
  faults: Faults;
  clockOffsetMs: number;
  /** Whether the company's app is on the customer's phone. */
  appInstalled: boolean;
  /** What the company's app stores on each phone, by the browser's cookie. */
  readonly devices: Map<string, Device>;
  certificates?: Certificates;
}

export function createStore(): Store {
  const refreshTokens: Store["refreshTokens"] = new Map();
  issueDeveloperToken(refreshTokens);
  return {
    skills: new Map(),
    manifests: new Map(),
    accounts: new Map(BUILT_IN_ACCOUNTS.map((account) => [account.id, account])),
    currentAccountId: "nora",
    attempts: new Map(),
    links: new Map(),
    codes: new Map(),
    accessTokens: new Map(),
    refreshTokens,
    activities: [],
    exchanges: [],
    nextExchange: 1,
    faults: {},
    clockOffsetMs: 0,
    appInstalled: false,
    devices: new Map(),
  };
}

/** Deletes all attempts, links, tokens, exchanges, counts and faults. Skills, the add-on and accounts stay. */
export function resetStore(store: Store): void {
  const { attempts, links, codes, accessTokens, refreshTokens, devices } = store;
  for (const map of [attempts, links, codes, accessTokens, refreshTokens, devices]) map.clear();
  issueDeveloperToken(refreshTokens);
  store.activities = [];
  if (store.addOn) store.addOn = createAddOnState(store.addOn.addOn);
  store.exchanges = [];
  store.faults = {};
  store.clockOffsetMs = 0;
  store.currentAccountId = "nora";
  store.appInstalled = false;
}

/** The simulator's clock, in milliseconds since 1970; `POST /simulator/clock` moves it. */
export function now(store: Store): number {
  return Date.now() + store.clockOffsetMs;
}

/** A registered skill, or the account linking of the add-on once that is deployed. */
export function findSkill(store: Store, skillId: string, stage: string): Skill | undefined {
  const ofAddOn = skillId === store.addOn?.addOn.addOnId && stage === ADD_ON_STAGE;
  return store.skills.get(skillKey(skillId, stage)) ?? (ofAddOn ? store.addOn?.deployment?.skill : undefined);
}

/** The skill that was registered first: pages show it unless another one is named. */
export function firstSkill(store: Store): Skill | undefined {
  return store.skills.values().next().value;
}

/** Key of the account's link, or of one speaker's link. */
export function linkKey(accountId: string, skillId: string, stage: string, person?: string): string {
  return `${accountId}/${skillKey(skillId, stage)}${person === undefined ? "" : `/${person}`}`;
}

/** All links of one enablement: the account's link and its speakers' links. */
export function linksOf(store: Store, of: Pick<Link, "accountId" | "skillId" | "stage">): Link[] {
  return [...store.links.values()].filter(
    ({ accountId, skillId, stage }) => accountId === of.accountId && skillId === of.skillId && stage === of.stage,
  );
}

/** Alexa's person id of a speaker. */
export function personIdOf(accountId: string, person: string): string {
  return `amzn1.ask.person.${accountId}.${person}`.toUpperCase().replace("AMZN1.ASK.PERSON", "amzn1.ask.person");
}

/** Starts an attempt. Only the newest hundred are kept, newest last. */
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
  count(store, attempt, "initiated");
  if (store.attempts.size > 100) store.attempts.delete(store.attempts.keys().next().value ?? "");
  return attempt;
}

/** Marks an attempt as failed. */
export function failAttempt(attempt: Attempt, reason: string, checks: readonly Check[] = []): void {
  attempt.outcome = "failed";
  attempt.reason = reason;
  attempt.checks.push(...checks);
}

/** Counts for Amazon's metrics what the attempt's account did. */
export function count(store: Store, attempt: Attempt, what: Activity["what"]): void {
  const { skillId, stage, accountId, flow } = attempt;
  const from = flow === "alexa_app" ? "alexa_app" : "app_to_app";
  countActivity(store.activities, { at: now(store), skillId, stage, what, from, accountId });
}

/** The developer's refresh token. It is no customer's: it has no account, and its scope opens SMAPI alone. */
function issueDeveloperToken(refreshTokens: Store["refreshTokens"]): void {
  const { clientId, refreshToken } = DEVELOPER;
  const grant = { id: "developer", clientId, accountId: "", scope: SMAPI_SCOPE, linkId: null, revoked: false };
  refreshTokens.set(refreshToken, grant);
}
