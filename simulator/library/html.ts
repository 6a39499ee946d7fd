// Reads a page: its title, forms with fields and buttons, links, and whether it goes on by itself.
import { type HTMLElement, parse } from "node-html-parser";

export interface Field {
  readonly name: string;
  /** The `type` of an input, or `select` or `textarea`. */
  readonly type: string;
  /** The initial value, as a browser would submit it; undefined for a box that is not ticked. */
  readonly value: string | undefined;
  readonly id: string;
  readonly autocomplete: string;
  readonly required: boolean;
  /** The text of its label and its placeholder. */
  readonly label: string;
}

export interface Button {
  readonly name: string;
  readonly value: string;
  readonly text: string;
  readonly action?: string;
  readonly method?: string;
}

export interface Form {
  readonly action: string;
  readonly method: "GET" | "POST";
  readonly multipart: boolean;
  readonly fields: readonly Field[];
  /** The submit buttons, in order. */
  readonly buttons: readonly Button[];
}

export interface Page {
  readonly title: string;
  readonly forms: readonly Form[];
  readonly links: readonly { readonly text: string; readonly url: string }[];
  /** Where `<meta http-equiv="refresh">` leads at once. */
  readonly refresh?: string;
  /** The text of all scripts and event attributes of `<body>`; empty if the page has no script. */
  readonly script: string;
  /** The first message that is marked as an error or alert. */
  readonly alert?: string;
}

/** The URL that a browser would open next. Absolute URLs stay byte for byte the same. */
export function resolveLocation(location: string, base: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return location;
  return URL.canParse(location, base) ? new URL(location, base).href : base;
}

/** More than a person would fill in. */
const MOST_FORMS = 30;
const MOST_CONTROLS = 300;
const MOST_LINKS = 1_000;
/** Start and end tags and comments. The time of parsing grows with their square. What comes after is not read. */
const MOST_TAGS = 20_000;

function parsed(html: string): HTMLElement {
  const tags = /<[a-z!/]/gi;
  let count = 0;
  while (count <= MOST_TAGS && tags.test(html)) count++;
  const read = count > MOST_TAGS ? html.slice(0, tags.lastIndex - 2) : html;
  return parse(read, { blockTextElements: { script: true, style: true } });
}

/** What belongs to forms: all fields and buttons, and the texts of labels by the id of their field. */
interface Parts {
  readonly controls: readonly HTMLElement[];
  readonly labels: ReadonlyMap<string, string>;
}

/** Reads a page. `url` is where it is, for relative addresses. */
export function readPage(html: string, url: string): Page {
  const root = parsed(html);
  for (const template of root.querySelectorAll("template")) template.remove();
  const base = resolveLocation(root.querySelector("base[href]")?.getAttribute("href") ?? "", url);
  const parts = {
    controls: root.querySelectorAll("input, button, select, textarea").slice(0, MOST_CONTROLS),
    labels: new Map(
      root
        .querySelectorAll("label[for]")
        .slice(0, MOST_CONTROLS)
        .map((label) => [attribute(label, "for"), textOf(label)]),
    ),
  };
  const scripts = root.querySelectorAll("script");
  const events = root.querySelectorAll("[onload]").map((element) => element.getAttribute("onload") ?? "");
  const refresh = root
    .querySelectorAll("meta")
    .filter((element) => attribute(element, "http-equiv").toLowerCase() === "refresh")
    .map((element) => refreshTarget(attribute(element, "content"), base))[0];
  const alert = root
    .querySelectorAll("[role=alert], [class*=error], [id*=error]")
    .slice(0, MOST_CONTROLS)
    .map(textOf)
    .find(Boolean);
  return {
    title: textOf(root.querySelector("h1")) || textOf(root.querySelector("title")) || "no title",
    forms: root
      .querySelectorAll("form")
      .slice(0, MOST_FORMS)
      .map((form) => readForm(form, parts, base, url)),
    links: root
      .querySelectorAll("a[href]")
      .slice(0, MOST_LINKS)
      .map((link) => ({ text: textOf(link), url: resolveLocation(attribute(link, "href"), base) })),
    ...(refresh !== undefined && { refresh }),
    script: [...scripts.map((element) => element.rawText || `src ${attribute(element, "src")}`), ...events].join("\n"),
    ...(alert !== undefined && { alert: alert.slice(0, 160) }),
  };
}

/** Where a `Refresh` header or its `<meta>` form leads, if that is at once or within a few seconds. */
export function refreshTarget(content: string, base: string): string | undefined {
  const [, delay = "", target = ""] =
    /^\s*(\d+)[.\d]*\s*[;,]\s*(?:url\s*=\s*)?(.*)$/i.exec(content.slice(0, 2_000)) ?? [];
  const bare = target.trim().replace(/^(["'])(.*)\1$/, "$2");
  return delay !== "" && Number(delay) <= 10 && bare !== "" ? resolveLocation(bare, base) : undefined;
}

function attribute(element: HTMLElement, name: string): string {
  return element.getAttribute(name) ?? "";
}

function textOf(element: HTMLElement | null): string {
  return (element?.text ?? "").replace(/\s+/g, " ").trim().slice(0, 200);
}

function readForm(form: HTMLElement, parts: Parts, base: string, url: string): Form {
  const id = attribute(form, "id");
  const controls = parts.controls
    .filter((element) => !element.hasAttribute("disabled"))
    .filter((element) => {
      const owner = element.getAttribute("form");
      return owner === undefined ? element.closest("form") === form : id !== "" && owner === id;
    });
  const isButton = (element: HTMLElement) => {
    const type = attribute(element, "type").toLowerCase();
    if (element.rawTagName.toLowerCase() === "button") return type === "" || type === "submit";
    return element.rawTagName.toLowerCase() === "input" && (type === "submit" || type === "image");
  };
  const action = attribute(form, "action");
  return {
    action: action === "" ? url : resolveLocation(action, base),
    method: attribute(form, "method").toLowerCase() === "post" ? "POST" : "GET",
    multipart: attribute(form, "enctype").toLowerCase() === "multipart/form-data",
    fields: controls.filter((element) => !isButton(element)).flatMap((element) => readField(element, parts)),
    buttons: controls.filter(isButton).map((element) => readButton(element, base)),
  };
}

function readButton(element: HTMLElement, base: string): Button {
  const value = attribute(element, "value");
  const action = attribute(element, "formaction");
  const method = attribute(element, "formmethod");
  const text = textOf(element) || attribute(element, "aria-label") || value || attribute(element, "alt");
  return {
    name: attribute(element, "name"),
    value,
    text,
    ...(action !== "" && { action: resolveLocation(action, base) }),
    ...(method !== "" && { method }),
  };
}

function readField(element: HTMLElement, { labels }: Parts): Field[] {
  const tag = element.rawTagName.toLowerCase();
  const type = tag === "input" ? attribute(element, "type").toLowerCase() || "text" : tag;
  if (["button", "reset", "file"].includes(type)) return [];
  const id = attribute(element, "id");
  const label = `${labels.get(id) ?? ""} ${textOf(element.closest("label"))}`;
  return [
    {
      name: attribute(element, "name"),
      type,
      value: initialValue(element, type),
      id,
      autocomplete: attribute(element, "autocomplete").toLowerCase(),
      required: element.hasAttribute("required"),
      label: `${label} ${attribute(element, "placeholder")} ${attribute(element, "aria-label")}`.trim(),
    },
  ];
}

function initialValue(element: HTMLElement, type: string): string | undefined {
  if (type === "textarea") return element.text;
  if (type === "select") {
    const options = element.querySelectorAll("option");
    const chosen = options.find((option) => option.hasAttribute("selected")) ?? options[0];
    return chosen?.getAttribute("value") ?? chosen?.text;
  }
  if (type !== "checkbox" && type !== "radio") return attribute(element, "value");
  return element.hasAttribute("checked") ? (element.getAttribute("value") ?? "on") : undefined;
}

/** What a page loads, opens and demands, for the checks of pages. */
export interface Markup {
  readonly title: string;
  /** The content of `<meta name="viewport">`. */
  readonly viewport: string;
  readonly script: string;
  /** All `on…` attributes. */
  readonly events: string;
  /** Addresses of scripts, styles, pictures and frames. */
  readonly loads: readonly string[];
  readonly actions: readonly string[];
  /** Whether a form or a link opens a new window. */
  readonly newWindow: boolean;
  /** Content-Security-Policies in the markup. */
  readonly policies: readonly string[];
}

/** Reads what the checks of pages look at. */
export function readMarkup(html: string, url: string): Markup {
  const root = parsed(html);
  const { title, forms } = readPage(html, url);
  const metas = root.querySelectorAll("meta");
  const contentOf = (name: string) =>
    metas
      .filter((meta) =>
        [attribute(meta, "name"), attribute(meta, "http-equiv")].some((each) => each.toLowerCase() === name),
      )
      .map((meta) => attribute(meta, "content"));
  const loads = root
    .querySelectorAll("script[src], link[href], img[src], iframe[src], frame[src]")
    .filter((element) => element.rawTagName !== "link" || /stylesheet|icon|preload/i.test(attribute(element, "rel")))
    .map((element) => attribute(element, "src") || attribute(element, "href"));
  const events = root
    .querySelectorAll("*")
    .flatMap((element) => Object.entries(element.attributes).filter(([name]) => /^on/i.test(name)));
  return {
    title,
    viewport: contentOf("viewport").join(", "),
    script: root
      .querySelectorAll("script")
      .map((element) => element.rawText)
      .join("\n"),
    events: events.map(([, code]) => code).join("\n"),
    loads: loads.map((address) => resolveLocation(address, url)),
    actions: forms.flatMap(({ action, buttons }) => [action, ...buttons.flatMap((button) => button.action ?? [])]),
    newWindow: root.querySelector("form[target=_blank], a[target=_blank]") !== null,
    policies: contentOf("content-security-policy"),
  };
}
