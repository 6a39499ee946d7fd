// The parameter `resource` (RFC 8707 §2): an add-on's registered one or none, compared byte for byte.

/** Why `resource` was refused. `resource_trailing_slash`: it differs by one slash at the end and in nothing else. */
export type ResourceProblem =
  | "resource_mismatch"
  | "resource_trailing_slash"
  | "resource_repeated"
  | "resource_unregistered";

/**
 * What is wrong with the values of `resource` in a request, decoded (undefined: not decodable) and in order. Undefined
 * when it is absent, empty or the registered one. Empty occurrences count as given when it is repeated.
 */
export function resourceProblem(
  values: readonly (string | undefined)[],
  registered: string | null,
): ResourceProblem | undefined {
  if (values.length > 1) return "resource_repeated";
  const [value] = values;
  if (values.length === 0 || value === "") return undefined;
  if (registered === null) return "resource_unregistered";
  if (value === registered) return undefined;
  return value === `${registered}/` || registered === `${value}/` ? "resource_trailing_slash" : "resource_mismatch";
}

/** `resourceProblem` for the fields of a token request, where repeated values are joined by a space. */
export function resourceFieldProblem(
  fields: ReadonlyMap<string, string>,
  registered: string | null,
): ResourceProblem | undefined {
  return resourceProblem(fields.get("resource")?.split(" ") ?? [], registered);
}
