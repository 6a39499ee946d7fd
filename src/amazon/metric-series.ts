// What the metrics API of the Skill Management API is asked for, and what it gives.

/** One question to the metrics API. */
export interface MetricQuery {
  readonly id: string;
  readonly name: string;
  readonly metricNamespace: string;
  readonly aggregationPeriod: "SINGLE" | "BY_DAY";
}

/** Numbers of one metric: all of it, or one group of it. */
export interface Series {
  /** Amazon's name of the group; null: not grouped. */
  readonly group: string | null;
  /** `at`: the start of the period in milliseconds since 1970; null if Amazon does not say. */
  readonly points: readonly { readonly at: number | null; readonly value: number }[];
}
