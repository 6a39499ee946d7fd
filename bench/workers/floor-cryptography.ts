// The hashes, seals and signatures that each workload of this service needs, and no more.

/** The cryptography of one request. What it gives is the body of the response. */
export type Work = () => Promise<string>;

const encoder = new TextEncoder();
const SECRET = "a".repeat(43);
const BYTES = new Uint8Array(32);
/** Bytes of a sealed consent form, a session cookie and a code's binding. */
const SEALED = { form: 700, session: 250, binding: 330 };

const random = (bytes: number) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));

function base64url(bytes: Uint8Array): string {
  return (bytes as Uint8Array & { toBase64(options: object): string }).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

async function sha256(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))));
}

async function hashAndCompare(text: string): Promise<boolean> {
  return crypto.subtle.timingSafeEqual(encoder.encode(await sha256(text)), encoder.encode(SECRET));
}

async function sealingKey(secret: string): Promise<CryptoKey> {
  const bytes = await crypto.subtle.digest("SHA-256", encoder.encode(secret));
  return crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

async function sealedBytes(key: CryptoKey, length: number): Promise<{ iv: Uint8Array; sealed: Uint8Array }> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new Uint8Array(length));
  return { iv, sealed: new Uint8Array(sealed) };
}

const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** The work of a workload. `recorded` is the body that the service responded with. Keys are made here, once. */
export async function prepare(workload: string, recorded: string): Promise<Work> {
  const signing = (await crypto.subtle.generateKey(ES256, false, ["sign", "verify"])) as CryptoKeyPair;
  const hmacKey = await crypto.subtle.importKey("raw", BYTES, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const aesKey = await sealingKey(SECRET);
  const response = recorded.startsWith("{") ? (JSON.parse(recorded) as Record<string, string>) : {};
  const hmac = async (text: string) =>
    base64url(new Uint8Array(await crypto.subtle.sign("HMAC", hmacKey, encoder.encode(text))));
  const open = ({ iv, sealed }: { iv: Uint8Array; sealed: Uint8Array }, key: CryptoKey) =>
    crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed);
  const [header = "", payload = ""] = (response.access_token ?? "").split(".");
  const claims = payload === "" ? {} : JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  const sign = async () => {
    const iat = Math.floor(Date.now() / 1000);
    const content = JSON.stringify({ ...claims, iat, exp: iat + 3600, jti: random(12) });
    const input = `${header}.${base64url(encoder.encode(content))}`;
    const signature = await crypto.subtle.sign(ES256, signing.privateKey, encoder.encode(input));
    return `${input}.${base64url(new Uint8Array(signature))}`;
  };
  const tokens = async (refreshToken: string) =>
    JSON.stringify({ ...response, access_token: await sign(), refresh_token: refreshToken });

  switch (workload) {
    case "exchange": {
      const binding = await sealedBytes(aesKey, SEALED.binding);
      return async () => {
        await hashAndCompare(SECRET);
        await sha256(SECRET);
        await open(binding, await sealingKey(SECRET));
        await hashAndCompare(SECRET);
        const secret = random(32);
        await sha256(secret);
        random(16);
        return tokens(`${response.refresh_token!.slice(0, 30)}${secret}`);
      };
    }
    case "refresh":
      return async () => {
        await hashAndCompare(SECRET);
        await hashAndCompare(SECRET);
        return tokens(response.refresh_token!);
      };
    case "rotating-refresh":
      return async () => {
        const presented = encoder.encode(await hmac(SECRET));
        crypto.subtle.timingSafeEqual(presented, presented);
        return tokens(`${response.refresh_token!.slice(0, 32)}${await hmac(SECRET)}`);
      };
    case "introspection": {
      const input = encoder.encode(SECRET.repeat(8));
      const signature = await crypto.subtle.sign(ES256, signing.privateKey, input);
      return async () => {
        await hashAndCompare(SECRET);
        await crypto.subtle.verify(ES256, signing.publicKey, signature, input);
        return JSON.stringify(response);
      };
    }
    case "authorize": {
      const session = await sealedBytes(aesKey, SEALED.session);
      return async () => {
        await open(session, aesKey);
        await sealedBytes(aesKey, SEALED.form);
        return recorded;
      };
    }
    default: {
      const form = await sealedBytes(aesKey, SEALED.form);
      const session = await sealedBytes(aesKey, SEALED.session);
      return async () => {
        await sha256(SECRET);
        await open(form, aesKey);
        await open(session, aesKey);
        // The rate limiter's key, the code, its hash, and its sealed copy.
        await hmac(SECRET);
        const code = await hmac(SECRET);
        await sha256(code);
        await sealedBytes(await sealingKey(code), SEALED.binding);
        return recorded;
      };
    }
  }
}
