// Schemas of the skills and clients that operators send. Each error message is a phrase that follows the field's name.
import * as z from "zod/mini";
import { LINKS_SCOPE } from "../oauth/bearer.ts";
import { schemaOf } from "../schema-of.ts";
import { SKILL_TYPES } from "../storage/skills/skills.ts";
import { relaySchema } from "./relay-settings.ts";
import { addressError, resourceError } from "./web-address.ts";

const MAX_SCOPES = 15;
const MAX_ADDRESSES = 30;
const MAX_DESCRIPTION = 300;
const MAX_RESOURCES = 20;
const MAX_RESOURCE_LENGTH = 500;

/** Ids are used in paths, Basic headers and form bodies, so they contain only characters that need no escaping. */
const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._~@+=-]{0,199}$/;
const SKILL_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

const required = (name: string) => (issue: { readonly input?: unknown }) =>
  issue.input === undefined ? "is required" : `must be ${name}`;

const shownName = () =>
  z.string({ error: required("a string") }).check(
    z.maxLength(100, "must have at most 100 characters"),
    z.refine((value) => value.trim() !== "", "must not be empty"),
    z.refine((value) => !/\p{Cc}/u.test(value), "must not have control characters"),
  );

export const skillId = () =>
  z
    .string({ error: required("a string") })
    .check(
      z.regex(SKILL_ID, "must be a skill id such as amzn1.ask.skill.… (letters, digits, dots, dashes; at most 255)"),
    );

export const clientId = () =>
  z
    .string({ error: required("a string") })
    .check(
      z.regex(
        CLIENT_ID,
        "must start with a letter or digit and have only letters, digits and . _ ~ @ + = - (at most 200)",
      ),
    );

const clientSecret = () =>
  z
    .string({ error: required("a string") })
    .check(z.regex(/^[\x21-\x7e]{8,500}$/, "must have 8 to 500 visible ASCII characters"));

/** RFC 6749 §3.3 */
const scopeName = () =>
  z
    .string({ error: required("a string") })
    .check(
      z.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, 'must be 1 to 100 visible ASCII characters without space, " and \\'),
    );

const descriptions = () =>
  z.record(
    z
      .string()
      .check(z.regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/, "must have language tags such as en or de-DE as keys")),
    z.string().check(z.maxLength(MAX_DESCRIPTION, `must have at most ${MAX_DESCRIPTION} characters`)),
  );

/** The scope of an Alexa+ add-on's tokens without a user. The name is Amazon's. */
export const SERVICE_SCOPE = "mcp:service";

export const skillScope = () =>
  z.pipe(
    z.transform((value: unknown) => (typeof value === "string" ? { name: value } : value)),
    z
      .strictObject(
        {
          name: scopeName(),
          tier: z._default(z.enum(["service", "user"], { error: required("service or user") }), "user"),
          descriptions: z._default(descriptions(), {}),
        },
        {
          error: (issue) =>
            issue.code === "invalid_type" ? "must be a scope or {name, tier, descriptions}" : undefined,
        },
      )
      .check(
        z.refine(({ name, tier }) => name !== SERVICE_SCOPE || tier === "service", {
          path: ["tier"],
          error: `must be service for ${SERVICE_SCOPE}`,
        }),
      ),
  );

function distinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

function addresses(rule: { readonly development: boolean; readonly deepLinks?: boolean }) {
  return z
    .array(
      z.string({ error: required("a string") }).check((context) => {
        const message = addressError(context.value, rule);
        if (message !== undefined) context.issues.push({ code: "custom", message, input: context.value });
      }),
      { error: required("a list") },
    )
    .check(
      z.maxLength(MAX_ADDRESSES, `must have at most ${MAX_ADDRESSES} entries`),
      z.refine(distinct, "must not repeat an entry"),
    );
}

const lwaCredentials = () =>
  z.strictObject({
    clientId: z
      .string({ error: required("a string") })
      .check(z.regex(/^[\x21-\x7e]{1,100}$/, "must be the Alexa client id, 1 to 100 visible ASCII characters")),
    clientSecret: z
      .string({ error: required("a string") })
      .check(z.regex(/^[\x21-\x7e]{1,500}$/, "must be the Alexa client secret, 1 to 500 visible ASCII characters")),
  });

function skillFields(development: boolean) {
  return {
    name: shownName(),
    type: z.enum(SKILL_TYPES, { error: required(`one of ${SKILL_TYPES.join(", ")}`) }),
    linking: z.enum(["required", "optional"], { error: required("required or optional") }),
    vendorId: z
      .string()
      .check(z.regex(/^[A-Za-z0-9]{1,64}$/, "must be the developer account's vendor id: letters and digits")),
    redirectUris: addresses({ development }).check(z.minLength(1, "must not be empty")),
    extraRedirectUris: addresses({ development }),
    scopes: z.array(schemaOf(skillScope), { error: required("a list") }).check(
      z.minLength(1, "must name at least one scope: Alexa refuses a configuration without scopes"),
      z.maxLength(MAX_SCOPES, `must have at most ${MAX_SCOPES} scopes`),
      z.refine((list) => distinct(list.map((scope) => scope.name)), "must not repeat a scope"),
    ),
    returnUrls: addresses({ development, deepLinks: true }),
    lwa: z.nullable(lwaCredentials()),
    eventGateway: z.nullable(lwaCredentials()),
    relay: z.nullable(relaySchema(development)),
    resource: z.nullable(
      z.string({ error: required("a string") }).check((context) => {
        const message = resourceError(context.value, development);
        if (message !== undefined) context.issues.push({ code: "custom", message, input: context.value });
      }),
    ),
    serviceClient: z.nullable(z.strictObject({ id: z.optional(clientId()) })),
    force: z.boolean(),
  };
}

export const stageSchema = () => z.enum(["development", "live"], { error: required("development or live") });

/** Body of `POST /api/admin/skills`. In development, http redirect URIs on loopback hosts are allowed. */
export function newSkillSchema(development: boolean) {
  const fields = skillFields(development);
  return z.strictObject({
    ...fields,
    id: skillId(),
    stage: z._default(stageSchema(), "development"),
    linking: z.optional(fields.linking),
    vendorId: z.optional(fields.vendorId),
    redirectUris: z.optional(fields.redirectUris),
    extraRedirectUris: z._default(fields.extraRedirectUris, []),
    lwa: z.optional(fields.lwa),
    eventGateway: z.optional(fields.eventGateway),
    relay: z.optional(fields.relay),
    resource: z.optional(fields.resource),
    serviceClient: z.optional(fields.serviceClient),
    force: z._default(fields.force, false),
    client: z._default(
      z.strictObject({
        id: z.optional(clientId()),
        secret: z.optional(clientSecret()),
        requirePkce: z.optional(z.boolean()),
      }),
      {},
    ),
  });
}

/** Body of `PATCH /api/admin/skills/{id}`. Fields that are left out keep their values. */
export function skillChangesSchema(development: boolean) {
  const fields = skillFields(development);
  return z.strictObject({
    name: z.optional(fields.name),
    stage: z.optional(stageSchema()),
    type: z.optional(fields.type),
    linking: z.optional(fields.linking),
    vendorId: z.optional(z.nullable(fields.vendorId)),
    redirectUris: z.optional(fields.redirectUris),
    extraRedirectUris: z.optional(fields.extraRedirectUris),
    scopes: z.optional(fields.scopes),
    returnUrls: z.optional(fields.returnUrls),
    lwa: z.optional(fields.lwa),
    eventGateway: z.optional(fields.eventGateway),
    relay: z.optional(fields.relay),
    resource: z.optional(fields.resource),
    serviceClient: z.optional(fields.serviceClient),
    force: z._default(fields.force, false),
    client: z._default(z.strictObject({ requirePkce: z.optional(z.boolean()) }), {}),
  });
}

const DEFAULT_OVERLAP_SECONDS = 7 * 24 * 3600;
const MAX_OVERLAP_SECONDS = 90 * 24 * 3600;

const OVERLAP_RULE = `must be a whole number from 0 to ${MAX_OVERLAP_SECONDS}`;

/** Body of `POST …/rotate-secret`; may be empty. */
export const rotateSecretSchema = () =>
  z.strictObject({
    /** How long the previous secret stays valid. */
    overlapSeconds: z._default(
      z.int(OVERLAP_RULE).check(z.minimum(0, OVERLAP_RULE), z.maximum(MAX_OVERLAP_SECONDS, OVERLAP_RULE)),
      DEFAULT_OVERLAP_SECONDS,
    ),
  });

/** Query of a skill's `POST …/rotate-secret`: whose secret. By default that of the client that every skill has. */
export const rotateSecretQuery = () => z.strictObject({ client: z.optional(z.literal("service", "must be service")) });

function clientFields(development: boolean) {
  return {
    name: shownName(),
    redirectUris: addresses({ development }),
    scopes: z
      .array(scopeName(), { error: required("a list") })
      .check(
        z.maxLength(MAX_SCOPES, `must have at most ${MAX_SCOPES} scopes`),
        z.refine(distinct, "must not repeat a scope"),
      ),
    skillIds: z
      .array(skillId(), { error: required("a list") })
      .check(z.maxLength(100, "must have at most 100 skill ids"), z.refine(distinct, "must not repeat a skill id")),
    resources: addresses({ development }).check(
      z.maxLength(MAX_RESOURCES, `must have at most ${MAX_RESOURCES} entries`),
      z.refine(
        (list) => list.every((resource) => resource.length <= MAX_RESOURCE_LENGTH),
        `must have at most ${MAX_RESOURCE_LENGTH} characters each`,
      ),
    ),
  };
}

export const NO_RESOURCES_FOR_APPS = "resources: must be empty: an app's tokens are for this server";

/** Body of `POST /api/admin/clients`. */
export function newClientSchema(development: boolean) {
  const fields = clientFields(development);
  return z
    .strictObject({
      id: z.optional(clientId()),
      kind: z.enum(["app", "service"], {
        error: required("app or service; an alexa client is created with its skill"),
      }),
      name: fields.name,
      redirectUris: z._default(fields.redirectUris, []),
      scopes: z.optional(fields.scopes),
      skillIds: z._default(fields.skillIds, []),
      resources: z._default(fields.resources, []),
      secret: z.optional(clientSecret()),
    })
    .check((context) => {
      const body = context.value;
      const addIssue = (field: string, message: string) =>
        context.issues.push({ code: "custom", path: [field], message, input: undefined });
      if (body.kind === "app" && body.redirectUris.length === 0) {
        addIssue("redirectUris", "must name at least one redirect URI of the app");
      }
      if (body.kind === "app" && body.secret !== undefined)
        addIssue("secret", "must be left out: an app cannot keep a secret");
      if (body.kind === "app" && body.resources.length > 0) {
        addIssue("resources", NO_RESOURCES_FOR_APPS.replace("resources: ", ""));
      }
      if (body.kind === "service" && body.redirectUris.length > 0) {
        addIssue("redirectUris", "must be empty: a service does not sign users in");
      }
    });
}

/** Body of `PATCH /api/admin/clients/{id}`. */
export function clientChangesSchema(development: boolean) {
  const fields = clientFields(development);
  return z.strictObject({
    name: z.optional(fields.name),
    redirectUris: z.optional(fields.redirectUris),
    scopes: z.optional(fields.scopes),
    skillIds: z.optional(fields.skillIds),
    resources: z.optional(fields.resources),
  });
}

/** Whether the scopes include `links`, which only app clients may have. */
export function includesReservedScope(scopes: readonly string[]): boolean {
  return scopes.includes(LINKS_SCOPE);
}
