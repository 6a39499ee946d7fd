// The rules for what a person or an option says to setup. They are the server's own, so that it refuses nothing later.

/** A value in the form in which it is used, or why it cannot be used: a phrase that follows the value's name. */
export type Judged = { readonly value: string } | { readonly problem: string };

const MOST_CHARACTERS = 2000;
const HOST = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})$/;
const NOT_YOURS = /(^|\.)(workers\.dev|pages\.dev|localhost)$/;

export const SKILL_TYPES = [
  "smart_home",
  "video",
  "meetings",
  "education",
  "custom",
  "music",
  "baby_activity",
] as const;
export const LOCATIONS = ["wnam", "enam", "weur", "eeur", "apac", "oc"] as const;

function matching(pattern: RegExp, problem: string): (value: string) => Judged {
  return (value) => (pattern.test(value) ? { value } : { problem });
}

function oneOf(words: readonly string[]): (value: string) => Judged {
  return (value) => (words.includes(value) ? { value } : { problem: `must be one of ${words.join(", ")}` });
}

/** Judges a value. White space around it does not count; control characters and very long values are refused first. */
export function judge(rule: (value: string) => Judged, given: string): Judged {
  const value = given.trim();
  if (value.length > MOST_CHARACTERS) return { problem: `must have at most ${MOST_CHARACTERS} characters` };
  if (/\p{Cc}/u.test(value)) return { problem: "must not have control characters" };
  return value === "" ? { problem: "must not be empty" } : rule(value);
}

function webAddress(value: string): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url?.protocol === "https:" && url.username === "" && url.password === "" && url.hash === "" ? url : undefined;
}

/** A host name. The address of its home page is taken for it, because people copy addresses. */
export function domain(value: string): Judged {
  const problem = { problem: "must be a host name of yours, such as link.example.com" };
  const address = webAddress(/^[a-z]+:/i.test(value) ? value : `https://${value}`);
  if (address?.port !== "" || address.pathname !== "/" || address.search !== "") return problem;
  const host = address.hostname;
  if (NOT_YOURS.test(host)) return { problem: `must be a host name on a domain of yours, not ${host}` };
  return HOST.test(host) ? { value: host } : problem;
}

export function brand(value: string): Judged {
  return value.length <= 80 ? { value } : { problem: "must have at most 80 characters" };
}

/** `password`, `amazon`, or the https address of an OpenID provider. */
export function signIn(value: string): Judged {
  if (value === "password" || value === "amazon") return { value };
  if (value === "oidc") return { problem: "must then be the provider's address: https://login.example.com" };
  return "value" in issuer(value) ? issuer(value) : { problem: "must be password, amazon, or an https address" };
}

/** The address of an OpenID provider. Its trailing slash, if it has one, belongs to the name. */
export function issuer(value: string): Judged {
  const address = webAddress(value);
  if (address?.search !== "") return { problem: "must be the provider's https address, its issuer" };
  if (value.endsWith("/.well-known/openid-configuration")) {
    return { problem: "must be the issuer, without /.well-known/openid-configuration" };
  }
  return { value };
}

export function httpsAddress(value: string): Judged {
  const plain = /^https:\/\/[a-z0-9.:-]+(?:[/?][!#-;=?-Z_a-z~[\]]*)?$/.test(value) && webAddress(value) !== undefined;
  return plain ? { value } : { problem: "must be an https address, its host in lower case, without #" };
}

export const providerClientId = matching(/^[!-~]{1,200}$/, "must be 1 to 200 visible ASCII characters without space");
export const providerSecret = matching(/^[!-~]{1,500}$/, "must be 1 to 500 visible ASCII characters without space");
export const skillId = matching(
  /^amzn1\.ask\.skill\.[A-Za-z0-9._-]{1,200}$/,
  "must be a skill id: amzn1.ask.skill. and letters, digits and dashes",
);

/** The vendor id, also when one of the console's "Alexa Redirect URLs" was copied, which ends with it. */
export function vendorId(value: string): Judged {
  const id =
    /^https:\/\/[a-z.]+\/(?:spa\/skill\/account-linking-status\.html\?vendorId=|api\/skill\/link\/)(\w+)$/.exec(
      value,
    )?.[1];
  return /^[A-Za-z0-9]{1,64}$/.test(id ?? value)
    ? { value: id ?? value }
    : { problem: 'must be letters and digits: the end of each of the console\'s "Alexa Redirect URLs"' };
}

export const skillType = oneOf(SKILL_TYPES);
export const location = oneOf(LOCATIONS);

export function skillName(value: string): Judged {
  return value.length <= 100 ? { value } : { problem: "must have at most 100 characters" };
}

/** `NAME` or `NAME=TEXT`. */
export const scope = matching(
  /^[!#-<>-[\]-~]{1,100}(=.{1,300})?$/,
  "must be NAME or NAME=TEXT, the name in visible ASCII characters without space, quotes and backslash",
);
export const alexaClientId = matching(
  /^(?!amzn1\.ask\.)[!-~]{1,100}$/,
  "must be the console's Alexa Client Id: amzn1.application-oa2-client.…",
);
/** A Worker's name, or an environment's. It becomes part of the names of database and namespace. */
export const workerName = matching(
  /^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/,
  "must be lower-case letters, digits and dashes, at most 50",
);
export const accountId = matching(/^[0-9a-f]{32}$/, "must be an account id: 32 hexadecimal digits");
export const masterKey = matching(/^[A-Za-z0-9_-]{43}$/, "must be 32 bytes as base64url (43 characters)");
export const adminToken = matching(/^[!-~]{32,500}$/, "must be 32 to 500 visible ASCII characters");
