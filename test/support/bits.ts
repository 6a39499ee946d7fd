// Which bits of random values vary, over many samples.
import { fromBase64Url } from "../../src/crypto/encoding.ts";

const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** The bytes of a base64url text. */
export function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (!bytes) throw new Error(`not base64url: ${text}`);
  return bytes;
}

/** The random characters of an id, five bits each, without the shard character in front. */
export function bitsOfId(id: string): Uint8Array {
  return Uint8Array.from([...id.slice(1)].flatMap((character) => fiveBits(ID_ALPHABET.indexOf(character))));
}

function fiveBits(value: number): number[] {
  if (value < 0) throw new Error("not a character of an id");
  return [0, 1, 2, 3, 4].map((bit) => (value >> bit) & 1);
}

/** The bits of bytes, one number each. */
export function bitsOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: bytes.length * 8 }, (_, bit) => ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1);
}

/**
 * How many bits vary over the samples, each by itself: a bit that always equals another one, or its opposite, does not
 * count. Over 48 samples, two fair bits agree throughout once in 2^47.
 */
export function independentBits(samples: readonly Uint8Array[]): number {
  const [first = new Uint8Array()] = samples;
  if (samples.some(({ length }) => length !== first.length)) throw new Error("samples of different lengths");
  const changes = Array.from(first, (value, at) => samples.map((sample) => (sample[at] ?? 0) ^ value).join(""));
  return new Set(changes.filter((change) => change.includes("1"))).size;
}
