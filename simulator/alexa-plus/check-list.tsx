// The deploy check, point by point: what was found, and which rule was tested.

import { type Check, firstFailure } from "../library/checks.ts";
import { CheckList, Exchanges } from "../pages/exchanges.tsx";
import type { DeployReport } from "../state/add-on.ts";
import type { Store } from "../state/store.ts";

/** The newest deploy, with its requests. */
export function DeployCard({ store, report }: { store: Store; report: DeployReport }) {
  return (
    <section class="card stack">
      <div class="tight">
        <h2>Deploy check</h2>
        <p class="small soft">
          What <code>alexa-ai deploy</code> and Amazon’s authentication checklist look at, checked at{" "}
          {new Date(report.at).toISOString().slice(11, 19)} UTC. Amazon caches the metadata: after a change, deploy
          again.
        </p>
      </div>
      <Points title="Deploy command" checks={report.deploy} />
      {report.checklist.length > 0 && <Points title="Authentication checklist" checks={report.checklist} />}
      <details class="fold">
        <summary>Requests of the deploy check</summary>
        <Exchanges store={store} linkId={report.id} title="Requests of the deploy check" />
      </details>
    </section>
  );
}

/** Points with their rules: failed ones first, passed ones folded. */
export function Points({ title, checks }: { title: string; checks: readonly Check[] }) {
  const unmet = checks.filter(({ ok }) => !ok);
  const met = checks.filter(({ ok }) => ok);
  const bad = firstFailure(checks) !== undefined;
  return (
    <div class="tight">
      <div class="row ends">
        <h3>{title}</h3>
        <span class={`pill ${bad ? "bad" : unmet.length > 0 ? "warn" : "ok"}`}>
          {met.length} of {checks.length}
        </span>
      </div>
      {unmet.length > 0 && <CheckList checks={unmet} />}
      {met.length > 0 && (
        <details class="fold">
          <summary>
            {met.length} point{met.length === 1 ? "" : "s"} passed
          </summary>
          <CheckList checks={met} />
        </details>
      )}
    </div>
  );
}
