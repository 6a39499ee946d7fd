// Who operates the server: named in the audit, and allowed to change something or only to look.
import type { AppContext } from "../runtime.ts";

export interface Operator {
  /** For the audit: `ADMIN_TOKEN`, or the address that signed in through Cloudflare Access. */
  readonly name: string;
  readonly mayChange: boolean;
  /** Signed in by Cloudflare Access, which also signs them out. */
  readonly throughAccess?: true;
}

/** Holder of the admin token. */
export const TOKEN_HOLDER: Operator = { name: "ADMIN_TOKEN", mayChange: true };

/** The operator of this request. The console's guard or that of the admin API has run. */
export function operatorOf(c: AppContext): Operator {
  const operator = c.get("operator");
  if (!operator) throw new TypeError("No guard has run");
  return operator;
}
