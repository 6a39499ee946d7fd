// /api/admin/exports: everything that another server needs to take over the accounts and links of this one.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { importedGrantId } from "../storage/grants/imports.ts";
import { type ExportedGrant, type ExportedPerson, readGrants, readPeople } from "../storage/maintenance/exports.ts";
import { openStored } from "../storage/sealed.ts";
import { operatorOf } from "./operator.ts";
import { pageQuery, plainPage, respondWithPage, rfc3339 } from "./paging.ts";

/** Mounts `/api/admin/exports`. The admin guard must run before it. */
export function exportsApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/exports/users", people);
  app.get("/api/admin/exports/links", links);
}

/** Query of `GET /api/admin/exports/users`. */
export const exportPeopleQuery = () =>
  z.strictObject({ ...pageQuery(), passwordHashes: z.optional(z.literal("true", "must be true, or left out")) });

const personPosition = () => z.object({ method: z.string(), issuer: z.string(), subject: z.string() });

async function people(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  return respondWithPage(
    c,
    exportPeopleQuery,
    personPosition,
    ({ limit, passwordHashes }, after) =>
      readPeople(rt.db, after, limit, passwordHashes === "true", rt.now(), operatorOf(c).name),
    (row) => personView(rt, row),
  );
}

/** The form in which `POST /api/admin/imports/users` takes it. */
async function personView(rt: Runtime, row: ExportedPerson): Promise<object> {
  const { method, subject, passwordHash } = row;
  return {
    id: row.userId,
    ...(row.email === null ? {} : { email: row.email }),
    ...(row.name === null ? {} : { name: row.name }),
    createdAt: rfc3339(row.createdAt),
    ...(method === "oidc" ? { oidcIssuer: row.issuer, oidcSubject: subject } : {}),
    ...(method === "amazon" ? { amazonSubject: subject } : {}),
    ...(method === "password" ? { email: subject } : {}),
    ...(passwordHash === null
      ? {}
      : { passwordHash: (await openStored(rt, "password-hash", subject, passwordHash)).plaintext }),
  };
}

async function links(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  return respondWithPage(
    c,
    plainPage,
    () => z.object({ grantId: z.string() }),
    ({ limit }, after) => readGrants(rt.db, after?.grantId ?? "", limit, rt.now(), operatorOf(c).name),
    (row) => (row.isLink === 1 ? linkView(row) : undefined),
  );
}

async function linkView(row: ExportedGrant): Promise<object> {
  const hash = row.refreshHash ?? "";
  // An imported token has no id inside, so its link's id was made of it.
  const isWhole = row.isImported === 1 && row.grantId === (await importedGrantId(hash));
  return {
    skillId: row.skillId,
    clientId: row.clientId,
    userId: row.userId,
    scope: row.scope,
    createdAt: rfc3339(row.createdAt),
    lastUsedAt: rfc3339(row.lastUsedAt),
    ...(row.alexaUserId === null ? {} : { alexaUserId: row.alexaUserId }),
    ...(isWhole ? { refreshTokenSha256: hash } : { grantId: row.grantId, refreshSecretSha256: hash }),
  };
}
