// A real browser window in which a person signs in, and which the doctor watches and repeats.
import { launch } from "chrome-launcher";
import CDP from "chrome-remote-interface";
import { isAt, pathOf } from "../../doctor/customer.ts";
import type { Customer, Decided, Observation, SeenPage } from "../../doctor/examination.ts";

/** The browser view of an Android phone, as the Alexa app shows it. */
const IN_APP_BROWSER =
  "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.0.0 Mobile Safari/537.36";
const PHONE = { width: 390, height: 844, deviceScaleFactor: 1, mobile: true };
/** How long a person has for one decision, and when the doctor reminds them. */
const LIMIT_MS = 300_000;
const HINT_MS = 45_000;
/** How many pages are kept for the checks, and how many characters of each. */
const MOST_PAGES = 100;
const LONGEST_PAGE = 1_000_000;
const DONE =
  "<!doctype html><meta name=viewport content='width=device-width'><title>Done</title><h1>Back at Alexa</h1><p>The doctor caught this address. It goes on by itself.</p>";

/** Reports what the person presses: never what they type. */
const LISTENER = `(() => {
  const tell = (element) => {
    const { name = "", value = "" } = element;
    const text = (element.innerText || value || "").trim().slice(0, 200);
    const isButton = !("href" in element);
    doctorPressed(JSON.stringify({ path: location.origin + location.pathname, name, value: isButton ? value : "", text }));
  };
  addEventListener("submit", (event) => event.submitter && tell(event.submitter), true);
  addEventListener("click", (event) => { const link = event.target.closest && event.target.closest("a[href]"); if (link) tell(link); }, true);
})()`;

interface Pressed {
  readonly path: string;
  readonly name: string;
  readonly value: string;
  readonly text: string;
}

export interface WindowOptions {
  readonly redirectUris: readonly string[];
  readonly chromePath: string;
  /** Without a screen, for tests. */
  readonly headless?: boolean;
  /** Says something to the person at the terminal. */
  readonly note: (text: string) => void;
  readonly limitMs?: number;
}

/** A customer in a window, which must be closed in the end. */
export interface WindowCustomer extends Customer {
  close(): Promise<void>;
}

/** Opens the window, with a profile of its own that is deleted afterwards. Throws if the browser does not start. */
export async function openWindow(options: WindowOptions): Promise<WindowCustomer> {
  const size = `--window-size=${PHONE.width + 40},${PHONE.height + 120}`;
  const chrome = await launch({
    chromePath: options.chromePath,
    startingUrl: "about:blank",
    chromeFlags: [size, ...(options.headless ? ["--headless=new", "--no-sandbox"] : [])],
    logLevel: "silent",
  });
  let client: CDP.Client;
  let watched: WatchedPage;
  try {
    client = await CDP({ port: chrome.port });
    watched = new WatchedPage(client, options);
    await watched.prepare();
  } catch (error) {
    chrome.kill();
    throw error;
  }
  let queue: Promise<unknown> = Promise.resolve();
  return {
    canRepeat: true,
    pages: () => watched.pages,
    observations: () => watched.observations,
    decide(request, decision) {
      const next = queue.then(() => watched.decide(request.url, request.redirectUri, decision));
      queue = next.catch(() => undefined);
      return next;
    },
    async close() {
      watched.closed = true;
      await client.close().catch(() => undefined);
      chrome.kill();
    },
  };
}

/** What the listener reported; undefined if a page called it with something else. */
function pressedIn(payload: string): Pressed | undefined {
  try {
    const { path, name, value, text } = JSON.parse(payload) as Record<string, unknown>;
    const texts = [path, name, value, text].every((each) => typeof each === "string");
    return texts ? ({ path, name, value, text } as Pressed) : undefined;
  } catch {
    return undefined;
  }
}

class WatchedPage {
  readonly pages: SeenPage[] = [];
  readonly observations: Observation[] = [];
  closed = false;
  readonly #client: CDP.Client;
  readonly #options: WindowOptions;
  /** The last button that a person pressed before the server redirected, for each decision. */
  readonly #known = new Map<string, Pressed>();
  readonly #headers = new Map<string, { status: number; headers: Headers }>();
  #pressed: Pressed | undefined;
  #url = "";
  /** Whether the window shows a page of this decision. Until then, late events belong to the decision before. */
  #navigated = false;
  #settle: (decided: Decided) => void = () => {};
  #decision = "";
  #redirectUri = "";

  constructor(client: CDP.Client, options: WindowOptions) {
    this.#client = client;
    this.#options = options;
  }

  async prepare(): Promise<void> {
    const { Browser, Page, Network, Fetch, Runtime, Emulation } = this.#client;
    await Promise.all([Page.enable(), Network.enable({}), Runtime.enable()]);
    await Browser.setDownloadBehavior({ behavior: "deny" });
    await Emulation.setDeviceMetricsOverride(PHONE);
    await Emulation.setUserAgentOverride({ userAgent: IN_APP_BROWSER });
    await Runtime.addBinding({ name: "doctorPressed" });
    await Page.addScriptToEvaluateOnNewDocument({ source: LISTENER });
    Runtime.bindingCalled(({ payload }) => {
      this.#pressed = pressedIn(payload) ?? this.#pressed;
    });
    Fetch.requestPaused((paused) => void this.#request(paused.requestId, paused.request.url).catch(() => undefined));
    await Fetch.enable({ patterns: [{ urlPattern: "*", resourceType: "Document" }] });
    this.#observe();
    Page.loadEventFired(() => void this.#loaded().catch(() => undefined));
    this.#client.on("disconnect", () => {
      this.closed = true;
      this.#settle({ arrived: false, why: "the browser window was closed" });
    });
  }

  /** Notes what the checks of pages ask for. */
  #observe(): void {
    const { Page, Network, Runtime } = this.#client;
    const note = (kind: Observation["kind"], what: string) => {
      const url = pathOf(this.#url);
      const same = (each: Observation) => each.kind === kind && each.url === url && each.what === what;
      if (!this.observations.some(same)) this.observations.push({ kind, url, what });
    };
    Page.frameNavigated(({ frame }) => {
      if (frame.parentId !== undefined) return;
      this.#url = frame.url;
      this.#navigated = true;
    });
    Page.windowOpen(() => note("popup", "opened a window"));
    Page.javascriptDialogOpening(({ type }) => {
      note("dialog", `showed a script dialog (${type})`);
      // A dialog that its page has closed already is no error.
      void Page.handleJavaScriptDialog({ accept: true }).catch(() => undefined);
    });
    Runtime.exceptionThrown(({ exceptionDetails }) => note("script_error", exceptionDetails.text.slice(0, 200)));
    Network.loadingFailed(({ blockedReason }) => {
      if (blockedReason) note("blocked", `the browser blocked a request (${blockedReason})`);
    });
    Network.responseReceived(({ type, response }) => {
      if (type !== "Document") return;
      const headers = new Headers();
      for (const [name, value] of Object.entries(response.headers)) {
        // The browser decodes UTF-8, which `Headers` refuses.
        headers.append(name, value.replaceAll("\n", ", ").replace(/[^\t\x20-\xff]/g, "?"));
      }
      if (this.#headers.size >= MOST_PAGES) this.#headers.clear();
      this.#headers.set(response.url, { status: response.status, headers });
    });
  }

  /** Nothing is sent to the redirect URIs: their addresses hold the code. */
  async #request(requestId: string, url: string): Promise<void> {
    const { Fetch } = this.#client;
    const uri = [this.#redirectUri, ...this.#options.redirectUris].find((each) => each !== "" && isAt(url, each));
    if (uri === undefined) return Fetch.continueRequest({ requestId });
    const responseHeaders = [{ name: "content-type", value: "text/html; charset=utf-8" }];
    await Fetch.fulfillRequest({ requestId, responseCode: 200, responseHeaders, body: btoa(DONE) });
    if (!isAt(url, this.#redirectUri)) {
      return this.#settle({ arrived: false, why: `the server redirected to ${pathOf(url)} instead` });
    }
    if (this.#pressed) this.#known.set(this.#decision, this.#pressed);
    const last = this.pages.find((page) => pathOf(page.url) === (this.#pressed?.path ?? pathOf(this.#url)));
    if (last) this.pages.splice(this.pages.indexOf(last), 1, { ...last, last: true });
    this.#settle({ arrived: true, url });
  }

  /** A page has loaded: keeps it, and presses what the person pressed at the same place before. */
  async #loaded(): Promise<void> {
    const { Runtime } = this.#client;
    if (!this.#navigated) return;
    const { result } = await Runtime.evaluate({
      expression: `({ url: location.href, html: document.documentElement.outerHTML.slice(0, ${LONGEST_PAGE}), wide: document.documentElement.scrollWidth })`,
      returnByValue: true,
    });
    if (!this.#navigated) return;
    const { url, html, wide } = result.value as { url: string; html: string; wide: number };
    if (!/^https?:/.test(url) || [this.#redirectUri, ...this.#options.redirectUris].some((uri) => isAt(url, uri)))
      return;
    const { status = 200, headers = new Headers() } = this.#headers.get(url.split("#")[0] ?? url) ?? {};
    if (this.pages.length < MOST_PAGES && !this.pages.some((page) => pathOf(page.url) === pathOf(url))) {
      if (!headers.has("content-type")) headers.set("content-type", "text/html");
      this.pages.push({ url, status, headers, html });
      const what = `${wide} pixels wide on a screen of ${PHONE.width}`;
      if (wide > PHONE.width) this.observations.push({ kind: "overflow", url: pathOf(url), what });
    }
    if (status >= 400) return this.#settle({ arrived: false, why: `${pathOf(url)} returned ${status}` });
    const known = this.#known.get(this.#decision);
    if (known?.path === pathOf(url)) await this.#press(known);
  }

  async #press({ name, value, text }: Pressed): Promise<void> {
    const wanted = JSON.stringify({ name, value, text });
    await this.#client.Runtime.evaluate({
      expression: `(() => {
        const wanted = ${wanted};
        const textOf = (each) => (each.innerText || each.value || "").trim().slice(0, 200);
        const all = [...document.querySelectorAll("button, input[type=submit], input[type=image], a[href]")];
        const match = all.find((each) => (each.name || "") === wanted.name && textOf(each) === wanted.text
          && ("href" in each || (each.value || "") === wanted.value));
        if (match) match.click();
      })()`,
    });
  }

  async decide(url: string, redirectUri: string, decision: "allow" | "deny"): Promise<Decided> {
    const { note, limitMs = LIMIT_MS } = this.#options;
    if (this.closed) return { arrived: false, why: "the browser window was closed" };
    this.#decision = decision;
    this.#redirectUri = redirectUri;
    this.#pressed = undefined;
    this.#navigated = false;
    const what = decision === "allow" ? "sign in if you are asked, and allow the link" : "refuse the link";
    if (!this.#known.has(decision)) note(`In the browser window: ${what}.`);
    const hint = setTimeout(() => note(`Still waiting for you in the browser window: ${what}.`), HINT_MS);
    let limit: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise<Decided>((resolve) => {
        this.#settle = resolve;
        limit = setTimeout(
          () =>
            resolve({ arrived: false, why: `no decision was made in the browser window within ${limitMs / 1000} s` }),
          limitMs,
        );
        this.#client.Page.navigate({ url }).then(
          ({ errorText }) => {
            if (errorText && errorText !== "net::ERR_ABORTED") resolve({ arrived: false, why: errorText });
          },
          (error: Error) => resolve({ arrived: false, why: error.message }),
        );
      });
    } finally {
      clearTimeout(hint);
      clearTimeout(limit);
      this.#settle = () => {};
    }
  }
}
