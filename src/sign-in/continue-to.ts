// The address to continue to after signing in: only a path of this origin.

/** Longest path with query, in characters. The longest authorization request fits. */
const MAX_CONTINUE_TO = 20 * 1024;

/**
 * `value`, unchanged, when it is a path with query of this origin; undefined otherwise. Refuses what browsers read as
 * another origin (`//host`, `/\host`), every backslash in the path, control characters, spaces and anything that is not
 * ASCII. A backslash in the query is allowed: URL parsers keep it there, and Alexa's parameters must be returned byte
 * for byte.
 */
export function safeContinueTo(value: string | undefined): string | undefined {
  if (value === undefined || value.length > MAX_CONTINUE_TO) return undefined;
  if (!/^\/(?![/\\])[\x21-\x3e\x40-\x5b\x5d-\x7e]*(\?[\x21-\x7e]*)?$/.test(value)) return undefined;
  return new URL(value, "https://origin.invalid").origin === "https://origin.invalid" ? value : undefined;
}
