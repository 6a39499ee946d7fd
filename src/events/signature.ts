// Alexa's signature over a raw request body, checked with a certificate from Amazon's bucket, which is cached.
import type { Caches } from "../caches.ts";
import { utf8Decode } from "../crypto/encoding.ts";
import { nodeCrypto } from "../crypto/node-crypto.ts";
import { readAsset } from "../http/assets.ts";
import { fetchOut, OutboundError } from "../http/outbound.ts";
import type { Runtime } from "../runtime.ts";
import {
  anchorsOfPem,
  anchorsOfRoots,
  type ChainRefusal,
  checkChain,
  type SigningCertificate,
  type TrustAnchor,
} from "./certificate-chain.ts";
import { certificateUrl } from "./certificate-url.ts";

export type SignatureRefusal =
  | ChainRefusal
  | "certificate_url_refused"
  | "certificate_not_found"
  | "signature_wrong"
  /** The certificate would have to be fetched, for a skill that is not registered. */
  | "skill_unknown";
export type SignatureVerdict =
  | { readonly verdict: "verified" }
  | { readonly verdict: "refused"; readonly reason: SignatureRefusal }
  /** The certificate or the roots could not be read, so it is unknown whether the request is genuine. */
  | { readonly verdict: "undecided" };

const CERTIFICATE_LIMITS = { timeoutMs: 3000, maxBytes: 64 * 1024 };
/** When a signature fails under a cached certificate it is fetched again, at most once a minute. */
const MINUTE_MS = 60_000;
/** Anyone can name URLs. In one minute an isolate fetches no more certificates than this, and stores no more refusals. */
const MOST_FETCHES = 60;
/** Bytes of an RSA signature with a key of 2048, 3072 or 4096 bits. */
const SIGNATURE_BYTES = [256, 384, 512];

interface CachedCertificate {
  readonly certificate: SigningCertificate;
  readonly loadedAt: number;
}

const MOST_CACHED = 20;

/** Per isolate, by URL. */
interface CertificateCache {
  /** Checked certificates, the oldest first. Before a signature is refused, its certificate is fetched again. */
  readonly good: Map<string, CachedCertificate>;
  /** Refusals of the last minute. */
  readonly refused: Map<string, { readonly verdict: SignatureVerdict; readonly at: number }>;
  /** When the fetches of the last minute began. */
  fetches: readonly number[];
}

const caches = new WeakMap<Caches, CertificateCache>();

function store({ good }: CertificateCache, url: string, cached: CachedCertificate): void {
  good.delete(url);
  good.set(url, cached);
  const [oldest] = good.keys();
  if (good.size > MOST_CACHED && oldest !== undefined) good.delete(oldest);
}

/** The certificate of this URL, if its whole path is valid now. */
function cachedCertificate({ good }: CertificateCache, url: string, now: number): CachedCertificate | undefined {
  const found = good.get(url);
  return found && found.certificate.notBefore <= now && now <= found.certificate.notAfter ? found : undefined;
}

/** Counts a fetch that is about to begin; false when there were too many within the last minute. */
function mayFetch(cache: CertificateCache, now: number): boolean {
  cache.fetches = cache.fetches.filter((at) => now - at < MINUTE_MS);
  if (cache.fetches.length >= MOST_FETCHES) return false;
  cache.fetches = [...cache.fetches, now];
  for (const [url, { at }] of cache.refused) if (now - at >= MINUTE_MS) cache.refused.delete(url);
  return true;
}

/**
 * Checks `Signature-256` (RSA PKCS #1 v1.5, SHA-256, base64) with the certificate at `SignatureCertChainUrl`. It is
 * fetched only if `skillKnown` says so, which may take one storage read.
 */
export async function verifyAlexaSignature(
  rt: Runtime,
  headers: { readonly certificateUrl: string | undefined; readonly signature: string | undefined },
  body: Uint8Array,
  skillKnown: () => Promise<boolean>,
): Promise<SignatureVerdict> {
  const url = certificateUrl(headers.certificateUrl ?? "", rt.config.amazon.certOrigin);
  if (url === undefined) return { verdict: "refused", reason: "certificate_url_refused" };
  const signature = decodeSignature(headers.signature ?? "");
  if (!signature) return { verdict: "refused", reason: "signature_wrong" };
  const matches = (certificate: SigningCertificate) =>
    nodeCrypto().verify("RSA-SHA256", body, certificate.publicKey, signature);
  const cache = caches.get(rt.caches) ?? { good: new Map(), refused: new Map(), fetches: [] };
  caches.set(rt.caches, cache);
  const cached = cachedCertificate(cache, url, rt.now());
  if (cached) {
    if (matches(cached.certificate)) return { verdict: "verified" };
    if (rt.now() - cached.loadedAt < MINUTE_MS) return { verdict: "refused", reason: "signature_wrong" };
  }
  const refused = cache.refused.get(url);
  if (refused && rt.now() - refused.at < MINUTE_MS) return refused.verdict;
  if (!(await skillKnown())) return { verdict: "refused", reason: "skill_unknown" };
  if (!mayFetch(cache, rt.now())) return { verdict: "undecided" };
  const fetched = await fetchCertificate(rt, url);
  if ("verdict" in fetched) {
    if (fetched.verdict === "refused") cache.refused.set(url, { verdict: fetched, at: rt.now() });
    return fetched;
  }
  store(cache, url, { certificate: fetched, loadedAt: rt.now() });
  return matches(fetched) ? { verdict: "verified" } : { verdict: "refused", reason: "signature_wrong" };
}

function decodeSignature(text: string): Uint8Array | undefined {
  if (text.length > 1024 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return SIGNATURE_BYTES.includes(bytes.length) ? bytes : undefined;
}

/** The roots to trust: those of the configuration (development only), else the public ones of the build. */
async function trustAnchors(rt: Runtime): Promise<readonly TrustAnchor[] | undefined> {
  const { certRoots } = rt.config.amazon;
  if (certRoots !== undefined) return anchorsOfPem(certRoots);
  return readAsset(rt, "trusted-roots.json", (json) => anchorsOfRoots(JSON.parse(json)));
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
  const anchors = await trustAnchors(rt);
  if (!anchors) return { verdict: "undecided" };
  const checked = checkChain(pem ?? "", anchors, rt.now());
  return "refusal" in checked ? { verdict: "refused", reason: checked.refusal } : checked;
}
