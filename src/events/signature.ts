// Alexa's signature over a raw request body, checked with a certificate from Amazon's bucket, which is cached.
import { verify } from "node:crypto";
import type { Caches } from "../caches.ts";
import { utf8Decode } from "../crypto/encoding.ts";
import { fetchOut, OutboundError } from "../http/outbound.ts";
import type { Runtime } from "../runtime.ts";
import { type ChainRefusal, checkChain, type SigningCertificate, trustAnchors } from "./certificate-chain.ts";
import { certificateUrl } from "./certificate-url.ts";

export type SignatureRefusal = ChainRefusal | "certificate_url_refused" | "certificate_not_found" | "signature_wrong";
export type SignatureVerdict =
  | { readonly verdict: "verified" }
  | { readonly verdict: "refused"; readonly reason: SignatureRefusal }
  /** The certificate could not be fetched: the request may be genuine or not. */
  | { readonly verdict: "undecided" };

const CERTIFICATE_LIMITS = { timeoutMs: 3000, maxBytes: 64 * 1024 };
/** When a signature fails under a cached certificate it is fetched again, but not more often than this. */
const REFETCH_AFTER_MS = 60_000;
/** Bytes of an RSA signature with a key of 2048, 3072 or 4096 bits. */
const SIGNATURE_BYTES = [256, 384, 512];

interface CachedCertificate {
  readonly certificate: SigningCertificate;
  readonly loadedAt: number;
}

const MOST_CACHED = 20;
/** Checked certificates by URL, per isolate. Before a signature is refused, its certificate is fetched again. */
const caches = new WeakMap<Caches, Map<string, CachedCertificate>>();

function store(rt: Runtime, url: string, certificate: SigningCertificate): void {
  let byUrl = caches.get(rt.caches);
  if (!byUrl || byUrl.size >= MOST_CACHED) {
    byUrl = new Map();
    caches.set(rt.caches, byUrl);
  }
  byUrl.set(url, { certificate, loadedAt: rt.now() });
}

/** The certificate of this URL, if its whole path is valid now. */
function cachedCertificate(rt: Runtime, url: string): CachedCertificate | undefined {
  const found = caches.get(rt.caches)?.get(url);
  const now = rt.now();
  return found && found.certificate.notBefore <= now && now <= found.certificate.notAfter ? found : undefined;
}

/** Checks `Signature-256` (RSA PKCS #1 v1.5, SHA-256, base64) with the certificate at `SignatureCertChainUrl`. */
export async function verifyAlexaSignature(
  rt: Runtime,
  headers: { readonly certificateUrl: string | undefined; readonly signature: string | undefined },
  body: Uint8Array,
): Promise<SignatureVerdict> {
  const url = certificateUrl(headers.certificateUrl ?? "", rt.config.amazon.certOrigin);
  if (url === undefined) return { verdict: "refused", reason: "certificate_url_refused" };
  const signature = decodeSignature(headers.signature ?? "");
  if (!signature) return { verdict: "refused", reason: "signature_wrong" };
  const matches = (certificate: SigningCertificate) => verify("RSA-SHA256", body, certificate.publicKey, signature);
  const cached = cachedCertificate(rt, url);
  if (cached) {
    if (matches(cached.certificate)) return { verdict: "verified" };
    if (rt.now() - cached.loadedAt < REFETCH_AFTER_MS) return { verdict: "refused", reason: "signature_wrong" };
  }
  const fetched = await fetchCertificate(rt, url);
  if ("verdict" in fetched) return fetched;
  return matches(fetched) ? { verdict: "verified" } : { verdict: "refused", reason: "signature_wrong" };
}

function decodeSignature(text: string): Uint8Array | undefined {
  if (text.length > 1024 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return SIGNATURE_BYTES.includes(bytes.length) ? bytes : undefined;
}

async function fetchCertificate(rt: Runtime, url: string): Promise<SigningCertificate | SignatureVerdict> {
  let response: Response;
  try {
    response = await fetchOut(url, {}, CERTIFICATE_LIMITS);
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    const transient = error.reason === "timed_out" || error.reason === "unreachable";
    return transient ? { verdict: "undecided" } : { verdict: "refused", reason: "certificate_not_found" };
  }
  if (response.status >= 500 || response.status === 429) return { verdict: "undecided" };
  if (response.status !== 200) return { verdict: "refused", reason: "certificate_not_found" };
  const pem = utf8Decode(new Uint8Array(await response.arrayBuffer()));
  const checked = checkChain(pem ?? "", trustAnchors(rt.config.amazon.certRoots), rt.now());
  if ("refusal" in checked) return { verdict: "refused", reason: checked.refusal };
  store(rt, url, checked);
  return checked;
}
