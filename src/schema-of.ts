// Schemas are declared as functions. A starting isolate builds none: that would take longer than everything else at its
// start. Each schema is built once, when it is first used.
import type * as z from "zod/mini";

/** A schema, or the function that makes it. */
export type SchemaSource<Schema extends z.ZodMiniType> = Schema | (() => Schema);

const built = new WeakMap<() => z.ZodMiniType, z.ZodMiniType>();

/** The schema of `source`. A function is called once; later calls here return the same schema. */
export function schemaOf<Schema extends z.ZodMiniType>(source: SchemaSource<Schema>): Schema {
  if (typeof source !== "function") return source;
  const known = built.get(source);
  if (known) return known as Schema;
  const schema = source();
  built.set(source, schema);
  return schema;
}
