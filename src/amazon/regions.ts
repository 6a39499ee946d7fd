// Alexa's regions, and the public event gateway of each.

export const REGIONS = ["NA", "EU", "FE"] as const;
export type Region = (typeof REGIONS)[number];

const GATEWAYS: Readonly<Record<Region, string>> = {
  NA: "https://api.amazonalexa.com",
  EU: "https://api.eu.amazonalexa.com",
  FE: "https://api.fe.amazonalexa.com",
};

/** The region of a request's `apiEndpoint`, if that is one of Alexa's public hosts or a configured one. */
export function regionOfEndpoint(apiEndpoint: string, hosts: readonly string[]): Region | undefined {
  const named = apiEndpoint.replace(/(?<!\/)\/+$/, "").toLowerCase();
  return REGIONS.find((region, index) => named === GATEWAYS[region] || named === hosts[index]);
}

/** Origin of a region's public event gateway, which the skill's backend calls. */
export function gatewayOrigin(region: Region): string {
  return GATEWAYS[region];
}
