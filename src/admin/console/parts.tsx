// Small components of the console's pages, and times and names as they are shown.
import type { Child, FC } from "hono/jsx";
import type { AppContext } from "../../runtime.ts";
import { operatorOf } from "../operator.ts";

/** Formats milliseconds since 1970 in a time zone, to the second: `2026-11-29 14:03:12`. */
export function clock(at: number, zone: string): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }).format(at);
}

/** `code_expired` as `code expired`. */
export function words(tag: string): string {
  return tag.replace(/^(\w+):(?=[a-z])/, "$1: ").replaceAll("_", " ");
}

/** A time in a time zone. */
export const Time: FC<{ at: number; zone: string }> = ({ at, zone }) => (
  <time datetime={new Date(at).toISOString()}>{clock(at, zone)}</time>
);

/** A part of a page with a heading. */
export const Panel: FC<{ title: string; id?: string; children?: Child }> = ({ title, id, children }) => (
  <section class="panel" id={id} aria-label={title}>
    <h2>{title}</h2>
    {children}
  </section>
);

/** Shown instead of an empty list. */
export const Empty: FC<{ children?: Child }> = ({ children }) => <p class="empty">{children ?? "None."}</p>;

interface Table {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Child[])[];
  /** Indexes of columns with numbers. */
  readonly numeric?: readonly number[];
  /** In place of a table without rows. */
  readonly empty?: Child;
}

/** A table whose rows become blocks on narrow screens. */
export const DataTable: FC<Table> = ({ caption, head, rows, numeric = [], empty }) =>
  rows.length === 0 ? (
    <Empty>{empty}</Empty>
  ) : (
    <table>
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {head.map((title) => (
            <th scope="col">{title}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((cells) => (
          <tr>
            {cells.map((cell, column) => (
              <td class={numeric.includes(column) ? "number" : undefined} data-label={head[column]}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );

/** Terms and their values. Those without a value are left out. */
export const Facts: FC<{ rows: readonly (readonly [string, Child])[] }> = ({ rows }) => (
  <dl>
    {rows.map(([term, value]) =>
      value === null || value === undefined ? null : (
        <>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </>
      ),
    )}
  </dl>
);

/** The outcome of an attempt. Its colour only repeats the word. */
export const Outcome: FC<{ outcome: string }> = ({ outcome }) => <span class={`badge ${outcome}`}>{outcome}</span>;

/** The link to the form for a new entry. Renders nothing for read-only operators. */
export const NewEntry: FC<{ c: AppContext; href: string; text: string }> = ({ c, href, text }) =>
  operatorOf(c).mayChange ? (
    <p>
      <a class="button quiet" href={href}>
        {text}
      </a>
    </p>
  ) : null;
