//! Keys, ranges and numbers: few, so that requests meet, and with every edge among them.

use bytes::Bytes;
use quorate_core::kv::KeyRange;

use super::{admission::Known, dice::Dice};

/// The key space. Neighbours in byte order, prefixes of each other, first and last ones.
const KEYS: &[&[u8]] = &[
    b"a",
    b"a\0",
    b"aa",
    b"ab",
    b"b",
    b"c",
    b"d",
    b"\0",
    b"\xff",
    b"\xff\xff",
];

/// The leases that are granted and used; the last one is never granted.
pub(super) const LEASES: &[i64] = &[1, 2, 3, 4, -7, i64::MIN, i64::MAX, 999];

pub(super) fn key(dice: &mut Dice) -> Bytes {
    if dice.percent(1) {
        return Bytes::new();
    }
    Bytes::from_static(dice.pick(KEYS))
}

pub(super) fn range(dice: &mut Dice) -> KeyRange {
    let everything = || KeyRange::From(Bytes::from_static(b"\0"));
    match dice.below(100) {
        0..45 => KeyRange::Key(key(dice)),
        45..75 => {
            let (one, other) = (key(dice), key(dice));
            // Mostly a range that has something in it.
            let swap = one > other && dice.percent(80);
            let (start, end) = if swap { (other, one) } else { (one, other) };
            KeyRange::from_wire(start, end)
        }
        75..87 => KeyRange::From(key(dice)),
        87..98 => everything(),
        98 => KeyRange::From(Bytes::new()),
        _ => KeyRange::from_wire(Bytes::new(), key(dice)),
    }
}

pub(super) fn value(dice: &mut Dice) -> Bytes {
    const VALUES: &[&[u8]] = &[b"", b"1", b"2", b"x", b"xy", b"\0", b"\xff"];
    if dice.percent(2) {
        return Bytes::from(vec![b'y'; 40 + dice.below(200)]);
    }
    Bytes::from_static(dice.pick(VALUES))
}

/// The revision of a read, 0 for the newest.
pub(super) fn revision(dice: &mut Dice, known: &Known) -> i64 {
    match dice.below(100) {
        0..60 => 0,
        60..92 => some_revision(dice, known),
        92..95 => -1,
        95 => dice.pick(&[-5, i64::MIN]),
        96 => i64::MAX,
        _ => known.revision + dice.between(1, 5),
    }
}

/// A revision from the last compacted one to the next one, mostly a recent one.
pub(super) fn some_revision(dice: &mut Dice, known: &Known) -> i64 {
    let oldest = (known.compacted - 1).max(0);
    let recent = (known.revision - 12).max(oldest);
    let low = if dice.percent(70) { recent } else { oldest };
    dice.between(low, known.revision + 1)
}

/// A bound on revisions, mostly none.
pub(super) fn bound(dice: &mut Dice, known: &Known) -> i64 {
    if dice.percent(92) {
        return 0;
    }
    if dice.percent(10) {
        return dice.pick(&[-1, i64::MIN, i64::MAX]);
    }
    some_revision(dice, known)
}

pub(super) fn limit(dice: &mut Dice) -> i64 {
    match dice.below(100) {
        0..55 => 0,
        55..92 => dice.between(1, 5),
        92..96 => -1,
        96 => i64::MIN,
        97 => i64::MAX,
        98 => i64::MAX - 1,
        _ => 1_000_000,
    }
}
