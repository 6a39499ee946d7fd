// Request bodies of /api/links.
import * as z from "zod/mini";

const text = (maximum: number) => z.string().check(z.minLength(1), z.maxLength(maximum));
const skillId = () => text(255);
export const stageSchema = () => z.enum(["development", "live"]);

/** Body of `POST /api/links`. Without `stage`: the skill's own. */
export const startBody = () =>
  z.strictObject({
    skillId: skillId(),
    stage: z.optional(stageSchema()),
    /** One of the skill's return URLs, exactly. */
    returnTo: text(2048),
    platform: z.enum(["ios", "android", "web"]),
  });

const state = () => text(512);

/** Body of `POST /api/links/complete`: Amazon's code, the sealed result of a callback, or Amazon's error code. */
export const completeBody = () =>
  z.union([
    z.strictObject({ state: state(), code: text(2048) }),
    z.strictObject({ state: state(), result: text(16_000) }),
    z.strictObject({ state: state(), error: text(200) }),
  ]);
