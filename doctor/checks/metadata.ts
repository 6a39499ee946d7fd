// The metadata document (RFC 8414): that it is there, and that it says what is true.
import type { Area, Examination } from "../examination.ts";
import { endpointIn } from "../metadata.ts";
import type { Check } from "../report.ts";

const UNREAD = "Alexa reads no metadata for skills, so links work. Alexa+ add-ons and other clients depend on it.";

const SERVED: Check = {
  id: "metadata_served",
  title: "The server publishes metadata as JSON",
  severity: "warn",
  effect: UNREAD,
  remedy: "Serve the document at /.well-known/oauth-authorization-server as application/json.",
  source: "RFC 8414 §3",
};

const ISSUER: Check = {
  id: "metadata_issuer",
  title: "issuer in the metadata is the address where the metadata was found",
  severity: "fail",
  effect: "Clients that follow the standard, Alexa+ among them, must not use such metadata, and do not link.",
  remedy: "Set the issuer of your server to its public https address, exactly, without a different host, port or path.",
  source: "RFC 8414 §3.3",
};

const ENDPOINTS: Check = {
  id: "metadata_endpoints",
  title: "The endpoints in the metadata are https URLs, and the ones in use",
  severity: "fail",
  effect: "Clients that read the metadata, Alexa+ among them, are sent to another address, or without encryption.",
  remedy:
    "Behind a proxy, tell your server its public address (often a setting such as “trust proxy” or a base URL), so that it publishes https URLs.",
  source: "RFC 8414 §2; RFC 6749 §3.1 and §3.2",
};

const S256: Check = {
  id: "metadata_s256",
  title: "The metadata lists the PKCE method S256",
  severity: "warn",
  effect: `${UNREAD} Amazon's tool refuses to deploy an Alexa+ add-on without it.`,
  remedy: 'Publish "code_challenge_methods_supported": ["S256"].',
  source: "RFC 8414 §2; RFC 9700 §2.1.1",
};

const METHODS: Check = {
  id: "metadata_authentication",
  title: "The metadata lists a form of client authentication that Alexa uses",
  severity: "warn",
  effect: "Alexa sends the client's secret by HTTP Basic or in the body, and knows no other form.",
  remedy:
    'Publish "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"], if both work.',
  source: "RFC 8414 §2; Amazon, Account Linking Schemas (accessTokenScheme)",
};

const TYPES: Check = {
  id: "metadata_grant_types",
  title: "The metadata lists response type code, and the grant types that Alexa uses",
  severity: "warn",
  effect: UNREAD,
  remedy:
    'Publish "response_types_supported": ["code"] and "grant_types_supported": ["authorization_code", "refresh_token"].',
  source: "RFC 8414 §2",
};

export const metadataArea: Area = {
  name: "metadata",
  checks: [SERVED, ISSUER, ENDPOINTS, S256, METHODS, TYPES],
  async run(examination) {
    const { report, target } = examination;
    const { metadata, issuer, metadataUrl } = target;
    if (!metadata) {
      const why =
        issuer === undefined
          ? "the endpoints were given by hand"
          : "there is no metadata, and the endpoints were given by hand";
      return report.skipRest(this.checks, why);
    }
    await checkServed(examination, metadataUrl);
    judgeIssuer(examination, metadata);
    judgeEndpoints(examination, metadata);
    judgeLists(examination, metadata);
  },
};

async function checkServed({ report, fetch }: Examination, url: string | undefined): Promise<void> {
  if (url === undefined) return report.pass(SERVED, "there is a document");
  const response = await fetch(new Request(url, { redirect: "manual" })).catch(() => undefined);
  await response?.body?.cancel();
  if (response?.status === 403) return report.skip(SERVED, "programs are refused (no_bot_challenge)");
  const type = response?.headers.get("content-type") ?? "no content type";
  const json = /^application\/json\b/i.test(type);
  report.expect(SERVED, json, url, `${url} has the content type ${type.slice(0, 100)}`);
}

function judgeIssuer({ report, target }: Examination, metadata: Record<string, unknown>): void {
  if (target.issuer === undefined) {
    report.skip(ISSUER, "only the endpoints are known");
    return;
  }
  const issuer = typeof metadata.issuer === "string" ? metadata.issuer : undefined;
  const same = issuer?.replace(/\/$/, "") === target.issuer;
  const said = issuer === undefined ? "there is no issuer" : `issuer is ${issuer.slice(0, 200)}, not ${target.issuer}`;
  report.expect(ISSUER, same, issuer ?? "", said);
}

function judgeEndpoints({ report, target }: Examination, metadata: Record<string, unknown>): void {
  const bad: string[] = [];
  for (const [name, used] of [
    ["authorization_endpoint", target.authorizationUrl],
    ["token_endpoint", target.tokenUrl],
  ] as const) {
    const url = endpointIn(metadata, name);
    if (url === undefined) bad.push(`${name} is missing, or no absolute URL`);
    else if (!isSecure(url)) bad.push(`${name} is ${url.slice(0, 200)}, without TLS`);
    else if (url !== used) bad.push(`${name} is ${url.slice(0, 200)}, but ${used} is in use`);
  }
  report.expect(ENDPOINTS, bad.length === 0, "both are right", bad.join("; "));
}

function isSecure(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

function judgeLists({ report }: Examination, metadata: Record<string, unknown>): void {
  const listed = (name: string) =>
    Array.isArray(metadata[name]) ? metadata[name].filter((each) => typeof each === "string") : undefined;
  const methods = listed("code_challenge_methods_supported");
  report.expect(
    S256,
    methods?.includes("S256") === true,
    "S256",
    methods ? `only ${methods.join(", ")}` : "no PKCE method is listed",
  );
  const forms = listed("token_endpoint_auth_methods_supported") ?? ["client_secret_basic"];
  const usable = forms.filter((form) => form === "client_secret_basic" || form === "client_secret_post");
  report.expect(METHODS, usable.length > 0, usable.join(", "), `only ${forms.join(", ").slice(0, 200)}`);
  const missing: string[] = [];
  if (!listed("response_types_supported")?.includes("code")) missing.push("response type code");
  const grants = listed("grant_types_supported");
  for (const name of ["authorization_code", "refresh_token"]) {
    if (grants && !grants.includes(name)) missing.push(`grant type ${name}`);
  }
  report.expect(TYPES, missing.length === 0, "listed", `not listed: ${missing.join(", ")}`);
}
