// GET /account, the copy of one's data, and unlinking.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { browserOf } from "../http/browser.ts";
import { openForm, sealForm } from "../http/form-token.ts";
import { seeOther } from "../http/respond.ts";
import { unlinkGrant } from "../linking/unlink.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { postedFields, renderUnusableForm } from "../sign-in/posted-form.ts";
import { currentSession, type Session } from "../sign-in/session.ts";
import { renderSignIn } from "../sign-in/sign-in-page.tsx";
import { sealSignOutForm } from "../sign-in/sign-in-routes.ts";
import { readAccount } from "../storage/users/account.ts";
import { readAccountData } from "../storage/users/account-data.ts";
import { sessionHolds } from "../storage/users/sessions.ts";
import { type Messages, messagesFor } from "../ui/messages.ts";
import { renderAccount, renderUnlink } from "./account-page.tsx";

const UNLINK_FORM = "unlink";

/** Adds these routes to a router. */
export function accountPages(app: Hono<AppEnv>): void {
  app.get("/account", showAccount);
  app.get("/account/data", giveData);
  app.get("/account/links/:grantId", showUnlink);
  app.post("/account/links/:grantId", postUnlink);
}

/** The signed-in user and their links, read now; undefined when the session does not act. One read. */
async function accountOf(c: AppContext, session: Session | undefined, grantId?: string) {
  const { db, now } = c.var.runtime;
  return session && readAccount(db, session, now(), grantId);
}

function noticeOf(done: string | undefined, text: Messages): string | undefined {
  if (done === "unlinked") return text.unlinked;
  if (done === "pending") return text.unlinkPending;
  if (done === "password-changed") return text.passwordChanged;
  return done === "gone" ? text.alreadyUnlinked : undefined;
}

async function showAccount(c: AppContext): Promise<Response> {
  const browserHash = await browserOf(c);
  const session = await currentSession(c, browserHash);
  const account = await accountOf(c, session);
  if (!account || !session) return renderSignIn(c, { continueTo: "/account" });
  const { text } = messagesFor(c);
  return renderAccount(c, {
    ...account,
    hasPassword: account.user.passwordSubject !== null,
    signOutToken: await sealSignOutForm(c.var.runtime, browserHash),
    notice: noticeOf(c.req.query("done"), text) ?? (account.user.pendingAtAmazon ? text.unlinkPending : undefined),
  });
}

/** A copy of the signed-in person's data as a file, if the session acts. */
async function giveData(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const session = await currentSession(c, await browserOf(c));
  const data = session && (await readAccountData(rt.db, session));
  if (!data) return renderSignIn(c, { continueTo: "/account" });
  return new Response(JSON.stringify(data, null, 2), {
    headers: {
      "content-type": "application/json",
      "content-disposition": 'attachment; filename="account-data.json"',
      "cache-control": "no-store",
    },
  });
}

async function showUnlink(c: AppContext): Promise<Response> {
  const browserHash = await browserOf(c);
  const grantId = c.req.param("grantId") ?? "";
  const account = await accountOf(c, await currentSession(c, browserHash), grantId);
  if (!account) return renderSignIn(c, { continueTo: "/account" });
  const [link] = account.links;
  if (!link) return seeOther(c, "/account?done=gone");
  return renderUnlink(c, link, await sealForm(c.var.runtime, UNLINK_FORM, browserHash, { grantId }));
}

async function postUnlink(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const fields = await postedFields(c);
  if (fields instanceof Response) return fields;
  const browserHash = await browserOf(c);
  const grantId = c.req.param("grantId") ?? "";
  const form = await openForm(
    rt,
    UNLINK_FORM,
    browserHash,
    fields.get("form"),
    z.object({ grantId: z.literal(grantId) }),
  );
  if (typeof form === "string") return renderUnusableForm(c, form);
  const session = await currentSession(c, browserHash);
  const account = await accountOf(c, session, grantId);
  if (!account || !session) return renderSignIn(c, { continueTo: "/account" });
  if (account.links.length === 0) return seeOther(c, "/account?done=gone");
  const result = await unlinkGrant(rt, { userId: session.userId, grantId }, { actorHolds: sessionHolds(session) });
  if (result.outcome === "actor_gone") return renderSignIn(c, { continueTo: "/account" });
  if (result.outcome !== "unlinked") return seeOther(c, "/account?done=gone");
  return seeOther(c, result.amazon === "pending" ? "/account?done=pending" : "/account?done=unlinked");
}
