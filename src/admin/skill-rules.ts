// Rules for a skill that involve several of its fields. Rules for single fields are in admin-schemas.ts.
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import type { SkillContent } from "../storage/skills/skill-admin.ts";
import { type SkillScope, type SkillType, scopesOf } from "../storage/skills/skills.ts";
import { linkingIsRequired } from "./account-linking-request.ts";
import { includesReservedScope, SERVICE_SCOPE } from "./admin-schemas.ts";
import { missingAmazonRedirectUris, ownCallback } from "./web-address.ts";

/** Whether the body has the one skill type that has no account linking. Checked before all other fields. */
export function isFlashBriefing(body: unknown): boolean {
  return z.object({ type: z.literal("flash_briefing") }).safeParse(body).success;
}

/** The fields of a request that are not part of the skill's content. */
interface Given {
  /** Redirect URIs listed in the request instead of a vendor id. */
  readonly listedUris: readonly string[];
  /** Accepts a list without all of Amazon's redirect URIs. */
  readonly force: boolean;
  readonly linking?: "required" | "optional" | undefined;
  /** Whether it will have a second client. */
  readonly hasServiceClient: boolean;
  readonly client: { readonly requirePkce?: boolean | undefined };
}

/** The scopes to store: an add-on has at least one of the service tier. */
export function scopesToStore(type: SkillType, scopes: readonly SkillScope[]): readonly SkillScope[] {
  return type !== "add_on" || scopesOf({ scopes }, "service").length > 0
    ? scopes
    : [...scopes, { name: SERVICE_SCOPE, tier: "service", descriptions: {} }];
}

/** What a skill has that is for add-ons only, each with what to send instead. */
function addOnOnly(skill: SkillContent, given: Given): string[] {
  if (skill.type === "add_on") return [];
  return [
    ...(skill.resource === null ? [] : ['resource: only an add_on has one; send "resource": null']),
    ...(scopesOf(skill, "service").length === 0
      ? []
      : ["scopes: only an add_on has the tier service; send scopes without it"]),
    ...(given.hasServiceClient ? ['serviceClient: only an add_on has one; send "serviceClient": null'] : []),
  ];
}

/** The first rule that this skill breaks, as a problem response; undefined if it may be stored. */
export function refusedSkill(
  issuer: string,
  skill: SkillContent,
  redirectUris: readonly string[],
  given: Given,
): Response | undefined {
  if (includesReservedScope(skill.scopes.map((scope) => scope.name))) {
    return problem("scope_reserved", "Only app clients may have the scope links.");
  }
  if (skill.type === "add_on" && given.client.requirePkce === false) {
    return problem("invalid_body", "client.requirePkce: must be true for an add_on");
  }
  if (skill.type === "add_on" && skill.resource === null) {
    return problem("invalid_body", "resource: is required for an add_on: the URI of its MCP server");
  }
  if (skill.resource !== null && new URL(skill.resource).origin === issuer) {
    return problem("invalid_body", "resource: must not be an address of this server");
  }
  const misplaced = addOnOnly(skill, given);
  if (misplaced.length > 0) return problem("invalid_body", misplaced.join(". "));
  if (given.linking === "optional" && linkingIsRequired(skill.type)) {
    return problem(
      "invalid_body",
      `linking: must be required for ${skill.type}: Amazon lets customers enable only custom and music skills without linking`,
    );
  }
  const missing = skill.vendorId === null && !given.force ? missingAmazonRedirectUris(given.listedUris) : [];
  if (missing.length > 0) {
    return problem(
      "redirect_uris_incomplete",
      `Alexa uses a different one in each marketplace. Missing: ${missing.join(", ")}. Send vendorId instead, or "force": true.`,
      { missing },
    );
  }
  const own = ownCallback(issuer, redirectUris);
  return own === undefined
    ? undefined
    : problem("invalid_body", `${own} is a callback of this server and cannot be a redirect URI.`);
}
