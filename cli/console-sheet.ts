// What a person copies into the Alexa developer console, in the order of its Account Linking page.
import type { LinkingRequest, SkillView } from "./admin-api.ts";

const SCHEMES: Readonly<Record<string, string>> = {
  HTTP_BASIC: "HTTP Basic (Recommended)",
  REQUEST_BODY_CREDENTIALS: "Credentials in request body",
};

function field(name: string, ...values: readonly string[]): string {
  const [first = "", ...others] = values;
  return [`  ${`${name}:`.padEnd(34)}${first}`, ...others.map((value) => `${" ".repeat(36)}${value}`)].join("\n");
}

/** The sheet. `secret` is printed only when it was just made: it cannot be shown again. */
export function consoleSheet(skill: SkillView, request: LinkingRequest, secret: string | undefined): string {
  const r = request.accountLinkingRequest;
  const platforms = r.authorizationUrlsByPlatform ?? [];
  return [
    `Alexa developer console > ${skill.name} > Build > Account Linking`,
    "",
    field("Do you allow users to … link", "yes"),
    field("Auth Code Grant", "chosen"),
    field("Your Web Authorization URI", r.authorizationUrl),
    field("Access Token URI", r.accessTokenUrl),
    field("Your Client ID", r.clientId),
    field("Your Secret", secret ?? "(shown when it was made; rotate-secret makes a new one)"),
    field("Your Authentication Scheme", SCHEMES[r.accessTokenScheme] ?? r.accessTokenScheme),
    field("Scope", ...r.scopes),
    field("Domain List", ...(r.domains.length > 0 ? r.domains : ["(none)"])),
    field("Default Access Token Expiration", `${r.defaultTokenExpirationInSeconds} seconds`),
    field("PKCE", r.pkceConfiguration ? "on" : "off"),
    ...(r.reciprocalAccessTokenUrl ? [field("Reciprocal access token URI", r.reciprocalAccessTokenUrl)] : []),
    "",
    "  Linking that starts in your app or on your website:",
    field("Your Redirect URLs", ...r.redirectUrls),
    ...(platforms.length > 0
      ? platforms.map((one) => field(`${one.platformType} app link`, one.platformAuthorizationUrl))
      : [field("App links", "(set APPLE_APP_IDS and ANDROID_APPS at the service to offer them)")]),
    ...(skill.lwa
      ? []
      : ["  Then register that page's Alexa Client Id and Secret: npm run skill -- set --lwa-client-id …"]),
    "",
    '  The console\'s list "Alexa Redirect URLs" must be among these, which the service accepts:',
    ...skill.client.redirectUris.map((uri) => `    ${uri}`),
  ].join("\n");
}
