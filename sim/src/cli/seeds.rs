//! `A..B`.

use std::str::FromStr;

use crate::plan::SEED_MAX;

/// The seeds from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seeds {
    first: u64,
    last: u64,
}

impl Seeds {
    pub(super) fn iter(self) -> impl Iterator<Item = u64> {
        self.first..=self.last
    }

    /// As many seeds, the `number`th time after these.
    pub(super) fn after(self, number: u64) -> Self {
        let first = self.first + (self.last - self.first + 1) * number;
        let last = first + (self.last - self.first);
        Self { first, last }
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no range of seeds like 1..200");
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let first = first.parse().map_err(|_| refuse())?;
        let last = last.parse().map_err(|_| refuse())?;
        if first > last || last > SEED_MAX {
            return Err(refuse());
        }
        Ok(Self { first, last })
    }
}

#[cfg(test)]
mod tests {
    use super::Seeds;

    #[test]
    fn both_ends_are_included() {
        let seeds = |text: &str| {
            text.parse::<Seeds>()
                .map(|seeds| seeds.iter().collect::<Vec<_>>())
        };
        assert_eq!(seeds("3..5"), Ok(vec![3, 4, 5]));
        assert_eq!(seeds("7"), Ok(vec![7]));
        let next = "3..5".parse::<Seeds>().map(|seeds| seeds.after(2));
        assert_eq!(next, "9..11".parse());
        for text in ["", "5..3", "1...3", "a..b", "1..", "0..9223372036854775808"] {
            assert!(seeds(text).is_err(), "{text:?}");
        }
    }
}
