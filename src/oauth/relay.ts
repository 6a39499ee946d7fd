// The relay: a refresh token that is unknown here is presented once to the server that issued it. If that server
// accepts it, a grant is made here under the person whom it names, and the token works here from then on.
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import { withDeadline } from "../http/deadline.ts";
import { counterKey } from "../http/rate-limit.ts";
import type { Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { grantFromRow } from "../storage/grants/grants.ts";
import {
  type ImportedLink,
  type ImportOutcome,
  importedGrantId,
  importLinks,
  resolvePeople,
} from "../storage/grants/imports.ts";
import { readSkill, relayCredentials, type Skill, scopesOf } from "../storage/skills/skills.ts";
import { StorageFault } from "../storage/sql.ts";
import { claimRelay, noteRelayRefused, readRelayed } from "../storage/users/relay-claims.ts";
import type { CounterKey } from "../storage/users/throttles.ts";
import { type NamedPerson, OLD_SERVER_LIMITS, type RefreshRequest, refreshAtOldServer } from "./old-server.ts";
import { scopeNames } from "./scopes.ts";
import type { TokenFailure } from "./token-failure.ts";
import type { FoundRefreshToken, PresentedToken } from "./token-lookup.ts";

const DAY_MS = 24 * 3_600_000;
/** How long Alexa's request waits. The call continues after that, and Alexa's next request finds the grant. */
const WAIT_MS = 2_800;
const POLL_MS = 400;
/** How long a call that another request started may take. */
const UNDER_WAY_MS = 2 * OLD_SERVER_LIMITS.timeoutMs + 2_000;
/** Unknown tokens of one client in a minute. Only a caller with the client's secret can present any. */
const MOST_OF_CLIENT = 6_000;
/** Links of one person with one skill. More are a claim that many people share, such as a tenant. */
const MOST_OF_PERSON = 100;
/** Pauses before the grant is written again: an old server that rotates does not accept the token a second time. */
const WRITE_AGAIN_MS = [200, 2_000, 8_000];

/** Reasons that stop every link from moving until an operator acts. */
const WRONG_SETTINGS: readonly string[] = [
  "relay_client_rejected",
  "relay_response_unusable",
  "relay_person_missing",
  "relay_person_shared",
];

/** The grant of a token that is unknown here, or why there is none; undefined when the client's skill has no relay. */
export async function relayToken(
  rt: Runtime,
  client: Client,
  presented: PresentedToken,
  request: RefreshRequest,
): Promise<FoundRefreshToken | TokenFailure | undefined> {
  if (client.kind !== "alexa" || client.skillId === null) return undefined;
  const skill = await readSkill(rt.db, client.skillId);
  if (!skill?.relay) return undefined;
  const tokenHash = await sha256(presented.token);
  const id = await importedGrantId(tokenHash);
  const key = await counterKey(rt, "relay", client.id, tokenHash);
  const keys = { token: key, client: await counterKey(rt, "relay", client.id) };
  // A link that came from another server like this one has the id in its token.
  const ids = presented.form === "refresh" ? [id, presented.refresh.grantId] : [id];
  const claim = await claimRelay(rt.db, keys, ids, rt.now());
  if (claim.erased) return undefined;
  if (claim.token === "refused") return { reason: "relay_refused" };
  if (claim.ofClient > MOST_OF_CLIENT) return { reason: "relay_limit_reached" };
  if (claim.token === "taken") {
    const isUnderWay = rt.now() - claim.since < UNDER_WAY_MS;
    return isUnderWay ? relayedByAnother(rt, key, tokenHash) : { reason: "relay_limit_reached" };
  }
  const work = moveLink(rt, { ...skill, relay: skill.relay }, client, { id, tokenHash, key }, request);
  rt.background(
    work.catch((error: unknown) => rt.log.warn("relay_broke_off", { message: String(error).slice(0, 200) })),
  );
  return withDeadline(work, WAIT_MS, { reason: "relay_overdue" } as const);
}

/** Waits for the result of the request that claimed the call. */
async function relayedByAnother(
  rt: Runtime,
  key: CounterKey,
  tokenHash: string,
): Promise<FoundRefreshToken | TokenFailure> {
  for (let waited = 0; waited < WAIT_MS; waited += POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const { row, refused } = await readRelayed(rt.db, key, tokenHash, rt.now());
    if (row) return { kind: "refresh", grant: grantFromRow(row), generation: null };
    if (refused) return { reason: "relay_refused" };
  }
  return { reason: "relay_overdue" };
}

type RelayedSkill = Skill & { readonly relay: NonNullable<Skill["relay"]> };

interface Claimed {
  /** Of the grant to make. */
  readonly id: string;
  readonly tokenHash: string;
  readonly key: CounterKey;
}

/** Calls the old server and makes the grant. */
async function moveLink(
  rt: Runtime,
  skill: RelayedSkill,
  client: Client,
  { id, tokenHash, key }: Claimed,
  request: RefreshRequest,
): Promise<FoundRefreshToken | TokenFailure> {
  const result = await refreshAtOldServer(skill.relay, await relayCredentials(rt, skill), request);
  if (result.outcome === "refused") {
    rt.background(noteRelayRefused(rt.db, key).catch(() => undefined));
    return { reason: "relay_refused" };
  }
  if (result.outcome === "failed") return failed(rt, skill, result.reason, result.detail);
  const scope = scopeOfGrant(skill, result.scope);
  const link = { id, tokenHash, clientId: client.id, skillId: skill.id, scope, createdAt: rt.now(), alexaUserId: null };
  const made = await makeGrant(rt, result.person, link);
  if (made === "unknown") return failed(rt, skill, "relay_person_unknown", skill.relay.person.as);
  if (made === "gone") return failed(rt, skill, "relay_person_shared", skill.relay.person.claim);
  const { row } = await readRelayed(rt.db, key, tokenHash, rt.now());
  if (!row) return failed(rt, skill, "relay_person_unknown", "deleted");
  if (made === "imported") rt.metrics.count("token_relayed", skill.id);
  return { kind: "refresh", grant: grantFromRow(row), generation: null };
}

function failed(
  rt: Runtime,
  skill: Skill,
  reason: Extract<TokenFailure["reason"], `relay_${string}`>,
  detail: string,
): TokenFailure {
  const fields = { skillId: skill.id, reason, detail };
  if (WRONG_SETTINGS.includes(reason)) rt.log.alert("relay_failed", fields);
  else rt.log.warn("relay_failed", fields);
  return { reason };
}

/** What the old server granted, as far as the skill has these scopes; all of the skill's if it says nothing we know. */
function scopeOfGrant(skill: Skill, granted: string | undefined): string {
  const ofUsers = scopesOf(skill, "user").map(({ name }) => name);
  const known = scopeNames(granted ?? "").filter((name) => ofUsers.includes(name));
  return (known.length > 0 ? known : ofUsers).join(" ");
}

/**
 * Makes the grant as an import does, again after a fault. `unknown`: not exactly one person has this name. `gone`: the
 * person has too many links already, or has just been deleted.
 */
async function makeGrant(
  rt: Runtime,
  person: NamedPerson,
  link: Omit<ImportedLink, "userId">,
): Promise<ImportOutcome["outcome"] | "unknown"> {
  const newUserId = randomId();
  const imported = "id" in person ? { userId: person.id } : "email" in person ? person : { ...person, newUserId };
  for (let tries = 0; ; tries++) {
    try {
      const [ids = []] = await resolvePeople(rt.db, [imported], rt.config.oidc?.issuer, rt.now());
      const [userId, ...others] = ids;
      if (userId === undefined || others.length > 0) return "unknown";
      const idleExpiresAt = rt.now() + rt.config.refreshIdleDays * DAY_MS;
      const relayed = { mostOfPerson: MOST_OF_PERSON };
      const [done] = await importLinks(rt.db, [{ ...link, userId }], rt.now(), idleExpiresAt, relayed);
      return done?.outcome ?? "gone";
    } catch (error) {
      const pause = WRITE_AGAIN_MS[tries];
      if (!(error instanceof StorageFault) || pause === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
