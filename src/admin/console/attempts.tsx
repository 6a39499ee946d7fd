// The page at /admin/attempts: link attempts with their reasons, filtered. Open attempts are grouped.
import type { FC } from "hono/jsx";
import * as z from "zod/mini";
import { adviceFor, loadRemedies } from "../../linking/remedies.ts";
import type { AppContext } from "../../runtime.ts";
import { schemaOf } from "../../schema-of.ts";
import { FLOWS as ALL_FLOWS, OUTCOMES, PLATFORMS } from "../../storage/attempts/attempts.ts";
import { type AttemptFilter, countReasons, type ListedAttempt, listAttempts } from "../../storage/attempts/list.ts";
import { attemptPosition, attemptsQuery } from "../insight-api.ts";
import { skillNames } from "./frame.tsx";
import {
  Choice,
  FilterForm,
  isFragment,
  LIST_LENGTH,
  List,
  positionInAddress,
  QuickLinks,
  renderLists,
} from "./lists.tsx";
import { Empty, Outcome, Time, words } from "./parts.tsx";
import { attemptHref, hrefOf, type Selection, selectionOf } from "./selection.ts";
import { FLOWS } from "./tables.tsx";

const PATH = "/admin/attempts";
const MOST_REASONS = 30;
const QUICK_REASONS = 4;

const PLATFORM_NAMES: Readonly<Record<string, string>> = { ios: "iOS", android: "Android", web: "web" };

type Filters = Pick<AttemptFilter, "outcome" | "reason" | "flow" | "platform">;

/** The filters in the address. Invalid values are ignored. */
function filtersOf(c: AppContext): Filters {
  const { shape } = schemaOf(attemptsQuery);
  const taken: Record<string, unknown> = {};
  for (const name of ["outcome", "reason", "flow", "platform"] as const) {
    const parsed = z.safeParse(shape[name], c.req.query(name) || undefined);
    if (parsed.success && parsed.data !== undefined) taken[name] = parsed.data;
  }
  return taken;
}

const Row: FC<{ attempt: ListedAttempt; skillName: string; selection: Selection; filters: Filters }> = ({
  attempt,
  skillName,
  selection,
  filters,
}) => {
  const { id, outcome, reason, platform, steps, createdAt } = attempt;
  const advice = adviceFor(attempt);
  return (
    <li id={`attempt-${id}`}>
      <Outcome outcome={outcome} />
      <span>
        <a href={attemptHref(selection, id)}>{skillName}</a>{" "}
        <span class="facts">
          {FLOWS[attempt.flow]}
          {platform === null ? "" : `, ${PLATFORM_NAMES[platform] ?? platform}`}
        </span>
      </span>
      <Time at={createdAt} zone={selection.zone} />
      <details>
        <summary>{reason === null ? words(steps.at(-1)?.name ?? "no step") : words(reason)}</summary>
        {advice === undefined ? null : <p>{advice}</p>}
        <ol class="steps">
          {steps.map((step) => (
            <li>
              {words(step.name)} <small>+{((step.at - createdAt) / 1000).toFixed(1)} s</small>
            </li>
          ))}
        </ol>
        {reason === null || reason === filters.reason ? null : (
          <p class="below">
            <a href={hrefOf(selection, PATH, { ...filters, reason })}>All attempts with this reason</a>
          </p>
        )}
      </details>
    </li>
  );
};

function quickLinks(selection: Selection, filters: Filters, reasons: readonly { reason: string; count: number }[]) {
  return (
    <>
      <QuickLinks
        label="Outcome"
        links={[undefined, ...OUTCOMES].map((outcome) => ({
          href: hrefOf(selection, PATH, { ...filters, outcome }),
          label: outcome ?? "all",
          current: filters.outcome === outcome,
        }))}
      />
      {reasons.length === 0 ? null : (
        <QuickLinks
          label="Most frequent reasons"
          links={reasons.slice(0, QUICK_REASONS).map(({ reason, count }) => ({
            href: hrefOf(selection, PATH, { ...filters, reason: filters.reason === reason ? undefined : reason }),
            label: `${words(reason)} (${count})`,
            current: filters.reason === reason,
          }))}
        />
      )}
    </>
  );
}

/** The list of attempts, filtered by `outcome`, `reason`, `flow`, `platform` and the selection. */
export async function attemptsPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const selection = selectionOf(c);
  const { skillId, from, to } = selection;
  const filters = filtersOf(c);
  const after = positionInAddress(c, attemptPosition);
  const filter = { ...filters, skillId, from, to };
  const isWhole = filters.outcome !== undefined;
  const [attempts, open, reasons, nameOf] = await Promise.all([
    listAttempts(rt.db, { ...filter, ended: !isWhole }, after, LIST_LENGTH + 1),
    isWhole || after ? undefined : listAttempts(rt.db, { ...filter, outcome: "pending" }, undefined, LIST_LENGTH + 1),
    isFragment(c) ? [] : countReasons(rt.db, { skillId, from, to }, MOST_REASONS),
    skillNames(c),
    loadRemedies(c),
  ]);
  const row = (attempt: ListedAttempt) => (
    <Row attempt={attempt} skillName={nameOf(attempt)} selection={selection} filters={filters} />
  );
  const isFiltered = Object.keys(filters).length > 0;
  const known = reasons.map(({ reason }) => reason);
  const reasonOptions = [
    ...reasons.map(({ reason, count }) => [reason, `${words(reason)} (${count})`] as const),
    ...(filters.reason === undefined || known.includes(filters.reason)
      ? []
      : [[filters.reason, words(filters.reason)] as const]),
  ];
  return renderLists(
    c,
    { title: "Attempts", under: PATH, selects: filters, noun: "attempt" },
    () => (
      <>
        <FilterForm selection={selection} clear={isFiltered ? hrefOf(selection, PATH) : undefined}>
          <Choice name="outcome" label="Outcome" value={filters.outcome} options={OUTCOMES.map((one) => [one, one])} />
          <Choice name="reason" label="Reason" value={filters.reason} options={reasonOptions} />
          <Choice
            name="flow"
            label="Flow"
            value={filters.flow}
            options={ALL_FLOWS.map((flow) => [flow, FLOWS[flow]])}
          />
          <Choice
            name="platform"
            label="Platform"
            value={filters.platform}
            options={PLATFORMS.map((platform) => [platform, PLATFORM_NAMES[platform] ?? platform])}
          />
        </FilterForm>
        {quickLinks(selection, filters, reasons)}
        {after ? (
          <p>
            Older attempts. <a href={hrefOf(selection, PATH, filters)}>Show the newest</a>
          </p>
        ) : null}
      </>
    ),
    <>
      {open === undefined ? null : (
        <details class="panel folded">
          <summary>
            Open:{" "}
            <span id="open-count" data-copy>
              {open.length > LIST_LENGTH ? `more than ${LIST_LENGTH}` : open.length}
            </span>
          </summary>
          <ol class="list" id="open" data-list="whole">
            {open.slice(0, LIST_LENGTH).map(row)}
          </ol>
          {open.length === 0 ? <Empty>No open attempts.</Empty> : null}
          {open.length > LIST_LENGTH ? (
            <p>
              <a href={hrefOf(selection, PATH, { ...filters, outcome: "pending" })}>All open attempts</a>
            </p>
          ) : null}
        </details>
      )}
      <List
        selection={selection}
        path={PATH}
        parameters={filters}
        id="attempts"
        label="Attempts"
        rows={attempts}
        position={attemptPosition}
        empty={isFiltered ? "No attempts match these filters." : "No attempts."}
        row={row}
      />
    </>,
  );
}
