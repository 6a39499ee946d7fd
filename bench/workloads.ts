// What is measured, by the names that options and tables use.

export const WORKLOADS = [
  "authorize",
  "consent",
  "exchange",
  "refresh",
  "rotating-refresh",
  "introspection",
  "app-to-app",
] as const;
export type Workload = (typeof WORKLOADS)[number];
