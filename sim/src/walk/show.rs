//! What a walk shows of where it is.

use std::fmt::Write as _;

use super::{
    Walk,
    state::{Applied, Entry, Lease},
};
use crate::history::{Blob, Kv};

/// Most lines of a list; what is left out is counted.
const LINES_MAX: usize = 60;

/// Most characters of a line; values may be long.
const LINE_CHARS_MAX: usize = 240;

impl Walk<'_> {
    /// The record just passed.
    pub(super) fn place(&self) -> String {
        let records = self.history.records();
        let position = format!("[{} of {}]", self.at, records.len());
        match self.at.checked_sub(1) {
            None => format!("{position} before the first record"),
            Some(last) => shortened(format!("{position} {}", records[last])),
        }
    }

    pub(super) fn keys(&self) -> String {
        let keys = self.state.keys_at(u64::MAX);
        if keys.is_empty() {
            return "there are no keys".to_owned();
        }
        list(keys.values().map(|kv| kv.to_string()))
    }

    pub(super) fn key(&self, key: &Blob) -> String {
        let mut text = match self.state.keys_at(u64::MAX).get(key) {
            Some(kv) => shortened(kv.to_string()),
            None => format!("there is no {key}"),
        };
        for (index, entries) in self.state.log.iter().rev() {
            if let Some(entry) = entries.iter().find(|entry| changes(entry, key)) {
                let _ = write!(text, "\nlast changed at log position {index}");
                let _ = write!(text, ", term {}, revision {}", entry.term, entry.revision);
                break;
            }
        }
        text
    }

    pub(super) fn leases(&self) -> String {
        if self.state.leases.is_empty() {
            return "there are no leases".to_owned();
        }
        list(
            self.state
                .leases
                .iter()
                .map(|(id, lease)| self.lease_line(*id, lease)),
        )
    }

    pub(super) fn lease(&self, id: i64) -> String {
        match self.state.leases.get(&id) {
            Some(lease) => self.lease_line(id, lease),
            None => format!("there is no lease {id}"),
        }
    }

    fn lease_line(&self, id: i64, lease: &Lease) -> String {
        let mut line = format!("lease {id} ttl={}", lease.ttl_s);
        let _ = write!(line, " granted {}", seconds(lease.granted_ns));
        if let Some(renewed_ns) = lease.renewed_ns {
            let _ = write!(line, ", renewed {}", seconds(renewed_ns));
        }
        let keys = self.state.keys_at(u64::MAX);
        let attached: Vec<String> = keys
            .values()
            .filter(|kv| kv.lease == id)
            .map(|kv| kv.key.to_string())
            .collect();
        if !attached.is_empty() {
            let _ = write!(line, ", keys {}", attached.join(" "));
        }
        line
    }

    pub(super) fn members(&self) -> String {
        let lines = self.state.members.keys().map(|member| self.member(*member));
        let mut text = list(lines);
        if let Some((at_ns, fault)) = self.state.fault {
            let _ = write!(text, "\nlast fault: {} {fault}", seconds(at_ns));
        }
        let _ = write!(
            text,
            "\nrequests without an answer: {}",
            self.state.open_ops.len()
        );
        text
    }

    pub(super) fn member(&self, number: u64) -> String {
        let Some(member) = self.state.members.get(&number) else {
            return format!("nothing is known of n{number} here");
        };
        let mut line = format!("n{number}");
        match member.applied {
            None => line += " has applied nothing that was recorded",
            Some(applied) => {
                let Applied {
                    index,
                    term,
                    revision,
                    hash,
                } = applied;
                let _ = write!(
                    line,
                    " applied {index} term={term} @{revision} hash={hash:016x}"
                );
                let behind = self.state.last_index().saturating_sub(index);
                if behind > 0 {
                    let _ = write!(line, ", {behind} behind the log");
                }
            }
        }
        if let Some(term) = member.led {
            let newest = self
                .state
                .members
                .values()
                .filter_map(|other| other.led)
                .max();
            let word = if newest == Some(term) { "leads" } else { "led" };
            let _ = write!(line, ", {word} term={term}");
        }
        line
    }

    pub(super) fn diff(&self, one: u64, other: u64) -> String {
        let applied = |member: u64| self.state.members.get(&member)?.applied;
        let (Some(first), Some(second)) = (applied(one), applied(other)) else {
            return format!("n{one} and n{other} must both have applied something");
        };
        let mut lines = Vec::new();
        if first.index == second.index {
            lines.push(format!("both have applied {}", first.index));
        } else {
            self.diff_entries((one, first.index), (other, second.index), &mut lines);
        }
        self.diff_hashes(one, other, &mut lines);
        list(lines.into_iter())
    }

    /// What one has and the other has not: entries, then the keys that these change.
    fn diff_entries(&self, one: (u64, u64), other: (u64, u64), lines: &mut Vec<String>) {
        let (behind, ahead) = if one.1 < other.1 {
            (one, other)
        } else {
            (other, one)
        };
        lines.push(format!(
            "n{} has applied {}, n{} has not what is behind {}:",
            ahead.0, ahead.1, behind.0, behind.1
        ));
        for (_, entries) in self.state.log.range(behind.1 + 1..=ahead.1) {
            lines.extend(entries.iter().map(|entry| format!("  {}", entry.what)));
        }
        let (old, new) = (self.state.keys_at(behind.1), self.state.keys_at(ahead.1));
        let mut changed: Vec<&Blob> = old.keys().chain(new.keys()).copied().collect();
        changed.sort_unstable();
        changed.dedup();
        changed.retain(|key| old.get(key) != new.get(key));
        for key in changed {
            let (was, is) = (told(old.get(key).copied()), told(new.get(key).copied()));
            lines.push(format!("  {key}: n{} {was}, n{} {is}", behind.0, ahead.0));
        }
    }

    /// The first log position at which the two told different states or saw different entries.
    fn diff_hashes(&self, one: u64, other: u64, lines: &mut Vec<String>) {
        let (Some(first), Some(second)) =
            (self.state.members.get(&one), self.state.members.get(&other))
        else {
            return;
        };
        let mut common = 0;
        for (index, hash) in &first.hashes {
            let Some(theirs) = second.hashes.get(index) else {
                continue;
            };
            if hash != theirs {
                lines.push(format!(
                    "at {index} their states differ: n{one} {hash:016x}, n{other} {theirs:016x}"
                ));
                let entries = self.state.log.get(index).into_iter().flatten();
                lines.extend(entries.map(|entry| format!("  {}", entry.what)));
                return;
            }
            common += 1;
        }
        lines.push(format!(
            "at {common} log positions both told the same state"
        ));
    }
}

fn changes(entry: &Entry<'_>, key: &Blob) -> bool {
    entry.events.iter().any(|event| event.key() == key)
}

fn told(kv: Option<&Kv>) -> String {
    kv.map_or("has none".to_owned(), |kv| {
        format!("has {}@{}", kv.value, kv.mod_revision)
    })
}

fn seconds(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e9)
}

fn shortened(mut line: String) -> String {
    if let Some((cut, _)) = line.char_indices().nth(LINE_CHARS_MAX) {
        let left = line.len() - cut;
        line.truncate(cut);
        line += &format!("… ({left} more bytes)");
    }
    line
}

/// The lines below each other, the first ones of many.
fn list(lines: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = lines.collect();
    let mut shown: Vec<String> = all.iter().take(LINES_MAX).cloned().map(shortened).collect();
    if all.len() > LINES_MAX {
        shown.push(format!("… and {} more", all.len() - LINES_MAX));
    }
    shown.join("\n")
}
