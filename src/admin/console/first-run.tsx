// The setup checklist: what a new installation still needs, each step with what to do next.
import type { Child, FC } from "hono/jsx";
import type { SetUp } from "../../storage/attempts/overview.ts";
import { hrefOf, type Selection } from "./selection.ts";

interface Step {
  readonly done: boolean;
  readonly name: string;
  /** When it is needed, if not always. */
  readonly needed?: string;
  readonly next: Child;
}

function stepsOf(setUp: SetUp, selection: Selection): readonly Step[] {
  return [
    {
      done: setUp.skill === 1,
      name: "A skill is registered",
      next: (
        <>
          Register it under <a href={hrefOf(selection, "/admin/skills")}>Skills</a>, or with{" "}
          <code>npm run skill -- add</code>, and enter its URLs, client id and secret in Amazon’s developer console.
        </>
      ),
    },
    {
      done: setUp.amazonPair === 1,
      name: "Alexa Client Id and Client Secret are stored",
      needed: "Needed only for linking from your app or website.",
      next: (
        <>
          Copy “Alexa Client Id” and “Alexa Client Secret” from the skill’s Account Linking page in Amazon’s developer
          console: <code>npm run skill -- set --lwa-client-id …</code>.
        </>
      ),
    },
    {
      done: setUp.link === 1,
      name: "A first link exists",
      next: (
        <>
          Link the skill in the Alexa app with your own account. If that fails, <code>npm run doctor</code> finds out
          why.
        </>
      ),
    },
    {
      done: setUp.acceptGrant === 1,
      name: "AcceptGrant was received",
      ...(setUp.eventGateway === 1 ? {} : { needed: "Needed only for skills with “Send Alexa Events” switched on." }),
      next: (
        <>
          Forward the directive from the skill’s Lambda to <code>POST /alexa/accept-grant</code>, then link again.
        </>
      ),
    },
    {
      done: setUp.skillEvent === 1,
      name: "Skill events arrive",
      needed: "Recommended: they report customers who disable the skill.",
      next: (
        <>
          Subscribe the skill to them with <code>npm run skill -- push --events</code>, then enable the skill again.
        </>
      ),
    },
  ];
}

/** The checklist: open until the first link exists, then folded, and gone once every step is done. */
export const FirstRun: FC<{ setUp: SetUp; selection: Selection }> = ({ setUp, selection }) => {
  const steps = stepsOf(setUp, selection);
  const open = steps.filter(({ done }) => !done).length;
  if (open === 0) return null;
  const list = (
    <ol class="checklist">
      {steps.map(({ done, name, needed, next }) => (
        <li class={done ? "done" : undefined}>
          <strong>{name}</strong> <span class="badge">{done ? "done" : "open"}</span>
          {done ? null : (
            <p>
              {next}
              {needed === undefined ? null : <small> {needed}</small>}
            </p>
          )}
        </li>
      ))}
    </ol>
  );
  if (setUp.link === 1) {
    return (
      <details class="panel folded">
        <summary>
          Setup: {open} of {steps.length} steps left
        </summary>
        {list}
      </details>
    );
  }
  return (
    <section class="panel" aria-label="Setup">
      <h2>Setup</h2>
      {list}
    </section>
  );
};
