// Operators: their names for the audit log, and whether they may change things.
import type { AppContext } from "../runtime.ts";

export interface Operator {
  /** For the audit log: `ADMIN_TOKEN`, or the email address that signed in through Cloudflare Access. */
  readonly name: string;
  readonly mayChange: boolean;
  /** Signed in through Cloudflare Access, which also handles sign-out. */
  readonly throughAccess?: true;
}

/** Holder of the admin token. */
export const TOKEN_HOLDER: Operator = { name: "ADMIN_TOKEN", mayChange: true };

/** The operator of this request. The guard of the console or of the admin API must have run. */
export function operatorOf(c: AppContext): Operator {
  const operator = c.get("operator");
  if (!operator) throw new TypeError("No guard has run");
  return operator;
}
