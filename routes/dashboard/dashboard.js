/**
 * Keeps the page fresh: an event of the agent, or a few seconds, and the
 * sections are asked for again. Sections that did not change stay untouched;
 * folds stay open, the focus stays where it is, and a section with selected
 * text waits until nothing is selected in it.
 *
 * @module
 */

const EVERY_MS = 5000;
const AFTER_EVENT_MS = 200;

const live = /** @type {HTMLElement} */ (document.getElementById("live"));
const filter =
  /** @type {HTMLInputElement} */ (document.getElementById("filter"));

/** What each section was last made of. */
const shown = new Map();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let asking = false;
let again = false;

/** @param {string} text @param {string} tone */
function say(text, tone) {
  if (live.textContent !== text) live.textContent = text;
  live.className = tone;
}

/** @param {number} ms */
function schedule(ms) {
  clearTimeout(timer);
  timer = setTimeout(refresh, ms);
}

async function refresh() {
  if (document.hidden) return;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  again = false;
  try {
    const query = new URLSearchParams({ q: filter.value });
    const answer = await fetch(`/view?${query}`, {
      signal: AbortSignal.timeout(10000),
    });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error(`${answer.status}`);
    show(await answer.text());
    say("● live", "good");
  } catch {
    say("▲ the agent does not answer; trying again", "warn");
  } finally {
    asking = false;
    schedule(again ? AFTER_EVENT_MS : EVERY_MS);
  }
}

/** @param {string} text */
function show(text) {
  const view = new DOMParser().parseFromString(text, "text/html");
  for (const fresh of view.querySelectorAll("section[id]")) {
    const old = document.getElementById(fresh.id);
    const made = fresh.outerHTML;
    if (old === null || shown.get(fresh.id) === made || isSelected(old)) {
      continue;
    }
    shown.set(fresh.id, made);
    replace(old, /** @type {HTMLElement} */ (fresh));
  }
}

/** @param {HTMLElement} element */
function isSelected(element) {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed &&
    selection.containsNode(element, true);
}

/** @param {HTMLElement} old @param {HTMLElement} fresh */
function replace(old, fresh) {
  const open = new Set(
    [...old.querySelectorAll("details[open]")].map(keyOf),
  );
  for (const fold of fresh.querySelectorAll("details")) {
    fold.open = open.has(keyOf(fold));
  }
  const focus = old.contains(document.activeElement)
    ? keyOf(document.activeElement)
    : null;
  const scrolls = [...old.querySelectorAll(".scroll")].map((it) =>
    it.scrollLeft
  );
  old.replaceWith(fresh);
  fresh.querySelectorAll(".scroll").forEach((it, index) => {
    it.scrollLeft = scrolls[index] ?? 0;
  });
  if (focus === null) return;
  for (const it of fresh.querySelectorAll("[data-key]")) {
    if (keyOf(it) === focus && it instanceof HTMLElement) it.focus();
  }
}

/** @param {Element | null} element */
function keyOf(element) {
  return element?.getAttribute("data-key") ?? null;
}

filter.form?.addEventListener("submit", (event) => {
  event.preventDefault();
  refresh();
});
filter.addEventListener("input", () => {
  const url = new URL(location.href);
  if (filter.value === "") url.searchParams.delete("q");
  else url.searchParams.set("q", filter.value);
  history.replaceState(null, "", url);
  schedule(AFTER_EVENT_MS);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});

new EventSource("/api/v1/events").addEventListener("message", () => {
  schedule(AFTER_EVENT_MS);
});
schedule(AFTER_EVENT_MS);
