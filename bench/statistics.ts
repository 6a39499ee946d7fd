// Medians and their spread.

/** The median of rounds, with the lowest and the highest round. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The value below which this share of the values lies. Throws without values. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("no values");
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)]!;
  const above = sorted[Math.ceil(place)]!;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Of one figure a round. */
export function spread(rounds: readonly number[]): Spread {
  return { median: median(rounds), min: Math.min(...rounds), max: Math.max(...rounds) };
}

/** How many times `ours` another takes, round by round: the median of the rounds' ratios, and their spread. */
export function ratio(others: readonly number[], ours: readonly number[]): Spread {
  return spread(ours.map((value, round) => others[round]! / value));
}
