// What the standards ask of an authorization server of this kind.
import { documentedOnly, doesNotApply, notYet, proven, type Source } from "./requirement.ts";

const CLIENTS = ["openid-client > ", "oauth4webapi > "];

export const STANDARDS: readonly Source[] = [
  {
    title: "RFC 6749: OAuth 2.0",
    about:
      "The authorization framework; the grants offered are authorization_code, refresh_token and client_credentials.",
    requirements: [
      proven(
        "RFC6749-2.3.1",
        "Clients with a secret may use HTTP Basic, whose parts are form-encoded, or the request body.",
        "@A1",
        "@A3",
      ),
      proven("RFC6749-2.3", "More than one authentication method in a request is refused.", "@A3"),
      documentedOnly(
        "RFC6749-3.1-TLS",
        "Endpoints are reached over TLS only.",
        "Configuration refuses an http issuer outside localhost (see O6); the runtime's edge ends TLS.",
      ),
      proven("RFC6749-3.1", "Parameters of an authorization request come once; unknown ones are ignored.", "@B4"),
      proven("RFC6749-3.1.2.3", "The redirect URI must be one of the registered ones.", "@R2"),
      proven(
        "RFC6749-3.1.2.4",
        "With a bad redirect URI or client the person is told, and nobody is redirected.",
        "@R2",
        "@R4",
      ),
      proven(
        "RFC6749-3.2",
        "The token endpoint takes POST, once per parameter, and nothing from the query.",
        "@W1",
        "@W4",
      ),
      proven(
        "RFC6749-3.3",
        "Scope: unknown ones are refused, none asked means all of the client's, and the answer names what was granted.",
        "errors that belong to Alexa go back to Alexa > S6: %s for %j",
        "missing scope means all of the client's",
      ),
      proven(
        "RFC6749-4.1.1",
        "The request carries response_type, client_id, redirect_uri, scope and state.",
        "@R1",
        ...CLIENTS,
      ),
      proven(
        "RFC6749-4.1.2",
        "The code is short-lived, bound to client and redirect URI, used once; a second use ends what the first gave.",
        "@C4",
        "@C6",
        "@C7",
        "@V4",
      ),
      proven(
        "RFC6749-4.1.2.1",
        "Errors go back to the redirect URI with the code of the standard and the state.",
        "errors that belong to Alexa go back to Alexa > S6: %s for %j",
        "linking from the Alexa app > denial goes back to Alexa with the same state",
      ),
      proven("RFC6749-4.1.3", "The exchange checks client, code and redirect URI.", "@C6", ...CLIENTS),
      proven("RFC6749-4.1.4", "The answer holds access token, type, lifetime and refresh token.", "@T5", ...CLIENTS),
      doesNotApply(
        "RFC6749-4.2",
        "Implicit grant.",
        "Not offered: RFC 9700 §2.1.2 advises against it, and Amazon asks for codes.",
      ),
      doesNotApply(
        "RFC6749-4.3",
        "Resource owner password credentials grant.",
        "Not offered: RFC 9700 §2.4 forbids it.",
      ),
      proven(
        "RFC6749-4.4",
        "Client credentials are for confidential clients, and give no refresh token.",
        "client credentials > give a service client a token of its own: no user, no refresh token",
        "client credentials > are for service clients and add-ons that were allowed to",
      ),
      proven("RFC6749-5.1", "Token answers are JSON that nobody stores.", "@W1"),
      proven(
        "RFC6749-5.2",
        "Token errors: 400, or 401 for the client's authentication, with the codes of the standard.",
        "@A2",
        "@A3",
        "bodies > each missing parameter of each grant type is invalid_request, and names itself",
      ),
      proven(
        "RFC6749-6",
        "A refresh is bound to its client and may ask for less scope, never for more.",
        "@T9",
        "simple-oauth2 > ",
        "requests-oauthlib > ",
      ),
      proven("RFC6749-10.4", "Refresh tokens are kept secret at rest and bound to their client.", "@T9"),
      proven("RFC6749-10.5", "Codes are short-lived and single use.", "@C4", "@V4"),
      proven("RFC6749-10.10", "Tokens, codes and secrets have at least 128 random bits.", "@T10"),
      proven("RFC6749-10.12", "Pages are guarded against forged requests of other sites.", "@S3"),
      proven("RFC6749-10.13", "Pages cannot be framed.", "@P7"),
      proven("RFC6749-10.15", "Nothing redirects to an address that was not registered.", "@S7", "@B4"),
    ],
  },
  {
    title: "RFC 6750: bearer tokens",
    about: "For userinfo and the JSON API, the places where this server takes access tokens itself.",
    requirements: [
      proven(
        "RFC6750-2.1",
        "The access token comes in the Authorization header.",
        "openid-client > ",
        "passport-oauth2 > ",
      ),
      proven("RFC6750-2.3", "Tokens in the query or a form are not taken."),
      proven(
        "RFC6750-3",
        "A missing or bad token is 401 with WWW-Authenticate: Bearer.",
        "the app asks and decides > without a bearer 401, with another method 405",
      ),
      proven(
        "RFC6750-3.1",
        "Too little scope is 403 insufficient_scope.",
        "starting > needs a bearer with the scope links",
      ),
      proven("RFC6750-5.3", "Tokens are short-lived, and pass no page, URL or log.", "@T6", "openid-client > "),
    ],
  },
  {
    title: "RFC 7636: PKCE",
    about: "Required of public clients, offered to all, S256 only.",
    requirements: [
      proven(
        "RFC7636-4.2",
        "S256 is the only method; plain is refused.",
        "errors that belong to Alexa go back to Alexa > S6: %s for %j",
      ),
      proven(
        "RFC7636-4.3",
        "A challenge has 43 base64url characters.",
        "errors that belong to Alexa go back to Alexa > S6: %s for %j",
      ),
      proven(
        "RFC7636-4.4.1",
        "Clients that must use PKCE get invalid_request without a challenge.",
        "S6: a client that requires PKCE is refused without a challenge, and public apps always",
      ),
      proven(
        "RFC7636-4.6",
        "The verifier is hashed and compared with the code's challenge; a wrong one is invalid_grant.",
        "PKCE > S6: ",
        "openid-client > a wrong secret, and a verifier of another request",
      ),
      proven("RFC7636-7.2", "The verifier cannot be left out where a challenge was given.", "@S6"),
    ],
  },
  {
    title: "RFC 7009: revocation",
    about: "POST /revoke ends the grant behind either token.",
    requirements: [
      proven(
        "RFC7009-2.1",
        "Clients authenticate as at the token endpoint; public ones name themselves.",
        "openid-client > ",
        "oauth4webapi > a public app rotates its refresh tokens and can end the link",
      ),
      proven(
        "RFC7009-2.1-OWN",
        "A client revokes its own tokens only.",
        "unlinking > one grant: of its user and skill only",
      ),
      proven(
        "RFC7009-2.2",
        "Valid and unknown tokens are both answered 200.",
        "requests-oauthlib > ",
        "simple-oauth2 > ",
      ),
      proven(
        "RFC7009-2.1-BOTH",
        "Revoking one token of a grant ends all of them.",
        "oauth4webapi > A1, A3: a confidential client with %s links, refreshes, introspects, asks userinfo and revokes",
        "openid-client > A1, A3: a confidential client with %s links, refreshes, asks who it is and revokes",
      ),
      doesNotApply(
        "RFC7009-2.3",
        "Cross-origin calls by JSONP or CORS.",
        "Optional; the website calls its own backend.",
      ),
    ],
  },
  {
    title: "RFC 7662: introspection",
    about: "POST /introspect for confidential clients.",
    requirements: [
      proven(
        "RFC7662-2.1",
        "Callers authenticate; public clients may not ask.",
        "@A2",
        "openid-client > a skill's backend gets a token of its own and looks into those of its skill",
      ),
      proven(
        "RFC7662-2.2",
        'Active tokens are described; all others are exactly {"active":false}.',
        "openid-client > a skill's backend gets a token of its own and looks into those of its skill",
        "@U3",
      ),
      proven(
        "RFC7662-4",
        "The state of the grant is asked for, not only the signature.",
        "openid-client > A1, A3: a confidential client with %s links, refreshes, asks who it is and revokes",
        "unlinking > U3: is at once and total: refresh, introspection, open codes",
      ),
    ],
  },
  {
    title: "RFC 8414: metadata",
    about: "GET /.well-known/oauth-authorization-server.",
    requirements: [
      proven(
        "RFC8414-2",
        "The document names every endpoint and what each supports.",
        "oauth4webapi > RFC8414: the metadata passes its validation and names every endpoint that it uses",
      ),
      proven(
        "RFC8414-3",
        "It lies at the well-known path and is read without authentication.",
        "oauth4webapi > RFC8414",
        "openid-client > ",
      ),
      proven(
        "RFC8414-3.3",
        "Its issuer is the address that was asked.",
        "oauth4webapi > RFC8414",
        "the issuer of a request > ",
      ),
      doesNotApply(
        "RFC8414-2.1",
        "Signed metadata.",
        "Optional; the document comes over TLS from the issuer's own origin.",
      ),
    ],
  },
  {
    title: "RFC 8707: resource indicators",
    about: "For client credentials; users' tokens have a fixed audience.",
    requirements: [
      proven(
        "RFC8707-2",
        "resource becomes the audience; what is no absolute URI without fragment is invalid_target.",
        "client credentials > RFC 8707: resource becomes the audience, several of them all",
        "openid-client > a skill's backend gets a token of its own and looks into those of its skill",
      ),
      doesNotApply(
        "RFC8707-2.1",
        "resource at the authorization endpoint.",
        "Alexa sends none: its tokens are for the skill, an app's for this server.",
      ),
    ],
  },
  {
    title: "RFC 9068: JWT access tokens",
    about: "Access tokens are JWTs that skill backends verify by the published keys.",
    requirements: [
      proven(
        "RFC9068-2.1",
        "Header: typ at+jwt, an asymmetric algorithm, the key's id.",
        "oauth4webapi > RFC9068: a resource server validates the app's access token by the published keys",
      ),
      proven("RFC9068-2.2", "Claims: iss, exp, aud, sub, client_id, iat, jti.", "oauth4webapi > RFC9068"),
      proven(
        "RFC9068-3",
        "The audience separates doors: one token never opens another's.",
        "oauth4webapi > RFC9068",
        "client credentials > never open a user's door: userinfo, the JSON API, introspection",
      ),
      proven(
        "RFC9068-4",
        "Whoever verifies checks type, signature, issuer, audience and end.",
        "oauth4webapi > RFC9068",
        "a bearer of the identity provider > is refused with %s",
      ),
      proven("RFC9068-6", "Tokens hold no personal data beside the subject.", "@T10"),
    ],
  },
  {
    title: "RFC 9207: issuer identification",
    about: "A switch per client, since it is not known whether Alexa takes the extra parameter.",
    requirements: [
      proven(
        "RFC9207-2",
        "iss is added, on success and error, for clients that want it.",
        "S2: iss is sent to the clients that want it, and only to them",
      ),
      documentedOnly(
        "RFC9207-3",
        "Metadata says whether iss is sent.",
        "It says false, because it is sent only to clients that were set so; docs/admin-api.md.",
      ),
      proven(
        "RFC9207-2.4",
        "As a client of the company's identity provider this server checks iss.",
        "the company's identity provider > RFC 9207: refuses an answer whose issuer is %s",
        "the company's identity provider > RFC 9207: wants the issuer where the provider promises it",
      ),
    ],
  },
  {
    title: "RFC 9700: security best current practice",
    about: "What it asks of authorization servers.",
    requirements: [
      proven("RFC9700-2.1", "Redirect URIs are compared exactly; nothing redirects elsewhere.", "@R2", "@S7"),
      proven("RFC9700-2.1.1", "PKCE is enforced for public clients, offered to all, and safe from downgrades.", "@S6"),
      proven("RFC9700-2.1.2", "No implicit grant."),
      proven(
        "RFC9700-2.2.2",
        "Refresh tokens of public clients rotate, and a reused one ends the grant.",
        "@T3",
        "@T9",
      ),
      notYet(
        "RFC9700-2.2.1",
        "Access tokens should be bound to their sender.",
        "Alexa presents plain bearer tokens, so they stay short-lived and audience-restricted instead.",
      ),
      proven(
        "RFC9700-2.3",
        "Access tokens are restricted in audience and scope.",
        "oauth4webapi > RFC9068",
        "starting > needs a bearer with the scope links",
      ),
      proven("RFC9700-2.4", "No password grant."),
      doesNotApply(
        "RFC9700-2.5",
        "Asymmetric client authentication is recommended.",
        "Alexa offers HTTP Basic and body credentials only; secrets are long, random, hashed and rotated with overlap.",
      ),
      proven("RFC9700-2.6", "Metadata is published.", "oauth4webapi > RFC8414"),
      proven("RFC9700-4.2", "Codes do not leak by Referer or history.", "@P7"),
      proven(
        "RFC9700-4.4",
        "Mix-up: state, and iss for clients that want it; each method of sign-in has its own callback.",
        "@S2",
      ),
      proven("RFC9700-4.5", "An injected code fails on its client, redirect URI and challenge.", "@C6", "@S6"),
      proven("RFC9700-4.7", "Requests forged by another site change nothing.", "@S3"),
      proven("RFC9700-4.8", "A PKCE downgrade is refused: a verifier for a code without challenge is an error.", "@S6"),
      proven("RFC9700-4.11", "No open redirector.", "@S7", "@B4"),
      proven("RFC9700-4.12", "A form post is answered with 303.", "@P7"),
      documentedOnly(
        "RFC9700-4.13",
        "Headers set by proxies are not trusted.",
        "No code reads x-forwarded-*; the network address is the one that Cloudflare sets.",
      ),
      proven(
        "RFC9700-4.14",
        "Refresh tokens end with the grant, by idleness, and for public clients by age.",
        "@U2",
        "@T3",
      ),
      proven(
        "RFC9700-4.15",
        "A client's own token cannot be taken for a user's.",
        "client credentials > never open a user's door: userinfo, the JSON API, introspection",
      ),
      proven("RFC9700-4.16", "Pages cannot be framed.", "@P7"),
      proven("RFC9700-4.17", "No token is handed over by postMessage.", "@P6"),
    ],
  },
];
