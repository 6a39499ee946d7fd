// The form of a skill: its fields, their values, and the request body for the admin API made from them.
import type { FC } from "hono/jsx";
import { PERSON_KINDS, SKILL_TYPES } from "../../storage/skills/skills.ts";
import { CheckField, ChoiceField, LinesField, linesOf, SecretField, TextField, type Values } from "./entry-form.tsx";
import { words } from "./parts.tsx";

interface Pair {
  readonly clientId?: string;
}
/** A skill as the API returns it. */
export interface SkillView {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly stage: string;
  readonly linking: string;
  readonly vendorId: string | null;
  readonly resource: string | null;
  readonly extraRedirectUris: readonly string[];
  readonly scopes: readonly (string | object)[];
  readonly returnUrls: readonly string[];
  readonly lwa: Pair | null;
  readonly eventGateway: Pair | null;
  readonly relay: {
    readonly tokenUrl: string;
    readonly userinfoUrl: string | null;
    readonly clientId?: string | null;
    readonly person: { readonly claim: string; readonly as: string };
  } | null;
  readonly client: {
    readonly id: string;
    readonly requirePkce: boolean;
    readonly redirectUris: readonly string[];
    readonly secret?: string;
    readonly previousSecretExpiresAt?: string;
  };
  readonly serviceClient: {
    readonly id: string;
    readonly secret?: string;
    readonly previousSecretExpiresAt?: string;
  } | null;
}

const lines = (entries: readonly (string | object)[]) =>
  entries.map((entry) => (typeof entry === "string" ? entry : JSON.stringify(entry))).join("\n");

/** The form's values for a stored skill. */
export function valuesOf(skill: SkillView): Values {
  return {
    name: skill.name,
    type: skill.type,
    stage: skill.stage,
    linking: skill.linking,
    vendorId: skill.vendorId ?? "",
    resource: skill.resource ?? "",
    extraRedirectUris: lines(skill.extraRedirectUris),
    scopes: lines(skill.scopes),
    returnUrls: lines(skill.returnUrls),
    lwaId: skill.lwa?.clientId ?? "",
    eventId: skill.eventGateway?.clientId ?? "",
    relayTokenUrl: skill.relay?.tokenUrl ?? "",
    relayUserinfoUrl: skill.relay?.userinfoUrl ?? "",
    relayId: skill.relay?.clientId ?? "",
    relayClaim: skill.relay?.person.claim ?? "",
    relayAs: skill.relay?.person.as ?? "",
    requirePkce: skill.client.requirePkce ? "yes" : "",
  };
}

const KEPT = "Leave empty to keep the stored one.";
const choices = (names: readonly string[]) => names.map((name) => [name, words(name)] as const);

export const SkillFields: FC<{ values: Values; isNew: boolean; hasServiceClient?: boolean }> = ({
  values,
  isNew,
  hasServiceClient = false,
}) => (
  <>
    {isNew ? (
      <>
        <TextField name="id" label="Skill id" values={values} required hint="Such as amzn1.ask.skill.…" />
        <TextField name="clientId" label="Alexa's client id" values={values} hint="Leave empty to generate one." />
        <SecretField name="clientSecret" label="Alexa's client secret" hint="Leave empty to generate one." />
      </>
    ) : null}
    <TextField name="name" label="Name" values={values} required />
    <ChoiceField name="type" label="Type" values={values} choices={choices(SKILL_TYPES)} />
    <ChoiceField
      name="stage"
      label="Stage"
      values={values}
      choices={choices(["development", "live"])}
      hint="The stage that linking from your app or website enables."
    />
    <ChoiceField
      name="linking"
      label="Account linking"
      values={values}
      choices={[...(isNew ? [["", "default of the type"] as const] : []), ...choices(["required", "optional"])]}
    />
    <TextField name="vendorId" label="Vendor id" values={values} hint="Amazon's four redirect URIs follow from it." />
    <LinesField
      name="redirectUris"
      label="Redirect URIs"
      values={values}
      hint={`One per line, instead of a vendor id.${isNew ? "" : " Leave empty to keep the stored ones."}`}
    />
    <LinesField name="extraRedirectUris" label="Extra redirect URIs" values={values} hint="One per line." />
    <LinesField
      name="scopes"
      label="Scopes"
      values={values}
      required
      hint='One per line: a name, or JSON such as {"name":"profile","descriptions":{"en":"Your name"}}.'
    />
    <LinesField
      name="returnUrls"
      label="Return URLs"
      values={values}
      hint="One per line: where linking may return to."
    />
    <TextField name="resource" label="Resource" values={values} hint="Add-ons only: the MCP server's URI." />
    <fieldset>
      <legend>Alexa's credentials for app-to-app linking</legend>
      <TextField name="lwaId" label="Alexa client id" values={values} hint="Leave empty for none." />
      <SecretField name="lwaSecret" label="Alexa client secret" hint={isNew ? "" : KEPT} />
    </fieldset>
    <fieldset>
      <legend>Credentials for the event gateway</legend>
      <TextField name="eventId" label="Event client id" values={values} hint="Leave empty to use the pair above." />
      <SecretField name="eventSecret" label="Event client secret" hint={isNew ? "" : KEPT} />
    </fieldset>
    <fieldset>
      <legend>Relay to the old server</legend>
      <TextField name="relayTokenUrl" label="Old server's token URL" values={values} hint="Leave empty for no relay." />
      <TextField name="relayUserinfoUrl" label="Old server's userinfo URL" values={values} />
      <TextField name="relayId" label="Relay client id" values={values} hint="Leave empty to use Alexa's." />
      <SecretField
        name="relaySecret"
        label="Relay client secret"
        hint={isNew ? "" : `${KEPT} Enter it again if you change another field of the relay.`}
      />
      <TextField name="relayClaim" label="Claim that names the person" values={values} hint="Leave empty for sub." />
      <ChoiceField
        name="relayAs"
        label="Claim content"
        values={values}
        choices={[["", "–"], ...choices(PERSON_KINDS)]}
      />
    </fieldset>
    <CheckField name="requirePkce" label="Require PKCE from Alexa" values={values} />
    {hasServiceClient ? null : (
      <CheckField name="serviceClient" label="Separate client for service tokens (add-ons)" values={values} />
    )}
    <CheckField name="force" label="Accept redirect URIs even if some of Amazon's are missing" values={values} />
  </>
);

type Fields = ReadonlyMap<string, string>;
const text = (fields: Fields, name: string) => (fields.get(name) ?? "").trim();

/** A pair as it is sent: null removes it, undefined keeps it. */
function pairOf(fields: Fields, name: string, stored: Pair | null | undefined): object | null | undefined {
  const [clientId, clientSecret] = [text(fields, `${name}Id`), text(fields, `${name}Secret`)];
  if (clientId === "" && clientSecret === "") return stored ? null : undefined;
  return clientSecret === "" && stored?.clientId === clientId ? undefined : { clientId, clientSecret };
}

const RELAY_FIELDS = ["relayTokenUrl", "relayUserinfoUrl", "relayId", "relayClaim", "relayAs"];

function relayOf(fields: Fields, stored: SkillView | undefined): object | null | undefined {
  const tokenUrl = text(fields, "relayTokenUrl");
  const shown = stored && valuesOf(stored);
  // Without its token URL the stored relay ends. What else was entered is not passed over in silence.
  const isTyped =
    RELAY_FIELDS.some((name) => text(fields, name) !== (shown?.[name] ?? "")) || fields.has("relaySecret");
  if (tokenUrl === "" && (stored?.relay || !isTyped)) return stored?.relay ? null : undefined;
  const secret = text(fields, "relaySecret");
  if (secret === "" && shown && RELAY_FIELDS.every((name) => text(fields, name) === shown[name])) return undefined;
  const [clientId, userinfoUrl] = [text(fields, "relayId"), text(fields, "relayUserinfoUrl")];
  const claim = text(fields, "relayClaim");
  return {
    tokenUrl,
    ...(userinfoUrl === "" ? {} : { userinfoUrl }),
    ...(clientId === "" ? {} : { clientId }),
    ...(secret === "" ? {} : { clientSecret: secret }),
    person: { ...(claim === "" ? {} : { claim }), as: text(fields, "relayAs") },
  };
}

/** A scope in JSON as an object. Invalid JSON is passed on unchanged, so that the API reports what is wrong. */
function scopeOf(line: string): unknown {
  if (!line.startsWith("{")) return line;
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return line;
  }
}

/** The body of the API's request. `stored`: the skill that is changed; undefined: a new one. */
export function skillBody(fields: Fields, stored: SkillView | undefined): object {
  const [vendorId, resource, linking] = ["vendorId", "resource", "linking"].map((name) => text(fields, name));
  const redirectUris = linesOf(fields.get("redirectUris"));
  const wantsService = fields.get("serviceClient") === "yes";
  const type = fields.get("type");
  const isAddOn = type === "add_on";
  const [clientId, clientSecret] = [text(fields, "clientId"), text(fields, "clientSecret")];
  const pairs = {
    lwa: pairOf(fields, "lwa", stored?.lwa),
    eventGateway: pairOf(fields, "event", stored?.eventGateway),
    relay: relayOf(fields, stored),
  };
  return {
    ...(stored ? {} : { id: text(fields, "id") }),
    name: text(fields, "name"),
    type,
    stage: fields.get("stage"),
    ...(linking === "" || (linking === stored?.linking && type === stored?.type) ? {} : { linking }),
    ...(vendorId === "" ? (stored?.vendorId ? { vendorId: null } : {}) : { vendorId }),
    ...(redirectUris.length === 0 ? {} : { redirectUris }),
    extraRedirectUris: linesOf(fields.get("extraRedirectUris")),
    ...(resource === "" ? (stored?.resource ? { resource: null } : {}) : { resource }),
    scopes: linesOf(fields.get("scopes")).map(scopeOf),
    returnUrls: linesOf(fields.get("returnUrls")),
    ...Object.fromEntries(Object.entries(pairs).filter(([, value]) => value !== undefined)),
    client: {
      ...(stored || clientId === "" ? {} : { id: clientId }),
      ...(stored || clientSecret === "" ? {} : { secret: clientSecret }),
      requirePkce: fields.get("requirePkce") === "yes" || isAddOn,
    },
    ...(wantsService && !stored?.serviceClient ? { serviceClient: {} } : {}),
    ...(fields.get("force") === "yes" ? { force: true } : {}),
  };
}
