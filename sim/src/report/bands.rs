//! From when to when something was broken, from the words in which a history tells of faults.

use serde::Serialize;

use crate::history::{History, What};

/// Something that was broken for a while, or happened at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Band {
    /// What.
    pub(super) text: String,
    /// The members concerned; empty where it concerns all.
    pub(super) members: Vec<u64>,
    /// `down`, `link`, `disk` or `other`.
    pub(super) sort: &'static str,
    /// The record in which it begins.
    pub(super) begin: usize,
    /// The one in which it ends; `None` where it does not, and the same one where it is a moment.
    pub(super) end: Option<usize>,
}

/// How faults of one kind are told.
struct Kind {
    /// A word of the beginning that tells the kind.
    begins: &'static str,
    /// The end: it begins and ends with these, and names the same members. `None` for a moment.
    ends: Option<(&'static str, &'static str)>,
    sort: &'static str,
}

const KINDS: [Kind; 12] = [
    // Nobody tells when a bit is right again: an older file has taken its place.
    moment(" flips at ", "disk"),
    kind("loses its power", ("", "starts again"), "down"),
    kind("halts:", ("", "starts again"), "down"),
    kind(" cut off from ", ("", ": mended"), "link"),
    kind("nothing arrives from ", ("", ": mended"), "link"),
    kind(" delay from ", ("no delay from ", ""), "link"),
    kind(" delay around ", ("no delay around ", ""), "link"),
    kind(" hangs", ("what ", " hangs no more"), "link"),
    kind(" is raised", ("alarm ", " is disarmed"), "other"),
    kind("fsync of ", ("fsync of ", "is mended"), "disk"),
    kind("disk of ", ("disk of ", "is well"), "disk"),
    kind(" stands still", ("", "goes on"), "down"),
];

const fn kind(
    begins: &'static str,
    ends: (&'static str, &'static str),
    sort: &'static str,
) -> Kind {
    Kind {
        begins,
        ends: Some(ends),
        sort,
    }
}

const fn moment(begins: &'static str, sort: &'static str) -> Kind {
    Kind {
        begins,
        ends: None,
        sort,
    }
}

impl Kind {
    fn ends_with(&self, text: &str) -> bool {
        self.ends
            .is_some_and(|(first, last)| text.starts_with(first) && text.ends_with(last))
    }
}

/// The bands of a history, in the order of their beginnings.
pub(super) fn bands(history: &History) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    let mut open: Vec<(&Kind, usize)> = Vec::new();
    for (record, entry) in history.records().iter().enumerate() {
        let What::Fault { text } = &entry.what else {
            continue;
        };
        let members = members(text);
        let before = open.len();
        open.retain(|(kind, at)| {
            let over = kind.ends_with(text) && bands[*at].members == members;
            if over {
                bands[*at].end = Some(record);
            }
            !over
        });
        if open.len() < before {
            continue;
        }
        let kind = KINDS.iter().find(|kind| text.contains(kind.begins));
        let lasting = kind.filter(|kind| kind.ends.is_some());
        if let Some(kind) = lasting {
            open.push((kind, bands.len()));
        }
        bands.push(Band {
            text: text.clone(),
            members,
            sort: kind.map_or("other", |kind| kind.sort),
            begin: record,
            end: lasting.is_none().then_some(record),
        });
    }
    bands
}

/// The members that `text` names, in this order.
fn members(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter_map(|word| word.strip_prefix('n')?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::bands;

    fn told(text: &str) -> Vec<String> {
        let bands = bands(&text.parse().unwrap());
        let line = |band: &super::Band| {
            format!(
                "{} {:?} {}..{:?} {}",
                band.sort, band.members, band.begin, band.end, band.text
            )
        };
        bands.iter().map(line).collect()
    }

    #[test]
    fn a_beginning_finds_its_end() {
        let text = "\
1 fault n1 loses its power
1 fault n2 loses its power
2 fault 40 ms delay from n1 to n2
3 fault n2 starts again
4 fault no delay from n1 to n2
5 fault n1 n2 cut off from the rest
5 fault disk of n3 breaks: the next sync fails
6 fault n1 n2 cut off from the rest: mended
7 fault disk of n3 is well
8 fault wall clock of n3 jumps by 5 ms
9 fault disk of n3 breaks: a bit of log-01 flips at 7
10 fault what n1 sends to n2 hangs
10 fault 9 ms delay around n1
10 fault alarm NOSPACE of n1 is raised
11 fault what n1 sends to n2 hangs no more
11 fault no delay around n1
11 fault alarm NOSPACE of n1 is disarmed
";
        let expected = [
            "down [1] 0..None n1 loses its power",
            "down [2] 1..Some(3) n2 loses its power",
            "link [1, 2] 2..Some(4) 40 ms delay from n1 to n2",
            "link [1, 2] 5..Some(7) n1 n2 cut off from the rest",
            "disk [3] 6..Some(8) disk of n3 breaks: the next sync fails",
            "other [3] 9..Some(9) wall clock of n3 jumps by 5 ms",
            "disk [3] 10..Some(10) disk of n3 breaks: a bit of log-01 flips at 7",
            "link [1, 2] 11..Some(14) what n1 sends to n2 hangs",
            "link [1] 12..Some(15) 9 ms delay around n1",
            "other [1] 13..Some(16) alarm NOSPACE of n1 is raised",
        ];
        assert_eq!(told(text), expected);
    }

    #[test]
    fn of_two_that_overlap_both_end() {
        let text = "1 fault n1 halts: disk\n2 fault n1 loses its power\n3 fault n1 starts again";
        let expected = [
            "down [1] 0..Some(2) n1 halts: disk",
            "down [1] 1..Some(2) n1 loses its power",
        ];
        assert_eq!(told(text), expected);
    }
}
