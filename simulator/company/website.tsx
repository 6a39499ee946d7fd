// The company's simulated website: the page on which linking starts, and the page to which it returns.
import type { Hono } from "hono";
import { Exchanges } from "../pages/exchanges.tsx";
import { Outcome, Phone, showPage } from "../pages/layout.tsx";
import type { Skill } from "../state/configuration.ts";
import { companyOrigin, contextOf, type SimulatorContext, type SimulatorEnv, skillOf } from "../state/context.ts";

export function addCompanyWebsite(app: Hono<SimulatorEnv>): void {
  app.get("/company", (c) => showWebsite(c));
  app.get("/company/done", (c) => showDone(c));
}

function returnUrl(c: SimulatorContext, skill: Skill): string {
  return skill.company.returnUrl ?? `${contextOf(c).origin}/company/done`;
}

function showWebsite(c: SimulatorContext) {
  const skill = skillOf(c);
  if (!skill) return c.redirect("/", 303);
  const origin = companyOrigin(skill);
  const page = `${origin}/link/${encodeURIComponent(skill.skillId)}`;
  const query = `return_to=${encodeURIComponent(returnUrl(c, skill))}`;
  const newest = [...c.var.store.attempts.values()].filter((attempt) => attempt.flow === "company").at(-1);
  return showPage(
    c,
    skill.company.name,
    "company",
    <div class="split">
      <Phone place="company" name={`${skill.company.name} · website`}>
        <div class="hero stack">
          <div>
            <div class="logo">{skill.company.name[0]}</div>
            <h1>Use {skill.company.name} with Alexa</h1>
          </div>
          <p>“Alexa, turn on the kitchen light.” Link once, then just ask.</p>
        </div>
        <a class="button company" href={`${page}?${query}`}>
          Link with Alexa
        </a>
        <details class="small soft">
          <summary>Choose where Amazon asks for consent</summary>
          <p class="row">
            <a href={`${page}?${query}&via=alexa_app`}>in the Alexa app</a>
            <a href={`${page}?${query}&via=lwa`}>at Login with Amazon</a>
          </p>
        </details>
        <p class="small soft hero">
          <a href={`${origin}/account`}>Your linked assistants</a>
        </p>
      </Phone>
      <Exchanges store={c.var.store} linkId={newest?.linkId ?? "none"} />
    </div>,
  );
}

const REASONS: Record<string, string> = {
  linked: "Amazon has confirmed it: the skill is enabled and linked.",
  cancelled: "Nothing was linked. You can start again at any time.",
  failed: "Nothing was linked. The operator’s page of the service shows the exact reason.",
};

function showDone(c: SimulatorContext) {
  const skill = skillOf(c);
  const status = c.req.query("status") ?? "";
  const reason = c.req.query("reason");
  const titles: Record<string, string> = {
    linked: `${skill?.name ?? "The skill"} is linked with Alexa`,
    cancelled: "Linking was cancelled",
    failed: "Linking failed",
  };
  const newest = [...c.var.store.attempts.values()].filter((attempt) => attempt.flow === "company").at(-1);
  return showPage(
    c,
    "Back at the company",
    "company",
    <div class="split">
      <Phone place="company" name={`Back at ${skill?.company.name ?? "the company"}`}>
        <Outcome
          kind={status === "linked" ? "ok" : status === "cancelled" ? "warn" : "bad"}
          title={titles[status] ?? "There is no status"}
        >
          <p class="soft">
            {REASONS[status] ??
              "The service returns to this page with a status, a state and, after a failure, a reason."}
          </p>
        </Outcome>
        <dl class="facts">
          <dt>status</dt>
          <dd>{status || "–"}</dd>
          {reason && (
            <>
              <dt>reason</dt>
              <dd>{reason}</dd>
            </>
          )}
          <dt>state</dt>
          <dd>{c.req.query("state") ?? "–"}</dd>
        </dl>
        <a class="button company" href="/company">
          Back to the website
        </a>
        <a class="button plain" href="/alexa-app">
          Open the Alexa app
        </a>
      </Phone>
      <Exchanges store={c.var.store} linkId={newest?.linkId ?? "none"} />
    </div>,
  );
}
