// Which tests prove which requirement: strictly, so that a renamed or deleted test is noticed.
import type { Requirement, Source } from "./requirement.ts";
import type { DeclaredTest } from "./tests.ts";

export interface Matched {
  readonly requirement: Requirement;
  readonly tests: readonly DeclaredTest[];
}

export interface MatchedSource {
  readonly source: Source;
  readonly matched: readonly Matched[];
}

/** Simulator tests prove the simulator, except where it is driven against the service itself. */
const SIMULATOR_BESIDE_SERVICE = ["simulator/beside-the-service.test.ts", "simulator/in-one-isolate.test.ts"];

/** Ids at the head of a suite or title: `T2, S4: …`; `RFC 6749 6: …` counts as `RFC6749-6`. */
export function idsOf(name: string): string[] {
  return name.split(" > ").flatMap((segment) => {
    const head = /^([A-Z][A-Za-z0-9 .,-]*?):/.exec(segment)?.[1];
    if (head === undefined) return [];
    const ids = head.split(/, ?/).map((id) => id.replace(/^RFC ?(\d{4}) ([\d.]+)$/, "RFC$1-$2"));
    return ids.every((id) => /^([A-Z]\d{1,2}|RFC ?\d{4}(-[\w.-]+)?|AMZ-[A-Z0-9-]+)$/.test(id)) ? ids : [];
  });
}

function provesId(test: DeclaredTest, id: string): boolean {
  if (!idsOf(test.name).includes(id)) return false;
  return !test.file.startsWith("simulator/") || /^V\d/.test(id) || SIMULATOR_BESIDE_SERVICE.includes(test.file);
}

/** Matches all requirements. `faults` names every pattern without a test, requirement without test or reason, and unknown id. */
export function matchAll(
  sources: readonly Source[],
  tests: readonly DeclaredTest[],
): { sources: MatchedSource[]; faults: string[] } {
  const faults: string[] = [];
  const matched = sources.map((source) => ({
    source,
    matched: source.requirements.map((requirement) => matchOne(requirement, tests, faults)),
  }));
  const known = new Set(sources.flatMap((source) => source.requirements.map(({ id }) => id)));
  for (const { file, name } of tests) {
    for (const id of idsOf(name)) {
      if (!known.has(id) && !id.startsWith("RFC"))
        faults.push(`${file}: "${name}" names ${id}, which is no requirement`);
    }
  }
  const ids = sources.flatMap((source) => source.requirements.map(({ id }) => id));
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`${id} is listed twice`);
  return { sources: matched, faults: [...new Set(faults)] };
}

function matchOne(requirement: Requirement, tests: readonly DeclaredTest[], faults: string[]): Matched {
  const { id, untested } = requirement;
  const found = new Set(tests.filter((test) => provesId(test, id)));
  for (const pattern of requirement.tests ?? []) {
    const more = pattern.startsWith("@")
      ? tests.filter((test) => provesId(test, pattern.slice(1)))
      : tests.filter(({ name }) => name.includes(pattern));
    if (more.length === 0) faults.push(`${id}: no test matches "${pattern}"`);
    for (const test of more) found.add(test);
  }
  if (untested && found.size > 0) faults.push(`${id} has tests, so it is not "${untested.why}"`);
  if (!untested && found.size === 0) faults.push(`${id} has neither a test nor a reason`);
  return { requirement, tests: tests.filter((test) => found.has(test)) };
}
