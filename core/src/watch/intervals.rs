//! Intervals of keys with their watchers: which of them contain a key?
//!
//! A treap ordered by (start, end), each node knowing the greatest end below it, so that a look-up
//! visits only subtrees that contain a match: O(log n) for each interval found. Many keys are looked
//! up in one walk, and each interval is found once with all of them that it contains. Watchers of equal
//! intervals share one node.

use std::ops::Range;

use bytes::Bytes;

use super::{watcher::WatcherId, watchers::Watchers};
use crate::hashed::hash_number;

/// Where an interval ends. The derived order is the order of ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// Before this key.
    Before(Bytes),
    /// Nowhere.
    Open,
}

impl End {
    fn is_after(&self, key: &[u8]) -> bool {
        match self {
            Self::Before(end) => key < end,
            Self::Open => true,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    root: Link,
}

type Link = Option<Box<Node>>;

#[derive(Debug)]
struct Node {
    start: Bytes,
    end: End,
    /// Never empty.
    watchers: Watchers,
    /// Greatest `end` of this node and those below it.
    max_end: End,
    /// No child's is greater. The hash of a number that clients cannot choose: balances the treap
    /// as random priorities would, and the same way on each run.
    priority: u64,
    left: Link,
    right: Link,
}

impl Intervals {
    /// Adds `watcher` to the interval.
    pub(super) fn insert(&mut self, start: &Bytes, end: &End, watcher: WatcherId) {
        if let Some(node) = find(&mut self.root, start, end) {
            node.watchers.insert(watcher);
            return;
        }
        let node = Box::new(Node {
            start: start.clone(),
            end: end.clone(),
            watchers: Watchers::One(watcher),
            max_end: end.clone(),
            priority: hash_number(watcher.0),
            left: None,
            right: None,
        });
        self.root = Some(insert(self.root.take(), node));
    }

    /// Removes `watcher` from the interval.
    pub(super) fn remove(&mut self, start: &Bytes, end: &End, watcher: WatcherId) {
        let Some(node) = find(&mut self.root, start, end) else {
            return;
        };
        if node.watchers.remove(watcher) {
            self.root = remove(self.root.take(), start, end);
        }
    }

    /// Calls `found` for each watcher of each interval that contains some of `keys`, which ascend,
    /// with the places of these.
    pub(super) fn for_each(&self, keys: &[&[u8]], found: &mut impl FnMut(WatcherId, Range<usize>)) {
        for_each(&self.root, keys, 0, found);
    }

    /// Order, priorities and greatest ends hold, and no node is without watchers.
    pub(super) fn invariant_treap(&self) -> Result<(), &'static str> {
        check(&self.root).map(|_| ())
    }
}

impl Node {
    fn key(&self) -> (&Bytes, &End) {
        (&self.start, &self.end)
    }

    fn update(&mut self) {
        let below = [&self.left, &self.right];
        let below = below.into_iter().flatten().map(|child| &child.max_end);
        self.max_end = below
            .chain([&self.end])
            .max()
            .expect("at least its own end")
            .clone();
    }
}

fn find<'a>(mut link: &'a mut Link, start: &Bytes, end: &End) -> Option<&'a mut Node> {
    while let Some(node) = link {
        match (start, end).cmp(&node.key()) {
            std::cmp::Ordering::Less => link = &mut node.left,
            std::cmp::Ordering::Greater => link = &mut node.right,
            std::cmp::Ordering::Equal => return Some(node),
        }
    }
    None
}

/// Puts `new`, whose interval is not there yet, below or above `link`.
fn insert(link: Link, mut new: Box<Node>) -> Box<Node> {
    let Some(mut node) = link else { return new };
    if new.priority > node.priority {
        (new.left, new.right) = split(Some(node), new.key());
        new.update();
        return new;
    }
    let side = if new.key() < node.key() {
        &mut node.left
    } else {
        &mut node.right
    };
    *side = Some(insert(side.take(), new));
    node.update();
    node
}

/// Parts the nodes before `key` from those after it.
fn split(link: Link, key: (&Bytes, &End)) -> (Link, Link) {
    let Some(mut node) = link else {
        return (None, None);
    };
    if node.key() < key {
        let (before, after) = split(node.right.take(), key);
        node.right = before;
        node.update();
        (Some(node), after)
    } else {
        let (before, after) = split(node.left.take(), key);
        node.left = after;
        node.update();
        (before, Some(node))
    }
}

fn remove(link: Link, start: &Bytes, end: &End) -> Link {
    let mut node = link?;
    match (start, end).cmp(&node.key()) {
        std::cmp::Ordering::Less => node.left = remove(node.left.take(), start, end),
        std::cmp::Ordering::Greater => node.right = remove(node.right.take(), start, end),
        std::cmp::Ordering::Equal => return merge(node.left, node.right),
    }
    node.update();
    Some(node)
}

/// Joins two treaps, all nodes of `left` being before those of `right`.
fn merge(left: Link, right: Link) -> Link {
    let (mut left, mut right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (one, None) | (None, one) => return one,
    };
    if left.priority > right.priority {
        left.right = merge(left.right.take(), Some(right));
        left.update();
        Some(left)
    } else {
        right.left = merge(Some(left), right.left.take());
        right.update();
        Some(right)
    }
}

/// `keys` are those from place `first` on.
fn for_each(
    link: &Link,
    keys: &[&[u8]],
    first: usize,
    found: &mut impl FnMut(WatcherId, Range<usize>),
) {
    let Some(node) = link else { return };
    let keys = &keys[..keys.partition_point(|key| node.max_end.is_after(key))];
    if keys.is_empty() {
        return;
    }
    for_each(&node.left, keys, first, found);
    let before = keys.partition_point(|key| node.start > key);
    let (keys, first) = (&keys[before..], first + before);
    let inside = keys.partition_point(|key| node.end.is_after(key));
    if inside > 0 {
        node.watchers
            .for_each(|watcher| found(watcher, first..first + inside));
    }
    for_each(&node.right, keys, first, found);
}

/// Nodes of a subtree in order, by their intervals.
fn check(link: &Link) -> Result<Vec<(&Bytes, &End)>, &'static str> {
    let Some(node) = link else {
        return Ok(Vec::new());
    };
    for child in [&node.left, &node.right].into_iter().flatten() {
        if child.priority > node.priority {
            return Err("a child has a greater priority");
        }
    }
    if node.watchers.is_empty() {
        return Err("an interval has no watchers");
    }
    let mut keys = check(&node.left)?;
    keys.push(node.key());
    keys.extend(check(&node.right)?);
    if !keys.is_sorted_by(|one, next| one < next) {
        return Err("intervals are out of order");
    }
    if keys.iter().map(|(_, end)| *end).max() != Some(&node.max_end) {
        return Err("a greatest end is wrong");
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn key(letter: u8) -> Bytes {
        Bytes::copy_from_slice(&[b'a' + letter])
    }

    fn end(letter: u8) -> End {
        if letter == 9 {
            End::Open
        } else {
            End::Before(key(letter))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn finds_what_a_scan_of_a_list_finds(
            changes in prop::collection::vec((any::<bool>(), 0..9u8, 0..10u8, 0..4u64), 0..80),
            asked in 0..1024u32,
        ) {
            let mut intervals = Intervals::default();
            let mut list = BTreeSet::new();
            for (insert, first, last, watcher) in changes {
                let watcher = WatcherId(watcher + 4 * u64::from(first));
                if insert {
                    intervals.insert(&key(first), &end(last), watcher);
                    list.insert((first, last, watcher));
                } else {
                    intervals.remove(&key(first), &end(last), watcher);
                    list.remove(&(first, last, watcher));
                }
                prop_assert_eq!(intervals.invariant_treap(), Ok(()));
            }
            let letters: Vec<u8> = (0..10).filter(|letter| asked & (1 << letter) != 0).collect();
            let keys: Vec<Bytes> = letters.iter().map(|letter| key(*letter)).collect();
            let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
            let mut found = Vec::new();
            intervals.for_each(&keys, &mut |watcher, places| {
                found.extend(letters[places].iter().map(|letter| (watcher, *letter)));
            });
            let scan = list.iter().flat_map(|(first, last, watcher)| {
                let is_inside = |letter: u8| *first <= letter && end(*last).is_after(&key(letter));
                let inside = letters.iter().filter(move |letter| is_inside(**letter));
                inside.map(|letter| (*watcher, *letter))
            });
            let mut expected: Vec<_> = scan.collect();
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn depth_stays_logarithmic_for_intervals_in_order() {
        fn depth(link: &Link) -> usize {
            link.as_ref()
                .map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
        }
        let mut intervals = Intervals::default();
        for number in 0..20_000u64 {
            let start = Bytes::copy_from_slice(&number.to_be_bytes());
            intervals.insert(&start, &End::Open, WatcherId(number));
        }
        assert!(depth(&intervals.root) < 50);
    }

    #[test]
    fn the_invariant_rejects_a_wrong_greatest_end() {
        let mut intervals = Intervals::default();
        intervals.insert(&key(0), &end(3), WatcherId(1));
        intervals.root.as_mut().unwrap().max_end = end(2);
        assert_eq!(intervals.invariant_treap(), Err("a greatest end is wrong"));
    }
}
