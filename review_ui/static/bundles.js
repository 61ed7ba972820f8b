// Boxes drawn on the picture are lines of a field: what is sent is what is written there.
const frame = document.querySelector("[data-boxes]");
if (frame) {
  const field = document.getElementById(frame.dataset.boxes);
  const image = frame.querySelector("img");
  const scale = () => image.naturalWidth / image.clientWidth || 1;
  const rows = () => field.value.split("\n").map((row) => row.trim().split(/\s+/).map(Number))
    .filter((box) => box.length === 4 && box.every(Number.isFinite));
  const draw = () => {
    frame.querySelectorAll(".box").forEach((box) => box.remove());
    for (const [x, y, width, height] of rows()) place(document.createElement("div"), x, y, width, height);
  };
  const place = (box, x, y, width, height) => {
    box.className = "box";
    const by = scale();
    box.style.left = `${x / by}px`; box.style.top = `${y / by}px`;
    box.style.width = `${width / by}px`; box.style.height = `${height / by}px`;
    if (!box.isConnected) frame.append(box);
    return box;
  };
  let start = null, shown = null;
  const at = (event) => {
    const edge = image.getBoundingClientRect();
    return [(event.clientX - edge.left) * scale(), (event.clientY - edge.top) * scale()];
  };
  image.addEventListener("dragstart", (event) => event.preventDefault());
  frame.addEventListener("pointerdown", (event) => {
    if (event.target !== image) return;
    start = at(event); shown = document.createElement("div");
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = at(event);
    place(shown, Math.min(x, start[0]), Math.min(y, start[1]), Math.abs(x - start[0]), Math.abs(y - start[1]));
  });
  frame.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [x, y] = at(event);
    const box = [Math.min(x, start[0]), Math.min(y, start[1]), Math.abs(x - start[0]), Math.abs(y - start[1])];
    start = null; shown.remove();
    if (box[2] > 3 && box[3] > 3) {
      field.value = `${field.value.trim()}\n${box.map((n) => Math.max(0, Math.round(n))).join(" ")}`.trim() + "\n";
      draw();
    }
  });
  field.addEventListener("input", draw);
  addEventListener("resize", draw);
  if (image.complete) draw(); else image.addEventListener("load", draw);
}

// While a bundle is built, the page asks how far it is.
const building = document.querySelector("[data-bundle]");
if (building) {
  const ask = async () => {
    const answer = await fetch(building.dataset.bundle);
    if (answer.ok) {
      const bundle = await answer.json();
      if (!bundle.building) { location.reload(); return; }
      const bar = building.querySelector("progress");
      bar.max = bundle.total || bar.max; bar.value = bundle.done;
      building.querySelector("[data-step]").textContent = `${bundle.done}/${bundle.total || bar.max}`;
    }
    setTimeout(ask, 700);
  };
  setTimeout(ask, 400);
}
