// The data of the run, and what is looked up in them.

const byId = (id) => document.getElementById(id);
const report = byId("status");
report.dataset.errors = "0";
addEventListener("error", (event) => {
  report.dataset.errors = String(Number(report.dataset.errors) + 1);
  report.textContent += `${event.message}\n`;
});

const data = JSON.parse(byId("data").textContent);
const records = data.records;
const recordCount = records.time.length;

// Time of each record, nanoseconds since the start of the run.
const timeOf = new Float64Array(recordCount);
for (let at = 0, now = 0; at < recordCount; at += 1) {
  now += records.time[at];
  timeOf[at] = now;
}
const endOfRun = recordCount > 0 ? Math.max(timeOf[recordCount - 1], 1000) : 1000;

// Position of the first element that is not less than `value`.
function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Things that last, in the order of their beginnings. Asked for those that touch a stretch of time,
// it skips blocks that are over before it begins.
const BLOCK = 256;
class Spans {
  constructor(count, begin, end) {
    this.begin = new Float64Array(count);
    this.end = new Float64Array(count);
    this.latest = new Float64Array(Math.ceil(count / BLOCK)).fill(-1);
    for (let at = 0; at < count; at += 1) {
      this.begin[at] = begin(at);
      this.end[at] = Math.max(end(at), this.begin[at]);
      const block = Math.floor(at / BLOCK);
      this.latest[block] = Math.max(this.latest[block], this.end[at]);
    }
  }

  // Positions of those that touch the time between `from` and `to`.
  touching(from, to) {
    const found = [];
    const last = lowerBound(this.begin, to);
    for (let at = 0; at < last; at += 1) {
      if (at % BLOCK === 0 && this.latest[at / BLOCK] < from) {
        at += BLOCK - 1;
      } else if (this.end[at] >= from) {
        found.push(at);
      }
    }
    return found;
  }
}

const orEnd = (record) => (record === null || record < 0 ? endOfRun : timeOf[record]);
const spansOf = (rows, begin, end) => new Spans(rows.length, (at) => timeOf[begin(rows[at])], (at) => end(rows[at]));

const spans = {
  operations: spansOf(data.operations, (row) => row[0], (row) => orEnd(row[1])),
  watches: spansOf(data.watches, (row) => row[0], (row) => orEnd(row[1])),
  deliveries: spansOf(data.deliveries, (row) => row[1], (row) => timeOf[row[1]]),
  messages: spansOf(data.messages, (row) => row[0], (row) => (row[1] < 0 ? timeOf[row[0]] : timeOf[row[1]])),
  leases: spansOf(data.leases, (row) => row.begin, (row) => orEnd(row.end)),
  bands: spansOf(data.bands, (row) => row.begin, (row) => orEnd(row.end)),
};

// Who led, from when to when: until it lost its power, or somebody leads in a later term.
function reigns() {
  const found = [];
  data.leaders.forEach(([member, record, term], at) => {
    const later = data.leaders.find(([, other, next], position) => position > at && other > record && next > term);
    const down = data.bands.find((band) => band.sort === "down" && band.begin > record && band.members.includes(member));
    const ends = [later ? timeOf[later[1]] : endOfRun, down ? timeOf[down.begin] : endOfRun];
    found.push({ member, record, term, begin: timeOf[record], end: Math.min(...ends) });
  });
  return found;
}
const leaderships = reigns();

// Which operation, watch, message a record belongs to: the records to show together.
const partner = new Map();
const pair = (one, other) => {
  if (one >= 0 && other >= 0) {
    partner.set(one, other);
    partner.set(other, one);
  }
};
data.operations.forEach((row) => pair(row[0], row[1]));
data.messages.forEach((row) => pair(row[0], row[1]));
data.watches.forEach((row) => pair(row[0], row[1]));
data.bands.forEach((band) => {
  if (band.end !== null && band.end !== band.begin) pair(band.begin, band.end);
});

const violating = new Set(data.violations.flatMap((violation) => violation.records));
const kindNumber = Object.fromEntries(data.kinds.map((kind, at) => [kind, at]));

// Positions of the records of one kind, and their times.
function marksOf(kind) {
  const found = [];
  for (let at = 0; at < recordCount; at += 1) if (records.kind[at] === kindNumber[kind]) found.push(at);
  return { records: found, times: Float64Array.from(found, (record) => timeOf[record]) };
}
const appliedMarks = marksOf("applied");
const clockMarks = marksOf("clock");
const revisionTimes = Float64Array.from(data.revisions, (row) => timeOf[row[0]]);

function seconds(ns, decimals = 6) {
  return `${(ns / 1e9).toFixed(decimals)} s`;
}

function duration(ns) {
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  return ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toFixed(2)} s`;
}

// The records that `query` is about: those of the keys that have this name or, failing that, this in
// their name; else those with these words in their text.
function search(query) {
  const { names, touches } = data.keys;
  let wanted = new Set(names.flatMap((name, at) => (name === query ? [at] : [])));
  if (wanted.size === 0) wanted = new Set(names.flatMap((name, at) => (name.includes(query) ? [at] : [])));
  const found = new Set();
  for (let at = 0; wanted.size > 0 && at < touches.length; at += 3) {
    for (let key = touches[at + 1]; key < touches[at + 2]; key += 1) {
      if (wanted.has(key)) {
        found.add(touches[at]);
        break;
      }
    }
  }
  if (wanted.size === 0) {
    records.text.forEach((text, at) => {
      if (text.includes(query)) found.add(at);
    });
  }
  return found;
}
