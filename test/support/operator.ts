// An operator's browser in tests: signed in at the console, and what its pages say.
import { expect } from "vitest";
import { ADMIN_TOKEN, type Service } from "./service.ts";
import { Visitor } from "./visitor.ts";

/** A browser that has signed in at /admin. */
export async function operator(service: Service): Promise<Visitor> {
  const visitor = new Visitor(service);
  const page = await visitor.get("/admin");
  const { status } = await visitor.post("/admin/session", { ...page.hidden("/admin/session"), token: ADMIN_TOKEN });
  expect(status).toBe(303);
  return visitor;
}

/** The text of HTML, without tags, on one line. */
export function textOf(html: string): string {
  return html
    .replace(/<style>[\s\S]*?<\/style>/g, "")
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll("&quot;", '"')
    .replace(/\s+/g, " ")
    .trim();
}
