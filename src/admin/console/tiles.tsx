// The metrics at the top of the overview, in Amazon's terms, each with its previous value.
import type { FC } from "hono/jsx";
import type { Linking, Totals } from "../metrics-report.ts";

/** How the values and the differences of a metric are formatted. */
interface Kind {
  readonly format: (value: number) => string;
  readonly difference: (value: number) => string;
}

const COUNT: Kind = { format: String, difference: String };
const RATE: Kind = {
  format: (value) => `${(value * 100).toFixed(1)}%`,
  difference: (value) => `${(value * 100).toFixed(1)} points`,
};
const AVERAGE: Kind = { format: (value) => value.toFixed(2), difference: (value) => value.toFixed(2) };

type Figure = number | null;

interface Pair {
  readonly now: Figure;
  readonly past: Figure;
}

const shown = (value: Figure, { format }: Kind) => (value === null ? "none" : format(value));

/** `+12`, `−0.5 points` or `no change`; undefined if one of the values is unknown. */
function change({ now, past }: Pair, kind: Kind): string | undefined {
  if (now === null || past === null) return undefined;
  if (kind.format(now) === kind.format(past)) return "no change";
  return `${now > past ? "+" : "−"}${kind.difference(Math.abs(now - past))}`;
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
      {change(total, kind)} {total.past === null ? "no earlier value" : `(before: ${kind.format(total.past)})`}
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

/** The tiles for a range, compared with the range before it. */
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
