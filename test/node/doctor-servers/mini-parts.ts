// What the mini server is made of: its faults, signed tokens, pages.
import { createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import { page } from "./foreign-server.ts";

/** What a mini server may do wrong, each with the one check that must find it. */
export const MINI_FAULTS = {
  "takes a code twice": "code_works_once",
  "takes the code of another client": "code_bound_to_client",
  "does not compare the redirect URI at the token endpoint": "code_bound_to_redirect_uri",
  "ignores the code verifier": "code_needs_the_verifier",
  "takes a code without its verifier": "code_needs_the_verifier",
  "compares the beginning of the redirect URI": "redirect_uri_exact",
  "makes a space of a plus in state": "response_state",
  "loses the padding of state": "response_state",
  "cuts state": "response_state",
  "sends expires_in in milliseconds": "token_life_plausible",
  "sends expires_in as a string": "token_expires_in",
  "sends no refresh token": "token_refresh_token",
  "takes any secret": "code_needs_the_secret",
  "is slow at the token endpoint": "token_in_time",
  "sends tokens as HTML": "token_content_type",
  "rotates strictly": "refresh_survives_a_lost_response",
  "ends the first link by the second": "links_side_by_side",
  "denies without a redirect": "denial_returns_to_alexa",
  "redirects with 307": "redirect_status",
  "challenges robots": "no_bot_challenge",
  "wants cookies at the token endpoint": "token_status",
  "takes Basic only, and says both": "body_authentication",
  "takes the body only, and says both": "basic_authentication",
  "does not name S256": "metadata_s256",
  "names another issuer": "metadata_issuer",
  "knows three redirect hosts": "links_in_every_region",
  "lets tokens be cached": "token_no_store",
  "opens a pop-up": "page_no_popups",
  "forbids the redirect by its policy": "page_form_action",
  "does not revoke": "revocation_works",
  "redirects the association file": "apple_association_file",
  "sends the association file as text": "apple_association_file",
  "names no token type": "token_type_bearer",
  "sends the code in the fragment": "response_code",
  "fails with status 500 for an unknown code": "no_server_errors",
  "redirects errors to unknown addresses": "foreign_redirects_refused",
  "shows a page that needs a wide screen": "page_fits_phone",
  "refuses a refresh with the secret in the body": "refresh_in_both_forms",
  "gives refresh tokens to any client": "refresh_bound_to_client",
} as const;

export type MiniFault = keyof typeof MINI_FAULTS;

export interface MiniOptions {
  readonly fault?: MiniFault;
  /** How the token endpoint authenticates the client, and what the metadata says of it. */
  readonly authentication?: readonly ("client_secret_basic" | "client_secret_post")[];
  /** Whether a refresh gives a new refresh token, and the one before stays valid until the new one is used. */
  readonly rotates?: boolean;
  /** Whether consent is a form, not two links. */
  readonly asksByForm?: boolean;
  /** Whether there is no RFC 8414 metadata. */
  readonly silent?: boolean;
}

const KEY = "obviously-fake-signing-key";

/** A token in the form of a JWT. */
export function signed(value: object): string {
  const body = Buffer.from(JSON.stringify(value)).toString("base64url");
  return `eyJhbGciOiJIUzI1NiJ9.${body}.${createHmac("sha256", KEY).update(body).digest("base64url")}`;
}

/** What is in a token; undefined if it was not signed here. */
// biome-ignore lint/suspicious/noExplicitAny: the content of a token is whatever was signed
export function opened(token: string): any {
  const [, body = "", mark] = token.split(".");
  const good = createHmac("sha256", KEY).update(body).digest("base64url") === mark;
  return good ? JSON.parse(Buffer.from(body, "base64url").toString()) : undefined;
}

export const ASSET_LINK = {
  relation: ["delegate_permission/common.handle_all_urls"],
  target: {
    namespace: "android_app",
    package_name: "com.example.shop",
    sha256_cert_fingerprints: [Array(32).fill("AA").join(":")],
  },
};
export const APP_LINK = { appIDs: ["ABCDE12345.com.example.shop"], components: [{ "/": "/app/*" }] };

export interface PageOptions {
  readonly policy?: string;
  readonly wide?: boolean;
}

/** A form. */
export function form(action: string, fields: string): string {
  return `<form action="${action}" method="post">${fields}</form>`;
}

/** Sends a page. */
export function html(
  response: ServerResponse,
  status: number,
  title: string,
  body: string,
  options: PageOptions = {},
): void {
  const whole = page(title, body);
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    ...(options.policy && { "content-security-policy": options.policy }),
  });
  response.end(options.wide ? whole.replace(/<meta name="viewport"[^>]*>/, "") : whole);
}

/** Sends JSON. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
