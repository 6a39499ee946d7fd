// What a line means: a person, a link, or a person with a link. Tokens are hashed here and go no further.
import { createHash } from "node:crypto";
import { UsageError } from "../terminal.ts";

type Values = Readonly<Record<string, string>>;

/** An item of `POST /api/admin/imports/users`. */
export type PersonItem = Values;

/** An item of `POST /api/admin/imports`; `user` is an id, an address or a subject. */
export type LinkItem = Readonly<Record<string, string | Values>> & { readonly user?: Values };

/** What one line asks for, or why it cannot be sent. */
export interface Item {
  readonly person?: PersonItem;
  readonly link?: LinkItem;
  readonly problem?: string;
}

export type Kind = "users" | "links" | "both";

/** What may be in a column, with its meaning. */
export const FIELDS = {
  id: "person's id, which becomes the sub of their tokens",
  email: "person's e-mail address; of a link, whose it is",
  name: "person's name",
  passwordHash: "person's password hash: bcrypt, scrypt, PBKDF2 or Argon2",
  oidcIssuer: "identity provider that oidcSubject is of",
  oidcSubject: "person's sub at the identity provider; of a link, whose it is",
  amazonSubject: "person's user id at Login with Amazon",
  createdAt: "time of the account or link, such as 2026-10-01T12:00:00Z",
  skillId: "link's skill",
  userId: "id of the person whose link it is",
  refreshToken: "the refresh token that Alexa holds; hashed on this machine and not sent",
  refreshTokenSha256: "SHA-256 of that token instead, hex or base64url",
  grantId: "of another alexa-link: the link's id there",
  refreshSecretSha256: "of another alexa-link: SHA-256 of the token's secret",
  scope: "link's scopes, separated by spaces",
  alexaUserId: "Alexa's user id, if known",
  clientId: "ignored: move-out writes it",
  lastUsedAt: "ignored: move-out writes it",
} as const;
type Field = keyof typeof FIELDS;

const PERSON_FIELDS = [
  "id",
  "email",
  "name",
  "createdAt",
  "passwordHash",
  "oidcIssuer",
  "oidcSubject",
  "amazonSubject",
];
const LINK_FIELDS = [
  "skillId",
  "refreshTokenSha256",
  "grantId",
  "refreshSecretSha256",
  "scope",
  "createdAt",
  "alexaUserId",
];
/** What says that a line is about a link, and that it makes a person too. */
const OF_LINKS: readonly Field[] = ["refreshToken", "refreshTokenSha256", "refreshSecretSha256"];
const OF_PEOPLE: readonly Field[] = ["passwordHash", "name", "id", "amazonSubject"];
/** What customers choose themselves: in a CSV of move-out it has an apostrophe if a spreadsheet would run it. */
export const FROM_CUSTOMERS: readonly string[] = ["email", "name"] satisfies Field[];
const SHOWN_AS_TEXT = /^'(?=[=+\-@\t\r])/;
const LONGEST: Readonly<Record<string, number>> = { passwordHash: 1000, scope: 2000, refreshToken: 16_384 };

/** The columns that `--map COLUMN=FIELD` renames; a column without a field is ignored. */
export function columnsFrom(map: readonly string[] = []): ReadonlyMap<string, Field | undefined> {
  const columns = new Map<string, Field | undefined>();
  for (const one of map) {
    const at = one.lastIndexOf("=");
    const field = one.slice(at + 1);
    if (at < 1 || (field !== "" && !Object.hasOwn(FIELDS, field))) {
      throw new UsageError(
        `--map ${one}: give COLUMN=FIELD, or COLUMN= to ignore it. Fields: ${Object.keys(FIELDS).join(", ")}`,
      );
    }
    if (columns.has(one.slice(0, at))) throw new UsageError(`--map names the column ${one.slice(0, at)} twice.`);
    columns.set(one.slice(0, at), field === "" ? undefined : (field as Field));
  }
  return columns;
}

/** Whether a column has a meaning, by its own name or by `--map`. */
export function isKnownColumn(columns: ReadonlyMap<string, Field | undefined>, name: string): boolean {
  return columns.has(name) || Object.hasOwn(FIELDS, name);
}

/** A time in the form that the server takes; what databases write without a zone is UTC. Undefined for any other text. */
function timeOf(text: string): string | undefined {
  const [, date, time = "00:00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? [];
  const at = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

/** Reads the columns of a line as fields. `columns` renames; `skillId` is for links that name no skill. */
export function itemOf(
  values: Readonly<Record<string, unknown>>,
  kind: Kind,
  {
    columns,
    skillId,
  }: { readonly columns: ReadonlyMap<string, Field | undefined>; readonly skillId?: string | undefined },
): Item {
  const fields: Partial<Record<Field, string>> = {};
  for (const [column, value] of Object.entries(values)) {
    const field = columns.has(column) ? columns.get(column) : column;
    if (field === undefined || value === null || value === "") continue;
    if (!Object.hasOwn(FIELDS, field)) {
      return { problem: `the column ${JSON.stringify(column.slice(0, 100))} is unknown: use --map` };
    }
    const name = field as Field;
    // A larger number would be read as one of its neighbours, which may be somebody else's id.
    if (typeof value !== "string" && !Number.isSafeInteger(value)) return { problem: `${name} must be a text` };
    if (fields[name] !== undefined) return { problem: `${name} is given by two columns` };
    const text = FROM_CUSTOMERS.includes(name) ? String(value).replace(SHOWN_AS_TEXT, "") : String(value);
    const longest = LONGEST[name] ?? 255;
    if (text.length > longest) return { problem: `${name} has more than ${longest} characters` };
    fields[name] = text;
  }
  if (fields.createdAt !== undefined) {
    const time = timeOf(fields.createdAt);
    if (time === undefined) return { problem: "createdAt must be a time such as 2026-10-01T12:00:00Z" };
    fields.createdAt = time;
  }
  const isLink = kind === "links" || (kind === "both" && OF_LINKS.some((name) => fields[name] !== undefined));
  const isPerson = kind === "users" || (kind === "both" && (!isLink || OF_PEOPLE.some((name) => fields[name])));
  return {
    ...(isPerson ? personOf(fields) : {}),
    ...(isLink ? linkOf({ ...(skillId === undefined ? {} : { skillId }), ...fields }, isPerson) : {}),
  };
}

function pick(fields: Partial<Record<Field, string>>, names: readonly string[]): Record<string, string> {
  const found = Object.entries(fields).filter(([name, value]) => names.includes(name) && value !== undefined);
  return Object.fromEntries(found) as Record<string, string>;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._~:|@+=-]{0,99}$/;
const SKILL_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;
const SHA256 = /^([0-9a-fA-F]{64}|[A-Za-z0-9_-]{43})$/;

function personOf(fields: Partial<Record<Field, string>>): Item {
  const { id, email, oidcSubject, amazonSubject, passwordHash } = fields;
  if (id !== undefined && !ID.test(id)) return { problem: "id has characters that an id cannot have" };
  const subjects = [oidcSubject, amazonSubject].filter((subject) => subject !== undefined).length;
  if (subjects > 1 || (subjects === 1 && passwordHash !== undefined) || (subjects === 0 && email === undefined)) {
    return { problem: "a person signs in with exactly one of email, oidcSubject and amazonSubject" };
  }
  return { person: pick(fields, PERSON_FIELDS) };
}

function linkOf(fields: Partial<Record<Field, string>>, hasPerson: boolean): Item {
  const { userId, email, oidcSubject, refreshToken, skillId } = fields;
  if (skillId === undefined) return { problem: "skillId is missing: give a column, or --skill-id" };
  if (!SKILL_ID.test(skillId)) return { problem: "skillId is not a skill's id" };
  const tokens = OF_LINKS.filter((name) => fields[name] !== undefined);
  if (tokens.length !== 1) return { problem: `a link has exactly one of ${OF_LINKS.join(", ")}` };
  if ((fields.grantId === undefined) !== (fields.refreshSecretSha256 === undefined)) {
    return { problem: "grantId and refreshSecretSha256 go together" };
  }
  if (fields.grantId !== undefined && !/^[0-9a-z]{26}$/.test(fields.grantId)) return { problem: "grantId is not one" };
  const hash =
    refreshToken === undefined ? undefined : createHash("sha256").update(refreshToken, "utf8").digest("base64url");
  const item = pick({ ...fields, ...(hash === undefined ? {} : { refreshTokenSha256: hash }) }, LINK_FIELDS);
  if (!SHA256.test(item.refreshTokenSha256 ?? item.refreshSecretSha256 ?? ""))
    return { problem: "the SHA-256 is not one" };
  if (hasPerson) return { link: item as LinkItem };
  const user =
    userId !== undefined
      ? { id: userId }
      : oidcSubject !== undefined
        ? { oidcSubject }
        : email !== undefined
          ? { email }
          : undefined;
  if (!user) return { problem: "whose link it is: give userId, email or oidcSubject" };
  return { link: { ...item, user } as LinkItem };
}
