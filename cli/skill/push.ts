// `alexa-link skill push`: writes a skill's account linking configuration, and on request its events, to Amazon.
import { rmSync } from "node:fs";
import { type Comparison, linkingToWrite } from "../../src/admin/linking-drift.ts";
import { call, type Service, type SkillView, skillPath } from "../admin-api.ts";
import { withSecret, writePrivately } from "../skill-output.ts";
import { type Smapi, writeLinking, writeManifest } from "../smapi.ts";
import { CommandError, confirm, secretFrom, type Terminal, UsageError } from "../terminal.ts";
import { type BothSides, compareSkill, comparisonText, ourSide } from "./diff.ts";
import { eventDriftOf, eventNeedsOf, othersEvents, withEvents } from "./drift.ts";

const STAGE = "development";

export interface PushOptions {
  /** Subscribes to skill events and asks for permissions in the manifest, too. */
  readonly events?: boolean;
  /** Makes a new client secret, instead of sending the one of `CLIENT_SECRET` or of a prompt. */
  readonly rotateSecret?: boolean;
  readonly dryRun?: boolean;
  /** Skips the question before a new secret is made. */
  readonly yes?: boolean;
  /** Where a new secret is kept until Amazon has it. */
  readonly out?: string;
}

export interface Pushed {
  readonly skillId: string;
  readonly stage: typeof STAGE;
  readonly dryRun: boolean;
  /** What differed before. */
  readonly comparison: Comparison;
  /** The same for a person. */
  readonly text: string;
  readonly written: readonly ("accountLinking" | "manifest")[];
}

interface Push {
  readonly terminal: Terminal;
  readonly service: Service;
  readonly options: PushOptions;
  readonly sides: BothSides;
}

/** Shows what differs, on standard error, and writes it to the development stage. A dry run does neither. */
export async function pushSkill(
  terminal: Terminal,
  service: Service,
  smapiOf: () => Promise<Smapi>,
  skillId: string,
  options: PushOptions,
): Promise<Pushed> {
  if (options.rotateSecret && terminal.environment.CLIENT_SECRET?.trim()) {
    throw new UsageError("--rotate-secret makes a new secret: give it or CLIENT_SECRET, not both.");
  }
  const ours = await ourSide(service, skillId);
  const smapi = await smapiOf();
  const sides = await compareSkill(ours, smapi, { stage: STAGE, events: options.events === true });
  const text = comparisonText(sides, service.origin, STAGE);
  const dryRun = options.dryRun === true;
  if (!dryRun) terminal.note(text);
  const manifest = newManifest(sides);
  const pushed = { skillId, stage: STAGE, comparison: sides.comparison, text, dryRun } as const;
  if (dryRun) return { ...pushed, written: [] };

  await sendLinking({ terminal, service, options, sides }, smapi);
  if (!manifest) return { ...pushed, written: ["accountLinking"] };
  await writeManifest(smapi, skillId, manifest, sides.manifest?.etag);
  return { ...pushed, written: ["accountLinking", "manifest"] };
}

/** The manifest to send; undefined if nothing in it has to change. */
function newManifest({ skill, request, manifest }: BothSides) {
  if (!manifest) return undefined;
  const needs = eventNeedsOf(skill, request);
  const others = othersEvents(needs, manifest.content);
  if (others) {
    throw new CommandError(
      `Amazon sends this skill's events to ${others.uri}, also ${others.names.join(", ")}, and there is one address for all of them. ` +
        `Let that address forward the events to ${needs.uri}, unchanged and at once, or remove it from the manifest first. Nothing was written.`,
    );
  }
  return eventDriftOf(needs, manifest.content).length > 0 ? withEvents(needs, manifest.content) : undefined;
}

async function sendLinking(push: Push, smapi: Smapi): Promise<void> {
  const { skill, request, linking } = push.sides;
  const send = async (secret: string) => {
    const body = linkingToWrite(request.accountLinkingRequest, secret, linking?.content);
    await writeLinking(smapi, skill.id, body, linking?.etag);
  };
  if (!push.options.rotateSecret) return send(await knownSecret(push));
  const file = push.options.out ?? "accountLinking.json";
  const secret = await newSecret(push);
  // The server shows a secret once, so it must not depend on Amazon's response.
  writePrivately(file, withSecret(request, secret));
  try {
    await send(secret);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      `${error.message}\nThe new client secret is in ${file}, which only you can read. Push again with it in CLIENT_SECRET, not with --rotate-secret: ` +
        "a second new secret would end the one that Amazon has.",
    );
  }
  rmSync(file, { force: true });
}

/** The secret of `CLIENT_SECRET` or of a prompt, if this server accepts it. A wrong one would end all linking. */
async function knownSecret({ terminal, service, sides }: Push): Promise<string> {
  const { id } = sides.skill.client;
  const secret = await secretFrom(
    terminal,
    "CLIENT_SECRET",
    `the secret of client ${id}, which Amazon requires in every write (or give --rotate-secret, which makes a new one)`,
  );
  const url = `${service.origin}/introspect`;
  const response = await fetch(url, {
    method: "POST",
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
    body: new URLSearchParams({ token: "none", client_id: id, client_secret: secret }),
  }).catch(() => undefined);
  if (response?.status === 200) return secret;
  if (response?.status === 401) {
    throw new CommandError(
      `CLIENT_SECRET is not the secret of client ${id} at ${service.origin}. Nothing was written.`,
    );
  }
  throw new CommandError(
    `${url} could not check CLIENT_SECRET (${response?.status ?? "no response"}). Nothing was written.`,
  );
}

async function newSecret({ terminal, service, options, sides }: Push): Promise<string> {
  const { skill } = sides;
  const running = skill.client.previousSecretExpiresAt;
  const risks = [
    ...(skill.stage === "live"
      ? ["The live stage keeps the present secret until certification copies the development stage."]
      : []),
    ...(running
      ? [`The previous secret still works, until ${running}. If Amazon has that one, a new secret ends it at once.`]
      : []),
  ];
  if (risks.length > 0) await confirm(terminal, `${risks.join(" ")} Make a new secret?`, options.yes);
  const path = `${skillPath(skill.id)}/rotate-secret`;
  const rotated = await call<SkillView>(service, "POST", path, {});
  const { secret } = rotated.client;
  if (secret === undefined) throw new CommandError(`${service.origin} returned no new secret.`);
  terminal.note(`Made a new client secret. The previous one works until ${rotated.previousSecretExpiresAt}.`);
  return secret;
}
