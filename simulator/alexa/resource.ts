// The `resource` of an add-on, as the injected faults change it.

/** `resource` with a fault: another server, or a slash added at the end (removed, if there is one). */
export function changeResource(resource: string, fault: "other" | "slash" | undefined): string {
  if (fault === "slash") return resource.endsWith("/") ? resource.slice(0, -1) : `${resource}/`;
  return fault === "other" ? "https://mcp.other.example/mcp" : resource;
}
