// The results as a page in one file, for a colleague.
import type { DoctorDocument } from "./document.ts";

/** Text for HTML, in an element or in an attribute with double quotes. */
function text(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** The page. */
export function htmlReport({ target }: DoctorDocument): string {
  return `<!doctype html>\n<title>${text(target)}</title>\n`;
}
