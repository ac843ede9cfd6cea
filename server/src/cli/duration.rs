//! Durations as Go writes them, which etcd's flags have.

use std::{str::FromStr, time::Duration};

/// Numbers with units, such as `5s`, `1h30m` or `1.5h`. What is below zero is as good as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoDuration(pub Duration);

/// A text that is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a duration such as 5s, 100ms or 1h30m")]
pub struct NotADuration;

/// Units with their nanoseconds; of those that begin alike the longer first.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

impl FromStr for GoDuration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if unsigned == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let mut rest = unsigned;
        let mut total_ns = 0.0;
        if unsigned.is_empty() {
            return Err(NotADuration);
        }
        while !rest.is_empty() {
            let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            let number: f64 = rest[..rest.len() - digits.len()]
                .parse()
                .map_err(|_| NotADuration)?;
            let unit = UNITS
                .iter()
                .find_map(|(unit, ns)| Some((digits.strip_prefix(unit)?, ns)));
            let (behind, ns) = unit.ok_or(NotADuration)?;
            total_ns += number * ns;
            rest = behind;
        }
        // Go counts nanoseconds in 63 bits.
        if total_ns >= i64::MAX as f64 {
            return Err(NotADuration);
        }
        let is_negative = text.starts_with('-');
        let ns = if is_negative {
            0
        } else {
            total_ns.round() as u64
        };
        Ok(Self(Duration::from_nanos(ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, ms) in [
            ("5s", 5000),
            ("100ms", 100),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1m0.5s", 60_500),
            ("2500us", 2),
            ("2500µs", 2),
            ("3000000ns", 3),
            ("0", 0),
            ("0s", 0),
            ("+7s", 7000),
            ("-5s", 0),
        ] {
            let read = text.parse::<GoDuration>().map(|read| read.0.as_millis());
            assert_eq!(read, Ok(ms), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "5d",
            "-",
            "1.2.3s",
            "5s5",
            "300000h10000000h",
            "--5s",
        ] {
            assert_eq!(text.parse::<GoDuration>(), Err(NotADuration), "{text}");
        }
    }
}
