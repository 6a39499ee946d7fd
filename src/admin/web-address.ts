// Which addresses may be registered: byte for byte what will be compared later, so nothing that a browser reads differently (R2, S7).
import { isLoopback } from "../env.ts";

const MAX_LENGTH = 2048;
/** Visible ASCII without the characters that URLs must not hold or that browsers rewrite (`\` becomes `/`). */
const PLAIN = /^[\x21-\x7e]+$/;
const REWRITTEN = /[\\"<>^`{|}*]/;
/** Schemes that run code, read files or start other programs: never a way back into an app. */
const NEVER_SCHEMES = new Set(
  "about,blob,chrome,content,data,file,filesystem,ftp,ftps,intent,jar,javascript,livescript,mailto,market,mhtml,mocha,ms-appx,res,resource,sms,tel,vbscript,view-source,ws,wss".split(
    ",",
  ),
);

export interface AddressRule {
  /** Development: http on loopback hosts counts as well. */
  readonly development: boolean;
  /** Custom schemes that an app has claimed (`acme://linked`) count as well. */
  readonly deepLinks?: boolean;
}

/** What is wrong with an address for this use, as a phrase behind its field's name; undefined when nothing is. */
export function addressFault(address: string, rule: AddressRule): string | undefined {
  if (address.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  if (!PLAIN.test(address) || REWRITTEN.test(address)) {
    return "must hold only characters that URLs may hold, written out, without wildcards";
  }
  if (address.includes("#")) return "must not have a fragment";
  const scheme = /^([a-z][a-z0-9+.-]*):\//.exec(address)?.[1];
  if (scheme === undefined || !URL.canParse(address)) return "must be a full URL with its scheme in lower case";
  if (scheme === "https" || scheme === "http") {
    const authority = /^https?:\/\/([^/?]*)/.exec(address)?.[1] ?? "";
    if (authority.includes("@")) return "must not name a user";
    if (authority === "" || new URL(address).host !== authority) {
      return "must name its host in lower case, without the scheme's own port";
    }
    if (scheme === "https") return undefined;
    if (!isLoopback(address)) return "must be https";
    return rule.development ? undefined : "must be https: http on localhost is for development only";
  }
  if (!rule.deepLinks) return "must be https";
  if (NEVER_SCHEMES.has(scheme)) return `must not use the scheme ${scheme}`;
  return /^[a-z][a-z0-9+.-]*:\/\/?[^/]*@/.test(address) ? "must not name a user" : undefined;
}

const AMAZON_LINK_HOSTS = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp"] as const;

/** The three redirect URIs that Alexa uses for a vendor id, by the customer's marketplace: North America, Europe, Far East (R1). */
export function amazonRedirectUris(vendorId: string): string[] {
  return AMAZON_LINK_HOSTS.map((host) => `https://${host}/api/skill/link/${vendorId}`);
}

/** Which of Amazon's three redirect URIs are missing from a list made by hand, for every vendor id that occurs in it. */
export function missingAmazonRedirectUris(redirectUris: readonly string[]): string[] {
  const pattern =
    /^https:\/\/(?:pitangui\.amazon\.com|layla\.amazon\.com|alexa\.amazon\.co\.jp)\/api\/skill\/link\/([A-Za-z0-9]+)$/;
  const vendorIds = new Set(redirectUris.flatMap((uri) => pattern.exec(uri)?.[1] ?? []));
  if (vendorIds.size === 0) vendorIds.add("{vendorId}");
  return [...vendorIds].flatMap(amazonRedirectUris).filter((uri) => !redirectUris.includes(uri));
}
