// Where a visitor goes after signing in: a path of ours and nothing else (S7).

/** Longest path with query, in characters: the longest authorization request, with what is sealed beside it, fits. */
const MAX_CONTINUE_TO = 20 * 1024;

/**
 * `value` when it is a path with query of this origin, as it stands; undefined otherwise. Refuses what browsers read as
 * another origin (`//host`, `/\host`), every backslash in the path, controls, blanks and anything that is not ASCII. In the query a
 * backslash is a character like any other: URL parsers leave it, and what Alexa sent must come back as it stands (B4).
 */
export function safeContinueTo(value: string | undefined): string | undefined {
  if (value === undefined || value.length > MAX_CONTINUE_TO) return undefined;
  if (!/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*(\?[\x21-\x7e]*)?$/.test(value)) return undefined;
  return new URL(value, "https://origin.invalid").origin === "https://origin.invalid" ? value : undefined;
}
