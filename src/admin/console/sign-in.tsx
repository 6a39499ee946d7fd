// /admin's sign-in with ADMIN_TOKEN, its guard, and signing out.
import type { Next } from "hono";
import * as z from "zod/mini";
import { browserOf } from "../../http/browser.ts";
import { openForm, sealForm } from "../../http/form-token.ts";
import { seeOther } from "../../http/respond.ts";
import type { AppContext } from "../../runtime.ts";
import type { SchemaSource } from "../../schema-of.ts";
import { postedFields, renderUnusableForm } from "../../sign-in/posted-form.ts";
import { renderErrorPage, renderPage } from "../../ui/page.tsx";
import { ErrorNotice, HiddenFields } from "../../ui/parts.tsx";
import { operatorOfAccess } from "../access.ts";
import { checkAdminToken } from "../admin-guard.ts";
import { endAdminSession, isOperator, startAdminSession } from "../admin-session.ts";
import { type Operator, TOKEN_HOLDER } from "../operator.ts";
import { SIGN_OUT_FORM } from "./frame.tsx";

const SIGN_IN_FORM = "admin-sign-in";

/** The sealed content of the sign-in form: the page to continue with. */
const entrySchema = () => z.object({ page: z.string() });

function disabledPage(c: AppContext): Promise<Response> {
  return renderErrorPage(c, {
    status: 503,
    title: "The operator's console is disabled",
    message:
      "Set the secret ADMIN_TOKEN to at least 32 characters, then sign in here with it, or set up Cloudflare Access.",
  });
}

/** For requests without a valid assertion of Cloudflare Access when ADMIN_TOKEN is not set. */
function accessPage(c: AppContext): Promise<Response> {
  return renderErrorPage(c, {
    status: 401,
    title: "Sign in through Cloudflare Access",
    message:
      "This request has no valid assertion of Cloudflare Access. Open this page at the address that Access protects.",
  });
}

/** The operator of this request, or the response for others. An assertion of Access decides before any cookie. */
async function operatorOrPage(c: AppContext): Promise<Operator | Response> {
  const { adminToken, access } = c.var.runtime.config;
  const named = await operatorOfAccess(c);
  if (typeof named === "object") return named;
  if (adminToken !== undefined && (await isOperator(c, adminToken))) return TOKEN_HOLDER;
  const isPage = c.req.method === "GET" || c.req.method === "HEAD";
  const { pathname, search } = new URL(c.req.url);
  const page = isPage ? pathname + search : "/admin";
  if (named === "unavailable") {
    c.header("retry-after", "10");
    const [title, message] = [
      "Cloudflare Access cannot be reached",
      "The keys that verify your sign-in could not be fetched. Reload the page in a moment",
    ];
    if (adminToken !== undefined)
      return signInPage(c, { page, status: 503, error: `${title}. ${message}, or sign in here.` });
    return renderErrorPage(c, { status: 503, title, message: `${message}.` });
  }
  if (adminToken === undefined) return access ? accessPage(c) : disabledPage(c);
  return signInPage(c, { page, status: isPage ? 200 : 401 });
}

/** Lets operators through to the console's pages; others get the sign-in page, and no form of theirs is taken. */
export async function consoleGuard(c: AppContext, next: Next): Promise<Response | undefined> {
  const operator = await operatorOrPage(c);
  if (operator instanceof Response) return operator;
  c.set("operator", operator);
  await next();
  return undefined;
}

async function signInPage(
  c: AppContext,
  { page, status = 200, error }: { page: string; status?: 200 | 401 | 429 | 503; error?: string },
): Promise<Response> {
  const form = await sealForm(c.var.runtime, SIGN_IN_FORM, await browserOf(c), { page });
  return renderPage(
    c,
    { title: "Operator", status, language: "en" },
    <section class="card">
      <h1>Operator sign-in</h1>
      <p class="lead">For operators of this server. Customers never need this page.</p>
      {error === undefined ? null : <ErrorNotice id="error">{error}</ErrorNotice>}
      <form method="post" action="/admin/session">
        <HiddenFields fields={{ form }} />
        <label for="token">Admin token</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="current-password"
          required
          {...(error === undefined ? {} : { "aria-invalid": "true" as const, "aria-describedby": "error" })}
        />
        <p class="hint">The value of ADMIN_TOKEN. The session ends after eight hours, or when the token changes.</p>
        <button type="submit">Sign in</button>
      </form>
    </section>,
  );
}

/** The fields of a posted form and what was sealed into it, if it was issued to this browser; else the error page. */
async function postedForm<T>(
  c: AppContext,
  form: string,
  schema: SchemaSource<z.ZodMiniType<T>>,
): Promise<{ readonly fields: ReadonlyMap<string, string>; readonly value: T } | Response> {
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const opened = await openForm(c.var.runtime, form, await browserOf(c), fields.get("form"), schema);
  return typeof opened === "string" ? renderUnusableForm(c, opened) : { fields, value: opened.value };
}

/** `POST /admin/session`: signs the operator in, and continues with the page that they opened. */
export async function signIn(c: AppContext): Promise<Response> {
  const { adminToken } = c.var.runtime.config;
  if (adminToken === undefined) return disabledPage(c);
  const posted = await postedForm(c, SIGN_IN_FORM, entrySchema);
  if (posted instanceof Response) return posted;
  const { page } = posted.value;
  const check = await checkAdminToken(c, (posted.fields.get("token") ?? "").trim());
  if (check === "limited") {
    c.header("retry-after", "60");
    return signInPage(c, { page, status: 429, error: "Too many wrong tokens. Wait a minute." });
  }
  if (check !== "right") return signInPage(c, { page, status: 401, error: "This is not the admin token." });
  await startAdminSession(c, adminToken);
  return seeOther(c, page);
}

/** `POST /admin/sign-out`. */
export async function signOut(c: AppContext): Promise<Response> {
  const posted = await postedForm(c, SIGN_OUT_FORM, () => z.object({}));
  if (posted instanceof Response) return posted;
  await endAdminSession(c, c.var.runtime.config.adminToken);
  return seeOther(c, "/admin");
}
