// POST /api/admin/imports: moves links from another account linking server here, so that no customer links again.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { toBase64Url } from "../crypto/encoding.ts";
import { randomId } from "../crypto/random.ts";
import { jsonBody } from "../http/read.ts";
import { json } from "../http/respond.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { normalizeEmail } from "../sign-in/email.ts";
import {
  type ImportedLink,
  type ImportedPerson,
  importedGrantId,
  importLinks,
  resolvePeople,
} from "../storage/grants/imports.ts";
import { readSkills, type Skill, scopesOf } from "../storage/skills/skills.ts";
import { skillId } from "./admin-schemas.ts";
import { operatorOf } from "./operator.ts";

const MAX_ITEMS = 100;
const DAY_MS = 24 * 3_600_000;

/** Mounts `/api/admin/imports`. The admin guard must run before it. */
export function importsApi(app: Hono<AppEnv>): void {
  app.post("/api/admin/imports", importAll);
}

const text = (maximum: number) =>
  z
    .string("must be a string")
    .check(z.minLength(1, "must not be empty"), z.maxLength(maximum, `must have at most ${maximum} characters`));

const hash = () =>
  z
    .string("must be a string")
    .check(z.regex(/^([0-9a-fA-F]{64}|[A-Za-z0-9_-]{43})$/, "must be a SHA-256, as 64 hex or 43 base64url characters"));

/** A list of items to import. */
export const importItems = <T extends z.ZodMiniType>(one: T) =>
  z
    .array(one, "must be a list")
    .check(z.minLength(1, "must not be empty"), z.maxLength(MAX_ITEMS, `must have at most ${MAX_ITEMS} items`));

const item = () =>
  z.strictObject({
    skillId: skillId(),
    user: z.union(
      [
        z.strictObject({ id: text(255) }),
        z.strictObject({ email: text(500) }),
        z.strictObject({ oidcSubject: text(255) }),
      ],
      "must be one of {id}, {email} and {oidcSubject}",
    ),
    /** Hash of the whole token as Alexa sends it. */
    refreshTokenSha256: z.optional(hash()),
    /** Of another server like this one: the link's id there, and the hash of its token's secret. */
    grantId: z.optional(
      z.string("must be a string").check(z.regex(/^[0-9a-z]{26}$/, "must be the id of a link of another alexa-link")),
    ),
    refreshSecretSha256: z.optional(hash()),
    /** Default: all scopes of the skill. */
    scope: z.optional(text(2000)),
    createdAt: z.optional(z.iso.datetime({ offset: true, error: "must be a time such as 2026-10-01T12:00:00Z" })),
    alexaUserId: z.optional(text(255)),
  });
type Item = z.output<ReturnType<typeof item>>;

/** Body of `POST /api/admin/imports`. */
export const importsSchema = () => z.strictObject({ items: importItems(item()) });

/** Why an item was refused. The other items of the call are imported. */
export const IMPORT_REFUSALS = {
  token_missing: "Give either refreshTokenSha256, or grantId and refreshSecretSha256.",
  skill_not_found: "No such skill.",
  scope_unknown: "The skill does not have all of these scopes.",
  created_in_future: "createdAt is in the future.",
  oidc_not_configured: "OIDC_ISSUER is not set: name users by id or email.",
  user_not_found: "No such account.",
  user_ambiguous: "Several accounts have this e-mail address: name the account by its id.",
  token_taken: "The token is already registered for another account or skill.",
  try_again: "The account or the skill was removed during the import.",
} as const;
type Refusal = keyof typeof IMPORT_REFUSALS;

type Checked = { readonly item: Item; readonly skill: Skill; readonly scope: string } | Refusal;

/** Three storage round trips for any number of items: skills, accounts, grants. */
async function importAll(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, importsSchema, { limit: 256 * 1024 });
  if (body instanceof Response) return body;
  const actor = operatorOf(c).name;
  const skills = await skillsOf(rt, body.items);
  const checked = body.items.map((one) => check(rt, one, skills.get(one.skillId)));
  const results: (Refusal | { readonly outcome: "imported" | "exists" | "ended"; readonly grantId: string })[] = [];
  const unresolved: { readonly position: number; readonly link: UnnamedLink }[] = [];
  const candidates = checked.flatMap((one, position) => (typeof one === "string" ? [] : [{ ...one, position }]));
  const people = await resolvePeople(rt.db, peopleOf(candidates), rt.config.oidc?.issuer, rt.now(), actor);
  checked.forEach((one, position) => {
    if (typeof one === "string") results[position] = one;
  });
  candidates.forEach(({ item: one, skill, scope, position }, index) => {
    const [userId, ...others] = people[index] ?? [];
    if (userId === undefined) results[position] = "user_not_found";
    else if (others.length > 0) results[position] = "user_ambiguous";
    else unresolved.push({ position, link: linkOf(rt, one, skill, scope, userId) });
  });
  const links = await Promise.all(
    unresolved.map(async ({ position, link }) => ({
      position,
      link: { ...link, id: link.id ?? (await importedGrantId(link.tokenHash)) },
    })),
  );
  const outcomes = await importLinks(
    rt.db,
    links.map(({ link }) => link),
    rt.now(),
    rt.now() + rt.config.refreshIdleDays * DAY_MS,
    { actor },
  );
  links.forEach(({ position }, index) => {
    const outcome = outcomes[index];
    if (!outcome || outcome.outcome === "gone") results[position] = "try_again";
    else results[position] = outcome.outcome === "token_taken" ? "token_taken" : outcome;
  });
  const imported = results.filter((one) => typeof one !== "string" && one.outcome === "imported").length;
  rt.log.info("links_imported", { imported, of: results.length });
  return json(c, {
    imported,
    refused: results.filter((one) => typeof one === "string").length,
    items: results.map((one) =>
      typeof one === "string"
        ? { status: "refused", code: one, detail: IMPORT_REFUSALS[one] }
        : { status: one.outcome, grantId: one.grantId },
    ),
  });
}

async function skillsOf(rt: Runtime, items: readonly Item[]): Promise<Map<string, Skill>> {
  const skills = await readSkills(rt.db, [...new Set(items.map((one) => one.skillId))]);
  return new Map(skills.map((skill) => [skill.id, skill]));
}

function check(rt: Runtime, one: Item, skill: Skill | undefined): Checked {
  if ((one.refreshTokenSha256 === undefined) === (one.refreshSecretSha256 === undefined)) return "token_missing";
  if ((one.grantId === undefined) !== (one.refreshSecretSha256 === undefined)) return "token_missing";
  if (!skill) return "skill_not_found";
  const known = scopesOf(skill, "user").map(({ name }) => name);
  const scopes = one.scope === undefined ? known : one.scope.split(" ").filter((name) => name !== "");
  if (scopes.length === 0 || !scopes.every((name) => known.includes(name))) return "scope_unknown";
  if (one.createdAt !== undefined && Date.parse(one.createdAt) > rt.now()) return "created_in_future";
  if ("oidcSubject" in one.user && rt.config.oidc === undefined) return "oidc_not_configured";
  return { item: one, skill, scope: scopes.join(" ") };
}

/** The users of the links. Several links of one new OIDC subject share one new account. */
function peopleOf(candidates: readonly { readonly item: Item }[]): ImportedPerson[] {
  const newUserIds = new Map<string, string>();
  return candidates.map(({ item: { user } }) => {
    if ("id" in user) return { userId: user.id };
    if ("email" in user) return { email: normalizeEmail(user.email) };
    const newUserId = newUserIds.get(user.oidcSubject) ?? randomId();
    newUserIds.set(user.oidcSubject, newUserId);
    return { oidcSubject: user.oidcSubject, newUserId };
  });
}

type UnnamedLink = Omit<ImportedLink, "id"> & { readonly id: string | undefined };

function linkOf(rt: Runtime, one: Item, skill: Skill, scope: string, userId: string): UnnamedLink {
  const given = one.refreshTokenSha256 ?? one.refreshSecretSha256 ?? "";
  return {
    id: one.grantId,
    userId,
    clientId: skill.clientId,
    skillId: skill.id,
    scope,
    tokenHash:
      given.length === 43
        ? given
        : toBase64Url(Uint8Array.from(given.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))),
    createdAt: one.createdAt === undefined ? rt.now() : Date.parse(one.createdAt),
    alexaUserId: one.alexaUserId ?? null,
  };
}
