// What was sent and is not answered yet. Until it is, no key acts and nothing else is sent: a late key must not
// reach the item that comes next.
const SLOW = 300;
let flying = 0;

export const busy = () => flying > 0;

const pane = () => document.getElementById("triage");
const say = (words) => {
  const line = pane()?.querySelector(".waiting");
  if (line) line.textContent = words(line.dataset);
};

document.addEventListener("submit", (event) => {
  if (!busy()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

document.addEventListener("htmx:beforeRequest", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (requestConfig.verb !== "post") return;
  flying += 1;
  xhr.kiemtinSlow = setTimeout(() => say((words) => words.words ?? ""), SLOW);
  pane()?.setAttribute("aria-busy", "true");
});

// Without a delay before settling, what comes is in its place by now.
document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr } = event.detail;
  if (xhr.kiemtinSlow === undefined) return;
  clearTimeout(xhr.kiemtinSlow);
  flying -= 1;
  pane()?.removeAttribute("aria-busy");
  if (xhr.kiemtinFailed || xhr.status === 0) say((words) => words.failed ?? "");
});

// What is not the part that was asked for is not put in its place: an error page, a proxy's answer.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target } = event.detail;
  if (xhr.kiemtinSlow === undefined || !target.id) return;
  if (xhr.status < 500 && xhr.responseText.includes(`id="${target.id}"`)) return;
  event.detail.shouldSwap = false;
  xhr.kiemtinFailed = true;
});
