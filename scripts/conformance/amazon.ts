// What Amazon's documentation asks of an account-linking server and of app-to-app linking.
import { documentedOnly, doesNotApply, partly, proven, type Source } from "./requirement.ts";

export const AMAZON: Source = {
  title: "Amazon",
  about:
    "What the Alexa Skills Kit documentation asks of the authorization server, of app-to-app linking, of skill events and of AcceptGrant.",
  requirements: [
    proven(
      "AMZ-CODE-GRANT",
      "The authorization code grant is offered, with the code in the query of Amazon's redirect URI.",
      "@R1",
    ),
    proven("AMZ-REDIRECT-URIS", "All redirect URIs that the console shows are accepted.", "@R1"),
    proven("AMZ-STATE", "state is handed back unchanged.", "@B1"),
    proven(
      "AMZ-SCOPES",
      "Scopes configured for the skill are asked for and granted; none asked means all of them.",
      "missing scope means all of the client's",
    ),
    proven(
      "AMZ-PKCE",
      "PKCE with S256 works when it is switched on for the skill, and is not needed when it is not.",
      "@S6",
    ),
    proven(
      "AMZ-AUTH-SCHEMES",
      "Both client authentication schemes of the console work: HTTP Basic and credentials in the body.",
      "@A3",
    ),
    proven(
      "AMZ-TOKEN-FORMAT",
      "Token answers are JSON with access_token, token_type Bearer, expires_in and refresh_token.",
      "@T5",
    ),
    proven("AMZ-EXPIRY", "Access tokens live at least 360 seconds.", "@T6"),
    proven("AMZ-REFRESH", "An old refresh token stays valid after a new access token was given.", "@T1", "@T2"),
    proven("AMZ-DEADLINE", "The token endpoint answers within 4.5 seconds.", "@W2"),
    proven("AMZ-LANGUAGE", "The page speaks the customer's language and fits a phone, without pop-ups.", "@P6"),
    proven(
      "AMZ-ACCOUNT-NAMED",
      "The page names the skill, the account and the scopes before anything is linked.",
      "the page > asks to sign in, then names account, skill and scopes, and links",
      "@S2",
    ),
    proven(
      "AMZ-DENY",
      "A denial goes back to Alexa with an error and the state.",
      "linking from the Alexa app > denial goes back to Alexa with the same state",
      "@L6",
    ),
    documentedOnly(
      "AMZ-HTTPS",
      "All addresses are https on port 443 with an accepted certificate.",
      "docs/deploy.md; configuration refuses other issuers outside development (see O6).",
    ),
    documentedOnly(
      "AMZ-PRIVACY",
      "Privacy policy and terms are linked from the page.",
      "PRIVACY_URL and TERMS_URL in docs/configuration.md; what they hold is the operator's.",
    ),
    proven(
      "AMZ-SMAPI",
      "The account-linking request for the Skill Management API is complete and wrapped as it must be.",
      "@O2",
    ),
    proven(
      "AMZ-A2A-URLS",
      "Linking from the app offers the Alexa app's address and Login with Amazon's, with the same state.",
      "starting > gives both addresses of Amazon with one state and a PKCE challenge",
    ),
    proven("AMZ-A2A-ENABLE", "The enablement call carries our code, its redirect URI and the skill's stage.", "@L1"),
    proven(
      "AMZ-A2A-ENDPOINTS",
      "The customer's Alexa endpoint is asked for, and other regions are tried.",
      "@L2",
      "enablement over regions > tries all endpoints that discovery names",
    ),
    proven("AMZ-A2A-STATUS", "Status is read from the enablement API.", "@L8"),
    proven(
      "AMZ-A2A-UNLINK",
      "Unlinking disables the skill at Amazon and revokes here.",
      "@U3",
      "unlinking > ends ours before Amazon is asked",
    ),
    proven(
      "AMZ-A2A-APP",
      "Linking from the Alexa app through the company's app answers with code, state and source=app.",
      "@L6",
    ),
    proven("AMZ-A2A-LINKS", "Association files for universal links and app links are served.", "@L7"),
    doesNotApply(
      "AMZ-A2A-SDK",
      "The app opens the Alexa app only as a universal or app link.",
      "That is code of the company's app; docs/mobile.md shows it for both platforms.",
    ),
    proven("AMZ-EVENTS", "Skill events are verified by certificate chain, signature, time stamp and skill id.", "@S4"),
    proven("AMZ-EVENT-DISABLED", "SkillDisabled ends the customer's link.", "@U1"),
    proven(
      "AMZ-ACCEPT-GRANT",
      "AcceptGrant exchanges the grant's code and answers AcceptGrant.Response, or an ErrorResponse.",
      "AcceptGrant > keeps the tokens with the grant of the token's customer, sealed, and answers AcceptGrant.Response",
      "AcceptGrant that fails is an ErrorResponse with status 200 > %s",
    ),
    proven(
      "AMZ-EVENT-GATEWAY",
      "A fresh token for the event gateway is given with the region's address.",
      "event gateway",
    ),
    partly(
      "AMZ-ADD-ON",
      "Add-ons get tokens by client credentials and always use PKCE.",
      "No live add-on has been seen.",
      "registering a skill > add-ons always use PKCE and may ask for tokens of their own",
    ),
    proven(
      "AMZ-FLASH",
      "Skill types without account linking are refused.",
      "registering a skill > flash briefings have no account linking",
    ),
  ],
};
