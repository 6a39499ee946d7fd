// Refresh tokens: `rt_<grant id>_<secret>`. Stable ones are random; rotating ones form a chain that the grant's own key derives.
import { concatBytes, fromBase64Url, toBase64Url, utf8 } from "../crypto/encoding.ts";
import { equalInConstantTime, sha256 } from "../crypto/hash.ts";
import { randomSecret } from "../crypto/random.ts";
import type { Runtime } from "../runtime.ts";

const TOKEN = /^rt_([0-9a-z]{26})_([A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{70})$/;
const SECRET_BYTES = 32;
const GENERATION_BYTES = 4;
const TAG_BYTES = 16;
/** How many successors' hashes a rotating grant holds ahead, so that a refresh needs no second trip. */
export const LOOKAHEAD = 8;
/** Below this many the next answer is followed by a write that fills them up. */
export const REFILL_BELOW = 4;
/** Characters of one hash in `next_hashes`. */
export const HASH_LENGTH = 43;

export interface PresentedRefreshToken {
  readonly grantId: string;
  readonly secret: string;
  /** A link of a rotating chain, by its form. */
  readonly rotating: boolean;
}

/** Parts of a refresh token; undefined when it cannot be one of ours. */
export function parseRefreshToken(token: string): PresentedRefreshToken | undefined {
  const match = TOKEN.exec(token);
  if (!match?.[1] || !match[2]) return undefined;
  return { grantId: match[1], secret: match[2], rotating: match[2].length !== HASH_LENGTH };
}

/** `rt_`, the grant's id, `_`, and the secret. */
export function formatRefreshToken(grantId: string, secret: string): string {
  return `rt_${grantId}_${secret}`;
}

/** The key of one grant's chain. */
interface Chain {
  readonly grantId: string;
  readonly key: CryptoKey;
}

interface Link {
  readonly generation: number;
  readonly bytes: Uint8Array;
}

async function hmac(chain: Chain, label: string, generation: number, bytes: Uint8Array): Promise<Uint8Array> {
  const input = concatBytes(utf8(`${label} ${chain.grantId} ${generation} `), bytes);
  return new Uint8Array(await crypto.subtle.sign("HMAC", chain.key, input));
}

async function toSecret(chain: Chain, link: Link): Promise<string> {
  const generation = new Uint8Array(GENERATION_BYTES);
  new DataView(generation.buffer).setUint32(0, link.generation);
  const tag = await hmac(chain, "tag", link.generation, link.bytes);
  return toBase64Url(concatBytes(link.bytes, generation, tag.slice(0, TAG_BYTES)));
}

async function successor(chain: Chain, link: Link): Promise<Link> {
  return { generation: link.generation + 1, bytes: await hmac(chain, "successor", link.generation, link.bytes) };
}

function importChainKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/** Hashes of the `count` links after `link`, concatenated. */
async function hashesAfter(chain: Chain, link: Link, count: number): Promise<string> {
  let hashes = "";
  let current = link;
  for (let i = 0; i < count; i++) {
    current = await successor(chain, current);
    hashes += await sha256(await toSecret(chain, current));
  }
  return hashes;
}

/** The secret of a new grant, and what its row keeps of it. */
export interface NewSecret {
  readonly secret: string;
  readonly hash: string;
  /** null for stable secrets. */
  readonly sealedRotationKey: string | null;
  readonly nextHashes: string;
}

/** A stable secret and its hash. */
export async function newStableSecret(): Promise<NewSecret> {
  const secret = randomSecret(SECRET_BYTES);
  return { secret, hash: await sha256(secret), sealedRotationKey: null, nextHashes: "" };
}

/** The first link of a new chain for `grantId`, with its random key sealed for the grant's row. */
export async function newChain(rt: Runtime, grantId: string): Promise<NewSecret> {
  const keyBytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  const chain = { grantId, key: await importChainKey(keyBytes) };
  const first: Link = { generation: 0, bytes: crypto.getRandomValues(new Uint8Array(SECRET_BYTES)) };
  const secret = await toSecret(chain, first);
  return {
    secret,
    hash: await sha256(secret),
    sealedRotationKey: await rt.keyring.seal("rotation-key", grantId, toBase64Url(keyBytes)),
    nextHashes: await hashesAfter(chain, first, LOOKAHEAD),
  };
}

/** What a grant's chain says of a presented secret. */
export interface ChainLink {
  readonly generation: number;
  /** The one successor that every refresh with this secret gets. */
  successorSecret(): Promise<string>;
  /** Hashes of the links after this one, `LOOKAHEAD` of them. */
  hashesAfter(): Promise<string>;
}

/**
 * The link that a presented secret is, when the grant's own key made it; undefined for anything forged.
 * Throws when the chain's key cannot be opened (its MASTER_KEY is gone).
 */
export async function chainLink(
  rt: Runtime,
  grantId: string,
  sealedRotationKey: string,
  secret: string,
): Promise<ChainLink | undefined> {
  const bytes = fromBase64Url(secret);
  if (bytes?.length !== SECRET_BYTES + GENERATION_BYTES + TAG_BYTES) return undefined;
  const opened = await rt.keyring.open("rotation-key", grantId, sealedRotationKey);
  const keyBytes = opened ? fromBase64Url(opened.plaintext) : undefined;
  if (!keyBytes) throw new Error("the rotation key was sealed under another MASTER_KEY");
  const chain = { grantId, key: await importChainKey(keyBytes) };
  const link: Link = {
    generation: new DataView(bytes.buffer, SECRET_BYTES, GENERATION_BYTES).getUint32(0),
    bytes: bytes.slice(0, SECRET_BYTES),
  };
  if (!equalInConstantTime(await toSecret(chain, link), secret)) return undefined;
  return {
    generation: link.generation,
    successorSecret: async () => toSecret(chain, await successor(chain, link)),
    hashesAfter: () => hashesAfter(chain, link, LOOKAHEAD),
  };
}
