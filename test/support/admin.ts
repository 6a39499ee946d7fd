// Calls of the admin API as an operator makes them.
import { ADMIN_TOKEN, type Service } from "./service.ts";

export interface AdminResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface AdminCall {
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: BodyInit;
}

/** One call; `body` is sent as JSON. Returns the response's JSON, `{}` when it has none. */
export async function admin(
  service: Service,
  method: string,
  path: string,
  body?: unknown,
  call: AdminCall = {},
): Promise<AdminResponse> {
  const token = call.token === undefined ? ADMIN_TOKEN : call.token;
  const response = await service.request(path.startsWith("/") ? path : `/api/admin/${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...call.headers,
    },
    ...(call.raw !== undefined ? { body: call.raw } : body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

export const SKILL_BODY = {
  id: "amzn1.ask.skill.0000-admin",
  name: "Acme Home",
  type: "smart_home",
  stage: "development",
  vendorId: "M2EXAMPLEVENDOR",
  extraRedirectUris: [],
  scopes: ["profile", { name: "devices:control", descriptions: { en: "Control your devices" } }],
  returnUrls: ["https://app.example.com/alexa/done"],
  lwa: { clientId: "amzn1.application-oa2-client.example", clientSecret: "example-lwa-secret" },
  eventGateway: { clientId: "amzn1.application-oa2-client.example2", clientSecret: "example-event-secret" },
  client: { id: "alexa-acme-home" },
};

export const SKILL_PATH = "skills/amzn1.ask.skill.0000-admin";

/** An Alexa+ add-on. */
export const ADD_ON_BODY = {
  id: "amzn1.ask.skill.0000-add-on",
  name: "Acme Notes",
  type: "add_on",
  vendorId: "M2EXAMPLEVENDOR",
  resource: "https://mcp.example.com/mcp",
  scopes: [
    { name: "mcp:service", tier: "service", descriptions: {} },
    { name: "mcp:tools", tier: "user", descriptions: { en: "Use your notes" } },
    { name: "mcp:resources", tier: "user", descriptions: {} },
  ],
  returnUrls: ["https://app.example.com/alexa/done"],
  client: { id: "alexa-acme-notes" },
};

export const ADD_ON_PATH = "skills/amzn1.ask.skill.0000-add-on";

export interface ClientView {
  readonly id: string;
  readonly secret?: string;
  readonly redirectUris: readonly string[];
  readonly requirePkce: boolean;
}
/** The client in the response about a skill. */
export const clientOf = (response: { body: Record<string, unknown> }) => response.body.client as ClientView;

/** The second client of an add-on in the response about it. */
export const serviceClientOf = (response: { body: Record<string, unknown> }) =>
  response.body.serviceClient as { readonly id: string; readonly secret?: string; previousSecretExpiresAt?: string };

/** Amazon's redirect URIs of a vendor id. */
export const redirectUrisOf = (vendor: string) => [
  `https://pitangui.amazon.com/api/skill/link/${vendor}`,
  `https://layla.amazon.com/api/skill/link/${vendor}`,
  `https://alexa.amazon.co.jp/api/skill/link/${vendor}`,
  `https://alexa.amazon.com/api/skill/link/${vendor}`,
];
