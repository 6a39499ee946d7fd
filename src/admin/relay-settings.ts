// A skill's relay as operators send and see it.
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import type { Runtime } from "../runtime.ts";
import type { RelaySettings } from "../storage/skills/skill-admin.ts";
import { PERSON_KINDS, type Skill } from "../storage/skills/skills.ts";
import { addressError } from "./web-address.ts";

/** Claims about the token, its client or its tenant name nobody: with them, customers would share an account. */
const NO_PERSON =
  "access_token refresh_token id_token token_type expires_in scope scp iss aud azp appid client_id tid tenant exp iat nbf jti sid nonce acr amr auth_time email_verified".split(
    " ",
  );

const required = (name: string) => (issue: { readonly input?: unknown }) =>
  issue.input === undefined ? "is required" : `must be ${name}`;

const credential = () =>
  z
    .string({ error: required("a string") })
    .check(z.regex(/^[\x21-\x7e]{1,500}$/, "must have 1 to 500 visible ASCII characters"));

/** The field `relay` of a skill. In development, http addresses on loopback hosts are allowed. */
export function relaySchema(development: boolean) {
  const address = () =>
    z.string({ error: required("a string") }).check((context) => {
      const message = addressError(context.value, { development });
      if (message !== undefined) context.issues.push({ code: "custom", message, input: context.value });
    });
  return z
    .strictObject({
      tokenUrl: address(),
      userinfoUrl: z.optional(z.nullable(address())),
      clientId: z.optional(credential()),
      clientSecret: z.optional(credential()),
      person: z.strictObject({
        claim: z._default(
          z.string("must be a string").check(
            z.regex(/^[\x21-\x7e]{1,100}$/, "must be the name of a claim, in 1 to 100 visible ASCII characters"),
            z.refine((claim) => !NO_PERSON.includes(claim), "must be a claim whose value only one person has"),
          ),
          "sub",
        ),
        as: z.enum(PERSON_KINDS, { error: required(`one of ${PERSON_KINDS.join(", ")}`) }),
      }),
    })
    .check(
      z.refine(({ clientId, clientSecret }) => (clientId === undefined) === (clientSecret === undefined), {
        path: ["clientSecret"],
        error: "must come with clientId, and clientId with it",
      }),
    );
}

type Sent = z.output<ReturnType<typeof relaySchema>>;

/** What to store; undefined: the relay stays as it is. A problem response when this server cannot use it. */
export function relayToStore(rt: Runtime, sent: Sent | null | undefined): RelaySettings | null | undefined | Response {
  if (!sent) return sent;
  const { tokenUrl, userinfoUrl = null, clientId, clientSecret, person } = sent;
  for (const [name, url] of Object.entries({ tokenUrl, userinfoUrl })) {
    if (url !== null && new URL(url).origin === rt.issuer) {
      return problem("invalid_body", `relay.${name}: must not be an address of this server`);
    }
  }
  if (person.as === "oidcSubject" && rt.config.oidc === undefined) {
    return problem("invalid_body", "relay.person.as: OIDC_ISSUER is not set, so use email or id");
  }
  const credentials = clientId === undefined || clientSecret === undefined ? null : { clientId, clientSecret };
  return { tokenUrl, userinfoUrl, person, credentials };
}

/** The relay as the API returns it, without the secret. */
export function relayView({ relay }: Skill): object | null {
  if (!relay) return null;
  const { tokenUrl, userinfoUrl, clientId, person } = relay;
  return { tokenUrl, userinfoUrl, clientId, person };
}
