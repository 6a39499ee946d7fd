// Says in one sentence why a server is out of reach.

/** What Node's error codes mean to a person. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at this address and port. Is the server running?",
  ENOTFOUND: "the name does not exist in DNS. Is it spelled correctly?",
  EAI_AGAIN: "the name could not be looked up in DNS. Is this computer online?",
  ECONNRESET: "the server closed the connection without a response.",
  UND_ERR_SOCKET: "the server closed the connection without a response.",
  ETIMEDOUT: "no connection was made in time. Does a firewall block it?",
  UND_ERR_CONNECT_TIMEOUT: "no connection was made in time. Does a firewall block it?",
  EHOSTUNREACH: "there is no route to this address.",
  ENETUNREACH: "there is no route to this address. Is this computer online?",
  CERT_HAS_EXPIRED: "its certificate has expired.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed.",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate chain ends at an unknown authority.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate chain is incomplete.",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate chain ends at an unknown authority.",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name.",
};

/** The code of the innermost cause that has one. */
export function causeOf(error: unknown): string | undefined {
  let code: string | undefined;
  for (let each: unknown = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const own = (each as { code?: unknown }).code;
    if (typeof own === "string") code = own;
    if (each instanceof AggregateError && each.errors[0]) code = causeOf(each.errors[0]) ?? code;
  }
  return code;
}

/** Whether the server responds, but with a certificate that cannot be trusted. */
export function isCertificateFault(error: unknown): boolean {
  return /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/.test(causeOf(error) ?? "");
}

/** One sentence with the address, the code and what it means. */
export function whyOutOfReach(address: string, error: unknown): string {
  const { origin } = new URL(address);
  const code = causeOf(error);
  // Node says "fetch failed", and why in the cause.
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = (inner instanceof Error ? inner.message : String(inner)) || "no connection";
  if (code === undefined) return `${origin} is out of reach: ${message}.`;
  const meaning = MEANINGS[code] ?? (/^(ERR_SSL|EPROTO)/.test(code) ? "it does not speak TLS here." : `${message}.`);
  return `${origin} is out of reach (${code}): ${meaning}`;
}
