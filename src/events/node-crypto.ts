// Node's crypto module, for X.509 certificates: WebCrypto does not read them.
import type * as NodeCrypto from "node:crypto";

/** The module. An import would load it in every isolate that starts, although few ever receive a signed event. */
export function nodeCrypto(): typeof NodeCrypto {
  return process.getBuiltinModule("node:crypto");
}
