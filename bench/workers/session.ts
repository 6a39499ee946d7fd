// What the libraries leave to the application: who is signed in, and the consent page. As small as it can be.

const COOKIE = "session";

let key: Promise<CryptoKey> | undefined;

function sessionKey(): Promise<CryptoKey> {
  key ??= crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode("obviously-fake-session-key"),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );
  return key;
}

/** The cookie of a signed-in user, as `name=value`. */
export async function sessionCookie(userId: string): Promise<string> {
  const signature = await crypto.subtle.sign("HMAC", await sessionKey(), new TextEncoder().encode(userId));
  return `${COOKIE}=${userId}.${Buffer.from(signature).toString("base64url")}`;
}

/** The user of a request's cookie; undefined when there is none, or its signature is wrong. */
export async function signedInUser(request: Request): Promise<string | undefined> {
  const value = new RegExp(`(?:^|; )${COOKIE}=([^;]*)`).exec(request.headers.get("cookie") ?? "")?.[1];
  const [userId, signature] = value?.split(".") ?? [];
  if (userId === undefined || signature === undefined) return undefined;
  const valid = await crypto.subtle.verify(
    "HMAC",
    await sessionKey(),
    Buffer.from(signature, "base64url"),
    new TextEncoder().encode(userId),
  );
  return valid ? userId : undefined;
}

/** A consent page with one form. `hidden` are its hidden inputs. */
export function consentPage(
  client: string,
  scopes: readonly string[],
  hidden: Readonly<Record<string, string>>,
): string {
  const inputs = Object.entries(hidden).map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  const items = scopes.map((scope) => `<li>${escapeHtml(scope)}</li>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Link your account</title>
<h1>Allow ${escapeHtml(client)} to access your account?</h1><ul>${items.join("")}</ul>
<form method="post">${inputs.join("")}<button name="decision" value="allow">Allow</button></form></html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
