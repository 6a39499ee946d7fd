// /api/admin/imports: moving links over from another account linking server.
import * as z from "zod/mini";
import { IMPORT_REFUSALS, importsSchema } from "../src/admin/imports-api.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_GRANT_ID, EXAMPLE_SKILL_ID, EXAMPLE_TIME } from "./shapes.ts";

const importsResponse = z.strictObject({
  imported: z.int(),
  refused: z.int(),
  items: z.array(
    z.union([
      z.strictObject({ status: z.enum(["imported", "exists", "ended"]), grantId: z.string() }),
      z.strictObject({
        status: z.literal("refused"),
        code: z.enum(Object.keys(IMPORT_REFUSALS) as [keyof typeof IMPORT_REFUSALS]),
        detail: z.string(),
      }),
    ]),
  ),
});

export const imports: Resource = {
  tag: "Operators: imports",
  description: "With ADMIN_TOKEN: moving over from another account linking server.",
  paths: {
    "/api/admin/imports": {
      POST: {
        id: "importLinks",
        summary: "Import links from another account linking server",
        description:
          "Up to 100 links, each with the SHA-256 of the refresh token that Alexa holds. The token keeps working here, so no customer has to link again. Can be repeated: links imported earlier are `exists`, or `ended` if they were revoked. `user` is the `id` or `email` of an account, or the `oidcSubject` of a user of the company's identity provider, who need not have signed in here yet.",
        security: "admin",
        body: {
          shape: importsSchema,
          example: {
            items: [
              {
                skillId: EXAMPLE_SKILL_ID,
                user: { email: "ada@example.com" },
                refreshTokenSha256: "0".repeat(64),
                scope: "profile devices:control",
                createdAt: EXAMPLE_TIME,
              },
            ],
          },
        },
        responses: {
          200: {
            description: "The result for each link, in the same order.",
            content: {
              shape: importsResponse,
              example: {
                imported: 1,
                refused: 0,
                items: [{ status: "imported", grantId: EXAMPLE_GRANT_ID }],
              },
            },
          },
        },
      },
    },
  },
};
