// The hands of the desk: keys, the undo countdown, tabs. What lives on by itself is in live.js.
import { busy } from "./flight.js";
import { closeSheets, sheetKey } from "./sheets.js";

const VISITED = "kiemtin.visited";
const GO_WITHIN = 1500;

let goUntil = 0;

const triage = () => document.getElementById("triage");
const isTyping = (node) => node.closest("input, textarea, select, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (busy() || event.repeat || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.closest("form")?.requestSubmit();
    return;
  }
  if (event.key === "Escape") {
    closeSheets();
    closeMore();
    return;
  }
  if (sheetKey(event, isTyping(event.target))) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (press(event.key)) event.preventDefault();
});

function press(key) {
  if (Date.now() < goUntil) {
    goUntil = 0;
    return go(key);
  }
  if (key === "g") {
    goUntil = Date.now() + GO_WITHIN;
    return true;
  }
  if (key === "/") {
    const field = document.getElementById("q");
    if (field) field.focus();
    else return go("s");
    return true;
  }
  return follow(`[data-key="${CSS.escape(key)}"]:not([hidden]):not([disabled])`);
}

function follow(selector) {
  const found = [...document.querySelectorAll(selector)].find((node) => node.checkVisibility());
  if (!found) return false;
  found.click();
  return true;
}

// A place may stand in a menu that is closed.
function go(key) {
  const place = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
  place?.click();
  return Boolean(place);
}

function closeMore(except = null) {
  for (const menu of document.querySelectorAll("details.more[open]")) menu.open = menu.contains(except);
}

document.addEventListener("click", (event) => {
  closeMore(event.target);
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  const tab = event.target.closest("[data-tab-of]");
  if (tab) triage().dataset.tab = tab.dataset.tabOf;
  if (event.target.closest("[data-marks]")) {
    const off = document.body.classList.toggle("no-marks");
    document.cookie = `kiemtin_marks=${off ? "off" : "on"}; path=/; max-age=31536000; samesite=lax`;
  }
});

// A form that leaves the page is sent once. The server refuses the second anyway.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]:not([hx-post])")) return;
  for (const button of form.querySelectorAll("button")) setTimeout(() => (button.disabled = true));
});

// The old case goes first. Else the browser lays out both to take the focus out of one, and htmx tells each of
// its nodes apart that it goes, which takes longer than all else here; none of them listens. Whether there is to be
// a swap was said by flight.js, which is imported and so listens first.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.shouldSwap || event.detail.target.id !== "triage") return;
  document.activeElement?.blur();
  // The form that was sent goes too, and it is by the pane around it that htmx would know how to swap.
  event.detail.swapOverride = event.detail.target.getAttribute("hx-swap");
  event.detail.target.replaceChildren();
});

document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.detail.target?.id ?? event.target.id;
  if (event.target.id === "triage" || part === "triage") arrive(true);
  else if (part === "copies" || part === "notes") returnTo(part);
});

// The case that stands on the screen: its place in the walk, the undo countdown, the focus.
function arrive(swapped) {
  const pane = triage();
  if (!pane) return;
  remember(pane);
  countDown(pane.querySelector(".toast"));
  if (swapped) {
    pane.querySelector("[data-focus]")?.focus({ preventScroll: true });
    window.scrollTo({ top: 0 });
  }
}

// The next copy to sort, or the line of the part that was changed.
function returnTo(part) {
  const here = document.getElementById(part);
  (here?.querySelector("[data-key='y'], [data-key='x']") ?? here?.querySelector("summary"))?.focus({ preventScroll: true });
}

function remember(pane) {
  const walk = JSON.parse(sessionStorage.getItem(VISITED) ?? "[]");
  const current = pane.dataset.case;
  if (current && walk.at(-1) === current) walk.pop();
  const back = pane.querySelector('[data-key="k"]');
  if (back && walk.length) {
    back.hidden = false;
    const form = back.closest("form");
    form.querySelector('[name="to"]').value = walk.at(-1);
    form.addEventListener("submit", () => sessionStorage.setItem(VISITED, JSON.stringify(walk.slice(0, -1))));
  }
  if (current) {
    pane.querySelector('[data-key="j"]')?.closest("form").addEventListener("submit", () => {
      sessionStorage.setItem(VISITED, JSON.stringify([...walk, current].slice(-50)));
    });
  }
  sessionStorage.setItem(VISITED, JSON.stringify(walk));
}

function countDown(toast) {
  if (!toast) return;
  const end = Date.now() + Number(toast.dataset.seconds) * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (!toast.isConnected) return;
    if (left <= 0) {
      toast.remove();
      return;
    }
    toast.querySelector("[data-left]").textContent = left;
    setTimeout(tick, 500);
  };
  tick();
}

arrive(false);
