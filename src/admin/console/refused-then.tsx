// The requests that were refused around a time: all there is of a customer who never reached us.
import type { FC } from "hono/jsx";
import { loadRemedies } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import { type ListedRefusal, listRefusals, readRefusalsAt } from "../../storage/attempts/refusals.ts";
import { HiddenFields } from "../../ui/parts.tsx";
import { KeptFields } from "./frame.tsx";
import { clock, Panel } from "./parts.tsx";
import { isZone, type Selection, zoneOffset } from "./selection.ts";
import { Refusals } from "./tables.tsx";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MOST = 100;

/**
 * The start of a minute, written as `2026-11-29 14:03` in the zone; also with a `T`, and with seconds, which are
 * ignored. With a `Z` at the end, in UTC. Undefined if it is not a time.
 */
export function minuteOf(text: string, zone: string): number | undefined {
  const [, date, time, utc] =
    /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(?::\d{2}(?:\.\d{1,9})?)?( ?Z| UTC)?$/.exec(text) ?? [];
  if (date === undefined || time === undefined) return undefined;
  const local = Date.parse(`${date}T${time}:00Z`);
  // A day that the month does not have would be one of the next month.
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 10) !== date) return undefined;
  if (utc !== undefined || !isZone(zone)) return local;
  const guess = local - zoneOffset(zone, local);
  return local - zoneOffset(zone, guess);
}

/** The requests refused around the minute `at`, or without one in the last hour. */
export async function refusedThen(c: AppContext, at: number | undefined): Promise<readonly ListedRefusal[]> {
  const { runtime: rt } = c.var;
  await Promise.all([rt.metrics.flush(), loadRemedies(c)]);
  if (at !== undefined) return readRefusalsAt(rt.db, at);
  const rows = await listRefusals(rt.db, {}, undefined, MOST);
  return rows.filter(({ lastSeenAt }) => lastSeenAt >= rt.now() - HOUR_MS);
}

/** What it means that nothing was found, and what to check. `fields`: hidden fields of the form for the minute. */
export const NeverReachedUs: FC<{
  selection: Selection;
  at: number | undefined;
  refusals: readonly ListedRefusal[];
  action: string;
  fields: Readonly<Record<string, string>>;
}> = ({ selection, at, refusals, action, fields }) => (
  <>
    <Panel title="Never reached us">
      <p>
        An attempt is stored when the customer submits the first form. If there is none, the customer only opened a
        page, or Alexa's request was refused, or it never arrived: a wrong Authorization URI in Amazon's developer
        console, a firewall, or an error in the Alexa app. Check the requests that were refused in that minute.
      </p>
      <form class="chooser" action={action}>
        <KeptFields selection={selection} />
        <HiddenFields fields={fields} />
        <label for="at">Time of the failure ({selection.zone})</label>
        <input
          id="at"
          name="at"
          placeholder="2026-11-29 14:03"
          value={at === undefined ? undefined : clock(at, selection.zone).slice(0, 16)}
          maxlength={40}
        />
        <button type="submit" class="quiet">
          Show that minute
        </button>
      </form>
    </Panel>
    <Panel
      title={at === undefined ? "Refused in the last hour" : `Refused at ${clock(at, selection.zone).slice(0, 16)}`}
    >
      <Refusals refusals={refusals} zone={selection.zone} />
    </Panel>
  </>
);
