// Every request reads and writes as many rows with five times as many links.
import { expect, it } from "vitest";
import { runGrowth } from "../../../bench/growth.ts";

it("F4: rows read and written do not grow with the number of links", async () => {
  const { requests } = await runGrowth({ links: [1_000, 5_000], rounds: 0 }, () => undefined);
  expect(requests.length).toBeGreaterThan(50);
  const grown = requests.filter(({ flat }) => !flat).map(({ name, figures }) => ({ name, figures }));
  expect(grown).toEqual([]);
  expect(requests.find(({ name }) => name === "Refresh")?.figures[0]?.rowsRead).toBeGreaterThan(0);
});
