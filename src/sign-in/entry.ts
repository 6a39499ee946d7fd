// What the sign-in form carries, sealed: where to continue afterwards, and the link attempt that waits for the sign-in.
import * as z from "zod/mini";
import { openForm, sealForm } from "../http/form-token.ts";
import type { Runtime } from "../runtime.ts";
import type { AttemptStart } from "../storage/attempts/attempts.ts";
import { safeContinueTo } from "./continue-to.ts";

const FORM = "entry";

const attemptSchema = () =>
  z.object({
    attemptId: z.string(),
    flow: z.enum(["alexa_app", "app_to_app", "website", "app_authorize", "oauth"]),
    skillId: z.nullable(z.string()),
    clientId: z.nullable(z.string()),
    locale: z.nullable(z.string()),
  }) satisfies z.ZodMiniType<AttemptStart>;

export const entrySchema = () =>
  z.object({
    continueTo: z.string().check(z.refine((value) => safeContinueTo(value) !== undefined)),
    skillName: z.nullable(z.string()),
    attempt: z.nullable(attemptSchema()),
  });
export type Entry = z.infer<ReturnType<typeof entrySchema>>;

/** Seals an entry for the browser. Throws when `continueTo` is not a path of this origin (a caller's bug). */
export function sealEntry(rt: Runtime, browserHash: string, entry: Entry): Promise<string> {
  if (safeContinueTo(entry.continueTo) === undefined) throw new TypeError("continueTo must be a path of this origin");
  return sealForm(rt, FORM, browserHash, entry);
}

/** Opens what `sealEntry` sealed for the same browser within the last hour. */
export async function openEntry(
  rt: Runtime,
  browserHash: string,
  sealed: string | undefined,
): Promise<Entry | "forged" | "expired"> {
  const opened = await openForm(rt, FORM, browserHash, sealed, entrySchema);
  return typeof opened === "string" ? opened : opened.value;
}

/** The options of the sign-in page for an entry. */
export function signInOptionsOf(entry: Entry) {
  return {
    continueTo: entry.continueTo,
    attempt: entry.attempt ?? undefined,
    skillName: entry.skillName ?? undefined,
  };
}
