// The hands of the desk: keys, the undo countdown, tabs. What lives on by itself is in live.js.
const VISITED = "kiemtin.visited";
const GO_WITHIN = 1500;
const SLOW = 300;

let goUntil = 0;

const triage = () => document.getElementById("triage");
const isTyping = (node) => node.closest("input, textarea, select, [contenteditable]") !== null;

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.closest("form")?.requestSubmit();
    return;
  }
  if (event.key === "Escape") {
    closeSheets();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (press(event.key)) event.preventDefault();
});

function press(key) {
  if (Date.now() < goUntil) {
    goUntil = 0;
    return follow(`[data-go="${CSS.escape(key)}"]`);
  }
  if (key === "g") {
    goUntil = Date.now() + GO_WITHIN;
    return true;
  }
  if (key === "/") {
    const field = document.getElementById("q");
    if (field) field.focus();
    else return follow('[data-go="s"]');
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

function closeSheets() {
  for (const sheet of document.querySelectorAll("details.outcome[open]")) {
    sheet.open = false;
    sheet.querySelector("summary").focus();
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  const tab = event.target.closest("[data-tab-of]");
  if (tab) triage().dataset.tab = tab.dataset.tabOf;
  if (event.target.closest("[data-marks]")) {
    const off = document.body.classList.toggle("no-marks");
    document.cookie = `kiemtin_marks=${off ? "off" : "on"}; path=/; max-age=31536000; samesite=lax`;
  }
});

// Opened here and not by the browser, which does it a moment later: what is typed next must land in the field.
document.addEventListener("click", (event) => {
  const summary = event.target.closest("details.outcome > summary");
  if (!summary) return;
  event.preventDefault();
  const sheet = summary.parentElement;
  const open = !sheet.open;
  for (const other of document.querySelectorAll("details.outcome[open]")) other.open = false;
  sheet.open = open;
  if (open) sheet.querySelector("textarea").focus();
});

// A doubled press must not send twice. The server refuses the second anyway.
function lock(form) {
  for (const button of form.closest("#triage")?.querySelectorAll(".outcomes button") ?? form.querySelectorAll("button")) {
    setTimeout(() => (button.disabled = true));
  }
}
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-once]")) lock(event.target);
});

document.addEventListener("htmx:beforeRequest", (event) => {
  const pane = triage();
  if (!pane || event.detail.target !== pane) return;
  const line = pane.querySelector(".waiting");
  event.detail.xhr.kiemtinSlow = setTimeout(() => (line.textContent = line.dataset.words), SLOW);
});
document.addEventListener("htmx:afterRequest", (event) => clearTimeout(event.detail.xhr.kiemtinSlow));
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "triage" || event.detail.target?.id === "triage") arrive(true);
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
