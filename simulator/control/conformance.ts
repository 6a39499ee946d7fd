// The scenario `conformance`: the doctor's checks, run from here against the company's OAuth endpoints.
import { isAt } from "../../doctor/customer.ts";
import type { Customer, Target } from "../../doctor/examination.ts";
import { examine } from "../../doctor/examine.ts";
import { readMetadata } from "../../doctor/metadata.ts";
import type { Result } from "../../doctor/report.ts";
import { redirectUriOf } from "../alexa/authorize.ts";
import { tokenClientOf } from "../alexa/redeem.ts";
import { type Check, must, should } from "../library/checks.ts";
import type { ScenarioRun, Verdict } from "./scenario.ts";

/** Runs every check that needs neither Node nor a window. Checks that do not apply are left out of the verdict. */
export async function runConformance(run: ScenarioRun): Promise<Verdict> {
  const target = await targetOf(run);
  const customer = customerOf(run, target.redirectUris);
  const { results } = await examine({ target, fetch: run.context.send, customer });
  return { checks: results.filter(({ outcome }) => outcome !== "skipped").map(toCheck) };
}

function toCheck({ id, outcome, detail }: Result): Check {
  return outcome === "warn" ? should(id, false, detail) : must(id, outcome === "pass", detail);
}

async function targetOf({ context, skill }: ScenarioRun): Promise<Target> {
  const { origin } = new URL(skill.authorizationUrl);
  const found = await readMetadata(context.send, origin).catch(() => undefined);
  const limit = context.store.faults.tokenClient?.limitMs;
  return {
    ...(found && "document" in found && { issuer: origin, metadata: found.document, metadataUrl: found.url }),
    authorizationUrl: skill.authorizationUrl,
    tokenUrl: skill.tokenUrl,
    client: tokenClientOf(skill),
    schemeKnown: true,
    redirectUris: (["pitangui", "layla", "japan"] as const).map((host) => redirectUriOf(context, skill, host)),
    scopes: skill.scopes,
    pkce: skill.pkce,
    ...(limit !== undefined && { tokenLimitMs: limit }),
  };
}

function customerOf({ browser, options }: ScenarioRun, redirectUris: readonly string[]): Customer {
  return {
    canRepeat: true,
    async decide(request, decision) {
      const until = (url: string) => [request.redirectUri, ...redirectUris].some((uri) => isAt(url, uri));
      const visit = await browser.visit(request.url, { fields: options.signIn, decision, until });
      if (visit.arrived && !isAt(visit.url, request.redirectUri))
        return { arrived: false, why: "another redirect URI" };
      return visit;
    },
  };
}
