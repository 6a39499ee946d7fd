// The network of a request, for counters and rate limits.
import type { AppContext } from "../runtime.ts";

/** The caller's network: an IPv4 address, the /48 of an IPv6 address, or "unknown" where Cloudflare is not in front. */
export function networkOf(c: AppContext): string {
  return networkOfAddress(c.req.header("cf-connecting-ip") ?? "");
}

/**
 * The network of an address. One customer may hold a whole /48, so that is one guesser; smaller networks within it need
 * no counters of their own. An IPv4 address inside IPv6 counts as IPv4.
 */
export function networkOfAddress(address: string): string {
  const text = address.trim().toLowerCase();
  if (text === "" || text.length > 45) return "unknown";
  const embedded = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(text);
  if (embedded?.[1]) return embedded[1];
  if (!text.includes(":")) return text;
  // The first three groups are the network; "::" stands for the missing zero groups.
  const [head = "", tail = ""] = text.split("::", 2);
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const zeros = text.includes("::") ? Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0") : [];
  const groups = [...left, ...zeros, ...right].slice(0, 3);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/48`;
}
