// /admin/skills/{id}/amazon: compares a skill's account linking configuration at Amazon with ours, and pushes ours.
import type { Child, FC } from "hono/jsx";
import { developerAccess } from "../../amazon/developer-access.ts";
import { type Developer, readLinking, type StoredLinking, writeLinking } from "../../amazon/smapi.ts";
import { secretMatches } from "../../oauth/client-authentication.ts";
import type { AppContext } from "../../runtime.ts";
import { auditRow } from "../../storage/audit.ts";
import { readSkill } from "../../storage/skills/skills.ts";
import { write } from "../../storage/sql.ts";
import { accountLinkingRequest } from "../account-linking-request.ts";
import { driftOf, linkingToWrite, shownValue } from "../linking-drift.ts";
import { operatorOf } from "../operator.ts";
import { type SkillWithClients, withClients } from "../skill-view.ts";
import { ActForm, callAdminApi, takeAct } from "./acts.tsx";
import { accessText, failureText } from "./amazon-texts.ts";
import { renderConsole } from "./frame.tsx";
import { DataTable, Panel, Time } from "./parts.tsx";
import { hrefOf, type Selection, selectionOf } from "./selection.ts";

const UNDER = "/admin/skills";

/** The address of the page for one skill. */
function pathOf(skillId: string): string {
  return `${UNDER}/${encodeURIComponent(skillId)}/amazon`;
}

/** The panel of a skill's page that links here. */
export const SkillAmazon: FC<{ skillId: string; selection: Selection }> = ({ skillId, selection }) => (
  <Panel title="At Amazon" id="amazon">
    <p>
      <a href={hrefOf(selection, pathOf(skillId))}>Compare with Amazon and push</a>
      {" · "}
      <a href={hrefOf({ ...selection, skillId }, "/admin/amazon")}>Amazon's metrics</a>
    </p>
  </Panel>
);

async function skillOf(c: AppContext): Promise<SkillWithClients | undefined> {
  const { db } = c.var.runtime;
  const skill = await readSkill(db, c.req.param("id") ?? "");
  return skill && (await withClients(db, [skill]))[0];
}

function page(c: AppContext, title: string, body: Child, status: 200 | 400 | 404 | 409 | 502 = 200): Promise<Response> {
  return renderConsole(c, { title, under: UNDER, status }, body);
}

const notFound = (c: AppContext) => page(c, "No such skill", <p>No skill with this id is registered.</p>, 404);

interface BothSides {
  readonly developer: Developer;
  readonly found: SkillWithClients;
  readonly wanted: Readonly<Record<string, unknown>>;
  /** null: Amazon has none. */
  readonly amazons: StoredLinking | null;
}

/** Reads the configuration at Amazon; returns the reason as text if that fails. */
async function bothSides(c: AppContext, found: SkillWithClients, again = false): Promise<BothSides | string> {
  const rt = c.var.runtime;
  if (found.skill.type === "add_on") {
    return "Add-ons are configured with Amazon's alexa-ai CLI, not through the Skill Management API.";
  }
  const access = await developerAccess(rt, { again });
  if (access.outcome !== "token") return accessText(access, selectionOf(c).zone);
  const developer = { config: rt.config, accessToken: access.accessToken };
  const amazons = await readLinking(developer, found.skill.id);
  if (amazons && "failure" in amazons) return failureText(amazons);
  const wanted = accountLinkingRequest(rt, found.skill, found.client).accountLinkingRequest;
  return { developer, found, wanted, amazons };
}

/** `GET /admin/skills/{id}/amazon`. */
export async function skillAmazonPage(c: AppContext): Promise<Response> {
  const found = await skillOf(c);
  return found ? render(c, found, {}) : notFound(c);
}

interface PushResult {
  /** The result of the last push. */
  readonly message?: string;
  readonly status?: 200 | 400 | 409 | 502;
  /** A new secret that Amazon does not have. It is shown this once. */
  readonly secret?: string;
}

async function render(c: AppContext, found: SkillWithClients, result: PushResult): Promise<Response> {
  const { skill } = found;
  const sides = await bothSides(c, found, c.req.query("again") === "1");
  return page(
    c,
    `${skill.name} at Amazon`,
    <>
      {result.message === undefined ? null : <p role="alert">{result.message}</p>}
      {result.secret === undefined ? null : (
        <Panel title="The new client secret">
          <p>
            Amazon does not have it yet, and it is shown only once. Copy it, and push again with it. Generating another
            one would invalidate the secret that Amazon has. <code>{result.secret}</code>
          </p>
        </Panel>
      )}
      {typeof sides === "string" ? (
        <Panel title="Account linking configuration">
          <p>{sides}</p>
          <p>
            <a href={hrefOf(selectionOf(c), "/admin/amazon")}>Developer token</a>
          </p>
        </Panel>
      ) : (
        <Differences c={c} sides={sides} />
      )}
    </>,
    result.status,
  );
}

const Differences: FC<{ c: AppContext; sides: BothSides }> = ({ c, sides: { found, wanted, amazons } }) => {
  const { drift, notShown } = driftOf(wanted, amazons?.content);
  const { skill, client } = found;
  const running = client.previousSecretExpiresAt ?? 0;
  return (
    <>
      <Panel title="Account linking configuration, development stage">
        {amazons ? null : (
          <p>Amazon has no account linking configuration for this skill, or does not know the skill (404).</p>
        )}
        {drift.length === 0 ? (
          <p>
            <strong>No difference</strong> between this server and Amazon.
          </p>
        ) : (
          <DataTable
            caption="What differs between this server and Amazon"
            head={["Field", "This server needs", "Amazon has"]}
            rows={drift.map(({ field, ours, amazon }) => [
              <code>{field}</code>,
              <code>{shownValue(ours)}</code>,
              <code>{shownValue(amazon)}</code>,
            ])}
          />
        )}
        {notShown.length === 0 ? null : <p>Amazon does not return: {notShown.join(", ")}.</p>}
      </Panel>
      <Panel title="Push to Amazon">
        <p>
          This replaces the whole account linking configuration of the development stage. Certification copies it to the
          live stage{skill.stage === "live" ? ", which keeps its configuration until then" : ""}. Amazon requires the
          client secret in every write.
        </p>
        <ActForm c={c} action={pathOf(skill.id)} button="Push to Amazon" danger fields={{ etag: amazons?.etag ?? "" }}>
          <label for="clientSecret">
            Secret of client <code>{client.id}</code>
          </label>
          <input id="clientSecret" name="clientSecret" type="password" maxlength={500} autocomplete="off" />
          <p>
            <label class="check">
              <input type="checkbox" name="newSecret" value="yes" /> Generate a new secret instead. The current one is
              accepted for seven more days.
            </label>
          </p>
          {running > c.var.runtime.now() ? (
            <p>
              The previous secret is accepted until <Time at={running} zone={selectionOf(c).zone} />. If Amazon still
              uses it, do not generate a new one: that would invalidate it at once.
            </p>
          ) : null}
          <p>
            <label class="check">
              <input type="checkbox" name="confirmed" value="yes" required /> Replace the configuration at Amazon.
            </label>
          </p>
        </ActForm>
      </Panel>
    </>
  );
};

/** `POST /admin/skills/{id}/amazon`. */
export async function pushToAmazon(c: AppContext): Promise<Response> {
  const fields = await takeAct(c);
  if (fields instanceof Response) return fields;
  const found = await skillOf(c);
  if (!found) return notFound(c);
  const typed = fields.get("clientSecret")?.trim() ?? "";
  const makeNew = fields.get("newSecret") === "yes";
  const refused = await refusalOf(c, found, typed, makeNew, fields.get("confirmed") === "yes");
  if (refused !== undefined) return render(c, found, { message: refused, status: 400 });
  const sides = await bothSides(c, found);
  if (typeof sides === "string") return render(c, found, { message: "Nothing was written.", status: 502 });
  if ((sides.amazons?.etag ?? "") !== (fields.get("etag") ?? "")) {
    return render(c, found, { message: failureText({ failure: "changed", message: "" }), status: 409 });
  }
  const secret = makeNew ? await newSecret(c, found) : typed;
  if (secret === undefined) return render(c, found, { message: "No new secret was generated.", status: 502 });
  return send(c, sides, secret, makeNew);
}

async function refusalOf(
  c: AppContext,
  { client }: SkillWithClients,
  typed: string,
  makeNew: boolean,
  confirmed: boolean,
): Promise<string | undefined> {
  if (!confirmed) return "Nothing was written: confirm that the configuration at Amazon is to be replaced.";
  if (makeNew) return typed === "" ? undefined : "Nothing was written: enter the secret or generate one, not both.";
  if (typed === "") return "Nothing was written: enter the client secret or generate a new one.";
  if (await secretMatches(client, typed, c.var.runtime.now())) return undefined;
  return `Nothing was written: this is not the secret of client ${client.id}. With a wrong secret, no customer could link.`;
}

async function newSecret(c: AppContext, { skill }: SkillWithClients): Promise<string | undefined> {
  const path = `/api/admin/skills/${encodeURIComponent(skill.id)}/rotate-secret`;
  const { secret } = ((await callAdminApi(c, "POST", path, {})).body.client ?? {}) as { secret?: string };
  return secret;
}

async function send(c: AppContext, sides: BothSides, secret: string, isNew: boolean): Promise<Response> {
  const rt = c.var.runtime;
  const { developer, found, wanted, amazons } = sides;
  const body = linkingToWrite(wanted, secret, amazons?.content);
  const written = await writeLinking(developer, found.skill.id, body, amazons?.etag);
  if (written !== "written") {
    const status = written.failure === "changed" ? 409 : 502;
    return render(c, found, { message: failureText(written), status, ...(isNew ? { secret } : {}) });
  }
  const audit = { kind: "skill_pushed", actor: operatorOf(c).name, clientId: found.client.id, details: found.skill.id };
  await write(rt.db, auditRow(rt.now(), audit), false);
  return render(c, found, { message: "The account linking configuration was written to Amazon's development stage." });
}
