// The values to copy into the Alexa developer console, in the order of its Account Linking page.
import type { LinkingRequest, SkillView } from "./admin-api.ts";
import { commandLine } from "./options.ts";
import type { Terminal } from "./terminal.ts";

const SCHEMES: Readonly<Record<string, string>> = {
  HTTP_BASIC: "HTTP Basic (Recommended)",
  REQUEST_BODY_CREDENTIALS: "Credentials in request body",
};

function field(name: string, ...values: readonly string[]): string {
  const [first = "", ...others] = values;
  return [`  ${`${name}:`.padEnd(34)}${first}`, ...others.map((value) => `${" ".repeat(36)}${value}`)].join("\n");
}

/** `secret` is known only right after it was made: the server stores its hash and cannot show it again. */
export function consoleSheet(
  skill: SkillView,
  request: LinkingRequest,
  secret: string | undefined,
  terminal: Pick<Terminal, "environment">,
): string {
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
    field("Your Secret", secret ?? "(shown only when it was made; rotate-secret makes a new one)"),
    field("Your Authentication Scheme", SCHEMES[r.accessTokenScheme] ?? r.accessTokenScheme),
    field("Scope", ...r.scopes),
    field("Domain List", ...(r.domains.length > 0 ? r.domains : ["(none)"])),
    field("Default Access Token Expiration", `${r.defaultTokenExpirationInSeconds} seconds`),
    field("PKCE", r.pkceConfiguration ? "on" : "off"),
    ...(r.reciprocalAccessTokenUrl ? [field("Reciprocal access token URI", r.reciprocalAccessTokenUrl)] : []),
    "",
    "  For linking that starts in your app or on your website:",
    field("Your Redirect URLs", ...r.redirectUrls),
    ...(platforms.length > 0
      ? platforms.map((one) => field(`${one.platformType} app link`, one.platformAuthorizationUrl))
      : [field("App links", "(none; set APPLE_APP_IDS and ANDROID_APPS on the server to offer them)")]),
    ...(skill.lwa
      ? []
      : [
          "  Then register the Alexa Client Id and Secret that the page shows:",
          `  LWA_CLIENT_SECRET=… ${commandLine(terminal, `skill set --id ${skill.id} --lwa-client-id …`)}`,
        ]),
    "",
    '  The server accepts these redirect URIs. Every entry of the console\'s "Alexa Redirect URLs" must be among them:',
    ...skill.client.redirectUris.map((uri) => `    ${uri}`),
  ].join("\n");
}
