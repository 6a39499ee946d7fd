// The simulator's only script: updates the record without reloading the page.

/** Served as `/live.js`. It fetches the same page again and replaces what has changed; opened steps stay open. */
export const LIVE_SCRIPT = `"use strict";
const PAUSE_MS = 1500;
const button = document.querySelector("[data-follow]");
const status = document.querySelector("[data-status]");
let following = true;

function update(live, fresh) {
  const known = new Map([...live.children].map((item) => [item.dataset.id, item]));
  const wanted = [...fresh.children];
  for (const [id, item] of known) if (!wanted.some((one) => one.dataset.id === id)) item.remove();
  wanted.forEach((item, index) => {
    const present = known.get(item.dataset.id);
    if (present && present.dataset.version === item.dataset.version) return;
    const isOpen = present?.querySelector("details")?.open ?? false;
    const focused = present?.contains(document.activeElement) ?? false;
    if (isOpen) item.querySelector("details").open = true;
    if (present) present.replaceWith(item);
    else live.insertBefore(item, live.children[index] ?? null);
    if (focused) item.querySelector("summary, a")?.focus();
  });
}

async function look() {
  if (following && !document.hidden) {
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      for (const live of document.querySelectorAll("[data-live]")) {
        const fresh = page.querySelector('[data-live="' + live.dataset.live + '"]');
        if (fresh) update(live, fresh);
      }
      for (const place of document.querySelectorAll("[data-text]")) {
        const fresh = page.querySelector('[data-text="' + place.dataset.text + '"]');
        if (fresh && fresh.textContent !== place.textContent) place.textContent = fresh.textContent;
      }
      status.textContent = "New steps appear automatically.";
    } catch {
      status.textContent = "The simulator does not respond. Trying again …";
    }
  }
  setTimeout(look, PAUSE_MS);
}

button.hidden = false;
button.addEventListener("click", () => {
  following = !following;
  button.textContent = following ? "Pause" : "Resume";
  status.textContent = following ? "New steps appear automatically." : "Paused.";
});
look();
`;
