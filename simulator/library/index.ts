// The simulator as a library: Alexa's side of account linking as functions over any `fetch`.

export * from "./add-on-metadata.ts";
export * from "./authorization-request.ts";
export * from "./authorization-response.ts";
export * from "./browser.ts";
export * from "./checks.ts";
export * from "./mcp.ts";
export * from "./pkce.ts";
export * from "./service-token.ts";
export * from "./token.ts";
