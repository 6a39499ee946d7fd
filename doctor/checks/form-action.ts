// The directive form-action of a Content-Security-Policy, as Chromium applies it to redirects after a form.
import { readMarkup } from "../../simulator/library/html.ts";
import type { SeenPage } from "../examination.ts";

/** The policies of a page, from its headers and its markup. All of them apply. */
export function policiesOf({ headers, html, url }: SeenPage): string[] {
  const sent = (headers.get("content-security-policy") ?? "").split(",");
  return [...sent, ...readMarkup(html, url).policies].map((policy) => policy.trim()).filter((policy) => policy !== "");
}

/** The hosts of redirect URIs to which these policies let no form of the page lead. */
export function refusedHosts(policies: readonly string[], page: string, redirectUris: readonly string[]): string[] {
  const lists = policies.map(formActionOf).filter((sources) => sources !== undefined);
  const refused = redirectUris.filter((uri) =>
    lists.some((sources) => !sources.some((each) => allows(each, uri, page))),
  );
  return [...new Set(refused.map((uri) => new URL(uri).host))];
}

/** The sources of form-action; undefined if the policy has none. Only the first of the same name counts. */
function formActionOf(policy: string): string[] | undefined {
  const directives = policy.split(";").map((directive) => directive.trim().split(/\s+/));
  return directives.find(([name = ""]) => name.toLowerCase() === "form-action")?.slice(1);
}

function allows(source: string, uri: string, page: string): boolean {
  const target = new URL(uri);
  const text = source.toLowerCase();
  if (text === "'none'") return false;
  if (text === "'self'") return target.origin === new URL(page).origin;
  if (text === "*") return /^https?:$/.test(target.protocol);
  if (/^[a-z][a-z0-9+.-]*:$/.test(text)) return target.protocol === text;
  const [, scheme, host = "", port] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/:]+)(?::(\d+|\*))?(\/.*)?$/.exec(text) ?? [];
  if (scheme !== undefined && `${scheme}:` !== target.protocol && !(scheme === "http" && target.protocol === "https:"))
    return false;
  if (port !== undefined && port !== "*" && port !== (target.port || "443")) return false;
  // A path is not compared after a redirect (CSP3 §6.7.2.9).
  return host.startsWith("*.") ? target.hostname.endsWith(host.slice(1)) : target.hostname === host;
}
