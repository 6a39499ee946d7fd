// The company's name on pages.
import type { Runtime } from "../runtime.ts";

/** `BRAND_NAME`, else the host that the visitor sees in the address bar. */
export function brandName(rt: Runtime): string {
  return rt.config.brand.name ?? new URL(rt.issuer).host;
}
