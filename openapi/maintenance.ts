// /api/admin/keys and maintenance.
import * as z from "zod/mini";
import { rotateKeysSchema } from "../src/admin/maintenance-api.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_TIME, strings, time } from "./shapes.ts";

/** A signing key as the admin API shows it. */
export const keyResponse = z.strictObject({
  kid: z.string(),
  status: z.enum(["next", "current", "retired"]),
  createdAt: time,
  signsFrom: time,
  verifiesUntil: z.nullable(time),
});

export const rotationResponse = z.strictObject({
  result: z.enum(["rotated", "pending", "dropped"]),
  items: z.array(keyResponse),
});

export const maintenanceResponse = z.strictObject({
  swept: z.record(z.string(), z.int()),
  finishedUnlinks: z.int(),
  deliveredWebhooks: z.int(),
  resealed: z.int(),
  keyRotated: z.boolean(),
  raisedAlerts: z.int(),
  clearedAlerts: z.int(),
  more: z.boolean(),
  failed: strings,
});

const keyExample = {
  kid: "example",
  status: "current",
  createdAt: EXAMPLE_TIME,
  signsFrom: EXAMPLE_TIME,
  verifiesUntil: null,
};

export const maintenance: Resource = {
  tag: "Operators: maintenance",
  description: "With ADMIN_TOKEN: signing keys and the scheduled maintenance.",
  components: { SigningKey: { schema: keyResponse, io: "output", example: keyExample } },
  paths: {
    "/api/admin/keys": {
      GET: {
        id: "listKeys",
        summary: "Signing keys",
        security: "admin",
        responses: {
          200: {
            description: "All keys that are stored.",
            content: { shape: { listOf: "SigningKey" } },
          },
        },
      },
    },
    "/api/admin/keys/rotate": {
      POST: {
        id: "rotateKeys",
        summary: "Publish the next signing key, or remove a compromised one at once",
        security: "admin",
        body: { shape: rotateKeysSchema, example: {}, optional: true },
        responses: {
          200: {
            description: "The result, and all keys that are stored.",
            content: { shape: rotationResponse, example: { result: "rotated", items: [keyExample] } },
          },
        },
        problems: ["not_found"],
      },
    },
    "/api/admin/maintenance": {
      POST: {
        id: "runMaintenance",
        summary: "Run the scheduled maintenance now",
        security: "admin",
        body: { shape: z.strictObject({}), example: {}, optional: true },
        responses: {
          200: {
            description: "The number of rows by kind, and the parts that failed.",
            content: {
              shape: maintenanceResponse,
              example: {
                swept: { codes: 12 },
                finishedUnlinks: 0,
                deliveredWebhooks: 0,
                resealed: 0,
                keyRotated: false,
                raisedAlerts: 0,
                clearedAlerts: 0,
                more: false,
                failed: [],
              },
            },
          },
        },
      },
    },
  },
};
