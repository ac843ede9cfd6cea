// Pointer, keys, buttons, filters, search; then the first picture.

const pointer = { x: -1, y: -1, hit: null, drag: null };

function paintOverlay() {
  const pen = over2d;
  pen.clearRect(0, 0, view.width, view.height);
  if (view.selected >= 0) outline(pen, hits.filter((some) => some.records.includes(view.selected)), colours.hit, view.selected);
  if (pointer.hit) outline(pen, [pointer.hit], colours.text, -1);
  if (pointer.x > GUTTER && !pointer.drag) {
    pen.fillStyle = colours.faint;
    pen.globalAlpha = 0.5;
    pen.fillRect(pointer.x, 0, 0.5, view.height);
    pen.globalAlpha = 1;
    const label = seconds(nsOf(pointer.x));
    pen.font = FONT;
    pen.textBaseline = "middle";
    const width = pen.measureText(label).width + 10;
    const x = Math.min(pointer.x, view.width - width);
    pen.fillStyle = colours.text;
    pen.fillRect(x, 2, width, AXIS - 5);
    pen.fillStyle = colours.back;
    pen.fillText(label, x + 5, AXIS / 2);
  }
}

function outline(pen, some, colour, record) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  if (record >= 0) {
    pen.globalAlpha = 0.6;
    pen.fillStyle = colour;
    pen.fillRect(xOf(timeOf[record]) - 0.5, AXIS, 1, view.height);
    pen.globalAlpha = 1;
  }
  for (const { x0, y0, x1, y1, line } of some) {
    pen.beginPath();
    if (line) {
      pen.moveTo(x0, y0);
      pen.lineTo(x1, y1);
    } else {
      pen.rect(x0 - 1, y0 - 1, x1 - x0 + 2, y1 - y0 + 2);
    }
    pen.stroke();
  }
}

function pointAt(event) {
  const box = overlay.getBoundingClientRect();
  [pointer.x, pointer.y] = [event.clientX - box.left, event.clientY - box.top];
}

overlay.addEventListener("pointerdown", (event) => {
  pointAt(event);
  overlay.setPointerCapture(event.pointerId);
  pointer.drag = { x: pointer.x, y: pointer.y, from: view.from, to: view.to, top: view.top, moved: false };
});

overlay.addEventListener("pointermove", (event) => {
  pointAt(event);
  const drag = pointer.drag;
  if (drag) {
    drag.moved ||= Math.hypot(pointer.x - drag.x, pointer.y - drag.y) > 4;
    if (!drag.moved) return;
    overlay.classList.add("dragged");
    showTip(null);
    view.top = drag.top - (pointer.y - drag.y);
    layOut();
    const moved = (pointer.x - drag.x) / pixelsPerNs();
    show(drag.from - moved, drag.to - moved);
    return;
  }
  pointer.hit = under(pointer.x, pointer.y);
  showTip(pointer.hit, pointer.x, pointer.y);
  paintOverlay();
});

overlay.addEventListener("pointerup", () => {
  const clicked = pointer.drag && !pointer.drag.moved;
  pointer.drag = null;
  overlay.classList.remove("dragged");
  if (!clicked) return;
  const found = under(pointer.x, pointer.y);
  view.selected = found?.records[0] ?? -1;
  if (found && found.records.length === 0) zoom(0.25, pointer.x);
  showTrace();
  paintOverlay();
});

overlay.addEventListener("pointerleave", () => {
  [pointer.x, pointer.hit] = [-1, null];
  showTip(null);
  paintOverlay();
});

overlay.addEventListener("wheel", (event) => {
  event.preventDefault();
  pointAt(event);
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    const moved = (event.deltaX || event.deltaY) / pixelsPerNs();
    show(view.from + moved, view.to + moved);
  } else {
    zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * 0.0025), pointer.x);
  }
}, { passive: false });

// Filters: what is drawn at all.
const MESSAGES = "messages: ";
function addFilters() {
  const names = [...SORT_NAMES, "watches", "lease bars", "applied", "faults", ...data.message_kinds.map((kind) => MESSAGES + kind)];
  for (const name of names) {
    view.shown[name] = true;
    const label = element("label");
    const box = element("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => {
      view.shown[name] = box.checked;
      draw();
    });
    label.append(box, element("span", name.replace(MESSAGES, "")));
    if (name.startsWith(MESSAGES) && !names.slice(0, names.indexOf(name)).some((other) => other.startsWith(MESSAGES))) {
      byId("filters").append(element("span", MESSAGES, "faint"));
    }
    byId("filters").append(label);
  }
}

let finds = [];
function searchFor(query) {
  view.found = query === "" ? null : search(query);
  finds = view.found === null ? [] : [...view.found].sort((a, b) => a - b);
  byId("found").textContent = view.found === null ? "" : `${finds.length} records`;
  draw();
}

function goToFind(step) {
  if (finds.length === 0) return;
  const at = lowerBound(finds, view.selected + (step > 0 ? 1 : 0));
  const next = step > 0 ? at % finds.length : (at - 1 + finds.length) % finds.length;
  byId("found").textContent = `${next + 1} of ${finds.length} records`;
  goTo(finds[next]);
}

byId("search").addEventListener("input", (event) => searchFor(event.target.value.trim()));
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") goToFind(event.shiftKey ? -1 : 1);
});
byId("search-on").addEventListener("click", () => goToFind(1));
byId("search-back").addEventListener("click", () => goToFind(-1));
byId("zoom-in").addEventListener("click", () => zoom(0.5));
byId("zoom-out").addEventListener("click", () => zoom(2));
byId("zoom-all").addEventListener("click", () => show(0, endOfRun));

const move = (part) => show(view.from + (view.to - view.from) * part, view.to + (view.to - view.from) * part);
const KEYS = {
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => show(0, endOfRun),
  ArrowLeft: () => move(-0.2),
  ArrowRight: () => move(0.2),
  n: () => goToFind(1),
  p: () => goToFind(-1),
  "/": () => byId("search").focus(),
};
addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

// `#from=1.5&to=2.5&record=17&search=k1` in the address shows just that.
function followAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const number = (name) => (wanted.has(name) ? Number(wanted.get(name)) : NaN);
  if (wanted.has("search")) {
    byId("search").value = wanted.get("search");
    searchFor(wanted.get("search"));
  }
  const record = number("record");
  if (record >= 0 && record < recordCount) goTo(record);
  const [from, to] = [number("from") * 1e9, number("to") * 1e9];
  if (to > from) show(from, to);
}

readColours();
addFilters();
showVerdict();
showLegend();
showFooter();
showTrace();
resize();
show(0, endOfRun);
followAddress();
addEventListener("hashchange", followAddress);
new ResizeObserver(resize).observe(stage);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  showLegend();
  draw();
});
paint();
