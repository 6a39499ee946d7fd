// POST /api/admin/imports/users: moves accounts from another server here, with the password hashes it has.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { randomId } from "../crypto/random.ts";
import { jsonBody } from "../http/read.ts";
import { json } from "../http/respond.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { checkAccount, passwordIdentity } from "../sign-in/accounts.ts";
import { AMAZON_ISSUER } from "../sign-in/amazon.ts";
import { normalizeEmail } from "../sign-in/email.ts";
import { importRefusal, sealImportedHash } from "../sign-in/password-hash.ts";
import { importPeople, type NewPerson } from "../storage/users/import-people.ts";
import type { IdentityKey } from "../storage/users/users.ts";
import { importItems } from "./imports-api.ts";
import { operatorOf } from "./operator.ts";

/** Mounts `/api/admin/imports/users`. The admin guard must run before it. */
export function importPeopleApi(app: Hono<AppEnv>): void {
  app.post("/api/admin/imports/users", importAll);
}

const text = (maximum: number) =>
  z
    .string("must be a string")
    .check(z.minLength(1, "must not be empty"), z.maxLength(maximum, `must have at most ${maximum} characters`));

const person = () =>
  z.strictObject({
    /** The `sub` of the person's tokens. Default: a new one. */
    id: z.optional(
      z
        .string("must be a string")
        .check(
          z.regex(
            /^[A-Za-z0-9][A-Za-z0-9._~:|@+=-]{0,99}$/,
            "must start with a letter or digit and have only letters, digits and . _ ~ : | @ + = - (at most 100)",
          ),
        ),
    ),
    email: z.optional(text(500)),
    name: z.optional(text(500)),
    createdAt: z.optional(z.iso.datetime({ offset: true, error: "must be a time such as 2026-10-01T12:00:00Z" })),
    passwordHash: z.optional(text(1000)),
    oidcIssuer: z.optional(text(500)),
    oidcSubject: z.optional(text(255)),
    amazonSubject: z.optional(text(255)),
  });
type Person = z.output<ReturnType<typeof person>>;

/** Body of `POST /api/admin/imports/users`. */
export const importPeopleSchema = () => z.strictObject({ items: importItems(person()) });

/** Why a person was refused, by code; a hash's refusal has its own detail. The other people of the call are imported. */
export const PERSON_REFUSALS = {
  identity_missing:
    "Give exactly one of email, oidcSubject and amazonSubject: how the person signs in. " +
    "Beside a subject, email is the person's address, and there is no password.",
  email_invalid: "Not an e-mail address.",
  name_invalid: "The name must have 1 to 100 characters and no control characters.",
  created_in_future: "createdAt is in the future.",
  oidc_not_configured: "OIDC_ISSUER is not set.",
  oidc_issuer_differs: "oidcIssuer is not this server's OIDC_ISSUER.",
  hash_unsupported: "The password's hash is of another kind.",
  hash_too_costly: "The password's hash is more work than a Worker can do.",
  id_taken: "Another account has this id.",
} as const;
type Refusal = { readonly code: keyof typeof PERSON_REFUSALS; readonly detail?: string };

/** One storage round trip for any number of people. */
async function importAll(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, importPeopleSchema, { limit: 256 * 1024 });
  if (body instanceof Response) return body;
  const checked = await Promise.all(body.items.map((one) => newPerson(rt, one)));
  const people = checked.filter((one) => "id" in one);
  const outcomes = await importPeople(rt.db, people, rt.now(), operatorOf(c).name);
  const results = checked.map((one) => {
    if ("code" in one) return refusal(one);
    const outcome = outcomes[people.indexOf(one)];
    if (!outcome || outcome.outcome === "id_taken") return refusal({ code: "id_taken" });
    return { status: outcome.outcome, userId: outcome.userId };
  });
  const imported = results.filter(({ status }) => status === "imported").length;
  rt.log.info("people_imported", { imported, of: results.length });
  return json(c, { imported, refused: results.filter(({ status }) => status === "refused").length, items: results });
}

function refusal({ code, detail = PERSON_REFUSALS[code] }: Refusal) {
  return { status: "refused" as const, code, detail };
}

function identityOf(rt: Runtime, given: Person): IdentityKey | Refusal {
  const { email, oidcSubject, oidcIssuer, amazonSubject, passwordHash } = given;
  const byProvider = oidcSubject !== undefined || amazonSubject !== undefined;
  if (byProvider && (passwordHash !== undefined || (oidcSubject !== undefined && amazonSubject !== undefined))) {
    return { code: "identity_missing" };
  }
  if (amazonSubject !== undefined) return { method: "amazon", issuer: AMAZON_ISSUER, subject: amazonSubject };
  if (oidcSubject === undefined) {
    return email === undefined ? { code: "identity_missing" } : passwordIdentity(email);
  }
  const issuer = rt.config.oidc?.issuer;
  if (issuer === undefined) return { code: "oidc_not_configured" };
  if (oidcIssuer !== undefined && oidcIssuer !== issuer) return { code: "oidc_issuer_differs" };
  return { method: "oidc", issuer, subject: oidcSubject };
}

async function newPerson(rt: Runtime, given: Person): Promise<NewPerson | Refusal> {
  const key = identityOf(rt, given);
  if ("code" in key) return key;
  const wrong = checkAccount({ email: given.email, name: given.name });
  if (wrong) return { code: wrong.refused === "name_invalid" ? "name_invalid" : "email_invalid" };
  const createdAt = given.createdAt === undefined ? rt.now() : Date.parse(given.createdAt);
  if (createdAt > rt.now()) return { code: "created_in_future" };
  const { passwordHash: hash } = given;
  const wrongHash = hash === undefined ? undefined : importRefusal(hash);
  if (wrongHash) return { code: wrongHash.refused, detail: wrongHash.detail };
  return {
    ...key,
    id: given.id ?? randomId(),
    email: given.email === undefined ? null : normalizeEmail(given.email),
    name: given.name?.trim() ?? null,
    passwordHash: hash === undefined ? null : await sealImportedHash(rt, key.subject, hash),
    createdAt,
  };
}
