// The frame of every page: brand, language, style, and the headers that go with HTML.
import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AppContext } from "../runtime.ts";
import { brandName } from "./brand.ts";
import { messagesFor } from "./messages.ts";
import { styleSheet } from "./style.ts";

export interface PageOptions {
  readonly title: string;
  readonly status?: ContentfulStatusCode;
  /** Seconds after which the browser loads the page again, or goes to `refreshTo`. */
  readonly refreshSeconds?: number;
  /** Style sheet text of this kind of page, a constant, behind the common one. */
  readonly css?: string;
}

const styles = new Map<string, { css: string; source: string }>();

function styleFor(color: string, more: string): { css: string; source: string } {
  const key = color + more;
  let style = styles.get(key);
  if (!style) {
    const css = styleSheet(color) + more;
    style = { css, source: `'sha256-${createHash("sha256").update(css).digest("base64")}'` };
    styles.set(key, style);
  }
  return style;
}

/**
 * An HTML answer with the security headers of every page. No `form-action`: Chromium would apply it to the redirects that
 * follow a form post, and the way back to Alexa would end without a word (P1).
 */
export async function renderPage(c: AppContext, options: PageOptions, body: Child): Promise<Response> {
  const { brand } = c.var.runtime.config;
  const name = brandName(c.var.runtime);
  const { language, text } = messagesFor(c);
  const style = styleFor(brand.color, options.css ?? "");
  const logoOrigin = brand.logoUrl ? ` ${new URL(brand.logoUrl).origin}` : "";
  c.header(
    "content-security-policy",
    `default-src 'none'; style-src ${style.source}; img-src 'self'${logoOrigin}; base-uri 'none'; frame-ancestors 'none'`,
  );
  c.header("x-frame-options", "DENY");
  c.header("cache-control", "no-store");
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
  // Without its first line a browser would draw the page by the rules of the nineties.
  return c.html(html`<!doctype html>${page}`, options.status ?? 200);
}

/** A page that says what went wrong and what to do now, with the id to quote to support. */
export function renderErrorPage(
  c: AppContext,
  options: {
    readonly status: ContentfulStatusCode;
    readonly title: string;
    readonly message: string;
    readonly hint?: string;
    /** Offers what helps against known faults of the Alexa app (P8). Left out: on every page but "nothing here". */
    readonly remedies?: boolean;
  },
): Promise<Response> {
  const { text } = messagesFor(c);
  return renderPage(
    c,
    { title: options.title, status: options.status },
    <section class="card">
      <h1>{options.title}</h1>
      <p>{options.message}</p>
      {options.hint ? <p class="hint">{options.hint}</p> : null}
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
        {text.errorId}: <code>{c.var.runtime.requestId}</code>
      </p>
    </section>,
  );
}
