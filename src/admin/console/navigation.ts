// The console's main pages, in the order of its navigation.

export interface NavigationItem {
  readonly path: string;
  readonly label: string;
}

export const NAVIGATION: readonly NavigationItem[] = [
  { path: "/admin", label: "Overview" },
  { path: "/admin/attempts", label: "Attempts" },
  { path: "/admin/links", label: "Links" },
  { path: "/admin/refused", label: "Refused requests" },
  { path: "/admin/alerts", label: "Alerts" },
  { path: "/admin/skills", label: "Skills" },
  { path: "/admin/clients", label: "Clients" },
  { path: "/admin/operations", label: "Operations" },
  { path: "/admin/audit", label: "Audit" },
  { path: "/admin/amazon", label: "Amazon" },
];
