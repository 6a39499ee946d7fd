// What this authorization server can do, in one place: the metadata document and the checks both read it.

export const CAPABILITIES = {
  responseTypes: ["code"],
  responseModes: ["query"],
  grantTypes: ["authorization_code", "refresh_token", "client_credentials"],
  challengeMethods: ["S256"],
  authMethods: ["client_secret_basic", "client_secret_post", "none"],
  confidentialAuthMethods: ["client_secret_basic", "client_secret_post"],
} as const;
