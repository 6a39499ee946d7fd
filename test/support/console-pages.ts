// The addresses of the console's pages. A test compares them with those that are registered; the browser opens each.

export const CONSOLE_PAGES = [
  "/admin",
  "/admin/alerts",
  "/admin/amazon",
  "/admin/attempts",
  "/admin/attempts/:id",
  "/admin/audit",
  "/admin/clients",
  "/admin/clients/:id",
  "/admin/clients/new",
  "/admin/customers/:id",
  "/admin/links",
  "/admin/operations",
  "/admin/refused",
  "/admin/search",
  "/admin/skills",
  "/admin/skills/:id",
  "/admin/skills/:id/amazon",
  "/admin/skills/new",
];
