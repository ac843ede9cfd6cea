// The parts of the page that are text: verdict, violations, the trace, the legend, the footer.
// Everything that comes from the data is put in as text, never as HTML.

const TRACE_ROWS = 40; // records to show before and after the selected one

function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function showVerdict() {
  const bad = data.violations.length > 0;
  byId("verdict").className = bad ? "bad" : "well";
  const oracles = (count) => (count === 1 ? "1 oracle rejects" : `${count} oracles reject`);
  byId("verdict").textContent = bad ? `✗ ${oracles(data.violations.length)} this run` : `✓ all ${data.judges} oracles accept this run`;
  byId("figures").textContent = data.figures;
  const list = byId("violations");
  list.hidden = !bad;
  for (const violation of data.violations) {
    const item = element("div", "", "violation");
    item.append(element("b", violation.oracle), element("span", ` ${violation.promise} `, "promise"), element("br"), element("span", `${violation.explanation} `));
    violation.records.forEach((record) => {
      const button = element("button", `→ ${seconds(timeOf[record])}`, "time jump");
      button.title = records.text[record];
      button.addEventListener("click", () => goTo(record));
      item.append(button, " ");
    });
    list.append(item);
  }
}

function showTrace() {
  const box = byId("trace");
  box.replaceChildren();
  if (view.selected < 0) {
    box.style.flexBasis = "auto";
    box.append(element("div", "Click on a mark to read the trace around it. Wheel or + and − zoom, dragging moves, / searches, n and p go from one find to the next.", "hint"));
    return;
  }
  const first = Math.max(0, view.selected - TRACE_ROWS);
  const last = Math.min(recordCount, view.selected + TRACE_ROWS + 1);
  for (let record = first; record < last; record += 1) {
    const row = element("div", "", "row");
    if (record === view.selected) row.classList.add("selected");
    if (violating.has(record)) row.classList.add("bad");
    row.append(element("span", (timeOf[record] / 1e9).toFixed(9)), element("span", records.text[record]));
    row.addEventListener("click", () => goTo(record));
    box.append(row);
  }
  box.style.flexBasis = "22vh";
  const row = box.querySelector(".selected");
  box.scrollTop = row.offsetTop - box.offsetTop - box.clientHeight / 2;
}

function showLegend() {
  const rows = [
    [colours.read, "operation of a client that reads: from its request to its answer"],
    [colours.write, "operation that writes"],
    [colours.lease, "operation on a lease; below, a lease from its grant to its end, with its renewals"],
    [colours.refused, "refused: an outline, and the answer in this colour"],
    [colours.lost, "no answer, or a message that did not arrive: broken, with a cross"],
    [colours.watch, "watch of a client, and its deliveries"],
    [colours.message, "message between members, from its sending to its arrival"],
    [colours.applied, "a member has applied an entry (of those that were recorded)"],
    [colours.terms[1], "leader; each term has its colour"],
    [colours.down, "member down (hatched)"],
    [colours.link, "broken or slow link"],
    [colours.disk, "broken or slow disk"],
    [colours.violation, "record that shows what is wrong"],
  ];
  const body = byId("legend-body");
  body.replaceChildren();
  for (const [colour, text] of rows) {
    const row = element("div");
    const swatch = element("i");
    swatch.style.background = colour;
    row.append(swatch, element("span", text));
    body.append(row);
  }
  body.append(element("p", "Where too much would lie on one spot, columns show how many there were. When a request reached its member was not recorded: the slant of its arrow says nothing. The dashed line is where all faults were over."));
}

function showFooter() {
  const footer = byId("footer");
  if (data.seed !== null) footer.append(element("span", `seed ${data.seed}`));
  const command = element("span", "again: ");
  command.append(element("code", data.command));
  footer.append(command);
  for (const [name, version] of data.versions) footer.append(element("span", `${name} ${version}`));
  footer.append(element("span", `${recordCount} records, ${data.keys.names.length} keys`));
}

// Who is under the pointer: the smallest thing there, and a line before what it crosses.
function under(x, y) {
  let best = null;
  let least = Infinity;
  for (const some of hits) {
    const size = some.line ? lineDistance(some, x, y) : boxSize(some, x, y);
    if (size < least) [best, least] = [some, size];
  }
  return best;
}

function boxSize({ x0, y0, x1, y1 }, x, y) {
  if (x < x0 || x > x1 || y < y0 || y > y1) return Infinity;
  return 10 + (x1 - x0) * (y1 - y0);
}

function lineDistance({ x0, y0, x1, y1 }, x, y) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1), 0), 1);
  const distance = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
  return distance > 4 ? Infinity : 20 + distance;
}

function showTip(some, x, y) {
  const tip = byId("tip");
  tip.hidden = !some;
  if (!some) return;
  tip.replaceChildren(element("div", some.head, "head"));
  some.records.forEach((record) => tip.append(element("div", `${(timeOf[record] / 1e9).toFixed(6)}  ${records.text[record].slice(0, 400)}`)));
  for (const violation of data.violations) {
    if (some.records.some((record) => violation.records.includes(record))) tip.append(element("div", `${violation.oracle}: ${violation.explanation}`, "more"));
  }
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(x + 14, view.width - box.width - 8))}px`;
  tip.style.top = `${y + 18 + box.height > view.height ? Math.max(4, y - box.height - 12) : y + 18}px`;
}
