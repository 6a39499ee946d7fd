// An MCP add-on of Alexa+: its configuration, what Alexa cached at the deploy, and its conversations.
import * as z from "zod";
import type { Check } from "../library/checks.ts";
import { randomText } from "../library/encoding.ts";
import type { McpSession, McpTool, OfferedVersion } from "../library/mcp.ts";
import { companySchema, type Skill } from "./configuration.ts";

/** An http URL is accepted on loopback only, as in development. */
function isResource(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, username, password } = new URL(url);
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  const known = protocol === "https:" || (protocol === "http:" && loopback);
  return known && username === "" && password === "" && !url.includes("#");
}

export const addOnSchema = z
  .strictObject({
    addOnId: z.string().min(1).max(255),
    /** The name that customers see. */
    name: z.string().min(1).max(100),
    /** The MCP server's URI, byte for byte as in the add-on's manifest. */
    resource: z.string().max(500).refine(isResource, "an https URL (http on loopback) without user name and fragment"),
    clientId: z.string().min(1).max(100),
    clientSecret: z.string().min(1),
    /** The client for tokens without a user, if it is another one. */
    serviceClientId: z.string().min(1).max(100).optional(),
    serviceClientSecret: z.string().min(1).optional(),
    vendorId: z.string().regex(/^[A-Za-z0-9]+$/, "letters and digits only"),
    /** The scopes asked for at the authorization endpoint (default: the MCP host's `scopes_supported` and `openid`). */
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, "one scope, without spaces"))
      .max(15)
      .optional(),
    alexaRedirects: z.enum(["auto", "amazon", "simulator"]).default("auto"),
    /** The URL that the company's app claims (default: the simulated app). */
    appAuthorizationUrl: z.url({ protocol: /^https?$/ }).optional(),
    company: companySchema,
  })
  .refine((addOn) => (addOn.serviceClientId === undefined) === (addOn.serviceClientSecret === undefined), {
    path: ["serviceClientSecret"],
    message: "serviceClientId and serviceClientSecret are given together or not at all",
  });
export type AddOn = z.infer<typeof addOnSchema>;

/** The stage in which add-ons are linked. */
export const ADD_ON_STAGE = "development";

/** What the customer asked for, and how it ended. */
export interface Turn {
  readonly tool: string;
  readonly outcome: "result" | "needs_link" | "failed";
  /** The tool's text, or why there is none. */
  readonly text: string;
  /** The attempts of a refused call: the one that it started, and those in the company's app. The newest is last. */
  readonly attemptIds?: readonly string[];
  /** Amazon's rules that were broken although the call went on. */
  readonly notes: readonly string[];
}

/** One Amazon account's use of the add-on. */
export interface Conversation {
  /** Under which requests without a link are recorded. */
  readonly id: string;
  readonly turns: Turn[];
  /** What each tool returned for the link before this one. */
  readonly previousResults: ReadonlyMap<string, string>;
}

/** What Alexa keeps of the metadata. A change at the company needs another deploy. */
export interface Deployment {
  /** Alexa's account linking, with the addresses of the metadata. */
  readonly skill: Skill;
  readonly issuer: string;
  readonly resourceScopes: readonly string[];
}

export interface DeployReport {
  /** Under which its requests are recorded. */
  readonly id: string;
  readonly at: number;
  /** What the deploy command checks. */
  readonly deploy: readonly Check[];
  /** What the authentication checklist asks for; empty if the deploy failed. */
  readonly checklist: readonly Check[];
}

export interface AddOnState {
  readonly addOn: AddOn;
  deployment?: Deployment;
  report?: DeployReport;
  serviceToken?: { readonly accessToken: string; readonly expiresAt: number };
  offeredVersion: OfferedVersion;
  /** The MCP session of the service token and of each link, by `linkId`. */
  readonly sessions: Map<string, McpSession>;
  tools: readonly McpTool[];
  /** By the id of the Amazon account. */
  readonly conversations: Map<string, Conversation>;
}

export function createAddOnState(addOn: AddOn): AddOnState {
  return { addOn, offeredVersion: "2025-11-25", sessions: new Map(), tools: [], conversations: new Map() };
}

export function conversationOf(state: AddOnState, accountId: string): Conversation {
  return state.conversations.get(accountId) ?? startConversation(state, accountId);
}

/** Starts without turns. `previousResults` are those of the link that ended; the next link's results are compared with them. */
export function startConversation(
  state: AddOnState,
  accountId: string,
  previousResults: ReadonlyMap<string, string> = new Map(),
): Conversation {
  const conversation = { id: `cv_${randomText(6)}`, turns: [], previousResults };
  state.conversations.set(accountId, conversation);
  return conversation;
}
