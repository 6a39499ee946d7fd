// Node's crypto module, for what WebCrypto does not have: X.509 certificates and scrypt.
import type * as NodeCrypto from "node:crypto";

/** The module. An import would load it in every isolate that starts, although few ever need it. */
export function nodeCrypto(): typeof NodeCrypto {
  return process.getBuiltinModule("node:crypto");
}
