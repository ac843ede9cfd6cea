// Drawing: the ground on which everything lies. What has been drawn is remembered, so that a pointer
// finds it.

const FONT = '11px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif';

let hits = []; // { x0, y0, x1, y1, line, records, head }
let drawn = 0;
let scheduled = false;

function draw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    paint();
  });
}

function paint() {
  const began = performance.now();
  hits = [];
  drawn = 0;
  const pen = base2d;
  pen.font = FONT;
  pen.textBaseline = "middle";
  pen.fillStyle = colours.back;
  pen.fillRect(0, 0, view.width, view.height);
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER, AXIS + RULER, view.width - GUTTER, view.height);
  pen.clip();
  paintGround(pen);
  if (view.shown.faults) paintBands(pen);
  paintLeaderships(pen);
  paintMarks(pen);
  pen.restore();
  paintLabels(pen);
  paintAxis(pen);
  paintRuler(pen);
  paintViolations(pen);
  paintOverlay();
  report.dataset.records = String(recordCount);
  report.dataset.drawn = String(drawn);
  report.dataset.violations = String(data.violations.length);
  report.dataset.ms = (performance.now() - began).toFixed(1);
}

function hit(x0, y0, x1, y1, records_, head, line = false) {
  hits.push({ x0, y0, x1, y1, records: records_, head, line });
}

// A search leaves in full colour only what it found.
const strength = (...some) => (view.found === null || some.some((record) => view.found.has(record)) ? 1 : 0.13);

function paintGround(pen) {
  lanes.forEach((lane, at) => {
    if (at % 2 === 0) {
      pen.fillStyle = colours.lane;
      pen.fillRect(GUTTER, laneTop(lane), view.width, lane.height);
    }
    pen.fillStyle = colours.line;
    pen.fillRect(GUTTER, laneTop(lane) + lane.height - 0.5, view.width, 0.5);
  });
}

function paintLabels(pen) {
  pen.fillStyle = colours.back;
  pen.fillRect(0, AXIS + RULER, GUTTER - 1, view.height);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS + RULER, GUTTER, view.height);
  pen.clip();
  for (const lane of lanes) {
    const middle = laneMiddle(lane);
    pen.textAlign = "right";
    pen.fillStyle = colours.text;
    pen.font = lane.sort === "member" ? `600 ${FONT}` : FONT;
    pen.fillText(lane.label, GUTTER - 10, middle);
    pen.fillStyle = colours.line;
    pen.fillRect(0, laneTop(lane) + lane.height - 0.5, GUTTER, 0.5);
  }
  paintGroupNames(pen);
  pen.restore();
  pen.fillStyle = colours.line;
  pen.fillRect(GUTTER - 1, 0, 1, view.height);
}

function paintGroupNames(pen) {
  pen.font = FONT;
  pen.textAlign = "left";
  pen.fillStyle = colours.faint;
  for (const [sort, name] of [["client", "clients"], ["member", "members"]]) {
    const first = lanes.find((lane) => lane.sort === sort);
    if (first) pen.fillText(name, 8, laneMiddle(first));
  }
}

// A step of 1, 2 or 5 times a power of ten that is at least `least`.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((some) => some * power >= least * 0.999999);
  return factor * power;
}

function paintAxis(pen) {
  pen.fillStyle = colours.panel;
  pen.fillRect(0, 0, view.width, AXIS + RULER);
  const step = niceStep(95 / pixelsPerNs());
  const decimals = Math.max(0, 9 - Math.floor(Math.log10(step)));
  pen.font = FONT;
  pen.textAlign = "left";
  for (let tick = Math.ceil(Math.max(view.from, 0) / step); tick * step <= view.to; tick += 1) {
    const x = xOf(tick * step);
    pen.fillStyle = colours.line;
    pen.fillRect(x, 0, 1, AXIS);
    pen.fillStyle = colours.faint;
    pen.fillText(seconds(tick * step, decimals), x + 4, AXIS / 2);
    pen.globalAlpha = 0.5;
    pen.fillStyle = colours.line;
    pen.fillRect(x, AXIS + RULER, 0.5, view.height);
    pen.globalAlpha = 1;
  }
  pen.fillStyle = colours.panel;
  pen.fillRect(0, 0, GUTTER - 1, AXIS + RULER);
  pen.fillStyle = colours.faint;
  pen.textAlign = "right";
  pen.fillText("time", GUTTER - 10, AXIS / 2);
}

// When the key space got which revision: a tick for each where they are apart, labels where there is
// room.
function paintRuler(pen) {
  const y = AXIS;
  pen.fillStyle = colours.faint;
  pen.textAlign = "right";
  pen.fillText("revision", GUTTER - 10, y + RULER / 2);
  pen.textAlign = "left";
  const first = lowerBound(revisionTimes, view.from);
  const last = lowerBound(revisionTimes, view.to);
  let [lastTick, lastLabel] = [-1, -1e9];
  for (let at = first; at < last; at += 1) {
    const [record, revision] = data.revisions[at];
    const x = xOf(revisionTimes[at]);
    if (x - lastTick >= 1.5) {
      pen.fillStyle = colours.faint;
      pen.globalAlpha = 0.6 * strength(record);
      pen.fillRect(x, y + RULER - 5, 1, 5);
      pen.globalAlpha = 1;
      lastTick = x;
      if (hits.length < 6000) hit(x - 2, y, x + 2, y + RULER, [record], `revision ${revision}`);
    }
    const label = `@${revision}`;
    if (x - lastLabel >= 0) {
      pen.fillStyle = colours.text;
      pen.fillText(label, x + 2, y + RULER / 2 - 2);
      lastLabel = x + pen.measureText(label).width + 14;
    }
  }
  pen.fillStyle = colours.line;
  pen.fillRect(0, AXIS - 1, view.width, 1);
  pen.fillRect(0, AXIS + RULER - 1, view.width, 1);
}

// Faults, behind the lanes of the members concerned.
function paintBands(pen) {
  const labelled = new Map();
  for (const at of spans.bands.touching(view.from, view.to)) {
    const band = data.bands[at];
    const x0 = xOf(spans.bands.begin[at]);
    const x1 = Math.max(xOf(spans.bands.end[at]), x0 + 2);
    const members = band.members.length > 0 ? band.members : data.members;
    const both = [band.begin, band.end].filter((record) => record !== null);
    members.forEach((member, order) => {
      const lane = lanes[memberLane.get(member)];
      if (!lane) return;
      const y = laneTop(lane);
      pen.globalAlpha = strength(...both);
      paintBand(pen, band, x0, y, x1, lane.height);
      hit(x0 - 2, y, x1 + 2, y + 14, both, `${band.sort === "other" ? "fault" : band.sort}, ${duration(spans.bands.end[at] - spans.bands.begin[at])}`);
      const from = Math.max(x0, GUTTER) + 4;
      const free = labelled.get(member) ?? -1;
      const room = Math.min(x1, view.width) - from;
      if ((order === 0 || band.members.length > 1) && from > free && room > 44) {
        pen.fillStyle = colours[band.sort];
        pen.textAlign = "left";
        const text = clipped(pen, band.text, room - 6);
        pen.fillText(text, from, y + 9);
        labelled.set(member, from + pen.measureText(text).width + 8);
      }
      pen.globalAlpha = 1;
    });
    drawn += 1;
  }
  if (data.quiet !== null) {
    const x = xOf(timeOf[data.quiet]);
    pen.fillStyle = colours.terms[1];
    pen.globalAlpha = 0.7;
    for (let y = AXIS + RULER; y < view.height; y += 7) pen.fillRect(x, y, 1, 4);
    pen.globalAlpha = 1;
    hit(x - 4, AXIS + RULER, x + 4, view.height, [data.quiet], "all faults are over");
  }
}

function paintBand(pen, band, x0, y, x1, height) {
  const alpha = pen.globalAlpha;
  pen.fillStyle = colours[band.sort];
  pen.globalAlpha = alpha * (band.sort === "down" ? 0.2 : 0.13);
  pen.fillRect(x0, y, x1 - x0, height);
  pen.globalAlpha = alpha * 0.8;
  pen.fillRect(x0, y, 1, height);
  if (band.sort === "down") hatch(pen, x0, y, x1, height, alpha);
  pen.globalAlpha = alpha;
}

// Slanted lines: there is nobody here.
function hatch(pen, x0, y, x1, height, alpha) {
  const [left, right] = [Math.max(x0, GUTTER), Math.min(x1, view.width)];
  if (right - left < 4) return;
  pen.save();
  pen.beginPath();
  pen.rect(left, y, right - left, height);
  pen.clip();
  pen.globalAlpha = alpha * 0.22;
  pen.strokeStyle = colours.down;
  pen.beginPath();
  for (let x = left - (left % 8) - height; x < right; x += 8) {
    pen.moveTo(x, y + height);
    pen.lineTo(x + height, y);
  }
  pen.stroke();
  pen.restore();
}

function clipped(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let cut = text.length;
  while (cut > 1 && pen.measureText(`${text.slice(0, cut)}…`).width > room) cut = Math.floor(cut * 0.85);
  return cut > 2 ? `${text.slice(0, cut)}…` : "";
}

// A bar along the lane of whoever leads, in the colour of the term.
function paintLeaderships(pen) {
  for (const reign of leaderships) {
    if (reign.end < view.from || reign.begin > view.to) continue;
    const lane = lanes[memberLane.get(reign.member)];
    const [x0, x1] = [xOf(reign.begin), Math.max(xOf(reign.end), xOf(reign.begin) + 3)];
    const y = laneTop(lane) + lane.height - 13;
    pen.globalAlpha = strength(reign.record);
    pen.fillStyle = termColour(reign.term);
    pen.fillRect(x0, y, x1 - x0, 11);
    const from = Math.max(x0, GUTTER) + 5;
    const label = clipped(pen, `leader, term ${reign.term}`, Math.min(x1, view.width) - from - 4);
    pen.fillStyle = colours.back;
    pen.textAlign = "left";
    pen.fillText(label, from, y + 6);
    pen.globalAlpha = 1;
    drawn += 1;
    hit(x0, y, x1, y + 11, [reign.record], `n${reign.member} leads in term ${reign.term}`);
  }
}
