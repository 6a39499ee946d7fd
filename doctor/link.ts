// Links that the checks make: the first one, which finds out how the server wants to be called, and further ones.
import type { TokenClient } from "../simulator/library/token.ts";
import type { Examination, Obtained, ObtainOptions } from "./examination.ts";
import { exchange, type TokenCall } from "./token-call.ts";

/** How a code was redeemed: which credentials, with or without PKCE. */
export interface Manner {
  readonly client: TokenClient;
  readonly pkce: boolean;
}

export interface Try {
  readonly manner: Manner;
  readonly call: TokenCall;
}

export interface FirstLink {
  /** The first code, and where it arrived; undefined if none came. */
  readonly obtained?: Obtained;
  /** Attempts to redeem codes, in order. Only the last may have succeeded. */
  readonly tries: readonly Try[];
  /** Why there is no link; undefined if there is one. */
  readonly why?: string;
}

/** A link: tokens, and how to refresh them. */
export interface Link extends Try {
  readonly obtained: Obtained;
}

const firstLinks = new WeakMap<Examination, Promise<FirstLink>>();

/** Links once; later calls return the same link. Tries other credentials if the configured ones are refused. */
export function firstLink(examination: Examination): Promise<FirstLink> {
  const known = firstLinks.get(examination) ?? linkFirst(examination);
  firstLinks.set(examination, known);
  return known;
}

async function linkFirst(examination: Examination): Promise<FirstLink> {
  const { target } = examination;
  if (!target.client) return { tries: [], why: "needs a client id and its secret" };
  const first = await examination.obtainCode();
  if ("why" in first) return { tries: [], why: first.why };
  const tries: Try[] = [];
  for (const manner of mannersOf(examination)) {
    const obtained = tries.length === 0 ? first : await examination.obtainCode({ pkce: manner.pkce });
    if ("why" in obtained) continue;
    const call = await exchange(examination, manner.client, obtained.grant);
    tries.push({ manner, call });
    if (call.granted) return { obtained: first, tries };
    // Another manner can only help if the server refused this one.
    if (call.status < 400 || call.status >= 500) break;
  }
  return { obtained: first, tries, why: "no code could be redeemed" };
}

/** The manners of redeeming a code that are worth trying: the configured one first. */
function mannersOf({ target }: Examination): Manner[] {
  const { client, pkce } = target;
  if (!client) return [];
  const clients = [client, ...dialectsOf(client).filter((each) => each.accessTokenScheme !== client.accessTokenScheme)];
  if (needsEncoding(client)) clients.push({ ...client, accessTokenScheme: "HTTP_BASIC", basicEncoding: "form" });
  clients.push({ ...client, accessTokenScheme: "HTTP_BASIC", idBesideBasic: false });
  const manners = clients.map((each) => ({ client: each, pkce }));
  return pkce ? [...manners, { client, pkce: false }] : manners;
}

/** The client with each of the two forms of authentication. */
export function dialectsOf(client: TokenClient): [basic: TokenClient, body: TokenClient] {
  const { basicEncoding: _, ...rest } = client;
  return [
    { ...rest, accessTokenScheme: "HTTP_BASIC" },
    { ...rest, accessTokenScheme: "REQUEST_BODY_CREDENTIALS" },
  ];
}

/** Whether id or secret look different form-encoded, as in RFC 6749 §2.3.1. */
export function needsEncoding({ clientId, clientSecret }: TokenClient): boolean {
  return encodeURIComponent(clientId + clientSecret) !== clientId + clientSecret;
}

/** The first link, or why there is none. */
export async function workingLink(examination: Examination): Promise<Link | { readonly why: string }> {
  const { obtained, tries, why } = await firstLink(examination);
  const last = tries.at(-1);
  return why === undefined && obtained && last ? { obtained, ...last } : { why: why ?? "there is no link" };
}

/** The manner that works, or why none does. */
export async function workingManner(examination: Examination): Promise<Manner | { readonly why: string }> {
  const link = await workingLink(examination);
  return "why" in link ? link : link.manner;
}

/** A new code in the manner that works. */
export async function newCode(
  examination: Examination,
  options: ObtainOptions = {},
): Promise<(Obtained & { readonly manner: Manner }) | { readonly why: string }> {
  const manner = await workingManner(examination);
  if ("why" in manner) return manner;
  const obtained = await examination.obtainCode({ pkce: manner.pkce, ...options });
  return "why" in obtained ? obtained : { ...obtained, manner };
}

/** A new link in the manner that works. */
export async function newLink(
  examination: Examination,
  options: ObtainOptions = {},
): Promise<Link | { readonly why: string; readonly call?: TokenCall }> {
  const code = await newCode(examination, options);
  if ("why" in code) return code;
  const { manner, ...obtained } = code;
  const call = await exchange(examination, manner.client, obtained.grant);
  if (!call.granted) return { why: "a new code could not be redeemed", call };
  return { obtained, manner, call };
}
