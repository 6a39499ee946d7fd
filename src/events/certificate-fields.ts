// What X509Certificate does not give: the fields of a certificate's DER that path validation needs (RFC 5280 §4.1, §4.2).

export interface CertificateFields {
  /** Object identifier of the signature's algorithm. */
  readonly signatureAlgorithm: string;
  /** DER of the two names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Object identifiers of all extensions, and of the critical ones. */
  readonly extensions: ReadonlySet<string>;
  readonly critical: readonly string[];
  /** By the extension basicConstraints. */
  readonly ca: boolean;
  /** How many CA certificates may follow below this CA, self-issued ones not counted. */
  readonly pathLength: number;
  /** undefined: no extension keyUsage, so that all uses are allowed. */
  readonly keyUsage: { readonly digitalSignature: boolean; readonly keyCertSign: boolean } | undefined;
  /** Object identifiers; undefined: no such extension. */
  readonly extendedKeyUsage: readonly string[] | undefined;
}

/** Object identifiers of extensions (RFC 5280 §4.2.1): what is read below, the subject's names, and one not allowed. */
export const [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE] = ["2.5.29.19", "2.5.29.15", "2.5.29.37"] as const;
export const [SUBJECT_ALTERNATIVE_NAME, NAME_CONSTRAINTS] = ["2.5.29.17", "2.5.29.30"] as const;

/** DER tags. */
const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  objectId: 6,
  sequence: 48,
  version: 160,
  list: 163,
};

class Malformed extends Error {}

/** The fields of a certificate in DER; undefined when it is not well formed. */
export function certificateFields(der: Uint8Array): CertificateFields | undefined {
  try {
    return parse(der);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function parse(der: Uint8Array): CertificateFields {
  const [tbs, algorithm] = sequence(elements(der)[0]);
  const fields = sequence(tbs);
  // Version 1 has no version field and no extensions, so it is never a CA here.
  const [, signature, issuer, , subject] = fields[0]?.tag === TAG.version ? fields.slice(1) : fields;
  const signatureAlgorithm = objectId(sequence(algorithm)[0]);
  // RFC 5280 §4.1.1.2: the signed field and the outer one must be the same.
  if (objectId(sequence(signature)[0]) !== signatureAlgorithm || !issuer || !subject) throw new Malformed();
  const values = new Map<string, Uint8Array>();
  const critical: string[] = [];
  const list = fields.find(({ tag }) => tag === TAG.list);
  for (const extension of list ? sequence(elements(list.content)[0]) : []) {
    const [id, ...rest] = sequence(extension);
    const name = objectId(id);
    // RFC 5280 §4.2: no extension more than once.
    if (values.has(name)) throw new Malformed();
    if (rest.length === 2 && contentOf(rest[0], TAG.boolean)[0] !== 0) critical.push(name);
    values.set(name, contentOf(rest.at(-1), TAG.octetString));
  }
  const usage = values.get(KEY_USAGE);
  const extendedUsage = values.get(EXTENDED_KEY_USAGE);
  return {
    signatureAlgorithm,
    issuer: issuer.bytes,
    subject: subject.bytes,
    extensions: new Set(values.keys()),
    critical,
    ...basicConstraints(values.get(BASIC_CONSTRAINTS)),
    keyUsage: usage && keyUsage(usage),
    extendedKeyUsage: extendedUsage && sequence(elements(extendedUsage)[0]).map(objectId),
  };
}

function basicConstraints(value: Uint8Array | undefined): { ca: boolean; pathLength: number } {
  const [ca, length] = value ? sequence(elements(value)[0]) : [];
  if (ca?.tag !== TAG.boolean || ca.content[0] === 0) return { ca: false, pathLength: 0 };
  if (length === undefined) return { ca: true, pathLength: Number.POSITIVE_INFINITY };
  const [first, ...more] = contentOf(length, TAG.integer);
  if (first === undefined || first > 127) throw new Malformed();
  // A length of two bytes and more is longer than any path that we follow.
  return { ca: true, pathLength: more.length > 0 ? Number.POSITIVE_INFINITY : first };
}

function keyUsage(value: Uint8Array) {
  // The first byte of a bit string counts its unused bits; bit 0 is the highest of the next byte.
  const bits = contentOf(elements(value)[0], TAG.bitString)[1] ?? 0;
  return { digitalSignature: (bits & 0x80) !== 0, keyCertSign: (bits & 0x04) !== 0 };
}

/** One element of DER. `bytes` includes tag and length. */
type Element = { readonly tag: number; readonly content: Uint8Array; readonly bytes: Uint8Array };

/** The elements that `bytes` consists of. Lengths of more than three bytes are refused. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  let start = 0;
  while (start < bytes.length) {
    let length = bytes[start + 1] ?? Number.NaN;
    let from = start + 2;
    if (length > 0x80 && length <= 0x83) {
      const count = length - 0x80;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[from + i] ?? Number.NaN);
      from += count;
    } else if (!(length < 0x80)) throw new Malformed();
    const end = from + length;
    // NaN, from bytes that are missing, fails this comparison.
    if (!(end <= bytes.length)) throw new Malformed();
    found.push({ tag: bytes[start] ?? 0, content: bytes.subarray(from, end), bytes: bytes.subarray(start, end) });
    start = end;
  }
  return found;
}

function contentOf(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw new Malformed();
  return element.content;
}

function sequence(element: Element | undefined): Element[] {
  return elements(contentOf(element, TAG.sequence));
}

/** An object identifier as dotted text. */
function objectId(element: Element | undefined): string {
  const numbers = [0];
  for (const byte of contentOf(element, TAG.objectId)) {
    numbers.push((numbers.pop() ?? 0) * 128 + (byte & 0x7f));
    if (byte < 0x80) numbers.push(0);
  }
  const [first = 0, ...rest] = numbers.slice(0, -1);
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join(".");
}
