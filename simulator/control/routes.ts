// The JSON API: configures the simulator, injects faults, reads what happened, and resets it.
import type { Hono } from "hono";
import * as z from "zod";
import { certificatesOf } from "../alexa/events.ts";
import { type AddOn, addOnSchema, createAddOnState } from "../state/add-on.ts";
import { accountSchema, explainProblems, type Skill, skillKey, skillSchema } from "../state/configuration.ts";
import type { SimulatorContext, SimulatorEnv } from "../state/context.ts";
import { type Exchange, mentions } from "../state/exchange.ts";
import { faultsSchema } from "../state/faults.ts";
import { harOf } from "../state/har.ts";
import { now, resetStore } from "../state/store.ts";

export function addControlRoutes(app: Hono<SimulatorEnv>): void {
  app.get("/healthz", (c) => c.json({ status: "ok" }));

  app.put("/simulator/skill", async (c) => {
    const parsed = await readBody(c, skillSchema);
    if (parsed instanceof Response) return parsed;
    const key = skillKey(parsed.skillId, parsed.stage);
    c.var.store.skills.set(key, parsed);
    c.var.store.manifests.delete(key);
    return c.json(maskSkill(parsed));
  });
  app.get("/simulator/skill", (c) => c.json({ items: [...c.var.store.skills.values()].map(maskSkill) }));

  app.put("/simulator/add-on", async (c) => {
    const parsed = await readBody(c, addOnSchema);
    if (parsed instanceof Response) return parsed;
    c.var.store.addOn = createAddOnState(parsed);
    return c.json(maskAddOn(parsed));
  });
  app.get("/simulator/add-on", (c) => {
    const { addOn } = c.var.store;
    if (!addOn) return c.json({ error: "not_configured", detail: "PUT /simulator/add-on configures the add-on." }, 404);
    const { deployment, report } = addOn;
    return c.json({
      ...maskAddOn(addOn.addOn),
      deployed: deployment !== undefined,
      issuer: deployment?.issuer ?? null,
      tools: addOn.tools.map(({ name }) => name),
      checks: report ? [...report.deploy, ...report.checklist] : [],
    });
  });

  app.get("/simulator/faults", (c) => c.json(c.var.store.faults));
  app.put("/simulator/faults", async (c) => {
    const parsed = await readBody(c, faultsSchema);
    if (parsed instanceof Response) return parsed;
    c.var.store.faults = parsed;
    return c.json(parsed);
  });

  app.post("/simulator/reset", async (c) => {
    const parsed = await readBody(c, z.strictObject({ skills: z.boolean().optional() }));
    if (parsed instanceof Response) return parsed;
    resetStore(c.var.store);
    if (parsed.skills) {
      c.var.store.skills.clear();
      c.var.store.manifests.clear();
      delete c.var.store.addOn;
    }
    return c.body(null, 204);
  });

  app.get("/simulator/exchanges", (c) => c.json({ items: askedFor(c) }));
  app.get("/simulator/exchanges.har", (c) => {
    c.header("content-disposition", 'attachment; filename="alexa-simulator.har"');
    return c.json(harOf(askedFor(c)));
  });
  app.get("/simulator/attempts", (c) => {
    const items = [...c.var.store.attempts.values()].map(({ request, amazonState: _, ...attempt }) => ({
      ...attempt,
      startedAt: new Date(attempt.startedAt).toISOString(),
      redirectUri: request?.redirectUri,
    }));
    return c.json({ items });
  });
  app.get("/simulator/links", (c) => {
    const items = [...c.var.store.links.values()].map(
      ({ accessToken: _, refreshToken: __, oldRefreshTokens, ...link }) => ({
        ...link,
        expiresAt: new Date(link.expiresAt).toISOString(),
        linkedAt: new Date(link.linkedAt).toISOString(),
        oldRefreshTokens: oldRefreshTokens.length,
      }),
    );
    return c.json({ items });
  });

  app.get("/simulator/accounts", (c) =>
    c.json({ items: [...c.var.store.accounts.values()], current: c.var.store.currentAccountId }),
  );
  app.put("/simulator/accounts", async (c) => {
    const parsed = await readBody(c, accountSchema);
    if (parsed instanceof Response) return parsed;
    c.var.store.accounts.set(parsed.id, parsed);
    return c.json(parsed);
  });
  app.put("/simulator/current-account", async (c) => {
    const parsed = await readBody(c, z.strictObject({ id: z.string() }));
    if (parsed instanceof Response) return parsed;
    if (!c.var.store.accounts.has(parsed.id)) return refuse(c, [`id: there is no account ${parsed.id}`]);
    c.var.store.currentAccountId = parsed.id;
    return c.json(parsed);
  });

  app.put("/simulator/phone", async (c) => {
    const parsed = await readBody(c, z.strictObject({ appInstalled: z.boolean() }));
    if (parsed instanceof Response) return parsed;
    c.var.store.appInstalled = parsed.appInstalled;
    return c.json(parsed);
  });

  app.get("/simulator/certificate-root", async (c) => c.text((await certificatesOf(c.var.store)).rootPem));

  app.post("/simulator/clock", async (c) => {
    const parsed = await readBody(c, z.strictObject({ advanceSeconds: z.number() }));
    if (parsed instanceof Response) return parsed;
    c.var.store.clockOffsetMs += parsed.advanceSeconds * 1000;
    return c.json({ now: new Date(now(c.var.store)).toISOString() });
  });
}

/** The exchanges that the query names: of one attempt (`linkId`), with a text (`q`), or all. */
function askedFor(c: SimulatorContext): Exchange[] {
  const { linkId, q } = c.req.query();
  return c.var.store.exchanges.filter(
    (exchange) => (!linkId || exchange.linkId === linkId) && (!q || mentions(exchange, q)),
  );
}

/** The parsed body (an empty one counts as `{}`), or a 400 response that names each invalid field. */
export async function readBody<T>(c: SimulatorContext, schema: z.ZodType<T>): Promise<T | Response> {
  const text = await c.req.text();
  let json: unknown;
  try {
    json = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    return refuse(c, ["(body): not JSON"]);
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? parsed.data : refuse(c, explainProblems(parsed.error));
}

/** A 400 response with one line per problem. */
export function refuse(c: SimulatorContext, problems: readonly string[]): Response {
  return c.json({ error: "invalid_body", problems }, 400);
}

function maskAddOn(addOn: AddOn) {
  return {
    ...addOn,
    clientSecret: "(hidden)",
    ...(addOn.serviceClientSecret && { serviceClientSecret: "(hidden)" }),
  };
}

function maskSkill(skill: Skill) {
  const hidden = (credentials: { clientId: string; clientSecret: string } | undefined) =>
    credentials && { ...credentials, clientSecret: "(hidden)" };
  return {
    ...skill,
    clientSecret: "(hidden)",
    lwa: hidden(skill.lwa),
    eventGateway: hidden(skill.eventGateway),
    loginWithAmazon: hidden(skill.loginWithAmazon),
    acceptGrant: hidden(skill.acceptGrant),
    personalization: hidden(skill.personalization),
  };
}
