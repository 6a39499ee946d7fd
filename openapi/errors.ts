// Errors: problem documents of the JSON API, and errors of the OAuth endpoints.
import * as z from "zod/mini";
import type { Component } from "./describe.ts";

const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.optional(z.string()),
  errorId: z.optional(z.string()),
  errors: z.optional(z.array(z.strictObject({ field: z.string(), message: z.string() }))),
});

const oauthError = z.strictObject({ error: z.string(), error_description: z.optional(z.string()) });

export const errors = {
  Problem: {
    schema: problem,
    io: "output",
    texts: {
      code: "Stable, for programs.",
      detail: "For people.",
      errorId: "The `requestId` of the log line that says what happened.",
    },
  },
  OAuthError: { schema: oauthError, io: "output" },
} satisfies Record<string, Component>;
