// The sheets of the outcomes: opened by a key, where a digit picks a reason and a letter begins one's own.
const SHEET = "details.outcome";
const open = () => document.querySelector(`${SHEET}[open]`);

export function closeSheets() {
  const sheet = open();
  if (!sheet) return;
  sheet.open = false;
  sheet.querySelector("summary").focus();
}

// Says whether a key was meant for the sheet that is open: then no other key of the page acts.
export function sheetKey(event, typing) {
  const sheet = open();
  if (!sheet) return false;
  if (event.altKey && !event.ctrlKey) {
    const insert = sheet.querySelector(`[data-alt="${CSS.escape(event.key)}"]`);
    if (!insert) return false;
    event.preventDefault();
    insert.click();
    return true;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || event.key === " ") return false;
  const pick = sheet.querySelector(`[data-pick="${CSS.escape(event.key)}"]`);
  if (pick) {
    event.preventDefault();
    pick.click();
  } else {
    // The letter lands in the field that has the focus now.
    sheet.querySelector("textarea")?.focus();
  }
  return true;
}

// Opened here and not by the browser, which does it a moment later: what is typed next must land in the field.
document.addEventListener("click", (event) => {
  const summary = event.target.closest(`${SHEET} > summary, details[data-writes] > summary`);
  if (!summary) return;
  event.preventDefault();
  const sheet = summary.parentElement;
  const opens = !sheet.open;
  for (const other of document.querySelectorAll(`${SHEET}[open]`)) other.open = false;
  sheet.open = opens;
  if (opens) sheet.querySelector("[data-pick], textarea, input:not([type=hidden])").focus();
});

document.addEventListener("click", (event) => {
  const insert = event.target.closest("[data-insert]");
  if (!insert) return;
  const field = document.getElementById("correction");
  if (!field) return;
  for (const other of document.querySelectorAll(`${SHEET}[open]`)) other.open = false;
  field.closest("details").open = true;
  field.value = insert.dataset.insert;
  field.form.elements.claim.value = insert.dataset.claim;
  field.focus();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const field = document.querySelector(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // Without a secure connection there is no clipboard to write to: the old way.
    field.select();
    document.execCommand("copy");
  }
  button.querySelector("span").textContent = button.dataset.done;
});
