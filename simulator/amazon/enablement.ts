// The Skill Enablement API as a customer's token sees it: POST links, GET tells, DELETE ends.
import * as z from "zod";
import { completeLinking, disableSkill } from "../alexa/link.ts";
import type { Skill } from "../configuration.ts";
import type { Exchange } from "../exchanges.ts";
import { playAnswerFault, useEnablementFault, useFault } from "../faults.ts";
import { answering, type Scene, type SimulatorContext, sceneOf } from "../scene.ts";
import { type AmazonToken, beginLinking, findSkill, type Link, type Linking, linkKey } from "../world.ts";
import { regionOf } from "./regions.ts";
import { ACCOUNT_LINKING_SCOPE } from "./security-profiles.ts";
import { findAccessToken, statusOfBadToken } from "./tokens.ts";

const TITLES: Record<string, readonly [title: string, why: string]> = {
  POST: [
    "The company’s server enables the skill for the customer",
    "It brings a fresh code of the company’s own. Before Alexa answers, it redeems that code at the company’s token URL.",
  ],
  GET: [
    "The company’s server asks whether the skill is linked",
    "Alexa’s own answer decides, not what the company remembers.",
  ],
  DELETE: [
    "The company’s server disables the skill for the customer",
    "This unlinks, and ends Amazon’s tokens as well.",
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

/** `/v1/users/~current/skills/{skillId}/enablement`, in the region that the address names. */
export function answerEnablement(c: SimulatorContext): Promise<Response> {
  const [title, why] = TITLES[c.req.method] ?? [c.req.method, ""];
  return answering(c, { from: "company", to: "alexa", title, why }, async (body, exchange) => {
    const scene = sceneOf(c);
    const authorization = c.req.header("authorization") ?? "";
    const bearer = authorization.slice("Bearer ".length);
    const token = findAccessToken(scene.world, bearer);
    if ("token" in token) exchange.linkId = token.token.grant.linkId;
    const region = regionOf(c.req.url);
    const bad = await playAnswerFault(useEnablementFault(scene.world.faults, region, c.req.method));
    if (bad) return bad;
    if (!authorization.startsWith("Bearer ")) {
      return refuse(
        exchange,
        400,
        "Invalid request",
        "The header must read “Bearer ”, with a capital B and one space.",
      );
    }
    if ("problem" in token) {
      const status = statusOfBadToken(token.problem, bearer);
      return refuse(exchange, status, "Invalid customer token", `The customer’s Amazon token is ${token.problem}.`);
    }
    const refusal = checkCustomer(scene, token.token, region, c.req.param("skillId") ?? "", exchange);
    if (refusal) return refusal;
    const skillId = c.req.param("skillId") ?? "";
    if (c.req.method === "POST") return enable(scene, token.token, skillId, body, exchange);
    return c.req.method === "GET"
      ? tell(scene, token.token, skillId, exchange)
      : end(scene, token.token, skillId, exchange);
  });
}

function checkCustomer(
  scene: Scene,
  token: AmazonToken,
  region: string,
  skillId: string,
  exchange: Exchange,
): Response | undefined {
  const { world } = scene;
  if (!token.grant.scope.split(" ").includes(ACCOUNT_LINKING_SCOPE)) {
    return refuse(exchange, 403, "Insufficient scope", `The token lacks the scope ${ACCOUNT_LINKING_SCOPE}.`);
  }
  const home = world.accounts.get(token.grant.accountId)?.region;
  if (home !== region && world.faults.wrongRegion !== "accept") {
    return refuse(
      exchange,
      world.faults.wrongRegion ?? 404,
      "Not found",
      `This customer lives in ${home}; the call went to ${region}.`,
    );
  }
  const skills = [...world.skills.values()].filter((skill) => skill.skillId === skillId);
  if (skills.length === 0) return refuse(exchange, 404, "Not found", `There is no skill ${skillId}.`);
  if (!skills.some((skill) => skill.lwa.clientId === token.grant.clientId)) {
    return refuse(exchange, 403, "Not allowed", "The token was issued to the client of another skill.");
  }
  return undefined;
}

async function enable(
  scene: Scene,
  token: AmazonToken,
  skillId: string,
  body: string,
  exchange: Exchange,
): Promise<Response> {
  const parsed = bodySchema.safeParse(parseJson(body));
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join(".") || "body");
    return refuse(exchange, 400, "Invalid request", `Missing or wrong in the body: ${fields.join(", ")}.`);
  }
  const { stage, accountLinkRequest } = parsed.data;
  const skill = findSkill(scene.world, skillId, stage);
  if (!skill) return refuse(exchange, 404, "Not found", `The skill has no stage ${stage}.`);
  if (!skill.redirectUrls.includes(accountLinkRequest.redirectUri)) {
    return refuse(
      exchange,
      400,
      "Invalid account linking credentials",
      `redirectUri is not one of the skill’s redirect URLs: ${skill.redirectUrls.join(", ")}.`,
    );
  }
  const linking = linkingOf(scene, token, skill);
  const fault = useFault(scene.world.faults, "enablementAnswer");
  if (fault?.withoutToken) return Response.json(describe(skill, undefined, "LINKED"), { status: 201 });
  const amazons = fault?.amazonCode ? [...scene.world.codes.keys()].at(-1) : undefined;
  const code = amazons ?? accountLinkRequest.authCode;
  const link = await completeLinking(scene, linking, {
    skill,
    grant: { code, redirectUri: accountLinkRequest.redirectUri },
    linkId: linking.linkId,
    parentId: exchange.id,
  });
  if (!link) {
    const swapped = scene.world.codes.has(code) ? " authCode is Amazon’s code; the company’s own is needed." : "";
    return refuse(exchange, 400, "Invalid account linking credentials", `${linking.reason}${swapped}`);
  }
  return Response.json(describe(skill, link, fault?.notLinked ? "NOT_LINKED" : "LINKED"), { status: 201 });
}

function linkingOf(scene: Scene, token: AmazonToken, skill: Skill): Linking {
  const known = scene.world.linkings.get(token.grant.linkId ?? "");
  const { skillId, stage } = skill;
  return known ?? beginLinking(scene.world, { flow: "company", skillId, stage, accountId: token.grant.accountId });
}

function linksOf(scene: Scene, token: AmazonToken, skillId: string): { skill: Skill; link: Link }[] {
  return [...scene.world.skills.values()].flatMap((skill) => {
    const link = scene.world.links.get(linkKey(token.grant.accountId, skillId, skill.stage));
    return skill.skillId === skillId && skill.lwa.clientId === token.grant.clientId && link ? [{ skill, link }] : [];
  });
}

function tell(scene: Scene, token: AmazonToken, skillId: string, exchange: Exchange): Response {
  const found = linksOf(scene, token, skillId)[0];
  if (!found) return refuse(exchange, 404, "Not found", "The customer has not enabled the skill.");
  const fault = useFault(scene.world.faults, "enablementAnswer");
  return Response.json(describe(found.skill, found.link, fault?.notLinked ? "NOT_LINKED" : "LINKED"));
}

async function end(scene: Scene, token: AmazonToken, skillId: string, exchange: Exchange): Promise<Response> {
  const found = linksOf(scene, token, skillId);
  if (found.length === 0) return refuse(exchange, 404, "Not found", "The customer has not enabled the skill.");
  for (const { skill, link } of found) await disableSkill(scene, skill, link);
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
