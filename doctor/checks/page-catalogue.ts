// The checks of the pages that customers see. pages.ts runs them.
import type { Check } from "../report.ts";

const REQUIREMENTS = "Amazon, Requirements for Account Linking";

export const OPENS: Check = {
  id: "page_opens",
  title: "The authorization request opens a page",
  severity: "fail",
  effect: "The customer sees an error page in the Alexa app instead of a sign-in page.",
  remedy: "Register Alexa's redirect URIs and scopes for this client, and respond to the request with an HTML page.",
  source: `${REQUIREMENTS}; RFC 6749 §4.1.1`,
};

export const IN_APP: Check = {
  id: "page_in_app_browser",
  title: "The page opens in the in-app browser of the Alexa app",
  severity: "fail",
  effect: "The Alexa app shows the page in its own browser view, where the customer sees a refusal and cannot link.",
  remedy:
    "Do not refuse embedded browsers by their user agent, and do not depend on a provider that does, as Google does.",
  source: REQUIREMENTS,
};

export const PHONE: Check = {
  id: "page_fits_phone",
  title: "The page fits a phone",
  severity: "warn",
  effect: "The page appears in tiny letters or must be scrolled sideways. Customers give up.",
  remedy:
    'Add <meta name="viewport" content="width=device-width, initial-scale=1">, and let nothing be wider than the screen.',
  source: REQUIREMENTS,
};

export const POPUPS: Check = {
  id: "page_no_popups",
  title: "The page opens no windows and no message boxes",
  severity: "warn",
  effect: "The in-app browser opens no second window and shows no script dialogs: the customer's tap has no effect.",
  remedy: "Sign customers in within the one page. Show messages such as a wrong password in the page itself.",
  source: REQUIREMENTS,
};

export const FORM_ACTION: Check = {
  id: "page_form_action",
  title: "The page's security policy lets its form end at Alexa",
  severity: "fail",
  effect:
    "Chromium applies form-action to the whole chain of redirects. The customer presses Allow, nothing happens, and your log shows a success.",
  remedy:
    "Leave form-action out of the Content-Security-Policy of the consent page, or add all of Alexa's redirect hosts.",
  source: "Content Security Policy Level 3 §6.4.2; W3C webappsec-csp issue 8",
};

export const FOREIGN: Check = {
  id: "page_foreign_hosts",
  title: "The page loads only from hosts in the skill's domain list",
  severity: "warn",
  effect: "The Alexa app blocks content from other hosts: styles, scripts or pictures are missing, or sign-in stops.",
  remedy: "Add the hosts to the domain list in the console (at most 15), or serve the files from your own host.",
  source: "Amazon, Account Linking Schemas (domains)",
};

export const SECURE: Check = {
  id: "page_https_only",
  title: "The page loads and sends everything over https",
  severity: "fail",
  effect:
    "Browsers block scripts and styles over http, and warn before they send a form over http. Passwords could be read.",
  remedy: "Use https, or addresses without a scheme and host, for forms and for everything that the page loads.",
  source: "W3C Mixed Content; RFC 9700 §2.6",
};

export const COOKIES: Check = {
  id: "page_cookies",
  title: "The browser keeps and sends the page's cookies",
  severity: "warn",
  effect: "Browsers drop the cookie, or do not send it after sign-in at another host. The customer has to start again.",
  remedy: "Set cookies with Secure, HttpOnly, Path=/ and SameSite=Lax.",
  source: "RFC 6265bis §5.6; RFC 9700 §4.7",
};

export const BRAND: Check = {
  id: "page_brand_domain",
  title: "The page is at your own domain",
  severity: "warn",
  effect: "Customers see a host that they do not know ask for their password. Certification may question it.",
  remedy: "Serve the authorization URL at a name of your company, such as link.example.com.",
  source: "Amazon, Account Linking Best Practices",
};

/** All of them. */
export const PAGE_CHECKS: readonly Check[] = [
  OPENS,
  IN_APP,
  PHONE,
  POPUPS,
  FORM_ACTION,
  FOREIGN,
  SECURE,
  COOKIES,
  BRAND,
];
