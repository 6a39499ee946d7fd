// Association files of the company's apps, health, and this description.
import * as z from "zod/mini";
import type { Resource } from "./describe.ts";

/** Response of `GET /healthz`. */
export const healthResponse = z.strictObject({ status: z.literal("ok") });

const json = (example: unknown) => ({ shape: z.looseObject({}), example });

export const service: Resource = {
  tag: "The service itself",
  description: "Public.",
  paths: {
    "/.well-known/apple-app-site-association": {
      GET: {
        id: "appleAssociation",
        summary: "Lets the iOS app open links to /app/*",
        security: "none",
        responses: {
          200: { description: "Generated from APPLE_APP_IDS.", content: json({ applinks: { details: [] } }) },
        },
        problems: ["not_found"],
      },
    },
    "/.well-known/assetlinks.json": {
      GET: {
        id: "androidAssociation",
        summary: "Lets the Android app open links to /app/*",
        security: "none",
        responses: {
          200: {
            description: "Generated from ANDROID_APPS.",
            content: { shape: z.array(z.looseObject({})), example: [] },
          },
        },
        problems: ["not_found"],
      },
    },
    "/healthz": {
      GET: {
        id: "health",
        summary: "Whether the database responds",
        security: "none",
        responses: {
          200: {
            description: "The database responds and its schema is complete.",
            content: { shape: healthResponse, example: { status: "ok" } },
          },
        },
        problems: ["not_configured", "temporarily_unavailable"],
      },
    },
    "/openapi.json": {
      GET: {
        id: "openapi",
        summary: "This description",
        security: "none",
        responses: { 200: { description: "OpenAPI 3.1.", content: json({ openapi: "3.1.0" }) } },
      },
    },
  },
};
