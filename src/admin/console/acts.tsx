// Forms with which operators change things. Each has its own token, and calls the admin API's own handlers.

import type { Child, FC } from "hono/jsx";
import { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { browserOf } from "../../http/browser.ts";
import { openForm, sealForm } from "../../http/form-token.ts";
import { readForm } from "../../http/read.ts";
import type { AppContext, AppEnv, Runtime } from "../../runtime.ts";
import { renderUnusableForm } from "../../sign-in/posted-form.ts";
import { HiddenFields } from "../../ui/parts.tsx";
import { adminApi } from "../admin-api.ts";
import { type Operator, operatorOf } from "../operator.ts";
import { renderConsole } from "./frame.tsx";

/** Encoding triples most of what a scope's descriptions have. The API takes 64 KB, and names what is too long. */
const LARGEST_FORM_BYTES = 256 * 1024;

/** A form token is valid for one path, one browser and one operator, either before or after the confirmation page. */
function tokenName(c: AppContext, action: string, confirmed: boolean): string {
  return `console ${confirmed ? "confirmed " : ""}${action} ${operatorOf(c).name}`;
}

/** A form that posts to `action`, a path of the console. `children`: its fields. Read-only operators get nothing. */
export const ActForm: FC<{
  c: AppContext;
  action: string;
  button: string;
  danger?: boolean;
  fields?: Readonly<Record<string, string>>;
  /** The confirmation page was shown. */
  confirmed?: boolean;
  children?: Child;
}> = async ({ c, action, button, danger, fields = {}, confirmed = false, children }) => {
  // biome-ignore lint/complexity/noUselessFragments: an async component cannot return null
  if (!operatorOf(c).mayChange) return <></>;
  const form = await sealForm(c.var.runtime, tokenName(c, action, confirmed), await browserOf(c), {});
  return (
    <form method="post" action={action} class="act">
      <HiddenFields fields={{ ...fields, form, ...(confirmed ? { confirmed: "yes" } : {}) }} />
      {children}
      <button type="submit" class={danger ? "danger" : "quiet"}>
        {button}
      </button>
    </form>
  );
};

/** A page that asks for confirmation of something that cannot be undone. */
export interface Confirmation {
  readonly title: string;
  /** What will happen, in full sentences. */
  readonly message: string;
  readonly button: string;
  /** The navigation item, and where "Cancel" leads. */
  readonly under: string;
  readonly back: string;
}

/**
 * The fields of a posted `ActForm`; or a response: an error page, or with `confirmation` the confirmation page. The
 * form's action is the path of the request.
 */
export async function takeAct(
  c: AppContext,
  confirmation?: Confirmation,
): Promise<ReadonlyMap<string, string> | Response> {
  if (!operatorOf(c).mayChange) {
    return renderConsole(
      c,
      { title: "Not allowed", under: "/admin", status: 403 },
      <p>Your role is read-only. Ask an operator with write access.</p>,
    );
  }
  const body = await readForm(c.req.raw, LARGEST_FORM_BYTES);
  if (!("fields" in body)) {
    return renderConsole(
      c,
      { title: "Nothing was changed", under: confirmation?.under ?? "/admin", status: 400 },
      <p>The form could not be read. {body.problem}. Go back, correct it, and send it again.</p>,
    );
  }
  const { fields } = body;
  const confirmed = confirmation !== undefined && fields.get("confirmed") === "yes";
  const name = tokenName(c, c.req.path, confirmed);
  const opened = await openForm(c.var.runtime, name, await browserOf(c), fields.get("form"), () => z.object({}));
  if (typeof opened === "string") return renderUnusableForm(c, opened);
  if (!confirmation || confirmed) return fields;
  const kept = Object.fromEntries([...fields].filter(([name]) => name !== "form" && name !== "confirmed"));
  return renderConsole(
    c,
    { title: confirmation.title, under: confirmation.under },
    <section class="panel">
      <p>{confirmation.message}</p>
      <ActForm c={c} action={c.req.path} button={confirmation.button} danger confirmed fields={kept} />
      <p class="below">
        <a href={confirmation.back}>Cancel</a>
      </p>
    </section>,
  );
}

/** The response of the admin API. */
export interface ApiResult {
  readonly status: number;
  readonly ok: boolean;
  /** `{}` when there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** What to tell the operator if the request was refused. */
  readonly problem: string;
}

interface Internal {
  readonly runtime: Runtime;
  readonly operator: Operator;
}

const calls = new WeakMap<Request, Internal>();

let unguarded: Hono<AppEnv> | undefined;

function unguardedApi(): Hono<AppEnv> {
  if (unguarded) return unguarded;
  const app = new Hono<AppEnv>();
  app.use("*", async (c, next) => {
    const call = calls.get(c.req.raw);
    if (!call) throw new TypeError("Only callAdminApi calls this");
    c.set("runtime", call.runtime);
    c.set("operator", call.operator);
    await next();
  });
  adminApi(app);
  unguarded = app;
  return app;
}

/** Calls an operation of the admin API, `/api/admin/…`, inside this process, as the operator. */
export async function callAdminApi(c: AppContext, method: string, path: string, body?: object): Promise<ApiResult> {
  const request = new Request(new URL(path, c.var.runtime.issuer), {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  calls.set(request, { runtime: c.var.runtime, operator: operatorOf(c) });
  const response = await unguardedApi().fetch(request, c.env, c.executionCtx);
  const text = await response.text();
  const parsed = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
  const problem = response.ok ? "" : String(parsed.detail ?? parsed.title ?? `HTTP ${response.status}`);
  return { status: response.status, ok: response.ok, body: parsed, problem };
}
