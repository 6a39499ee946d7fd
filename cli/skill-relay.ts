// The options of `skill add` and `skill set` about the relay: the server from which links move here by themselves.
import { type Command, Option } from "commander";
import { UsageError } from "./terminal.ts";

export interface RelayOptions {
  readonly relayTokenUrl?: string;
  readonly relayUserinfoUrl?: string;
  readonly relayClientId?: string;
  readonly relayClaim?: string;
  readonly relayPerson?: string;
  readonly noRelay?: boolean;
}

/** What `--relay-person` may be, and what the API calls it. */
const PEOPLE: Readonly<Record<string, string>> = { oidc_subject: "oidcSubject", email: "email", id: "id" };

/** Adds the options. */
export function relayOptions(command: Command): Command {
  const noRelay = new Option("--no-relay", "set only: switch the relay off");
  noRelay.negate = false;
  return command
    .option(
      "--relay-token-url <URL>",
      "token URL of the server that links this skill today: refresh tokens that are unknown here are presented there, " +
        "once, and each link moves here",
    )
    .option("--relay-person <KIND>", "with it: whom that server names, an oidc_subject, email or id of an account here")
    .option("--relay-claim <NAME>", "the claim that names the person (default: sub)")
    .option("--relay-userinfo-url <URL>", "where that server names the person, if its token response does not")
    .option(
      "--relay-client-id <ID>",
      "our client there, if Alexa's does not work. Its secret comes from RELAY_CLIENT_SECRET",
    )
    .addOption(noRelay);
}

/**
 * The relay that the options describe; null: none any more; undefined: they say nothing. `pairOf` gives a client id
 * its secret.
 */
export async function relayFrom(
  values: RelayOptions,
  pairOf: (clientId: string | undefined, secretName: string) => Promise<object | undefined>,
): Promise<object | null | undefined> {
  const { relayTokenUrl, relayUserinfoUrl, relayClientId, relayClaim, relayPerson, noRelay } = values;
  if (relayTokenUrl === undefined) {
    const others = [relayUserinfoUrl, relayClientId, relayClaim, relayPerson];
    if (others.some((one) => one !== undefined)) throw new UsageError("The relay needs --relay-token-url.");
    return noRelay ? null : undefined;
  }
  if (noRelay) throw new UsageError("--relay-token-url and --no-relay exclude each other.");
  const as = Object.hasOwn(PEOPLE, relayPerson ?? "") ? PEOPLE[relayPerson ?? ""] : undefined;
  if (as === undefined) {
    throw new UsageError(`--relay-token-url needs --relay-person: ${Object.keys(PEOPLE).join(", ")}.`);
  }
  return {
    tokenUrl: relayTokenUrl,
    ...(relayUserinfoUrl === undefined ? {} : { userinfoUrl: relayUserinfoUrl }),
    ...(await pairOf(relayClientId, "RELAY_CLIENT_SECRET")),
    person: { as, ...(relayClaim === undefined ? {} : { claim: relayClaim }) },
  };
}
