// Operations of operators: skills, and the clients beside them.
import * as z from "zod/mini";
import {
  clientChangesSchema,
  newClientSchema,
  newSkillSchema,
  rotateSecretSchema,
  skillChangesSchema,
} from "../admin/admin-schemas.ts";
import { pageQuery } from "../admin/paging.ts";
import { at, clientExample, newSkillExample, withSecret } from "./admin-examples.ts";
import { linkingRequestAnswer } from "./answers.ts";
import type { Operation } from "./describe.ts";

const SKILLS = "Operators: skills";
const CLIENTS = "Operators: clients";

export const newSkill = newSkillSchema(false);
export const skillChanges = skillChangesSchema(false);
export const newClient = newClientSchema(false);
const clientChanges = clientChangesSchema(false);

const pages = z.object(pageQuery);
const skillPath = { id: "The skill's id, `amzn1.ask.skill.…`.", stage: "`development` or `live`." };
const clientPath = { id: "The client's id." };

const skill = (example?: object) => ({ shape: { component: "Skill" }, example });
const client = (example?: object) => ({ shape: { component: "Client" }, example });
const gone = { 204: { description: "Removed." } };

export const SKILL_PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/admin/skills": {
    POST: {
      id: "addSkill",
      tag: SKILLS,
      summary: "Register a skill, with the client that Alexa uses for it",
      description:
        "A skill is its id and stage. With the `client.id` of the skill's other stage, both share that client: certification copies it from development to live. Otherwise the answer holds `client.secret`, this once.",
      security: "admin",
      body: { shape: { component: "NewSkill" }, example: newSkillExample },
      answers: { 201: { description: "Registered.", content: skill(withSecret) } },
      problems: ["conflict", "account_linking_not_supported", "redirect_uris_incomplete", "scope_reserved"],
    },
    GET: {
      id: "listSkills",
      tag: SKILLS,
      summary: "The registered skills",
      security: "admin",
      query: pages,
      answers: {
        200: {
          description: "In the order of id and stage.",
          content: { shape: { listOf: "Skill" } },
        },
      },
    },
  },
  "/api/admin/skills/{id}/{stage}": {
    GET: {
      id: "showSkill",
      tag: SKILLS,
      summary: "One skill",
      security: "admin",
      path: skillPath,
      answers: { 200: { description: "The skill.", content: skill() } },
      problems: ["skill_not_found"],
    },
    PATCH: {
      id: "changeSkill",
      tag: SKILLS,
      summary: "Change what is given of a skill",
      description: "`null` takes `lwa`, `eventGateway` or `vendorId` away.",
      security: "admin",
      path: skillPath,
      body: { shape: { component: "SkillChanges" }, example: { name: "Acme Home 2" } },
      answers: { 200: { description: "The changed skill.", content: skill() } },
      problems: ["skill_not_found", "account_linking_not_supported", "redirect_uris_incomplete", "scope_reserved"],
    },
    DELETE: {
      id: "removeSkill",
      tag: SKILLS,
      summary: "Remove a skill: all its links end",
      description: "Its client goes too, unless the other stage shares it.",
      security: "admin",
      path: skillPath,
      answers: gone,
      problems: ["skill_not_found"],
    },
  },
  "/api/admin/skills/{id}/{stage}/rotate-secret": {
    POST: {
      id: "rotateSkillSecret",
      tag: SKILLS,
      summary: "Make a new client secret; the old one works on for a while",
      security: "admin",
      path: skillPath,
      body: { shape: rotateSecretSchema, example: { overlapSeconds: 604800 }, optional: true },
      answers: {
        200: {
          description: "The new secret is shown this once.",
          content: skill({ ...withSecret, previousSecretExpiresAt: at }),
        },
      },
      problems: ["skill_not_found"],
    },
  },
  "/api/admin/skills/{id}/{stage}/account-linking-request": {
    GET: {
      id: "accountLinkingRequest",
      tag: SKILLS,
      summary: "What Amazon must know, as SMAPI and ask-cli take it",
      security: "admin",
      path: skillPath,
      answers: {
        200: {
          description: "With a placeholder for the client secret.",
          content: {
            shape: linkingRequestAnswer,
            example: { accountLinkingRequest: { type: "AUTH_CODE", clientId: "alexa-acme-home" } },
          },
        },
      },
      problems: ["skill_not_found"],
    },
  },
  "/api/admin/clients": {
    POST: {
      id: "addClient",
      tag: CLIENTS,
      summary: "Add an app or a skill's backend",
      description: "An `app` is public: PKCE, rotating refresh tokens. A `service` has a secret, shown this once.",
      security: "admin",
      body: {
        shape: { component: "NewClient" },
        example: { kind: "service", name: "Acme Home backend", skillIds: ["amzn1.ask.skill.0000-demo"] },
      },
      answers: {
        201: { description: "Added.", content: client({ ...clientExample, secret: "example-client-secret" }) },
      },
      problems: ["conflict", "scope_reserved"],
    },
    GET: {
      id: "listClients",
      tag: CLIENTS,
      summary: "Apps and backends",
      security: "admin",
      query: pages,
      answers: {
        200: {
          description: "In the order of their ids. Alexa's clients are shown with their skills.",
          content: { shape: { listOf: "Client" } },
        },
      },
    },
  },
  "/api/admin/clients/{id}": {
    GET: {
      id: "showClient",
      tag: CLIENTS,
      summary: "One client",
      security: "admin",
      path: clientPath,
      answers: { 200: { description: "The client.", content: client() } },
      problems: ["not_found"],
    },
    PATCH: {
      id: "changeClient",
      tag: CLIENTS,
      summary: "Change what is given of a client",
      security: "admin",
      path: clientPath,
      body: { shape: clientChanges, example: { name: "Acme Home backend 2" } },
      answers: { 200: { description: "The changed client.", content: client() } },
      problems: ["not_found", "scope_reserved"],
    },
    DELETE: {
      id: "removeClient",
      tag: CLIENTS,
      summary: "Remove a client with its grants",
      security: "admin",
      path: clientPath,
      answers: gone,
      problems: ["not_found"],
    },
  },
  "/api/admin/clients/{id}/rotate-secret": {
    POST: {
      id: "rotateClientSecret",
      tag: CLIENTS,
      summary: "Make a new secret for a service",
      security: "admin",
      path: clientPath,
      body: { shape: rotateSecretSchema, example: { overlapSeconds: 604800 }, optional: true },
      answers: {
        200: {
          description: "The new secret is shown this once.",
          content: client({ ...clientExample, secret: "example-client-secret", previousSecretExpiresAt: at }),
        },
      },
      problems: ["not_found", "conflict"],
    },
  },
};
