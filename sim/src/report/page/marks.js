// What clients and members did: single marks while they can be told apart, else how many there were.

const MARKS_MAX = 3000; // of one sort in view; more are drawn as counts
const ARROWS_MAX = 600; // messages and deliveries in view; of more there are no arrows
const ROUND_TRIPS_MAX = 160; // operations in view; of more there are no arrows
const BIN = 3; // pixels of a count

const SORT_NAMES = ["reads", "writes", "leases"];
const OUTCOMES = ["ok", "refused", "unknown"];

function paintMarks(pen) {
  if (view.shown.applied) paintApplied(pen);
  paintClocks(pen);
  paintMessages(pen);
  if (view.shown.watches) paintWatches(pen);
  paintOperations(pen);
  if (view.shown["lease bars"]) paintLeases(pen);
}

const lineY = (lane) => laneTop(lane) + Math.min(lane.height * 0.36, 13) + (lane.sort === "member" ? lane.height * 0.1 : 0);

function stroke(pen, colour, alpha, path) {
  pen.strokeStyle = colour;
  pen.globalAlpha = alpha;
  pen.beginPath();
  path();
  pen.stroke();
  pen.globalAlpha = 1;
}

function arrow(pen, x0, y0, x1, y1, colour, alpha) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  stroke(pen, colour, alpha, () => {
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    for (const side of [-0.4, 0.4]) {
      pen.moveTo(x1 - 6 * Math.cos(angle + side), y1 - 6 * Math.sin(angle + side));
      pen.lineTo(x1, y1);
    }
  });
}

// Half of an arrow, with a cross where it ends.
function brokenArrow(pen, x0, y0, x1, y1, alpha) {
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  pen.setLineDash([4, 3]);
  stroke(pen, colours.lost, alpha, () => {
    pen.moveTo(x0, y0);
    pen.lineTo(x, y);
  });
  pen.setLineDash([]);
  stroke(pen, colours.lost, alpha, () => {
    pen.moveTo(x - 3, y - 3);
    pen.lineTo(x + 3, y + 3);
    pen.moveTo(x + 3, y - 3);
    pen.lineTo(x - 3, y + 3);
  });
}

// Counts in bins of a few pixels, a column of its own for each lane. `place` gives lane, time and
// layer of an item; the layers are drawn one on top of the other.
function paintCounts(pen, items, place, layers, words) {
  const counts = new Map();
  let most = 1;
  for (const at of items) {
    const [lane, ns, layer] = place(at);
    const bin = Math.floor((xOf(ns) - GUTTER) / BIN);
    if (lane === undefined || bin < 0) continue;
    let row = counts.get(lane);
    if (!row) counts.set(lane, (row = new Map()));
    let cell = row.get(bin);
    if (!cell) row.set(bin, (cell = { total: 0, of: layers.map(() => 0) }));
    cell.total += 1;
    cell.of[layer] += 1;
    most = Math.max(most, cell.total);
  }
  for (const [number, row] of counts) {
    const lane = lanes[number];
    const room = lane.height * (lane.sort === "member" ? 0.5 : 0.8);
    const floor = laneTop(lane) + (lane.sort === "member" ? lane.height - 16 : lane.height - 3);
    for (const [bin, cell] of row) {
      const x = GUTTER + bin * BIN;
      const whole = Math.max(2, room * Math.sqrt(cell.total / most));
      let y = floor;
      cell.of.forEach((count, layer) => {
        if (count === 0) return;
        const height = Math.max((whole * count) / cell.total, 1.5);
        y -= height;
        pen.fillStyle = layers[layer].colour;
        pen.globalAlpha = 0.75;
        pen.fillRect(x, y, BIN - 0.6, height);
      });
      pen.globalAlpha = 1;
      drawn += 1;
      const told = cell.of.flatMap((count, layer) => (count > 0 ? [`${count} ${layers[layer].name}`] : []));
      hit(x, y, x + BIN, floor, [], `${lane.label}: ${told.join(", ")} ${words}`);
    }
  }
}

const isShown = (row) => view.shown[SORT_NAMES[row[4]]];
const sortColour = (sort) => [colours.read, colours.write, colours.lease][sort];

function paintOperations(pen) {
  const items = spans.operations.touching(view.from, view.to).filter((at) => {
    const row = data.operations[at];
    return isShown(row) && (view.found === null || isFound(row));
  });
  if (items.length > MARKS_MAX) {
    const layers = [0, 1, 2].map((sort) => ({ colour: sortColour(sort), name: SORT_NAMES[sort] }));
    layers.push({ colour: colours.refused, name: "refused" }, { colour: colours.lost, name: "without an answer" });
    const layer = (row) => (row[5] === 0 ? row[4] : row[5] + 2);
    const place = (at) => [clientLane.get(data.operations[at][2]), spans.operations.begin[at], layer(data.operations[at])];
    paintCounts(pen, items, place, layers, "(operations; zoom in to see each)");
    return;
  }
  const withArrows = items.length <= ROUND_TRIPS_MAX;
  for (const at of items) paintOperation(pen, at, withArrows);
}

// A search draws operations that it found whatever their number: dimmed ones would hide them.
const isFound = (row) => view.found.has(row[0]) || view.found.has(row[1]) || view.found.size === 0;

function paintOperation(pen, at, withArrows) {
  const [request, answer, client, member, sort, outcome] = data.operations[at];
  const lane = lanes[clientLane.get(client)];
  const [x0, end] = [xOf(spans.operations.begin[at]), xOf(spans.operations.end[at])];
  const x1 = Math.max(end, x0 + 2);
  const y = lineY(lane);
  const thick = Math.min(lane.height * 0.28, 8);
  const alpha = strength(request, answer);
  const colour = sortColour(sort);
  if (withArrows && memberLane.has(member)) paintRoundTrip(pen, x0, x1, y, member, outcome, colour, alpha);
  pen.globalAlpha = alpha;
  if (outcome === 0) {
    pen.fillStyle = colour;
    pen.fillRect(x0, y - thick / 2, x1 - x0, thick);
  } else {
    pen.strokeStyle = outcome === 1 ? colours.refused : colours.lost;
    pen.setLineDash(outcome === 1 ? [] : [3, 2]);
    pen.strokeRect(x0, y - thick / 2, x1 - x0, thick);
    pen.setLineDash([]);
  }
  pen.globalAlpha = 1;
  drawn += 1;
  const time = answer < 0 ? "no answer" : `${OUTCOMES[outcome]} after ${duration(timeOf[answer] - timeOf[request])}`;
  const room = Math.min(x1, view.width) - Math.max(x0, GUTTER);
  if (room > 40) {
    pen.fillStyle = colours.faint;
    pen.textAlign = "left";
    if (lane.height >= 26) pen.fillText(clipped(pen, records.text[request].split(" ").slice(3).join(" "), room), Math.max(x0, GUTTER) + 2, y + thick / 2 + 7);
  }
  hit(x0 - 1, y - thick / 2 - 2, x1 + 1, y + thick / 2 + 2, answer < 0 ? [request] : [request, answer], `c${client} at n${member}: ${time}`);
}

// To the member and back. When the member had it nobody wrote down: the slant is the same for all.
function paintRoundTrip(pen, x0, x1, y, member, outcome, colour, alpha) {
  const target = lineY(lanes[memberLane.get(member)]) + 8;
  const slant = Math.min((x1 - x0) / 3, 26);
  if (outcome === 2) {
    brokenArrow(pen, x0, y, x0 + Math.max(slant, 8), target, alpha * 0.9);
    return;
  }
  arrow(pen, x0, y, x0 + slant, target, colour, alpha * 0.55);
  arrow(pen, x1 - slant, target, x1, y, outcome === 0 ? colour : colours.refused, alpha * 0.55);
}

function paintMessages(pen) {
  const isWanted = data.message_kinds.map((kind) => view.shown[`messages: ${kind}`]);
  const items = spans.messages.touching(view.from, view.to).filter((at) => isWanted[data.messages[at][4]]);
  if (items.length > ARROWS_MAX) {
    const layers = [{ colour: colours.message, name: "arrived" }, { colour: colours.lost, name: "lost" }];
    const place = (at) => [memberLane.get(data.messages[at][2]), spans.messages.begin[at], data.messages[at][1] < 0 ? 1 : 0];
    paintCounts(pen, items, place, layers, "of the messages sent here (zoom in to see each)");
    return;
  }
  for (const at of items) {
    const [sent, arrived, from, to, kind] = data.messages[at];
    const [source, target] = [lanes[memberLane.get(from)], lanes[memberLane.get(to)]];
    const [y0, y1] = [laneMiddle(source), laneMiddle(target)];
    const x0 = xOf(timeOf[sent]);
    const alpha = strength(sent, arrived);
    const way = `${data.message_kinds[kind]} from n${from} to n${to}`;
    drawn += 1;
    if (arrived < 0) {
      brokenArrow(pen, x0, y0, x0 + 16, y1, alpha);
      hit(x0, y0, x0 + 8, (y0 + y1) / 2, [sent], `${way}: lost`, true);
    } else {
      const x1 = xOf(timeOf[arrived]);
      arrow(pen, x0, y0, x1, y1, colours.message, alpha * 0.9);
      hit(x0, y0, x1, y1, [sent, arrived], `${way}, ${duration(timeOf[arrived] - timeOf[sent])}`, true);
    }
  }
}

function paintApplied(pen) {
  const { records: all, times } = appliedMarks;
  const items = [];
  for (let at = lowerBound(times, view.from); at < all.length && times[at] <= view.to; at += 1) items.push(at);
  const place = (at) => [memberLane.get(records.member[all[at]]), times[at], 0];
  if (items.length > MARKS_MAX) {
    paintCounts(pen, items, place, [{ colour: colours.applied, name: "entries applied" }], "(of those that were recorded)");
    return;
  }
  for (const at of items) {
    const lane = lanes[place(at)[0]];
    const [x, y] = [xOf(times[at]), laneTop(lane) + lane.height - 20];
    pen.fillStyle = colours.applied;
    pen.globalAlpha = 0.9 * strength(all[at]);
    pen.fillRect(x - 1, y - 3, 2, 6);
    pen.globalAlpha = 1;
    drawn += 1;
    hit(x - 2, y - 4, x + 2, y + 4, [all[at]], `${lane.label} has applied`);
  }
}

function paintClocks(pen) {
  clockMarks.records.forEach((record) => {
    const [x, lane] = [xOf(timeOf[record]), laneOf(record)];
    if (!lane || x < GUTTER || x > view.width) return;
    const y = laneTop(lane) + lane.height - 20;
    stroke(pen, colours.faint, strength(record), () => pen.arc(x, y, 3, 0, 2 * Math.PI));
    drawn += 1;
    hit(x - 4, y - 4, x + 4, y + 4, [record], "the clock changes");
  });
}

function paintWatches(pen) {
  for (const at of spans.watches.touching(view.from, view.to)) {
    const [open, end, client, member, watch] = data.watches[at];
    const lane = lanes[clientLane.get(client)];
    const [x0, x1] = [xOf(spans.watches.begin[at]), xOf(spans.watches.end[at])];
    const y = laneTop(lane) + lane.height - 5;
    pen.fillStyle = colours.watch;
    pen.globalAlpha = 0.45 * strength(open, end);
    pen.fillRect(x0, y - 1, Math.max(x1 - x0, 2), 2);
    pen.globalAlpha = 1;
    drawn += 1;
    hit(x0, y - 3, x1, y + 3, end < 0 ? [open] : [open, end], `watch${watch} of c${client} at n${member}`);
  }
  const items = spans.deliveries.touching(view.from, view.to);
  if (items.length > MARKS_MAX) {
    const place = (at) => [clientLane.get(data.watches[data.deliveries[at][0]][2]), spans.deliveries.begin[at], 0];
    paintCounts(pen, items, place, [{ colour: colours.watch, name: "deliveries" }], "(zoom in to see each)");
    return;
  }
  for (const at of items) paintDelivery(pen, data.deliveries[at], items.length <= ARROWS_MAX);
}

function paintDelivery(pen, [row, record, events], withArrows) {
  const [, , client, member, watch] = data.watches[row];
  const lane = lanes[clientLane.get(client)];
  const [x, y] = [xOf(timeOf[record]), laneTop(lane) + lane.height - 5];
  const alpha = strength(record);
  if (withArrows && memberLane.has(member)) {
    arrow(pen, x - 12, lineY(lanes[memberLane.get(member)]) + 8, x, y + 4, colours.watch, alpha * 0.35);
  }
  pen.fillStyle = colours.watch;
  pen.globalAlpha = alpha;
  pen.beginPath();
  pen.moveTo(x, y - 5);
  pen.lineTo(x + 4, y + 3);
  pen.lineTo(x - 4, y + 3);
  pen.fill();
  pen.globalAlpha = 1;
  drawn += 1;
  hit(x - 5, y - 6, x + 5, y + 4, [record], `watch${watch} of c${client} at n${member}: ${events} events`);
}

function paintLeases(pen) {
  const lane = lanes.find((some) => some.sort === "leases");
  if (!lane) return;
  const pitch = (lane.height - 6) / leaseRows;
  for (const at of spans.leases.touching(view.from, view.to)) {
    const lease = data.leases[at];
    const [x0, x1] = [xOf(spans.leases.begin[at]), xOf(spans.leases.end[at])];
    const y = laneTop(lane) + 3 + leaseRow[at] * pitch;
    const height = Math.max(Math.min(pitch - 1.5, 12), 1.5);
    pen.fillStyle = colours.lease;
    pen.globalAlpha = 0.35 * strength(lease.begin, lease.end);
    pen.fillRect(x0, y, Math.max(x1 - x0, 2), height);
    pen.globalAlpha = strength(lease.begin, lease.end);
    pen.fillRect(x0, y, 1.5, height);
    if (lease.end !== null) pen.fillRect(x1 - 1.5, y, 1.5, height);
    for (const renewed of lease.renewed) {
      const x = xOf(timeOf[renewed]);
      if (x >= x0 && x <= view.width) pen.fillRect(x, y + height / 4, 1, height / 2);
    }
    const room = Math.min(x1, view.width) - Math.max(x0, GUTTER);
    pen.fillStyle = colours.text;
    pen.textAlign = "left";
    if (height >= 9 && room > 50) pen.fillText(clipped(pen, `${lease.id} · ${lease.ttl_s} s`, room - 8), Math.max(x0, GUTTER) + 5, y + height / 2 + 0.5);
    pen.globalAlpha = 1;
    drawn += 1;
    const ends = lease.end === null ? [lease.begin] : [lease.begin, lease.end];
    hit(x0, y, x1, y + height, ends, `lease ${lease.id}: ${duration(spans.leases.end[at] - spans.leases.begin[at])}, renewed ${lease.renewed.length} times`);
  }
}

function paintViolations(pen) {
  for (const record of violating) {
    const x = xOf(timeOf[record]);
    if (x < GUTTER || x > view.width + 4) continue;
    pen.fillStyle = colours.violation;
    pen.globalAlpha = 0.55;
    pen.fillRect(x - 0.5, AXIS + RULER, 1, view.height);
    pen.globalAlpha = 1;
    const lane = laneOf(record);
    const y = lane ? lineY(lane) : AXIS + RULER / 2;
    if (lane && y < AXIS + RULER) continue;
    stroke(pen, colours.violation, 1, () => {
      pen.lineWidth = 2;
      pen.arc(x, y, 6, 0, 2 * Math.PI);
    });
    pen.lineWidth = 1;
    drawn += 1;
    hit(x - 7, y - 7, x + 7, y + 7, [record], "shows what is wrong");
  }
}
