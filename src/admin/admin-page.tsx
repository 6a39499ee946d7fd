// /admin: sign-in with ADMIN_TOKEN, the dashboard, sign-out. Plain forms, no scripts.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { seeOther } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { postedFields, renderUnusableForm } from "../sign-in/posted-form.ts";
import { renderErrorPage, renderPage } from "../ui/page.tsx";
import { ErrorNotice, HiddenFields } from "../ui/parts.tsx";
import { checkAdminToken } from "./admin-guard.ts";
import { endAdminSession, isOperator, startAdminSession } from "./admin-session.ts";
import { dashboardPage } from "./dashboard.tsx";

const SIGN_IN_FORM = "admin-sign-in";
const SIGN_OUT_FORM = "admin-sign-out";

/** Mounts the operator's pages, `/admin` and below, with a sign-in of their own. */
export function adminPages(app: Hono<AppEnv>): void {
  app.get("/admin", adminPage);
  app.post("/admin/session", signIn);
  app.post("/admin/sign-out", signOut);
}

function disabledPage(c: AppContext): Promise<Response> {
  return renderErrorPage(c, {
    status: 503,
    title: "The operator's pages are disabled",
    message: "Set the secret ADMIN_TOKEN to at least 32 characters, then sign in here with it.",
  });
}

async function signInPage(c: AppContext, status: 200 | 401 | 429, error?: string): Promise<Response> {
  const form = await sealForm(c.var.runtime, SIGN_IN_FORM, await browserOf(c), {});
  return renderPage(
    c,
    { title: "Operator", status },
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

async function adminPage(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const { adminToken } = rt.config;
  if (adminToken === undefined) return disabledPage(c);
  if (!(await isOperator(c, adminToken))) return signInPage(c, 200);
  return dashboardPage(c, await sealForm(rt, SIGN_OUT_FORM, await browserOf(c), {}));
}

/** The fields of a posted form if its form token was issued to this browser; otherwise the error page. */
async function postedForm(c: AppContext, form: string): Promise<ReadonlyMap<string, string> | Response> {
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const opened = await openForm(c.var.runtime, form, await browserOf(c), fields.get("form"), z.object({}));
  return typeof opened === "string" ? renderUnusableForm(c, opened) : fields;
}

async function signIn(c: AppContext): Promise<Response> {
  const { adminToken } = c.var.runtime.config;
  if (adminToken === undefined) return disabledPage(c);
  const fields = await postedForm(c, SIGN_IN_FORM);
  if (fields instanceof Response) return fields;
  const check = await checkAdminToken(c, (fields.get("token") ?? "").trim());
  if (check === "limited") {
    c.header("retry-after", "60");
    return signInPage(c, 429, "Too many wrong tokens. Wait a minute.");
  }
  if (check !== "right") return signInPage(c, 401, "This is not the admin token.");
  await startAdminSession(c, adminToken);
  return seeOther(c, "/admin");
}

async function signOut(c: AppContext): Promise<Response> {
  const fields = await postedForm(c, SIGN_OUT_FORM);
  if (fields instanceof Response) return fields;
  await endAdminSession(c, c.var.runtime.config.adminToken);
  return seeOther(c, "/admin");
}
