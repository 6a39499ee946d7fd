// An authorization server reduced to its keys: tokens of any content, signed as the service signs them.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";

const KID = "key-1";
/** Alexa's client, which is the subject of its service tokens. */
export const CLIENT_ID = "alexa-acme-notes";

export interface Claims {
  readonly [name: string]: unknown;
}

export interface TokenIssuer {
  /** `http://127.0.0.1:<port>` */
  readonly issuer: string;
  /** The public key, as the key set contains it. */
  readonly jwk: JWK;
  /** How often the key set was read. */
  reads(): number;
  /** Responds to the next reads of the key set instead; undefined is the key set again. */
  respond(listener: RequestListener | undefined): void;
  /** A signed token. Claims and header parameters that are undefined are left out. */
  sign(claims: Claims, header?: Partial<JWTHeaderParameters>, key?: CryptoKey): Promise<string>;
  /** A user's access token for a resource. */
  userToken(resource: string, user: string, claims?: Claims): Promise<string>;
  /** The client's own access token for a resource. */
  serviceToken(resource: string, claims?: Claims): Promise<string>;
  close(): Promise<void>;
}

/** Starts one on 127.0.0.1, with a key of its own. */
export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: KID, alg: "ES256", use: "sig" };
  let reads = 0;
  let other: RequestListener | undefined;
  const server = createServer((request, response) => {
    if (request.url !== "/.well-known/jwks.json") return response.writeHead(404).end();
    reads += 1;
    if (other) return other(request, response);
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sign: TokenIssuer["sign"] = (claims, header = {}, key = privateKey) => {
    const now = Math.floor(Date.now() / 1000);
    const all = {
      iss: issuer,
      iat: now,
      exp: now + 3600,
      jti: "obviously-fake-token-id",
      client_id: CLIENT_ID,
      ...claims,
    };
    return new SignJWT(JSON.parse(JSON.stringify(all)))
      .setProtectedHeader(JSON.parse(JSON.stringify({ alg: "ES256", typ: "at+jwt", kid: KID, ...header })))
      .sign(key);
  };
  return {
    issuer,
    jwk,
    reads: () => reads,
    respond(listener) {
      other = listener;
    },
    sign,
    userToken: (resource, user, claims) =>
      sign({ aud: resource, sub: user, grant: `grant-of-${user}`, scope: "mcp:tools mcp:resources", ...claims }),
    serviceToken: (resource, claims) => sign({ aud: resource, sub: CLIENT_ID, scope: "mcp:service", ...claims }),
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
