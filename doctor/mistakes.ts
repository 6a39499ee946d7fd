// Wrong token requests, each with a code of its own, and whether the code survives them.
import type { CodeGrant, TokenClient } from "../simulator/library/token.ts";
import type { Examination, ObtainOptions } from "./examination.ts";
import { newCode } from "./link.ts";
import { callToken, exchange, grantRequest, type TokenCall } from "./token-call.ts";

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
      made.push({ what: mistake.what, call });
      continue;
    }
    const right = await exchange(examination, code.manner.client, code.grant);
    made.push({ what: mistake.what, call, survived: right.granted });
  }
  return { made };
}
