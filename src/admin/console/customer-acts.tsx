// What operators can do with a customer's account: end logins and links, erase it.
import type { FC } from "hono/jsx";
import type { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../../runtime.ts";
import { ActForm } from "./acts.tsx";
import { perform } from "./entry-form.tsx";

const UNDER = "/admin/links";
const pageOf = (userId: string) => `/admin/customers/${encodeURIComponent(userId)}`;
const apiOf = (userId: string) => `/api/admin/users/${encodeURIComponent(userId)}`;

/** Buttons that affect the whole account, for the customer's page. */
export const CustomerActs: FC<{ c: AppContext; userId: string }> = ({ c, userId }) => (
  <>
    <ActForm c={c} action={`${pageOf(userId)}/sign-out`} button="Sign out everywhere" />
    <ActForm c={c} action={`${pageOf(userId)}/end-links`} button="End all links" danger />
    <ActForm c={c} action={`${pageOf(userId)}/erase`} button="Erase this customer" danger />
  </>
);

/** Ends one link. */
export const EndLink: FC<{ c: AppContext; userId: string; grantId: string }> = ({ c, userId, grantId }) => (
  <ActForm c={c} action={`${pageOf(userId)}/end-link`} button="End this link" danger fields={{ grantId }} />
);

/** Ends one sign-in of a browser. */
export const EndLogin: FC<{ c: AppContext; userId: string; loginId: string }> = ({ c, userId, loginId }) => (
  <ActForm c={c} action={`${pageOf(userId)}/end-login`} button="End this login" fields={{ loginId }} />
);

const idOf = (c: AppContext) => c.req.param("id") ?? "";
const frame = (c: AppContext) => ({ under: UNDER, back: pageOf(idOf(c)) });

/** Adds these routes to a router. */
export function customerActRoutes(app: Hono<AppEnv>): void {
  app.post("/admin/customers/:id/sign-out", (c) =>
    perform(c, { ...frame(c), act: () => ({ method: "POST", path: `${apiOf(idOf(c))}/sign-out` }) }),
  );
  app.post("/admin/customers/:id/end-login", (c) =>
    perform(c, {
      ...frame(c),
      act: (fields) => ({
        method: "DELETE",
        path: `${apiOf(idOf(c))}/logins/${encodeURIComponent(fields.get("loginId") || "-")}`,
      }),
    }),
  );
  app.post("/admin/customers/:id/end-link", (c) =>
    perform(c, {
      ...frame(c),
      confirmation: {
        title: "End this link?",
        message: "Alexa loses access to the account at once. The customer must link again to get it back.",
        button: "End this link",
      },
      act: (fields) => ({
        method: "DELETE",
        path: `${apiOf(idOf(c))}/links/${encodeURIComponent(fields.get("grantId") || "-")}`,
      }),
    }),
  );
  app.post("/admin/customers/:id/end-links", (c) =>
    perform(c, {
      ...frame(c),
      confirmation: {
        title: "End all links?",
        message: "Alexa and the company's apps lose access to the account at once. The customer must link again.",
        button: "End all links",
      },
      act: () => ({ method: "DELETE", path: `${apiOf(idOf(c))}/links` }),
    }),
  );
  app.post("/admin/customers/:id/erase", (c) =>
    perform(c, {
      ...frame(c),
      confirmation: {
        title: "Erase this customer?",
        message:
          "The account with its password, all links, all logins and Amazon's tokens are deleted, and skills are disabled at Amazon. " +
          "Attempts and audit records are kept in anonymised form. This cannot be undone.",
        button: "Erase permanently",
      },
      act: () => ({ method: "POST", path: `${apiOf(idOf(c))}/erase` }),
    }),
  );
}
