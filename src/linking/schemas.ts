// Bodies and answers of the JSON API of /api/links, as schemas: they validate, and describe the API.
import * as z from "zod/mini";

const text = (maximum: number) => z.string().check(z.minLength(1), z.maxLength(maximum));
const skillId = text(255);
export const stageSchema = z.enum(["development", "live"]);

/** Starts linking a user with a skill. `stage` left out: the skill's only stage, or live when both exist. */
export const startBody = z.strictObject({
  skillId,
  stage: z.optional(stageSchema),
  /** One of the skill's return URLs, exactly. */
  returnTo: text(2048),
  platform: z.enum(["ios", "android", "web"]),
});

export const startAnswer = z.object({
  id: z.string(),
  state: z.string(),
  /** Opens the Alexa app. */
  alexaAppUrl: z.string(),
  /** For a browser tab, when the Alexa app is not there. */
  loginWithAmazonUrl: z.string(),
  /** Where Amazon's answer arrives. */
  redirectUri: z.string(),
  expiresAt: z.iso.datetime(),
});

const state = text(512);

/** Completes a linking with what Amazon answered: its code, the sealed result of a callback, or its error code. */
export const completeBody = z.union([
  z.strictObject({ state, code: text(2048) }),
  z.strictObject({ state, result: text(16_000) }),
  z.strictObject({ state, error: text(200) }),
]);

export const completeAnswer = z.object({ skillId, status: z.literal("linked") });

export const linkAnswer = z.object({
  skillId,
  stage: stageSchema,
  name: z.string(),
  status: z.enum(["linked", "not_linked", "unknown"]),
  /** When Alexa was asked; null when it was not. */
  checkedAt: z.nullable(z.iso.datetime()),
  grants: z.array(
    z.object({
      id: z.string(),
      createdAt: z.iso.datetime(),
      lastUsedAt: z.iso.datetime(),
      flow: z.string(),
      /** A recognized speaker's own, or shared by all who speak to the account's devices; null until Alexa has shown it. */
      level: z.nullable(z.enum(["person", "account"])),
    }),
  ),
});
export const linksAnswer = z.object({ links: z.array(linkAnswer) });
export const unlinkPendingAnswer = z.object({ status: z.literal("unlinked"), amazon: z.literal("pending") });
