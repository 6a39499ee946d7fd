// Every request reads and writes as many rows with five times as many links.
import { expect, it } from "vitest";
import { FLAT, runGrowth } from "../../../bench/growth.ts";

/** Rows that may be read for each link: these read the attempts, initiations and events of a range of time. */
const OF_A_TIME: Readonly<Record<string, number>> = {
  "Metrics, 30 days": 1.5,
  "Metrics, 48 hours of a skill": 0.2,
  Dashboard: 1,
  // The completion rate of a week, which is looked at once an hour.
  "Scheduled work, nothing due": 0.3,
  "Scheduled work, 1600 rows due": 0.3,
  // The initiations since the customer's first day, which is today.
  "Erasure of one customer": 0.02,
};

it("F4: rows read and written do not grow with the number of links", async () => {
  const { requests } = await runGrowth({ links: [1_000, 5_000], rounds: 0 }, () => undefined);
  expect(requests.length).toBeGreaterThan(50);
  const read = ({ figures }: (typeof requests)[number]) =>
    (figures.at(-1)?.rowsRead ?? 0) - (figures[0]?.rowsRead ?? 0);
  const grown = requests
    .filter(
      (request) =>
        !request.flat && !(request.writtenRatio <= FLAT && read(request) <= 4_000 * (OF_A_TIME[request.name] ?? 0)),
    )
    .map(({ name, figures }) => ({ name, figures }));
  expect(grown).toEqual([]);
  expect(requests.find(({ name }) => name === "Refresh")?.figures[0]?.rowsRead).toBeGreaterThan(0);
});
