// Whether the archived page can be shown: a frame does not tell its page that its server was not reached.
async function ask(frame) {
  const { here } = frame.dataset;
  delete frame.dataset.here;
  try {
    await fetch(here, { mode: "no-cors", credentials: "omit", referrerPolicy: "no-referrer" });
  } catch {
    frame.hidden = true;
    frame.previousElementSibling.hidden = false;
  }
}

const look = () => document.querySelectorAll("iframe[data-here]").forEach(ask);

document.addEventListener("htmx:afterSwap", look);
look();
