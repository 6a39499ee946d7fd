import { createPublicKey, X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { expect, it } from "vitest";
import { TRUSTED_ROOTS } from "../../src/events/trusted-roots.ts";

const COMMON_NAME = /(?:^|\n)CN=(.+)$/;

it("S4: every root that we trust for Alexa's certificates is one that Node ships, with the same key and expiry", () => {
  const shipped = new Map(
    rootCertificates
      .map((pem) => new X509Certificate(pem))
      .map((root) => [COMMON_NAME.exec(root.subject)?.[1] ?? "", root]),
  );
  for (const { name, spki, validTo } of TRUSTED_ROOTS) {
    const root = shipped.get(name);
    expect(root?.publicKey.export({ type: "spki", format: "der" }).toString("base64")).toBe(spki);
    expect(Date.parse(root?.validTo ?? "")).toBe(Date.parse(validTo));
    const key = createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" });
    expect(root?.verify(key)).toBe(true);
  }
  expect(TRUSTED_ROOTS.map(({ name }) => name).filter((name) => name.startsWith("Amazon"))).toHaveLength(4);
});
