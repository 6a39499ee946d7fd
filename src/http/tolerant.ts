// A schema for fields that we use if they are valid, but do not depend on.
import * as z from "zod/mini";

/** A field that is undefined when missing or invalid. `z.catch` does the same but adds 2 KB to the bundle. */
export function tolerant<S extends z.ZodMiniType>(schema: S) {
  return z.optional(
    z.transform((value: unknown): z.output<S> | undefined => {
      const read = schema.safeParse(value);
      return read.success ? read.data : undefined;
    }),
  );
}
