// Which addresses may be registered. They are compared byte by byte, so those that browsers rewrite are refused.
import { isLoopback } from "../env.ts";

const MAX_LENGTH = 2048;
/** Visible ASCII without the characters that URLs must not hold or that browsers rewrite (`\` becomes `/`). */
const PLAIN = /^[\x21-\x7e]+$/;
const REWRITTEN = /[\\"<>^`{|}*]/;
/** Schemes that run code, read files or start other programs. They never lead back into an app. */
const NEVER_SCHEMES = new Set(
  "about,android-app,app-settings,blob,brave,callto,chrome,cid,content,data,devtools,edge,facetime,facetime-audio,feed,file,filesystem,ftp,ftps,geo,gopher,intent,itms,itms-apps,itms-services,jar,javascript,jscript,ldap,ldaps,livescript,mailto,maps,market,mhtml,mid,mocha,news,nntp,opera,prefs,res,resource,search-ms,sftp,shell,sip,skype,smb,sms,ssh,tel,telnet,vbscript,view-source,webcal,ws,wss,wyciwyg".split(
    ",",
  ),
);
/** Families of such schemes: of browsers and their extensions, of Windows and of iOS. */
const NEVER_FAMILIES = /^(?:chrome|edge|moz|ms|x-apple)-|-extension$/;

export interface AddressRule {
  /** Also allows http on loopback hosts. */
  readonly development: boolean;
  /** Also allows custom schemes of an app (`acme://linked`). */
  readonly deepLinks?: boolean;
}

/** The rule that an address breaks, as a phrase that follows the field's name; undefined if it may be registered. */
export function addressError(address: string, rule: AddressRule): string | undefined {
  if (address.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`;
  if (!PLAIN.test(address) || REWRITTEN.test(address)) {
    return "must have only the characters of a URL, without wildcards";
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
  if (NEVER_SCHEMES.has(scheme) || NEVER_FAMILIES.test(scheme)) return `must not use the scheme ${scheme}`;
  return /^[a-z][a-z0-9+.-]*:\/\/?[^/]*@/.test(address) ? "must not name a user" : undefined;
}

const MAX_RESOURCE_LENGTH = 500;

/**
 * The rule that an add-on's resource breaks, as `addressError` does. Host in upper case, default port and
 * percent-encoding are kept as they are sent, because Alexa sends and compares the same bytes.
 */
export function resourceError(address: string, development: boolean): string | undefined {
  if (address.length > MAX_RESOURCE_LENGTH) return `must have at most ${MAX_RESOURCE_LENGTH} characters`;
  if (address.includes("#")) return "must not have a fragment";
  if (!/^(?:[\w.~:/?@!$&'()*+,;=[\]-]|%[\dA-Fa-f]{2})+$/.test(address)) return "must have only the characters of a URI";
  const [, scheme = "", authority = "", path = ""] = /^(https?):\/\/([^/?]+)(.*)$/i.exec(address) ?? [];
  if (authority.includes("@")) return "must not name a user";
  if (scheme === "" || !URL.canParse(address)) return "must be a full URI: https, host and path";
  const url = new URL(address);
  const host = authority.toLowerCase().replace(url.protocol === "https:" ? /:443$/ : /:80$/, "");
  if (url.host !== host || url.href !== url.origin + (path.startsWith("/") ? path : `/${path}`)) {
    return "must be written in the form in which clients send it, without . and .. segments";
  }
  if (url.protocol === "https:") return undefined;
  if (!isLoopback(url)) return "must be https";
  return development ? undefined : "must be https: http on localhost is for development only";
}

/** Hosts of the redirect URIs that Alexa uses, by the customer's marketplace: North America, Europe, Far East. */
const MARKETPLACE_HOSTS = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp"];
/** A fourth host, which Amazon does not document but public set-ups register too. */
const AMAZON_LINK_HOSTS = [...MARKETPLACE_HOSTS, "alexa.amazon.com"];

function linkUri(host: string, vendorId: string): string {
  return `https://${host}/api/skill/link/${vendorId}`;
}

/** Amazon's redirect URIs for a vendor id. Empty without one. */
export function amazonRedirectUris(vendorId: string | null): string[] {
  return vendorId === null ? [] : AMAZON_LINK_HOSTS.map((host) => linkUri(host, vendorId));
}

/** The redirect URIs of Alexa's three marketplaces that are missing from a list, for every vendor id in it. */
export function missingAmazonRedirectUris(redirectUris: readonly string[]): string[] {
  const pattern =
    /^https:\/\/(?:pitangui\.amazon\.com|layla\.amazon\.com|alexa\.amazon\.co\.jp)\/api\/skill\/link\/([A-Za-z0-9]+)$/;
  const vendorIds = new Set(redirectUris.flatMap((uri) => pattern.exec(uri)?.[1] ?? []));
  if (vendorIds.size === 0) vendorIds.add("{vendorId}");
  return [...vendorIds]
    .flatMap((vendorId) => MARKETPLACE_HOSTS.map((host) => linkUri(host, vendorId)))
    .filter((uri) => !redirectUris.includes(uri));
}

/** The first of these redirect URIs that is one of our callbacks, which are only for enablement calls. */
export function ownCallback(issuer: string, redirectUris: readonly string[]): string | undefined {
  return redirectUris.find((uri) => uri === `${issuer}/link/callback` || uri === `${issuer}/app/callback`);
}
