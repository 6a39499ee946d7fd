// Tables for people. Nothing is shortened: what is printed may be copied into the next command.

/** What a server sent must not look like a line of its own. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}

/** Columns that are as wide as their longest cell; the first row is the heading. */
export function table(heading: readonly string[], rows: readonly (readonly (string | number | null | undefined)[])[]) {
  const text = (cell: string | number | null | undefined) => oneLine(String(cell ?? ""));
  const lines = [heading, ...rows.map((row) => row.map(text))];
  const widths = heading.map((_, column) =>
    lines.reduce((most, line) => Math.max(most, (line[column] ?? "").length), 0),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One line for each field, with its name in front. Fields that are undefined are left out. */
export function sheet(
  fields: Readonly<Record<string, string | number | readonly string[] | null | undefined>>,
): string {
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length)) + 2;
  return shown
    .flatMap(([name, value]) => {
      const values = value === null ? ["–"] : typeof value === "object" ? value : [String(value)];
      const [first = "–", ...others] = values.map(oneLine);
      return [`${`${name}:`.padEnd(width)}${first}`, ...others.map((other) => " ".repeat(width) + other)];
    })
    .join("\n");
}
