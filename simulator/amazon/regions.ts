// Alexa's three regions: which one a request addresses, and how discovery names it.
import { REGIONS, type Region } from "../state/configuration.ts";

const API_HOSTS: Record<Region, string> = {
  NA: "api.amazonalexa.com",
  EU: "api.eu.amazonalexa.com",
  FE: "api.fe.amazonalexa.com",
};

/** Amazon's redirect host of a region. */
export const REDIRECT_HOST_OF = { NA: "pitangui", EU: "layla", FE: "japan" } as const;

/** The region that a request addresses, by host (`api.eu.amazonalexa.com`) or by the first part of its path (`/eu`). */
export function regionOf(url: string): Region {
  const { hostname, pathname } = new URL(url);
  const prefix = pathname.split("/")[1]?.toUpperCase();
  return (
    REGIONS.find((region) => region === prefix) ?? REGIONS.find((region) => API_HOSTS[region] === hostname) ?? "NA"
  );
}

/** How discovery, called at `url`, names a region: a host name at Amazon, an origin with a path at the simulator. */
export function endpointOf(region: Region, url: string): string {
  const { hostname, origin } = new URL(url);
  return hostname.endsWith("amazonalexa.com") ? API_HOSTS[region] : `${origin}/${region.toLowerCase()}`;
}
