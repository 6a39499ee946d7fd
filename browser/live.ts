// Lists of the console that refresh themselves: the only script of our pages. Without it the lists work by their links.
// The server renders the same address again as a fragment; rows are known by their ids.

const INTERVAL_MS = 5000;
const LONGEST_INTERVAL_MS = 60_000;
const HEADER = "x-fragment";

const said = document.querySelector<HTMLElement>("#live-status");
const live = document.querySelector<HTMLElement>("#live");
const noun = live?.dataset.noun ?? "row";

let paused = false;
let ended = false;
let interval = INTERVAL_MS;
let timer: ReturnType<typeof setTimeout> | undefined;

function say(...message: (string | Node)[]): void {
  said?.replaceChildren(...message);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${noun}${count === 1 ? "" : "s"}`;
}

/** The session has ended when a page comes instead of the fragment, or a redirect to a sign-in page. */
function endLive(): void {
  ended = true;
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = "Sign in again";
  say("You are signed out, so this list no longer refreshes. ", link);
  live?.querySelector("button")?.remove();
}

/** The fragment at an address; undefined if there is none now. */
async function fragmentAt(address: string): Promise<Document | undefined> {
  const response = await fetch(address, { headers: { [HEADER]: "lists" }, redirect: "manual", cache: "no-store" });
  if (response.headers.get(HEADER) === "lists") {
    return new DOMParser().parseFromString(await response.text(), "text/html");
  }
  if (response.ok || response.type === "opaqueredirect" || response.status === 401 || response.status === 403)
    endLive();
  return undefined;
}

/** Whether the reader is in a row now: it has the focus or the selection. */
function isInUse(row: Element): boolean {
  const selection = getSelection();
  return (
    row.contains(document.activeElement) ||
    (selection !== null && !selection.isCollapsed && selection.containsNode(row, true))
  );
}

/** Puts the new state of a row in its place. What the reader opened stays open. */
function replaceRow(row: Element, fresh: Element): void {
  const opened = [...row.querySelectorAll("details")].map(({ open }) => open);
  const details = [...fresh.querySelectorAll("details")];
  const same = row.textContent === fresh.textContent;
  if (same || isInUse(row)) return;
  for (const [index, one] of details.entries()) one.open = opened[index] ?? one.open;
  row.replaceWith(fresh);
}

/** Brings a list up to date. Returns how many rows the page did not have before. */
function updateList(list: Element, fresh: Element): number {
  const rows = [...fresh.children];
  const isNew = rows.filter(({ id }) => document.getElementById(id) === null);
  const isGap = list.children.length > 0 && rows.length > 0 && isNew.length === rows.length;
  const isWhole = list instanceof HTMLElement && list.dataset.list === "whole";
  if (isWhole || isGap) {
    const kept = new Set(rows.map(({ id }) => id));
    for (const row of [...list.children]) if (!kept.has(row.id) && (isGap || !isInUse(row))) row.remove();
  }
  let place: Element | null = list.firstElementChild;
  for (const row of rows) {
    const known = document.getElementById(row.id);
    if (known?.parentElement === list) {
      place = known.nextElementSibling;
      replaceRow(known, row);
    } else if (!known || !isInUse(known)) {
      known?.remove();
      list.insertBefore(row, place);
    }
  }
  if (list.children.length > 0) list.parentElement?.querySelector(".empty")?.remove();
  return isNew.length;
}

/** What must not move: the element with the focus, else the first row that is open, else where the page is scrolled to. */
function anchor(): Element | undefined {
  const focused = document.activeElement?.closest("[data-list] > *");
  const rows = [...document.querySelectorAll("[data-list] > *")];
  const visible = rows.filter((row) => row.getBoundingClientRect().bottom > 0);
  return focused ?? visible.find((row) => row.querySelector("details[open]")) ?? (scrollY > 0 ? visible[0] : undefined);
}

function update(fresh: Document): void {
  const fixed = anchor();
  const before = fixed?.getBoundingClientRect().top ?? 0;
  let added = 0;
  for (const list of document.querySelectorAll("[data-list]")) {
    const counterpart = fresh.getElementById(list.id);
    if (counterpart) added += updateList(list, counterpart);
  }
  for (const copy of document.querySelectorAll("[data-copy]")) {
    const text = fresh.getElementById(copy.id)?.textContent ?? "";
    if (copy.textContent !== text) copy.textContent = text;
  }
  if (fixed?.isConnected) scrollBy(0, fixed.getBoundingClientRect().top - before);
  if (added > 0) say(`${counted(added, "new ")}.`);
}

async function poll(): Promise<void> {
  try {
    const fresh = await fragmentAt(location.href);
    if (fresh && !paused) {
      if (interval > INTERVAL_MS) say("Refreshing again.");
      interval = INTERVAL_MS;
      update(fresh);
    } else if (!fresh && !ended) throw new Error("no fragment");
  } catch {
    interval = Math.min(interval * 2, LONGEST_INTERVAL_MS);
    say("The server does not respond. The list refreshes when it does.");
  }
  schedule();
}

function schedule(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!paused && !ended && document.visibilityState === "visible") timer = setTimeout(poll, interval);
}

/** "Load older" appends to the list instead of opening a page. */
async function loadOlder(link: HTMLAnchorElement): Promise<void> {
  const list = document.getElementById(link.dataset.older ?? "");
  if (!list || link.getAttribute("aria-busy") === "true") return;
  link.setAttribute("aria-busy", "true");
  try {
    const fresh = await fragmentAt(link.href);
    if (ended) return;
    const rows = [...(fresh?.getElementById(list.id)?.children ?? [])].filter(({ id }) => !document.getElementById(id));
    list.append(...rows);
    const next = fresh?.querySelector<HTMLAnchorElement>("a[data-older]");
    if (!fresh) throw new Error("no fragment");
    if (next) link.href = next.href;
    else {
      // The focus must not fall back to the start of the page.
      rows[0]?.querySelector<HTMLElement>("a, summary")?.focus();
      link.remove();
    }
    say(`${counted(rows.length, "older ")}.`);
  } catch {
    say("The server does not respond. Try again.");
  }
  link.removeAttribute("aria-busy");
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-older]") : null;
  if (!link || ended || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  loadOlder(link);
});

if (live) {
  // The lists keep their place themselves.
  document.documentElement.style.setProperty("overflow-anchor", "none");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  const label = () => {
    button.textContent = paused ? "Resume refreshing" : "Pause refreshing";
  };
  button.addEventListener("click", () => {
    paused = !paused;
    label();
    say(paused ? "Paused." : "Refreshing.");
    if (paused) schedule();
    else poll();
  });
  label();
  live.prepend(button);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !paused && !ended && timer === undefined) poll();
    else schedule();
  });
  schedule();
}

export {};
