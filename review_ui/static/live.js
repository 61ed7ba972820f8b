// What lives on by itself: the lease of the open case, what others do to cases, the call to a break.
const RENEW_EVERY = 3 * 60 * 1000;
const AWAY_AFTER = 15 * 60 * 1000;
const LEAVES_AFTER = 4000;
const PAUSE = 5 * 60 * 1000;
const LATER = 10 * 60 * 1000;
const WORKING = "kiemtin.working";
const TAKEN = new Set(["leased", "decided", "escalated", "assigned", "handed_over"]);
const NEW_TEXT = new Set(["changed", "judged_again"]);

let lastSeen = Date.now();
let stream = null;
let told = 0;

const triage = () => document.getElementById("triage");
const csrf = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRF-Token"];
const line = () => document.querySelector("[data-live]");

for (const kind of ["keydown", "click", "scroll"]) {
  document.addEventListener(kind, () => {
    lastSeen = Date.now();
    work();
  }, { passive: true });
}

setInterval(async () => {
  const pane = triage();
  if (!pane?.dataset.case || document.hidden || Date.now() - lastSeen > AWAY_AFTER) return;
  const held = pane.dataset.case;
  const answer = await fetch(`/cases/${held}/renew`, {
    method: "POST",
    headers: { "X-CSRF-Token": csrf(), "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ token: pane.dataset.token }),
  }).catch(() => null);
  // A server that does not answer now may at the next time; one that refuses says that the lease is gone.
  if (answer && !answer.ok && triage()?.dataset.case === held) location.reload();
}, RENEW_EVERY);

// A browser opens few streams to one host: pages that nobody looks at have none.
function listen() {
  if (document.hidden || !line()) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    // From what the page shows on, or from what was heard last: nothing falls between.
    stream = new EventSource(`/api/v1/live?after=${Math.max(told, Number(line().dataset.after))}`);
    stream.onmessage = (event) => {
      told = Number(event.lastEventId);
      heard(JSON.parse(event.data));
    };
    stream.onerror = () => {
      if (stream?.readyState === EventSource.CLOSED) stream = null;
    };
  }
}

function heard(change) {
  const open = triage()?.dataset.case === String(change.case_id);
  if (open && NEW_TEXT.has(change.what)) return say("changed", change, true);
  if (change.mine || !TAKEN.has(change.what)) return;
  if (open) return say("lost", change, true);
  const rows = document.querySelectorAll(`[data-row="${change.case_id}"]`);
  if (!rows.length) return;
  say(change.what === "handed_over" ? "assigned" : change.what, change, false);
  for (const row of rows) {
    row.classList.add("leaving");
    // Who has the focus in it reads on; it goes with the next look.
    setTimeout(() => row.contains(document.activeElement) || row.remove(), LEAVES_AFTER);
  }
}

function say(key, change, reload) {
  const place = line();
  const words = place.dataset[key];
  if (!words) return;
  place.textContent = words.replace("{who}", change.who ?? place.dataset.system).replace("{case}", change.case_id);
  if (reload) {
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = place.dataset.reload;
    place.append(link);
  }
}

// How long somebody works without a pause stays in this browser.
function work() {
  const note = document.querySelector("[data-break]");
  const minutes = Number(note?.dataset.break ?? 0);
  if (!minutes) return;
  const now = Date.now();
  const kept = JSON.parse(localStorage.getItem(WORKING) ?? "null");
  const since = kept && now - kept.last < PAUSE ? kept.since : now;
  const quiet = kept && now - kept.last < PAUSE ? kept.quiet : 0;
  localStorage.setItem(WORKING, JSON.stringify({ since, last: now, quiet }));
  const worked = Math.floor((now - since) / 60000);
  note.hidden = worked < minutes || now < quiet;
  if (!note.hidden) note.querySelector("[data-worked]").textContent = worked;
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-rest]");
  if (!choice) return;
  const now = Date.now();
  const kept = JSON.parse(localStorage.getItem(WORKING));
  const next = choice.dataset.rest === "now" ? { since: now, last: now, quiet: 0 } : { ...kept, quiet: now + LATER };
  localStorage.setItem(WORKING, JSON.stringify(next));
  choice.closest("[data-break]").hidden = true;
});

document.addEventListener("visibilitychange", listen);
document.addEventListener("htmx:afterSettle", () => {
  listen();
  work();
});
listen();
work();
