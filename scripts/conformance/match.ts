// Which tests prove which requirement: strictly, so that a renamed or deleted test is noticed.
import type { Requirement, Source } from "./requirement.ts";
import type { DeclaredTest } from "./tests.ts";

export interface Matched {
  readonly requirement: Requirement;
  /** Those that carry the id, or that the requirement names. */
  readonly tests: readonly DeclaredTest[];
  /** Other requirements whose tests hold this one too. */
  readonly borrowed: readonly { readonly id: string; readonly tests: readonly DeclaredTest[] }[];
}

export interface MatchedSource {
  readonly source: Source;
  readonly matched: readonly Matched[];
}

/** Simulator tests prove the simulator, except where it is driven against the service itself. */
const SIMULATOR_BESIDE_SERVICE = ["simulator/beside-the-service.test.ts", "simulator/in-one-isolate.test.ts"];

/** Ids at the head of a suite or title: `T2, S4: …`; `RFC 6749 6: …` counts as `RFC6749-6`. */
function idsOf(name: string): string[] {
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
  const borrowed: { id: string; tests: readonly DeclaredTest[] }[] = [];
  for (const pattern of requirement.tests ?? []) {
    const other = pattern.startsWith("@") ? pattern.slice(1) : undefined;
    const more = tests.filter((test) => (other === undefined ? test.name.includes(pattern) : provesId(test, other)));
    if (more.length === 0) faults.push(`${id}: no test matches "${pattern}"`);
    if (other !== undefined) borrowed.push({ id: other, tests: more });
    else for (const test of more) found.add(test);
  }
  const tested = found.size > 0 || borrowed.some((one) => one.tests.length > 0);
  if (untested && tested) faults.push(`${id} has tests, so it is not "${untested.why}"`);
  if (!untested && !tested) faults.push(`${id} has neither a test nor a reason`);
  return { requirement, tests: tests.filter((test) => found.has(test)), borrowed };
}
