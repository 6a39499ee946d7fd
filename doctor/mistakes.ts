// Wrong token requests, each with a code of its own, and whether the code survives them.
import { basicCredentials, type CodeGrant, type TokenClient } from "../simulator/library/token.ts";
import type { Examination, ObtainOptions } from "./examination.ts";
import { newCode } from "./link.ts";
import { callToken, exchange, formRequest, type TokenCall } from "./token-call.ts";

export const MADE_UP_CLIENT = "doctor-made-up-client";
export const MADE_UP_SECRET = "doctor-made-up-secret-0000000000";

/** One wrong request: it is the right one with these changes. */
export interface Mistake {
  readonly what: string;
  readonly client?: Partial<TokenClient>;
  readonly grant?: Partial<CodeGrant>;
  /** Sends no secret at all. */
  readonly withoutSecret?: boolean;
}

export interface Mistaken {
  readonly what: string;
  readonly call: TokenCall;
  /** Whether the right request worked afterwards; undefined if the mistake itself was granted. */
  readonly survived?: boolean;
}

/** The credentials of a client as Alexa sends them: headers and form fields. */
export function credentialsOf(client: TokenClient): {
  headers: Record<string, string>;
  fields: Record<string, string | undefined>;
} {
  const { clientId, clientSecret } = client;
  if (client.accessTokenScheme === "HTTP_BASIC")
    return {
      headers: { authorization: basicCredentials(client) },
      fields: { client_id: client.idBesideBasic === false ? undefined : clientId },
    };
  return { headers: {}, fields: { client_id: clientId, client_secret: clientSecret } };
}

/** A token request with the credentials of `client`, or only its id. */
export function grantRequest(
  client: TokenClient,
  grant: Record<string, string | undefined>,
  withoutSecret = false,
): Request {
  const { headers, fields } = withoutSecret
    ? { headers: {}, fields: { client_id: client.clientId } }
    : credentialsOf(client);
  return formRequest(client.tokenUrl, { ...grant, ...fields }, headers);
}

/** Makes each mistake with a new code. Stops without a code; the reason is then `why`. */
export async function makeMistakes(
  examination: Examination,
  mistakes: readonly Mistake[],
  options: ObtainOptions = {},
): Promise<{ readonly made: readonly Mistaken[]; readonly why?: string }> {
  const made: Mistaken[] = [];
  for (const mistake of mistakes) {
    const code = await newCode(examination, options);
    if ("why" in code) return { made, why: code.why };
    const client = { ...code.manner.client, ...mistake.client };
    const grant = { ...code.grant, ...mistake.grant };
    const fields = {
      grant_type: "authorization_code",
      code: grant.code,
      redirect_uri: grant.redirectUri,
      code_verifier: grant.codeVerifier,
    };
    const request = grantRequest(client, fields, mistake.withoutSecret);
    const call = await callToken(examination, request, mistake.what);
    if (call.granted) {
      if (call.refreshToken !== undefined) examination.keep(call.refreshToken);
      made.push({ what: mistake.what, call });
      continue;
    }
    const right = await exchange(examination, code.manner.client, code.grant);
    made.push({ what: mistake.what, call, survived: right.granted });
  }
  return { made };
}
