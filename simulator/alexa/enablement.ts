// The Skill Enablement API, called with a customer's token: POST enables, GET reads, DELETE disables.
import * as z from "zod";
import { regionOf } from "../amazon/regions.ts";
import { ACCOUNT_LINKING_SCOPE } from "../amazon/security-profiles.ts";
import { findAccessToken, statusOfBadToken } from "../amazon/tokens.ts";
import type { Skill } from "../state/configuration.ts";
import { contextOf, type RequestContext, recordIncoming, type SimulatorContext } from "../state/context.ts";
import type { Exchange } from "../state/exchange.ts";
import { applyResponseFault, useEnablementFault, useFault } from "../state/faults.ts";
import { type AmazonToken, type Attempt, findSkill, type Link, linkKey, startAttempt } from "../state/store.ts";
import { completeLink, disableSkill } from "./link.ts";

const TITLES: Record<string, readonly [title: string, why: string]> = {
  POST: [
    "The company’s server enables the skill for the customer",
    "The request carries a new code of the company’s own. Alexa redeems that code at the company’s token URL before it responds.",
  ],
  GET: [
    "The company’s server asks whether the skill is linked",
    "Alexa’s response decides, not the company’s own record.",
  ],
  DELETE: [
    "The company’s server disables the skill for the customer",
    "This unlinks the account and revokes Amazon’s tokens.",
  ],
};

const bodySchema = z.object({
  stage: z.enum(["development", "live"]),
  accountLinkRequest: z.object({
    redirectUri: z.string().min(1),
    authCode: z.string().min(1),
    type: z.literal("AUTH_CODE"),
  }),
});

/** `/v1/users/~current/skills/{skillId}/enablement`, in the region that the URL names. */
export function serveEnablement(c: SimulatorContext): Promise<Response> {
  const [title, why] = TITLES[c.req.method] ?? [c.req.method, ""];
  return recordIncoming(c, { from: "company", to: "alexa", title, why }, async (body, exchange) => {
    const context = contextOf(c);
    const authorization = c.req.header("authorization") ?? "";
    const bearer = authorization.slice("Bearer ".length);
    const token = findAccessToken(context.store, bearer);
    if ("token" in token) exchange.linkId = token.token.grant.linkId;
    const region = regionOf(c.req.url);
    const bad = await applyResponseFault(useEnablementFault(context.store.faults, region, c.req.method));
    if (bad) return bad;
    if (!authorization.startsWith("Bearer ")) {
      return refuse(
        exchange,
        400,
        "Invalid request",
        "The Authorization header must start with “Bearer ”: a capital B, then one space.",
      );
    }
    if ("problem" in token) {
      const status = statusOfBadToken(token.problem, bearer);
      return refuse(exchange, status, "Invalid customer token", `The customer’s Amazon token is ${token.problem}.`);
    }
    const refusal = checkCustomer(context, token.token, region, c.req.param("skillId") ?? "", exchange);
    if (refusal) return refusal;
    const skillId = c.req.param("skillId") ?? "";
    if (c.req.method === "POST") return enable(context, token.token, skillId, body, exchange);
    return c.req.method === "GET"
      ? readLink(context, token.token, skillId, exchange)
      : disable(context, token.token, skillId, exchange);
  });
}

function checkCustomer(
  context: RequestContext,
  token: AmazonToken,
  region: string,
  skillId: string,
  exchange: Exchange,
): Response | undefined {
  const { store } = context;
  if (!token.grant.scope.split(" ").includes(ACCOUNT_LINKING_SCOPE)) {
    return refuse(exchange, 403, "Insufficient scope", `The token lacks the scope ${ACCOUNT_LINKING_SCOPE}.`);
  }
  const home = store.accounts.get(token.grant.accountId)?.region;
  if (home !== region && store.faults.wrongRegion !== "accept") {
    return refuse(
      exchange,
      store.faults.wrongRegion ?? 404,
      "Not found",
      `This customer’s region is ${home}; the call went to ${region}.`,
    );
  }
  const skills = [...store.skills.values()].filter((skill) => skill.skillId === skillId);
  if (skills.length === 0) return refuse(exchange, 404, "Not found", `There is no skill ${skillId}.`);
  if (!skills.some((skill) => skill.lwa.clientId === token.grant.clientId)) {
    return refuse(exchange, 403, "Not allowed", "The token was issued to the client of another skill.");
  }
  return undefined;
}

async function enable(
  context: RequestContext,
  token: AmazonToken,
  skillId: string,
  body: string,
  exchange: Exchange,
): Promise<Response> {
  const parsed = bodySchema.safeParse(parseJson(body));
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join(".") || "body");
    return refuse(exchange, 400, "Invalid request", `Missing or invalid in the body: ${fields.join(", ")}.`);
  }
  const { stage, accountLinkRequest } = parsed.data;
  const skill = findSkill(context.store, skillId, stage);
  if (!skill) return refuse(exchange, 404, "Not found", `The skill has no stage ${stage}.`);
  if (!skill.redirectUrls.includes(accountLinkRequest.redirectUri)) {
    return refuse(
      exchange,
      400,
      "Invalid account linking credentials",
      `redirectUri is not one of the skill’s redirect URLs: ${skill.redirectUrls.join(", ")}.`,
    );
  }
  const attempt = attemptOf(context, token, skill);
  const fault = useFault(context.store.faults, "enablementResponse");
  if (fault?.withoutToken) return Response.json(describe(skill, undefined, "LINKED"), { status: 201 });
  const amazonsCode = fault?.amazonCode ? [...context.store.codes.keys()].at(-1) : undefined;
  const code = amazonsCode ?? accountLinkRequest.authCode;
  const link = await completeLink(context, attempt, {
    skill,
    grant: { code, redirectUri: accountLinkRequest.redirectUri },
    linkId: attempt.linkId,
    parentId: exchange.id,
  });
  if (!link) {
    const swapped = context.store.codes.has(code)
      ? " authCode is Amazon’s code; it must be the company’s own code."
      : "";
    return refuse(exchange, 400, "Invalid account linking credentials", `${attempt.reason}${swapped}`);
  }
  return Response.json(describe(skill, link, fault?.notLinked ? "NOT_LINKED" : "LINKED"), { status: 201 });
}

function attemptOf(context: RequestContext, token: AmazonToken, skill: Skill): Attempt {
  const known = context.store.attempts.get(token.grant.linkId ?? "");
  const { skillId, stage } = skill;
  return known ?? startAttempt(context.store, { flow: "company", skillId, stage, accountId: token.grant.accountId });
}

function linksOf(context: RequestContext, token: AmazonToken, skillId: string): { skill: Skill; link: Link }[] {
  return [...context.store.skills.values()].flatMap((skill) => {
    const link = context.store.links.get(linkKey(token.grant.accountId, skillId, skill.stage));
    return skill.skillId === skillId && skill.lwa.clientId === token.grant.clientId && link ? [{ skill, link }] : [];
  });
}

function readLink(context: RequestContext, token: AmazonToken, skillId: string, exchange: Exchange): Response {
  const found = linksOf(context, token, skillId)[0];
  if (!found) return refuse(exchange, 404, "Not found", "The customer has not enabled the skill.");
  const fault = useFault(context.store.faults, "enablementResponse");
  return Response.json(describe(found.skill, found.link, fault?.notLinked ? "NOT_LINKED" : "LINKED"));
}

async function disable(
  context: RequestContext,
  token: AmazonToken,
  skillId: string,
  exchange: Exchange,
): Promise<Response> {
  const found = linksOf(context, token, skillId);
  if (found.length === 0) return refuse(exchange, 404, "Not found", "The customer has not enabled the skill.");
  for (const { skill, link } of found) await disableSkill(context, skill, link);
  return new Response(null, { status: 204 });
}

function describe(skill: Skill, link: Link | undefined, status: string) {
  return {
    skill: { id: skill.skillId, stage: skill.stage },
    user: { id: link?.userId ?? "amzn1.ask.account.UNKNOWN" },
    accountLink: { status },
    status: "ENABLED",
  };
}

function refuse(exchange: Exchange, status: number, message: string, note: string): Response {
  exchange.note = note;
  return Response.json({ message }, { status });
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
