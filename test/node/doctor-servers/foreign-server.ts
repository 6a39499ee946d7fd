// What the doctor is told about the servers of others that the tests start: one client, one person.

/** A running server. Its metadata is at `issuer`. */
export interface ForeignServer {
  readonly issuer: string;
  close(): Promise<void>;
}

export const VENDOR_ID = "M0FOREIGNVENDOR";

/** Amazon's redirect URIs of that vendor. */
export const REDIRECT_URIS: readonly string[] = [
  "pitangui.amazon.com",
  "layla.amazon.com",
  "alexa.amazon.co.jp",
  "alexa.amazon.com",
].map((host) => `https://${host}/api/skill/link/${VENDOR_ID}`);

export const CLIENT = { id: "alexa-of-others", secret: "obviously-fake-secret-of-the-doctors-test" };

export const PERSON = { name: "ada@example.com", password: "obviously-fake-password" };

/** A small page that works on a phone. `body` is HTML. */
export function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><h1>${title}</h1>${body}</body></html>`;
}
