// The figures at the top of the overview, in Amazon's terms, each beside what it was before.
import type { FC } from "hono/jsx";
import type { Linking, Totals } from "../metrics-report.ts";

/** A kind of figure: how it is written, and in which words it differs from the one before. */
interface Kind {
  readonly format: (value: number) => string;
  readonly difference: (value: number) => string;
  readonly more: string;
  readonly fewer: string;
}

const COUNT: Kind = { format: String, difference: String, more: "more", fewer: "fewer" };
const RATE: Kind = {
  format: (value) => `${(value * 100).toFixed(1)} %`,
  difference: (value) => `${(value * 100).toFixed(1)} points`,
  more: "higher",
  fewer: "lower",
};
const AVERAGE: Kind = {
  format: (value) => value.toFixed(2),
  difference: (value) => value.toFixed(2),
  more: "higher",
  fewer: "lower",
};

type Figure = number | null;

interface Pair {
  readonly now: Figure;
  readonly past: Figure;
}

const shown = (value: Figure, { format }: Kind) => (value === null ? "none" : format(value));

/** `+12, more`, `−0.5 points, lower`; undefined if one of them is not known. */
function change({ now, past }: Pair, kind: Kind): string | undefined {
  if (now === null || past === null) return undefined;
  if (kind.format(now) === kind.format(past)) return "as before";
  const [sign, word] = now > past ? ["+", kind.more] : ["−", kind.fewer];
  return `${sign}${kind.difference(Math.abs(now - past))}, ${word}`;
}

const Tile: FC<{ label: string; kind: Kind; total: Pair; parts?: readonly (Pair & { readonly name: string })[] }> = ({
  label,
  kind,
  total,
  parts = [],
}) => (
  <div class="tile">
    <small>{label}</small>
    <strong>{shown(total.now, kind)}</strong>
    <small>
      {change(total, kind)} {total.past === null ? "none before" : `(before: ${kind.format(total.past)})`}
    </small>
    {parts.length === 0 ? null : (
      <dl>
        {parts.map((part) => {
          const difference = change(part, kind);
          return (
            <>
              <dt>{part.name}</dt>
              <dd>
                {shown(part.now, kind)}
                {difference === undefined ? null : <small> {difference}</small>}
              </dd>
            </>
          );
        })}
      </dl>
    )}
  </div>
);

/** The tiles of a range and of the range before it. */
export const Tiles: FC<{ now: Totals; past: Totals }> = ({ now, past }) => {
  const linking = (label: string, kind: Kind, figure: (part: Linking) => Figure) => {
    const pair = (part: "total" | "alexaApp" | "appToApp") => ({
      now: figure(now.linking[part]),
      past: figure(past.linking[part]),
    });
    const parts = [
      { name: "Alexa app", ...pair("alexaApp") },
      { name: "App-to-app", ...pair("appToApp") },
    ];
    return <Tile label={label} kind={kind} total={pair("total")} parts={parts} />;
  };
  return (
    <div class="tiles figures">
      {linking("Initiations", COUNT, (part) => part.initiations)}
      {linking("Completions", COUNT, (part) => part.completions)}
      {linking("Completion rate", RATE, (part) => part.completionRate)}
      {linking("Users who started", COUNT, (part) => part.initiatingUsers)}
      {linking("Users who completed", COUNT, (part) => part.completingUsers)}
      {linking("Initiations per user", AVERAGE, (part) => part.initiationsPerUser)}
      <Tile
        label="Users who enabled the skill"
        kind={COUNT}
        total={{ now: now.enablements.users, past: past.enablements.users }}
      />
    </div>
  );
};
