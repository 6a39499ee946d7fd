// A shape for what we would like to know, but do not depend on.
import * as z from "zod/mini";

/**
 * What may be missing or of another shape without the whole being refused: it reads as undefined then. As `z.catch` would do, whose
 * import alone keeps all of zod's utilities in the bundle, 2 KB.
 */
export function tolerant<S extends z.ZodMiniType>(schema: S) {
  return z.optional(
    z.transform((value: unknown): z.output<S> | undefined => {
      const read = schema.safeParse(value);
      return read.success ? read.data : undefined;
    }),
  );
}
