import { describe, expect, it } from "vitest";
import { ALEXA_HOST, certificate, chainKeys, chainPem, rootPem } from "../../test/support/alexa-signer.ts";
import { START } from "../../test/support/service.ts";
import { anchorsOfPem, anchorsOfRoots, checkChain } from "./certificate-chain.ts";
import { TRUSTED_ROOTS } from "./trusted-roots.ts";

const DAY_MS = 86_400_000;
const PAST = { notBefore: new Date(START - 60 * DAY_MS), notAfter: new Date(START - DAY_MS) };
const FUTURE = { notBefore: new Date(START + DAY_MS), notAfter: new Date(START + 60 * DAY_MS) };

async function verdictOf(pem: string, roots?: string, now = START): Promise<string> {
  const checked = checkChain(pem, anchorsOfPem(roots ?? (await rootPem())), now);
  return "refusal" in checked ? checked.refusal : "good";
}

describe("S4: certificate chains", () => {
  it("a chain from Alexa's certificate over an intermediate to a trusted root is accepted", async () => {
    expect(await verdictOf(await chainPem())).toBe("good");
  });

  it("other names, the root itself and unrelated certificates in the file are accepted", async () => {
    const { other } = await chainKeys();
    const unrelated = await certificate({
      name: "Unrelated",
      keys: other,
      issuer: { name: "Unrelated", keys: other },
      authority: true,
    });
    const pem = await chainPem({ leaf: { hosts: ["other.amazon.com", ALEXA_HOST] } });
    expect(await verdictOf(`${pem}${unrelated}${await rootPem()}`)).toBe("good");
  });

  it("line breaks may be written as \\n, as in environment variables", async () => {
    expect(await verdictOf(await chainPem(), (await rootPem()).trim().replaceAll("\n", "\\n"))).toBe("good");
  });

  it("a chain is valid only while all of its certificates are", async () => {
    const dates = { notBefore: new Date(START - DAY_MS), notAfter: new Date(START + DAY_MS) };
    const pem = await chainPem({ intermediate: { dates } });
    const checked = checkChain(pem, anchorsOfPem(await rootPem()), START);
    expect(checked).toMatchObject({ notBefore: START - DAY_MS, notAfter: START + DAY_MS });
    expect(await verdictOf(pem, undefined, START + DAY_MS)).toBe("good");
    expect(await verdictOf(pem, undefined, START + DAY_MS + 1)).toBe("certificate_outside_validity");
    expect(await verdictOf(pem, undefined, START - DAY_MS - 1)).toBe("certificate_outside_validity");
    const { root } = await chainKeys();
    const issuer = { name: "Test Root", keys: root };
    const shortRoot = await certificate({ ...issuer, issuer, authority: true, dates });
    expect(checkChain(await chainPem(), anchorsOfPem(shortRoot), START)).toMatchObject({ notAfter: START + DAY_MS });
  });

  it("a leaf, intermediate or root that is expired or not yet valid is refused", async () => {
    for (const dates of [PAST, FUTURE]) {
      expect(await verdictOf(await chainPem({ leaf: { dates } }))).toBe("certificate_outside_validity");
      expect(await verdictOf(await chainPem({ intermediate: { dates } }))).toBe("certificate_outside_validity");
    }
    const { root } = await chainKeys();
    const issuer = { name: "Test Root", keys: root };
    const expiredRoot = await certificate({ ...issuer, issuer, authority: true, dates: PAST });
    expect(await verdictOf(await chainPem(), expiredRoot)).toBe("certificate_untrusted");
  });

  it("another host's name, a wildcard, and a name only in the subject are refused", async () => {
    for (const hosts of [["echo-api.example.com"], ["*.amazon.com"], ["echo-api.amazon.com.evil.test"], [], null]) {
      const leaf = { name: ALEXA_HOST, hosts };
      expect(await verdictOf(await chainPem({ leaf }))).toBe("certificate_of_another");
    }
  });

  it("a chain to another root is refused, even if that root is in the file", async () => {
    const { other } = await chainKeys();
    const issuer = { name: "Test Root", keys: other };
    const pem = await chainPem({ intermediate: { issuer } });
    expect(await verdictOf(`${pem}${await certificate({ ...issuer, issuer, authority: true })}`)).toBe(
      "certificate_untrusted",
    );
  });

  it("a certificate that only names its issuer, signed by another key, is refused", async () => {
    const { other } = await chainKeys();
    const leaf = { issuer: { name: "Test Intermediate", keys: other } };
    expect(await verdictOf(await chainPem({ leaf }))).toBe("certificate_untrusted");
  });

  it("a chain without its intermediate is refused", async () => {
    expect(await verdictOf(await chainPem({ without: "intermediate" }))).toBe("certificate_untrusted");
  });

  it("an issuer that is not a CA is refused", async () => {
    expect(await verdictOf(await chainPem({ intermediate: { authority: false } }))).toBe("certificate_issuer_not_ca");
  });

  it("a self-signed certificate with Alexa's name is refused", async () => {
    const { leaf } = await chainKeys();
    const name = ALEXA_HOST;
    const pem = await certificate({ name, keys: leaf, issuer: { name, keys: leaf }, hosts: [name], authority: true });
    expect(await verdictOf(pem)).toBe("certificate_untrusted");
  });

  it("a path of more than five certificates is refused", async () => {
    const { root, intermediate } = await chainKeys();
    const names = ["Five", "Four", "Three", "Two", "One"];
    const authorities = await Promise.all(
      names.map((name, index) =>
        certificate({
          name,
          keys: intermediate,
          issuer:
            index === 4 ? { name: "Test Root", keys: root } : { name: names[index + 1] ?? "", keys: intermediate },
          authority: true,
        }),
      ),
    );
    const from = async (first: number) => {
      const leaf = await chainPem({
        without: "intermediate",
        leaf: { issuer: { name: names[first] ?? "", keys: intermediate } },
      });
      return leaf + authorities.join("");
    };
    expect(await verdictOf(await from(1))).toBe("good");
    expect(await verdictOf(await from(0))).toBe("certificate_path_too_long");
  });

  it("a file without certificates is refused", async () => {
    const garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (const pem of ["", "<html></html>", garbage, (await chainPem()) + garbage, (await chainPem()).repeat(6)]) {
      expect(await verdictOf(pem)).toBe("certificate_malformed");
    }
  });

  it("a root with an elliptic curve key, as two of Amazon's have, is accepted", async () => {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const keys = (await crypto.subtle.generateKey(curve, true, ["sign", "verify"])) as CryptoKeyPair;
    const issuer = { name: "Test Elliptic Root", keys };
    const roots = (await rootPem()) + (await certificate({ ...issuer, issuer, authority: true }));
    expect(await verdictOf(await chainPem({ intermediate: { issuer } }), roots)).toBe("good");
    expect(await verdictOf(await chainPem(), roots)).toBe("good");
    // Alexa's own key is RSA, as its signatures are.
    expect(await verdictOf(await chainPem({ leaf: { keys } }), roots)).toBe("certificate_of_another");
  });

  it("the built-in public roots can be loaded, and do not trust a test chain", async () => {
    const anchors = anchorsOfRoots(TRUSTED_ROOTS);
    const kinds = anchors.map(({ publicKey }) => publicKey.asymmetricKeyType);
    expect(kinds.toSorted()).toEqual(["ec", "ec", "ec", "rsa", "rsa", "rsa", "rsa"]);
    const checked = checkChain(await chainPem(), anchors, START);
    expect(checked).toEqual({ refusal: "certificate_untrusted" });
  });
});
