// What part of the run is shown, where its lanes are, and the colours.

const GUTTER = 92;
const AXIS = 24;
const RULER = 20;
const SHORTEST = 2000; // nanoseconds that the narrowest view shows
const LEASE_ROWS = 16;

const base = byId("base");
const overlay = byId("overlay");
const stage = byId("stage");
const base2d = base.getContext("2d");
const over2d = overlay.getContext("2d");

const view = {
  from: 0,
  to: endOfRun,
  top: 0, // pixels of lanes scrolled away above
  width: 0,
  height: 0,
  scale: 0,
  shown: {}, // filters by name
  found: null, // records that a search found, or null where there is no search
  selected: -1,
};

let colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["back", "panel", "text", "faint", "line", "lane", "read", "write", "lease", "watch", "refused", "lost",
    "message", "applied", "hit", "violation", "down", "link", "disk", "other"];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  colours.terms = [0, 1, 2, 3, 4, 5].map((at) => style.getPropertyValue(`--term${at}`).trim());
}
const termColour = (term) => colours.terms[term % colours.terms.length];

// The rows in which leases lie, so that none covers another one while there is room.
const leaseRow = new Uint16Array(data.leases.length);
const leaseRows = (() => {
  const free = [];
  data.leases.forEach((lease, at) => {
    let row = free.findIndex((until) => until <= timeOf[lease.begin]);
    if (row < 0) row = free.length < LEASE_ROWS ? free.length : at % LEASE_ROWS;
    free[row] = orEnd(lease.end);
    leaseRow[at] = row;
  });
  return free.length;
})();

// Lanes from top to bottom: clients, members, then all leases in one.
const lanes = [];
const clientLane = new Map();
const memberLane = new Map();
data.clients.forEach((client) => {
  clientLane.set(client, lanes.length);
  lanes.push({ sort: "client", id: client, label: `c${client}` });
});
data.members.forEach((member) => {
  memberLane.set(member, lanes.length);
  lanes.push({ sort: "member", id: member, label: `n${member}` });
});
if (data.leases.length > 0) lanes.push({ sort: "leases", id: 0, label: "leases" });

const LEAST = { client: 20, member: 42, leases: 30 };
const WISHED = { client: 30, member: 78, leases: 64 };

// Gives each lane its place: as high as wished where there is room, and at least so high as to be
// readable; then the rest is reached by dragging.
function layOut() {
  const room = view.height - AXIS - RULER - 6;
  const sum = (heights) => lanes.reduce((total, lane) => total + heights[lane.sort], 0);
  const [least, wished] = [sum(LEAST), sum(WISHED)];
  const share = wished > least ? Math.min(Math.max((room - least) / (wished - least), 0), 1.6) : 0;
  let y = AXIS + RULER + 4;
  for (const lane of lanes) {
    lane.y = y;
    lane.height = LEAST[lane.sort] + share * (WISHED[lane.sort] - LEAST[lane.sort]);
    y += lane.height;
  }
  view.content = y;
  view.top = Math.min(Math.max(view.top, 0), Math.max(0, y - view.height));
}

const laneTop = (lane) => lane.y - view.top;
const laneMiddle = (lane) => lane.y + lane.height / 2 - view.top;
const pixelsPerNs = () => (view.width - GUTTER - 12) / (view.to - view.from);
const xOf = (ns) => GUTTER + (ns - view.from) * pixelsPerNs();
const nsOf = (x) => view.from + (x - GUTTER) / pixelsPerNs();

function resize() {
  const scale = devicePixelRatio || 1;
  const box = stage.getBoundingClientRect();
  const [width, height] = [Math.max(box.width, GUTTER + 100), Math.max(box.height, 120)];
  // Setting a canvas's size clears it.
  if (width === view.width && height === view.height && scale === view.scale) return;
  Object.assign(view, { width, height, scale });
  for (const [canvas, context] of [[base, base2d], [overlay, over2d]]) {
    canvas.width = Math.round(view.width * scale);
    canvas.height = Math.round(view.height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
  }
  layOut();
  draw();
}

// Shows the time between the two, kept within the run.
function show(from, to) {
  const margin = endOfRun * 0.01;
  const span = Math.min(Math.max(to - from, SHORTEST), endOfRun + 2 * margin);
  const begin = Math.min(Math.max((from + to - span) / 2, -margin), endOfRun + margin - span);
  view.from = begin;
  view.to = begin + span;
  draw();
}

function zoom(factor, x = (GUTTER + view.width) / 2) {
  const fixed = nsOf(Math.max(x, GUTTER));
  show(fixed - (fixed - view.from) * factor, fixed + (view.to - fixed) * factor);
}

// Brings a record into the middle, near enough to be told from its neighbours.
function goTo(record, span = Math.min(view.to - view.from, Math.max(endOfRun / 60, 2e7))) {
  const other = partner.get(record) ?? record;
  const [begin, end] = [Math.min(timeOf[record], timeOf[other]), Math.max(timeOf[record], timeOf[other])];
  const width = Math.max(span, (end - begin) * 1.6 < endOfRun / 4 ? (end - begin) * 1.6 : 0);
  const middle = (end - begin) * 1.2 < width ? (begin + end) / 2 : timeOf[record];
  view.selected = record;
  show(middle - width / 2, middle + width / 2);
  const lane = laneOf(record);
  if (lane && (laneTop(lane) < AXIS + RULER || laneTop(lane) + lane.height > view.height)) {
    view.top = lane.y - view.height / 2;
    layOut();
    draw();
  }
  showTrace();
}

// The lane of a record, where it has one.
function laneOf(record) {
  const [client, member] = [records.client[record], records.member[record]];
  if (client) return lanes[clientLane.get(client)];
  return member ? lanes[memberLane.get(member)] : undefined;
}
