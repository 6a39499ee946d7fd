// The frame of every page: brand, language, style, and the headers of HTML responses.
import { html, raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { utf8 } from "../crypto/encoding.ts";
import { readAsset } from "../http/assets.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import { brandName } from "./brand.ts";
import { messagesFor } from "./messages.ts";
import { ButtonRow } from "./parts.tsx";
import { styleVariables } from "./style.ts";

export interface PageOptions {
  readonly title: string;
  readonly status?: ContentfulStatusCode;
  /** Seconds after which the browser loads the page again. */
  readonly refreshSeconds?: number;
  /** The language of the text, when it is not the visitor's. */
  readonly language?: string;
  /** CSS of this kind of page, a constant, appended to the common style sheet. */
  readonly css?: string;
  /** The address of the page's script. Other pages may run none. */
  readonly script?: string;
}

/** The page's CSS and its source for the CSP. While the style sheet cannot be read, pages are plain but work. */
async function styleOf(rt: Runtime, more = ""): Promise<{ readonly css: string; readonly source: string }> {
  const { color } = rt.config.brand;
  const cached = rt.caches.styles.get(color + more);
  if (cached) return cached;
  const common = await readAsset(rt, "page.css", String);
  const css = styleVariables(color) + (common ?? "") + more;
  const hash = Buffer.from(await crypto.subtle.digest("SHA-256", utf8(css))).toString("base64");
  const style = { css, source: `'sha256-${hash}'` };
  if (common !== undefined) rt.caches.styles.set(color + more, style);
  return style;
}

/** A page with its security headers. No `form-action`: Chromium would block the redirect to Alexa after a post. */
export async function renderPage(c: AppContext, options: PageOptions, body: Child): Promise<Response> {
  const { brand } = c.var.runtime.config;
  const name = brandName(c.var.runtime);
  const { language: visitors, text } = messagesFor(c);
  const language = options.language ?? visitors;
  const style = await styleOf(c.var.runtime, options.css);
  const logoOrigin = brand.logoUrl ? ` ${new URL(brand.logoUrl).origin}` : "";
  const scripts = options.script === undefined ? "" : " script-src 'self'; connect-src 'self';";
  c.header(
    "content-security-policy",
    `default-src 'none'; style-src ${style.source}; img-src 'self'${logoOrigin};${scripts} base-uri 'none'; frame-ancestors 'none'`,
  );
  c.header("x-frame-options", "DENY");
  // `no-transform`: Cloudflare's e-mail obfuscation would replace the account's address by a script's placeholder.
  c.header("cache-control", "no-store, no-transform");
  c.header("content-language", language);
  c.header("vary", "accept-language");
  const page = (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        {options.refreshSeconds === undefined ? null : (
          <meta http-equiv="refresh" content={String(options.refreshSeconds)} />
        )}
        <title>{`${options.title} · ${name}`}</title>
        <style>{raw(style.css)}</style>
        {options.script === undefined ? null : <script type="module" src={options.script} />}
      </head>
      <body>
        <main>
          <header class="brand">
            {brand.logoUrl ? (
              <img src={brand.logoUrl} alt={name} />
            ) : (
              <>
                <i aria-hidden="true" />
                <span>{name}</span>
              </>
            )}
          </header>
          {body}
        </main>
        <footer>
          {brand.privacyUrl ? <a href={brand.privacyUrl}>{text.privacy}</a> : null}
          {brand.termsUrl ? <a href={brand.termsUrl}>{text.terms}</a> : null}
          {brand.supportUrl ? <a href={brand.supportUrl}>{text.support}</a> : null}
        </footer>
      </body>
    </html>
  );
  // Without the doctype a browser renders the page in quirks mode.
  return c.html(html`<!doctype html>${page}`, options.status ?? 200);
}

/** Notes an error that is shown with this request's id. Operators have the log. */
export function noteShownError(c: AppContext, status: number, reason: string): void {
  const { path } = c.req;
  if (/^\/admin(\/|$)/.test(path)) return;
  c.var.runtime.metrics.showedError({ status, path, reason, clientId: c.req.query("client_id") || null });
}

/** A page that explains what went wrong and what to do, with an error id for support. */
export function renderErrorPage(
  c: AppContext,
  options: {
    readonly status: ContentfulStatusCode;
    readonly title: string;
    readonly message: string;
    readonly hint?: string;
    /** A button that leads on. */
    readonly action?: { readonly href: string; readonly label: string };
    /** Shows remedies for known failures of the Alexa app. Default: on every page but 404. */
    readonly remedies?: boolean;
    /** For the operator, who searches for the error id. Default: the title. */
    readonly reason?: string;
  },
): Promise<Response> {
  const { status, title, reason = title } = options;
  if (status !== 404 && status !== 405) noteShownError(c, status, reason);
  const { text } = messagesFor(c);
  return renderPage(
    c,
    { title: options.title, status: options.status },
    <section class="card">
      <h1>{options.title}</h1>
      <p>{options.message}</p>
      {options.hint ? <p class="hint">{options.hint}</p> : null}
      {options.action ? (
        <ButtonRow>
          <a class="button" href={options.action.href}>
            {options.action.label}
          </a>
        </ButtonRow>
      ) : null}
      {(options.remedies ?? options.status !== 404) ? (
        <details>
          <summary>{text.remediesTitle}</summary>
          <ul>
            {text.remedies.map((remedy) => (
              <li>{remedy}</li>
            ))}
          </ul>
        </details>
      ) : null}
      <p class="quote">
        {text.errorId}: <code>{c.var.runtime.requestId()}</code>
      </p>
    </section>,
  );
}
