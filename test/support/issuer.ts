// The public origin that the service has in tests.

export const ISSUER = "https://link.example.com";
