// The hashes, seals and signatures that each workload of this service needs, and no more.

const encoder = new TextEncoder();
const SECRET = "a".repeat(43);
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

interface Keys {
  readonly signing: CryptoKeyPair;
  readonly hmac: CryptoKey;
  readonly aes: CryptoKey;
  readonly signature: ArrayBuffer;
}

let keys: Promise<Keys> | undefined;

async function makeKeys(): Promise<Keys> {
  const signing = (await crypto.subtle.generateKey(ES256, false, ["sign", "verify"])) as CryptoKeyPair;
  const hmac = { name: "HMAC", hash: "SHA-256" };
  return {
    signing,
    hmac: await crypto.subtle.importKey("raw", encoder.encode(SECRET), hmac, false, ["sign"]),
    aes: await sealingKey(SECRET),
    signature: await crypto.subtle.sign(ES256, signing.privateKey, encoder.encode(SECRET.repeat(8))),
  };
}

async function hash(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", encoder.encode(text));
}

async function sealingKey(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", await hash(secret), "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function seal(key: CryptoKey, length: number): Promise<ArrayBuffer> {
  return crypto.subtle.encrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, new Uint8Array(length));
}

/** A token response with a new ES256 access token. */
async function tokens({ signing }: Keys): Promise<string> {
  const input = `${btoa(SECRET)}.${btoa(SECRET.repeat(7))}`;
  const signature = await crypto.subtle.sign(ES256, signing.privateKey, encoder.encode(input));
  const token = `${input}.${btoa(String.fromCharCode(...new Uint8Array(signature)))}`;
  return JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: 3600, refresh_token: SECRET });
}

/** Does the cryptography of a workload. The body to respond with. */
export async function cryptographyOf(workload: string): Promise<string> {
  keys ??= makeKeys();
  const all = await keys;
  const { hmac, aes, signing, signature } = all;
  const derive = () => crypto.subtle.sign("HMAC", hmac, encoder.encode(SECRET));
  switch (workload) {
    // The session is opened, the consent form sealed.
    case "authorize":
      await seal(aes, 250);
      await seal(aes, 700);
      return "{}";
    // Form and session are opened; the code is derived, hashed, and sealed for KV.
    case "consent":
      await hash(SECRET);
      await seal(aes, 700);
      await seal(aes, 250);
      await derive();
      await hash(SECRET);
      await seal(await sealingKey(SECRET), 330);
      return "{}";
    // Client secret and code are hashed, the code's copy is opened, a refresh token is made.
    case "exchange":
      await hash(SECRET);
      await hash(SECRET);
      await seal(await sealingKey(SECRET), 330);
      await hash(SECRET);
      return tokens(all);
    case "refresh":
      await hash(SECRET);
      await hash(SECRET);
      return tokens(all);
    case "rotating-refresh":
      await derive();
      await derive();
      return tokens(all);
    case "introspection":
      await hash(SECRET);
      await crypto.subtle.verify(ES256, signing.publicKey, signature, encoder.encode(SECRET.repeat(8)));
      return JSON.stringify({ active: true });
    default:
      return "{}";
  }
}
