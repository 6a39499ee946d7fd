// POST /api/personalization: tells a skill's backend which of our accounts the speaker of a request may use.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { callForJson } from "../http/outbound.ts";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json } from "../http/respond.ts";
import { type AccessTokenClaims, verifyAccessToken } from "../oauth/access-tokens.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { type LiveGrant, readLiveGrants } from "../storage/grants/grants.ts";
import { type LevelShown, levelShown, noteLevels } from "../storage/grants/link-levels.ts";
import { authenticateServiceClient } from "./service-client.ts";

const PROFILE_TIMEOUT_MS = 3000;
const PROFILE_FIELDS = ["name", "givenName"] as const;
type ProfileField = (typeof PROFILE_FIELDS)[number];

const id = () => z.string().check(z.minLength(1), z.maxLength(255));
const token = () => z.optional(z.string().check(z.maxLength(4096)));

/** Alexa's request to the skill, unchanged (only `context` is read), and the profile fields to ask Alexa for. */
export const personalizationBodySchema = () =>
  z.object({
    context: z.object({
      System: z.object({
        application: z.object({ applicationId: id() }),
        user: z.optional(z.object({ userId: z.optional(id()), accessToken: token() })),
        person: z.optional(z.object({ personId: id(), accessToken: token() })),
        apiEndpoint: z.optional(z.string().check(z.maxLength(500))),
        // Sent on in a header.
        apiAccessToken: z.optional(z.string().check(z.maxLength(4096), z.regex(/^[\x21-\x7e]*$/))),
      }),
    }),
    profile: z.optional(z.array(z.enum(PROFILE_FIELDS)).check(z.maxLength(PROFILE_FIELDS.length))),
  });
type System = z.output<ReturnType<typeof personalizationBodySchema>>["context"]["System"];

/** `not_linked`: Alexa has no token. `ended`: its token belongs to no live link; the customer must link again. */
type LinkState =
  | { readonly link: "linked"; readonly userId: string; readonly grantId: string; readonly scopes: readonly string[] }
  | { readonly link: "not_linked" | "ended" };

/** Adds these routes to a router. */
export function personalizationRoutes(app: Hono<AppEnv>): void {
  app.post("/api/personalization", personalize);
}

async function personalize(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await authenticateServiceClient(c);
  if (client instanceof Response) return client;
  const body = await jsonBody(c, personalizationBodySchema);
  if (body instanceof Response) return body;
  const { System: system } = body.context;
  const skillId = system.application.applicationId;
  if (!client.skillIds.includes(skillId)) return problem("skill_not_found", "This client does not serve that skill.");
  const host = body.profile && hostOf(rt, system);
  if (body.profile && (!host || !system.apiAccessToken)) {
    return problem("invalid_body", "profile: needs apiAccessToken and apiEndpoint, the latter one of Alexa's hosts");
  }
  const { account, person, living } = await linkStates(rt, skillId, system);
  noteWhatWasShown(rt, skillId, living, account, person);
  const profile = host && body.profile ? { profile: await readProfile(rt, host, system, body.profile) } : {};
  return json(c, {
    skillId,
    account: { alexaUserId: system.user?.userId ?? null, ...account },
    person: system.person ? { personId: system.person.personId, ...person } : null,
    speaker: speakerOf(account, system.person ? person : undefined),
    ...profile,
  });
}

/** Whose account serves the request. `account`: shared by everyone who speaks to these devices. */
function speakerOf(account: LinkState, person: LinkState | undefined) {
  if (person?.link === "linked") return { as: "person", userId: person.userId, grantId: person.grantId };
  return account.link === "linked" ? { as: "account", userId: account.userId, grantId: account.grantId } : null;
}

/** The states of the account's and the person's link. One D1 read if there is a token of ours. */
async function linkStates(rt: Runtime, skillId: string, system: System) {
  const tokens = [system.user?.accessToken, system.person?.accessToken] as const;
  const [account, person] = await Promise.all(tokens.map((one) => (one ? verifyAccessToken(rt, one) : undefined)));
  const ids = [account?.grant, person?.grant].filter((one) => one !== undefined);
  const living = ids.length === 0 ? [] : await readLiveGrants(rt.db, ids, rt.now());
  const stateOf = (given: string | undefined, claims: AccessTokenClaims | undefined): LinkState => {
    if (!given) return { link: "not_linked" };
    const grant = living.find((one) => one.id === claims?.grant && one.skillId === skillId);
    return grant
      ? { link: "linked", userId: grant.userId, grantId: grant.id, scopes: grant.scope.split(" ") }
      : { link: "ended" };
  };
  return { account: stateOf(tokens[0], account), person: stateOf(tokens[1], person), living };
}

/**
 * Stores whether a link is a person's or the account's when this request shows it for the first time, after the
 * response is sent. The context is unsigned, but only tokens of live links of the client's own skill count, each for
 * itself.
 */
function noteWhatWasShown(
  rt: Runtime,
  skillId: string,
  living: readonly LiveGrant[],
  account: LinkState,
  person: LinkState,
): void {
  const shown = new Map<string, LevelShown>();
  for (const grant of living) {
    const names = (state: LinkState) => state.link === "linked" && state.grantId === grant.id;
    const level = levelShown("request", names(account), names(person));
    if (level > (grant.levelShown ?? 0)) shown.set(grant.id, level);
  }
  if (shown.size === 0) return;
  rt.background(
    noteLevels(rt.db, skillId, shown).catch((error: unknown) =>
      rt.log.warn("link_level_not_noted", { message: String(error).slice(0, 200) }),
    ),
  );
}

/** The host that the request names, if it is a configured one: its token is sent to no other. */
function hostOf(rt: Runtime, { apiEndpoint }: System): string | undefined {
  const named = apiEndpoint?.replace(/(?<!\/)\/+$/, "").toLowerCase();
  return rt.config.amazon.apiHosts.find((host) => host === named);
}

type ProfileValue =
  | { readonly status: "known"; readonly value: string }
  /** The customer has not given it to Alexa; has not allowed this skill to read it; Alexa did not respond. */
  | { readonly status: "empty" | "not_permitted" | "unavailable" };

/** What Alexa knows about the recognized speaker, else about the account that enabled the skill. It is not stored. */
async function readProfile(rt: Runtime, host: string, system: System, fields: readonly ProfileField[]) {
  const base = system.person ? "/v2/persons/~current/profile/" : "/v2/accounts/~current/settings/Profile.";
  const read = async (field: ProfileField): Promise<[ProfileField, ProfileValue]> => {
    const response = await callForJson(
      `${host}${base}${field}`,
      { headers: { authorization: `Bearer ${system.apiAccessToken}`, accept: "application/json" } },
      { timeoutMs: PROFILE_TIMEOUT_MS },
    );
    if (response.responded && response.status === 204) return [field, { status: "empty" }];
    if (response.responded && [401, 403].includes(response.status)) return [field, { status: "not_permitted" }];
    if (response.responded && response.status === 200 && typeof response.json === "string") {
      return [field, { status: "known", value: response.json }];
    }
    rt.log.warn("profile_unavailable", { field, status: response.responded ? response.status : response.reason });
    return [field, { status: "unavailable" }];
  };
  return Object.fromEntries(await Promise.all([...new Set(fields)].map(read)));
}
