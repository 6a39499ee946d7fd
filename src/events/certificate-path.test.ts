// Certificate paths by RFC 5280: each rule, with a chain that breaks only it.
import { Buffer } from "node:buffer";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { ALEXA_HOST, certificate, chainKeys, chainPem, rootPem } from "../../test/support/alexa-signer.ts";
import { START } from "../../test/support/service.ts";
import { anchorsOfPem, checkChain } from "./certificate-chain.ts";
import { certificateFields } from "./certificate-fields.ts";

type Keys = Awaited<ReturnType<typeof chainKeys>>;
let keys: Keys;
let root: string;

beforeAll(async () => {
  keys = await chainKeys();
  root = await rootPem();
});

function verdictOf(pem: string, roots = root): string {
  const checked = checkChain(pem, anchorsOfPem(roots), START);
  return "refusal" in checked ? checked.refusal : "good";
}

const { keyCertSign, cRLSign, digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
const SERVER = "1.3.6.1.5.5.7.3.1";
const CLIENT = "1.3.6.1.5.5.7.3.2";
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const ANY = "2.5.29.37.0";
const ca = (pathLength?: number) => new x509.BasicConstraintsExtension(true, pathLength, true);
const notCa = () => new x509.BasicConstraintsExtension(false, undefined, true);
const usage = (flags: number, critical = true) => new x509.KeyUsagesExtension(flags, critical);
const uses = (...ids: string[]) => new x509.ExtendedKeyUsageExtension(ids);
/** Any extension, with a value that holds nothing: an empty SEQUENCE. */
const other = (id: string, critical: boolean) => new x509.Extension(id, critical, new Uint8Array([0x30, 0]));

const leafWith = (...extensions: x509.Extension[]) => ({ leaf: { extensions } });
const issuerWith = (...extensions: x509.Extension[]) => ({ intermediate: { extensions } });

describe("S20: chains that are accepted", () => {
  it.each<[string, () => Parameters<typeof chainPem>[0]]>([
    [
      "as a public CA issues them",
      () => ({
        leaf: { extensions: [notCa(), usage(digitalSignature | keyEncipherment), uses(SERVER, CLIENT)] },
        intermediate: { extensions: [ca(0), usage(keyCertSign | cRLSign | digitalSignature), uses(SERVER, CLIENT)] },
      }),
    ],
    ["a leaf without any extension but its names", () => leafWith()],
    ["a leaf that may be used for anything", () => leafWith(uses(ANY))],
    ["a key usage that is not critical", () => issuerWith(ca(), usage(keyCertSign, false))],
    ["an issuer with path length 0 below the root", () => issuerWith(ca(0))],
    ["unknown extensions that are not critical", () => leafWith(other("1.3.6.1.4.1.99999.1", false))],
    ["policies that are not critical", () => issuerWith(ca(), other("2.5.29.32", false))],
    ["a signature with SHA-384", () => ({ leaf: { hash: "SHA-384" } })],
    ["a signature with SHA-512", () => ({ intermediate: { hash: "SHA-512" } })],
  ])("%s", async (_, bent) => {
    expect(verdictOf(await chainPem(bent()))).toBe("good");
  });
});

describe("S20: chains that are refused", () => {
  const NO_CA = "certificate_issuer_not_ca";
  const USAGE = "certificate_usage_refused";
  const UNKNOWN = "certificate_extension_unknown";
  const WEAK = "certificate_weak";

  it.each<[string, () => Parameters<typeof chainPem>[0], string]>([
    ["an issuer without basicConstraints", () => issuerWith(), NO_CA],
    ["an issuer that is not a CA", () => issuerWith(notCa()), NO_CA],
    ["an issuer that may sign certificates, but is not a CA", () => issuerWith(notCa(), usage(keyCertSign)), NO_CA],
    ["a CA that may not sign certificates", () => issuerWith(ca(), usage(digitalSignature | cRLSign)), USAGE],
    ["a leaf that may not sign", () => leafWith(notCa(), usage(keyEncipherment)), USAGE],
    ["a leaf for clients", () => leafWith(uses(CLIENT)), USAGE],
    ["a leaf for code signing", () => leafWith(uses(CODE_SIGNING, CLIENT)), USAGE],
    ["an issuer for code signing", () => issuerWith(ca(), uses(CODE_SIGNING)), USAGE],
    ["an unknown critical extension of the leaf", () => leafWith(other("1.3.6.1.4.1.99999.1", true)), UNKNOWN],
    ["an unknown critical extension of an issuer", () => issuerWith(ca(), other("1.3.6.1.4.1.99999.1", true)), UNKNOWN],
    ["critical name constraints", () => issuerWith(ca(), other("2.5.29.30", true)), UNKNOWN],
    ["name constraints that are not critical", () => issuerWith(ca(), other("2.5.29.30", false)), UNKNOWN],
    ["critical policy constraints", () => issuerWith(ca(), other("2.5.29.36", true)), UNKNOWN],
    ["a certificate-transparency pre-certificate", () => leafWith(other("1.3.6.1.4.1.11129.2.4.3", true)), UNKNOWN],
    ["a leaf signed with SHA-1", () => ({ leaf: { hash: "SHA-1" } }), WEAK],
    ["an issuer signed with SHA-1", () => ({ intermediate: { hash: "SHA-1" } }), WEAK],
    ["an extension twice", () => leafWith(notCa(), notCa()), "certificate_malformed"],
    ["a critical extension twice, once with other content", () => issuerWith(ca(), notCa()), "certificate_malformed"],
  ])("%s", async (_, bent, reason) => {
    expect(verdictOf(await chainPem(bent()))).toBe(reason);
  });

  it("a leaf or an issuer with an RSA key of 1,024 bits", async () => {
    const exponent = new Uint8Array([1, 0, 1]);
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: exponent, modulusLength: 1024 };
    const short = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
    expect(verdictOf(await chainPem({ leaf: { keys: short } }))).toBe(WEAK);
    const issuer = { name: "Test Intermediate", keys: short };
    expect(verdictOf(await chainPem({ leaf: { issuer }, intermediate: { keys: short } }))).toBe(WEAK);
  });
});

describe("S20: path lengths", () => {
  /** A leaf below as many CAs as there are path lengths; the first is nearest to the leaf. */
  async function below(pathLengths: readonly (number | undefined)[], selfIssued: readonly number[] = []) {
    const nameOf = (index: number) => `CA ${selfIssued.includes(index) ? index + 1 : index}`;
    // With a key of its own, or the leaf would have a path without the self-issued certificate.
    const keysOf = (index: number) => (selfIssued.includes(index) ? keys.other : keys.intermediate);
    const issuerOf = (index: number) =>
      index + 1 < pathLengths.length
        ? { name: nameOf(index + 1), keys: keysOf(index + 1) }
        : { name: selfIssued.includes(index) ? nameOf(index) : "Test Root", keys: keys.root };
    const files = pathLengths.map((pathLength, index) =>
      certificate({
        name: nameOf(index),
        keys: keysOf(index),
        issuer: issuerOf(index),
        extensions: [ca(pathLength)],
      }),
    );
    const issuer = { name: nameOf(0), keys: keysOf(0) };
    const leaf = await chainPem({ without: "intermediate", leaf: { issuer } });
    return leaf + (await Promise.all(files)).join("");
  }

  it.each<[readonly (number | undefined)[], readonly number[], string]>([
    [[0], [], "good"],
    [[0, 1], [], "good"],
    [[0, 1, 2], [], "good"],
    [[undefined, 1, undefined], [], "good"],
    [[0, 0], [], "certificate_path_too_long"],
    [[undefined, undefined, 1], [], "certificate_path_too_long"],
    [[undefined, 0, 5], [], "certificate_path_too_long"],
    // The first CA has the second one's name: self-issued certificates do not count (RFC 5280 §4.2.1.9).
    [[0, 0], [0], "good"],
    [[0, 0, 0], [0], "certificate_path_too_long"],
  ])("%j, of which %j are self-issued: %s", async (pathLengths, selfIssued, expected) => {
    expect(verdictOf(await below(pathLengths, selfIssued))).toBe(expected);
  });
});

describe("S20: the search for a path", () => {
  it("takes the good one of two certificates of the same CA, in either order", async () => {
    const past = { notBefore: new Date(START - 9e9), notAfter: new Date(START - 1000) };
    const [leaf = "", good = ""] = (await chainPem()).split(/(?<=-----END CERTIFICATE-----\n+)(?=-----BEGIN)/);
    const [, expired = ""] = (await chainPem({ intermediate: { dates: past } })).split(
      /(?<=-----END CERTIFICATE-----\n+)(?=-----BEGIN)/,
    );
    expect(verdictOf(leaf + good + expired)).toBe("good");
    expect(verdictOf(leaf + expired + good)).toBe("good");
    expect(verdictOf(leaf + expired)).toBe("certificate_outside_validity");
  });

  it("ends in a loop of two CAs that certify each other, and with duplicates", async () => {
    const a = { name: "Loop A", keys: keys.intermediate };
    const b = { name: "Loop B", keys: keys.other };
    const leaf = await chainPem({ without: "intermediate", leaf: { issuer: a } });
    const loop = [
      await certificate({ ...a, issuer: b, authority: true }),
      await certificate({ ...b, issuer: a, authority: true }),
    ].join("");
    expect(verdictOf(leaf + loop)).toBe("certificate_untrusted");
    expect(verdictOf(leaf + loop.repeat(4))).toBe("certificate_untrusted");
    const [first, second] = (await chainPem()).split(/(?<=-----END CERTIFICATE-----\n+)(?=-----BEGIN)/);
    expect(verdictOf(`${first}${second}${second}${first}`)).toBe("good");
  });

  it("needs the issuer's name as well as its signature", async () => {
    const issuer = { name: "Another Name", keys: keys.intermediate };
    expect(verdictOf(await chainPem({ leaf: { issuer } }))).toBe("certificate_untrusted");
  });
});

describe("S20: the fields of a certificate", () => {
  it("no truncation and no changed byte of a certificate makes the parser throw or loop", async () => {
    const pem = await certificate({
      name: ALEXA_HOST,
      keys: keys.leaf,
      issuer: { name: "Test Root", keys: keys.root },
      extensions: [ca(3), usage(keyCertSign), uses(SERVER)],
      hosts: [ALEXA_HOST],
    });
    const der = new Uint8Array(x509.PemConverter.decodeFirst(pem));
    expect(certificateFields(der)).toMatchObject({
      signatureAlgorithm: "1.2.840.113549.1.1.11",
      ca: true,
      pathLength: 3,
      keyUsage: { keyCertSign: true, digitalSignature: false },
      extendedKeyUsage: [SERVER],
      critical: ["2.5.29.19", "2.5.29.15"],
    });
    for (let length = 0; length < der.length; length++)
      expect(certificateFields(der.subarray(0, length))).toBeUndefined();
    for (let at = 0; at < der.length; at++) {
      const changed = der.slice();
      for (const byte of [0, 0x7f, 0x80, 0x83, 0x84, 0xff]) {
        changed[at] = byte;
        certificateFields(changed);
      }
    }
  });

  it("the algorithm of the signed part and the outer one must be the same", async () => {
    const der = new Uint8Array(x509.PemConverter.decodeFirst(root));
    // sha256WithRSAEncryption; with 12 at its end it is sha384WithRSAEncryption.
    const algorithm = "2a864886f70d01010b";
    const hex = Buffer.from(der).toString("hex");
    const [inner, outer] = [hex.indexOf(algorithm), hex.lastIndexOf(algorithm)].map((at) => at / 2 + 8);
    const changedAt = (...places: (number | undefined)[]) =>
      certificateFields(der.map((byte, at) => (places.includes(at) ? 12 : byte)));
    expect(changedAt(inner)).toBeUndefined();
    expect(changedAt(outer)).toBeUndefined();
    expect(changedAt(inner, outer)).toMatchObject({ signatureAlgorithm: "1.2.840.113549.1.1.12" });
  });

  it("a certificate of version 1, without a version and extensions, is no CA", async () => {
    const pem = await certificate({
      name: "Old Root",
      keys: keys.root,
      issuer: { name: "Old Root", keys: keys.root },
      extensions: [],
    });
    const der = new Uint8Array(x509.PemConverter.decodeFirst(pem));
    // The version stands at the start of the signed part, as [0] { INTEGER 2 }: cut out, and both lengths with it.
    expect([...der.subarray(8, 13)]).toEqual([0xa0, 3, 2, 1, 2]);
    const old = Uint8Array.from([...der.subarray(0, 8), ...der.subarray(13)]);
    const view = new DataView(old.buffer);
    for (const at of [2, 6]) view.setUint16(at, view.getUint16(at) - 5);
    expect(certificateFields(old)).toMatchObject({ ca: false, critical: [], keyUsage: undefined });
    expect(certificateFields(old)?.subject).toEqual(certificateFields(der)?.subject);
  });
});
