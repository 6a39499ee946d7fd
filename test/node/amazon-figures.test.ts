// docs/alexa.md against the figures that the console compares with Amazon's.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { figures, metricQueries } from "../../src/admin/amazon-figures.ts";

it("docs/alexa.md names each of Amazon's metrics that we ask for, with the figures of ours that it is compared with", () => {
  const page = readFileSync("docs/alexa.md", "utf8");
  const section = page.slice(page.indexOf("### Amazon's metrics"));
  const table = section.slice(0, section.indexOf("The names come from"));
  const lines = [...table.matchAll(/^\| `(\w+)`(?: of `([\w.]+)`)? \| (.*) \|$/gm)].flatMap(
    ([, name, namespace = "Alexa.AccountActivationEvents", fields = ""]) =>
      fields.split(", ").map((field) => `${namespace} ${name} ${field.replaceAll("`", "")}`),
  );
  expect(lines.toSorted()).toEqual(
    figures()
      .map(({ namespace, name, field }) => `${namespace} ${name} ${field}`)
      .toSorted(),
  );
  expect(new Set(metricQueries().map(({ id }) => id)).size).toBe(metricQueries().length);
});
