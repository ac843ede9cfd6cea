//! What can be asked on a walk.

use std::str::FromStr;

use crate::history::Blob;

/// A line of the walk, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Go to the beginning and say what this is.
    Open,
    Step(usize),
    Back(usize),
    /// To the entry at this log position.
    Index(u64),
    /// To this time, nanoseconds.
    Time(u64),
    Break(Blob),
    /// To the next record that concerns a key with a break, or to the end.
    Run,
    Show(Subject),
    Member(u64),
    Diff(u64, u64),
    Where,
    Help,
    Quit,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Keys,
    Key(Blob),
    Leases,
    Lease(i64),
    Members,
}

/// The commands, for people.
pub(super) const HELP: &str = "\
open              back to the beginning
step [N]          N records on, or one
back [N]          N records back, or one
index N           to the entry at log position N
time 12.5         to this time, seconds
break KEY         `run` stops at records that concern KEY
run               on to the next such record, or to the end
show              all keys, by the log so far
show KEY          one key, and what changed it last
show lease ID     one lease; `show leases` all, `show members` all members
member n2         how far a member is
diff n1 n2        what one has applied and the other has not
where             where the walk is
quit              the end; so does the end of the input";

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words[..] {
            ["open"] => Self::Open,
            ["step" | "s"] => Self::Step(1),
            ["step" | "s", count] => Self::Step(number(count, "a number of records")?),
            ["back" | "b"] => Self::Back(1),
            ["back" | "b", count] => Self::Back(number(count, "a number of records")?),
            ["index", index] => Self::Index(number(index, "a log position")?),
            ["time", time] => Self::Time(time_ns(time)?),
            ["break", key] => Self::Break(key.parse()?),
            ["run" | "r"] => Self::Run,
            ["show"] => Self::Show(Subject::Keys),
            ["show", "leases"] => Self::Show(Subject::Leases),
            ["show", "members"] => Self::Show(Subject::Members),
            ["show", "lease", id] => Self::Show(Subject::Lease(number(id, "a lease")?)),
            ["show", key] => Self::Show(Subject::Key(key.parse()?)),
            ["member", name] => Self::Member(member(name)?),
            ["diff", one, other] => Self::Diff(member(one)?, member(other)?),
            ["where" | "w"] => Self::Where,
            ["help" | "?"] => Self::Help,
            ["quit" | "q" | "exit"] => Self::Quit,
            _ => {
                return Err(format!(
                    "`{}` is no command; `help` lists them",
                    words.join(" ")
                ));
            }
        })
    }
}

fn number<T: FromStr>(word: &str, what: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is not {what}"))
}

fn member(word: &str) -> Result<u64, String> {
    let number = word
        .strip_prefix('n')
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("`{word}` is no member such as n2"))
}

/// Seconds, as nanoseconds.
fn time_ns(word: &str) -> Result<u64, String> {
    let seconds: f64 = number(word, "a time in seconds")?;
    if !(0.0..=1e9).contains(&seconds) {
        return Err(format!("`{word}` is not a time in seconds"));
    }
    Ok((seconds * 1e9).round() as u64)
}
