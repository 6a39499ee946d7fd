// The cookies of one browser (RFC 6265bis): host, domain, path, Secure, end of life.

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  /** Also for subdomains of `host`. */
  readonly subdomains: boolean;
  readonly path: string;
  readonly secure: boolean;
}

/** The host is the visitor's own machine, where browsers treat http as secure. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

export class CookieJar {
  #cookies: readonly Cookie[] = [];

  /** The `Cookie` header for a request, or undefined. */
  headerFor(address: string): string | undefined {
    const url = new URL(address);
    const secure = url.protocol === "https:" || isLoopback(url);
    const sent = this.#cookies.filter(
      (each) =>
        (each.host === url.hostname || (each.subdomains && url.hostname.endsWith(`.${each.host}`))) &&
        covers(each.path, url.pathname) &&
        (secure || !each.secure),
    );
    if (sent.length === 0) return undefined;
    return sent
      .toSorted((a, b) => b.path.length - a.path.length)
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }

  /** Keeps the cookie of one `Set-Cookie` header of a response from `address`; ignores what browsers refuse. */
  keep(line: string, address: string): void {
    const url = new URL(address);
    const [pair = "", ...rest] = line.split(";");
    const split = pair.indexOf("=");
    if (split < 1) return;
    const attributes = new Map(
      rest.map((part) => {
        const [name = "", ...value] = part.split("=");
        return [name.trim().toLowerCase(), value.join("=").trim()];
      }),
    );
    const domain = attributes.get("domain")?.replace(/^\./, "").toLowerCase() || undefined;
    const own = domain === undefined || domain === url.hostname;
    if (!own && !(domain.includes(".") && url.hostname.endsWith(`.${domain}`))) return;
    const path = attributes.get("path");
    const cookie: Cookie = {
      name: pair.slice(0, split).trim(),
      value: pair.slice(split + 1).trim(),
      host: domain ?? url.hostname,
      subdomains: domain !== undefined,
      path: path?.startsWith("/") ? path : url.pathname.replace(/\/[^/]*$/, "") || "/",
      secure: attributes.has("secure"),
    };
    if (cookie.secure && url.protocol !== "https:" && !isLoopback(url)) return;
    const others = this.#cookies.filter(
      (each) => each.name !== cookie.name || each.host !== cookie.host || each.path !== cookie.path,
    );
    this.#cookies = isOver(attributes) ? others : [...others, cookie];
  }

  clear(): void {
    this.#cookies = [];
  }
}

function covers(path: string, asked: string): boolean {
  return asked === path || asked.startsWith(path.endsWith("/") ? path : `${path}/`);
}

/** Servers delete a cookie with an end of life in the past. */
function isOver(attributes: ReadonlyMap<string, string>): boolean {
  const age = attributes.get("max-age");
  if (age !== undefined && /^-?\d+$/.test(age)) return Number(age) <= 0;
  const expires = attributes.get("expires");
  return expires !== undefined && new Date(expires).getTime() < Date.parse("2001-01-01T00:00:00Z");
}
