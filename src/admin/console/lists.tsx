// Lists of the console: filters in the address, "load older", and rows that refresh themselves where the script runs.
import { html } from "hono/html";
import type { Child, FC } from "hono/jsx";
import { readAsset } from "../../http/assets.ts";
import type { AppContext } from "../../runtime.ts";
import { HiddenFields } from "../../ui/parts.tsx";
import { cursorOf, type PositionSchema, positionOf } from "../paging.ts";
import { callAdminApi } from "./acts.tsx";
import { type ConsolePage, KeptFields, renderConsole } from "./frame.tsx";
import { Empty } from "./parts.tsx";
import { hrefOf, type Selection, selectionOf } from "./selection.ts";

/** Rows of one page of a list. */
export const LIST_LENGTH = 50;

const HEADER = "x-fragment";

/** The position in the address, `cursor`. An invalid one is ignored. */
export function positionInAddress<T>(c: AppContext, position: PositionSchema<T>): T | undefined {
  const cursor = c.req.query("cursor");
  return cursor === undefined || cursor.length > 8192 ? undefined : positionOf(cursor, position);
}

/**
 * The rows of a list of the admin API, `path`, from the `cursor` in the address on, and links to its other pages. An
 * invalid cursor is ignored.
 */
export async function apiList<Row>(c: AppContext, path: string): Promise<{ rows: readonly Row[]; pages: Child }> {
  const ask = (cursor: Record<string, string>) =>
    callAdminApi(c, "GET", `${path}?${new URLSearchParams({ limit: String(LIST_LENGTH), ...cursor })}`);
  const given = c.req.query("cursor");
  const asked = given === undefined ? undefined : await ask({ cursor: given });
  const { body } = asked?.ok ? asked : await ask({});
  const link = (label: string, cursor?: string) => (
    <a class="button quiet" href={hrefOf(selectionOf(c), c.req.path, { cursor })}>
      {label}
    </a>
  );
  const next = body.nextCursor;
  const pages = (
    <p class="older">
      {asked?.ok ? link("First page") : null} {typeof next === "string" ? link("Next page", next) : null}
    </p>
  );
  return { rows: (body.items ?? []) as readonly Row[], pages };
}

/** Whether the page's script requests the lists alone. */
export function isFragment(c: AppContext): boolean {
  return c.req.header(HEADER) === "lists";
}

/**
 * A page of lists; for the page's script, the lists alone. `above` renders what precedes them, not in a fragment.
 * `noun`: the name of one row.
 */
export async function renderLists(
  c: AppContext,
  page: ConsolePage & { readonly noun: string },
  above: () => Child,
  lists: Child,
): Promise<Response> {
  if (isFragment(c)) {
    return c.html(html`${lists}`, 200, {
      [HEADER]: "lists",
      "cache-control": "no-store, no-transform",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    });
  }
  return renderConsole(
    c,
    { ...page, live: true },
    <>
      {above()}
      <div class="live" id="live" data-noun={page.noun}>
        <p id="live-status" role="status" />
      </div>
      {lists}
    </>,
  );
}

/** `GET /admin/live.js`: the script of the pages with lists. */
export async function liveScript(c: AppContext): Promise<Response> {
  const script = await readAsset(c.var.runtime, "live.js", String);
  if (script === undefined) return c.body(null, 503, { "cache-control": "no-store" });
  return c.body(script, 200, {
    "content-type": "text/javascript; charset=UTF-8",
    "cache-control": "public, max-age=300",
  });
}

interface ListProps<Row> {
  readonly selection: Selection;
  /** The address of the page, and its parameters. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, string | undefined>>;
  readonly id: string;
  readonly label: string;
  /** If there are more than `LIST_LENGTH`, a link leads to the older ones. */
  readonly rows: readonly Row[];
  readonly position: PositionSchema<unknown>;
  /** Shown instead of an empty list. */
  readonly empty: string;
  /** One row: a list item with an id. */
  readonly row: (row: Row) => Child;
}

/** The newest rows of a list, or those after a position. */
export function List<Row>({ selection, path, parameters, id, label, rows, position, empty, row }: ListProps<Row>) {
  const older = rows.length > LIST_LENGTH && cursorOf(rows[LIST_LENGTH - 1], position);
  return (
    <section class="panel" aria-label={label}>
      <ol class="list" id={id} data-list="newest">
        {rows.slice(0, LIST_LENGTH).map(row)}
      </ol>
      {rows.length === 0 ? <Empty>{empty}</Empty> : null}
      {older ? (
        <p class="older">
          <a class="button quiet" data-older={id} href={hrefOf(selection, path, { ...parameters, cursor: older })}>
            Load older
          </a>
        </p>
      ) : null}
    </section>
  );
}

/** A form that filters the list of this page, sent with GET. The selection stays. */
export const FilterForm: FC<{
  selection: Selection;
  clear?: string | undefined;
  hidden?: Readonly<Record<string, string>>;
  children?: Child;
}> = ({ selection, clear, hidden = {}, children }) => (
  <form class="chooser" aria-label="Filter">
    <KeptFields selection={selection} />
    <HiddenFields fields={hidden} />
    {children}
    <button type="submit" class="quiet">
      Filter
    </button>
    {clear === undefined ? null : <a href={clear}>Clear filters</a>}
  </form>
);

/** A select of the filter form. Its first option is `any`. */
export const Choice: FC<{
  name: string;
  label: string;
  value: string | undefined;
  options: readonly (readonly [value: string, label: string])[];
}> = ({ name, label, value, options }) => (
  <span class="choice">
    <label for={`filter-${name}`}>{label}</label>
    <select id={`filter-${name}`} name={name}>
      <option value="">any</option>
      {options.map(([one, text]) => (
        <option value={one} selected={one === value}>
          {text}
        </option>
      ))}
    </select>
  </span>
);

/** A text field of the filter form. */
export const TextFilter: FC<{ name: string; label: string; value: string | undefined }> = ({ name, label, value }) => (
  <span class="choice">
    <label for={`filter-${name}`}>{label}</label>
    <input id={`filter-${name}`} name={name} value={value} maxlength={255} />
  </span>
);

/** A filter in the address; undefined if it is empty or too long for any id. */
export function textInAddress(c: AppContext, name: string): string | undefined {
  const text = c.req.query(name)?.trim();
  return text && text.length <= 255 ? text : undefined;
}

/** Links to common filters. The active one is marked. */
export const QuickLinks: FC<{
  label: string;
  links: readonly { readonly href: string; readonly label: string; readonly current: boolean }[];
}> = ({ label, links }) => (
  <nav class="filters" aria-label={label}>
    {links.map((link) => (
      <a href={link.href} {...(link.current ? { "aria-current": "true" as const } : {})}>
        {link.label}
      </a>
    ))}
  </nav>
);
