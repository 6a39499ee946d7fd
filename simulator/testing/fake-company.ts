// A small OAuth server that tests the simulator and the doctor: correct by default, with one deliberate defect on
// request.
import type { Breakage } from "./fake-company-faults.ts";
import { createPages } from "./fake-company-pages.ts";
import { createCompany, type FakeCompanyOptions } from "./fake-company-state.ts";
import { createTokens } from "./fake-company-tokens.ts";

export { type Breakage, FAULTS } from "./fake-company-faults.ts";
export type { FakeCompanyOptions } from "./fake-company-state.ts";

const A_MOMENT = 30;

/** Creates the server. `broken` names its defect. */
export function createFakeCompany(options: FakeCompanyOptions, broken?: Breakage) {
  const wait = options.wait ?? (() => new Promise<void>((resolve) => setTimeout(resolve, A_MOMENT)));
  const company = createCompany({ ...options, wait }, broken);
  const pages = createPages(company);
  const { token, revoke } = createTokens(company);
  const { is } = company;

  function metadata(): Response {
    const { issuer } = company.options;
    const endpoint = (name: string) => `${issuer}/${name}`;
    const document = {
      issuer: is("metadata_of_another_issuer") ? "https://internal.example.com" : issuer,
      authorization_endpoint: endpoint("authorize"),
      token_endpoint: endpoint("token").replace("https", is("metadata_http_endpoint") ? "http" : "https"),
      revocation_endpoint: endpoint("revoke"),
      response_types_supported: ["code"],
      grant_types_supported: ["authorization_code", ...(is("metadata_without_refresh") ? [] : ["refresh_token"])],
      code_challenge_methods_supported: is("metadata_without_s256") ? ["plain"] : ["S256"],
      token_endpoint_auth_methods_supported: is("metadata_jwt_only")
        ? ["private_key_jwt"]
        : ["client_secret_basic", "client_secret_post"],
    };
    return Response.json(document, is("metadata_html") ? { headers: { "content-type": "text/html" } } : {});
  }

  return {
    /** Issues a code for the enablement call. */
    mintCode: pages.mintCode,
    async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      if (pathname === "/authorize") return pages.authorize(request);
      if (pathname === "/sign-in") return pages.signIn(request);
      if (pathname === "/token") return token(request);
      if (pathname === "/revoke") return revoke(request);
      if (pathname === "/.well-known/oauth-authorization-server") return metadata();
      return new Response("not found", { status: 404 });
    },
  };
}
