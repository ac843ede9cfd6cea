//! What a member tells of itself, beyond what it has applied.

use std::fmt::{self, Display, Formatter};

use super::text::Words;

/// What a member tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Its vote and its log.
    Raft(RaftView),
    /// It did with the entry at this log position something else than the member that applied the
    /// entry first: what, on one line.
    Differs {
        /// The entry's position in the log.
        index: u64,
        /// The difference.
        text: String,
    },
    /// How full one of its queues is, at the end of a run.
    Fill(Fill),
    /// It logs something that an operator should see.
    Logs {
        /// How bad that is.
        severity: Severity,
        /// The part of the program that says so.
        target: String,
        /// The line, with its fields.
        text: String,
    },
}

/// How full something is that can fill up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// What, in one word.
    pub name: String,
    /// How many there are.
    pub now: u64,
    /// The most that were seen since the run began.
    pub most: u64,
    /// How many there may be, where that is bounded.
    pub limit: Option<u64>,
}

/// How bad a line of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It may need attention.
    Warning,
    /// Something went wrong.
    Error,
}

/// A member's vote and log at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftView {
    /// Number of the process, from 1: what is not on disk ends with it.
    pub process: u64,
    /// Term of the vote on disk.
    pub term: u64,
    /// The member that it is for.
    pub voted_for: Option<u64>,
    /// Whether a majority is known to have voted so.
    pub is_granted: bool,
    /// Whether the member leads in this term.
    pub leads: bool,
    /// Last index that is no longer in the log.
    pub purged: u64,
    /// The entries behind it: terms, each with the last index of its entries, in order.
    pub log: Vec<(u64, u64)>,
    /// Greatest index known to be committed.
    pub committed: u64,
    /// Greatest index applied.
    pub applied: u64,
}

impl RaftView {
    /// The last index of the log.
    pub fn last(&self) -> u64 {
        self.log.last().map_or(self.purged, |(_, last)| *last)
    }

    /// The term of the entry at `index`; `None` where the log does not have it.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index <= self.purged {
            return None;
        }
        let run = self.log.iter().find(|(_, last)| index <= *last);
        run.map(|(term, _)| *term)
    }
}

impl Told {
    /// The word behind the member's name decides.
    pub(super) fn parse(kind: &str, words: &mut Words<'_>) -> Result<Self, String> {
        Ok(match kind {
            "raft" => Self::Raft(RaftView {
                process: words.prefixed("process=")?,
                term: words.prefixed("term=")?,
                voted_for: words.optional("vote=n")?,
                is_granted: words.take("granted"),
                leads: words.take("leads"),
                purged: words.prefixed("purged=")?,
                committed: words.prefixed("committed=")?,
                applied: words.prefixed("applied=")?,
                log: runs(words)?,
            }),
            "differs" => Self::Differs {
                index: words.parse("a log position")?,
                text: words.remaining("a difference")?,
            },
            "holds" => Self::Fill(Fill {
                name: words.parse("a queue")?,
                now: words.prefixed("now=")?,
                most: words.prefixed("most=")?,
                limit: words.optional("limit=")?,
            }),
            "warns" | "errs" => Self::Logs {
                severity: if kind == "warns" {
                    Severity::Warning
                } else {
                    Severity::Error
                },
                target: words.parse("a part of the program")?,
                text: words.remaining("a line")?,
            },
            other => return Err(format!("`{other}` is nothing that a member does")),
        })
    }
}

impl Display for Told {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raft(view) => write!(f, "raft {view}"),
            Self::Differs { index, text } => write!(f, "differs {index} {text}"),
            Self::Fill(fill) => {
                let Fill {
                    name, now, most, ..
                } = fill;
                write!(f, "holds {name} now={now} most={most}")?;
                fill.limit
                    .map_or(Ok(()), |limit| write!(f, " limit={limit}"))
            }
            Self::Logs {
                severity,
                target,
                text,
            } => {
                let verb = match severity {
                    Severity::Warning => "warns",
                    Severity::Error => "errs",
                };
                write!(f, "{verb} {target} {text}")
            }
        }
    }
}

impl Display for RaftView {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "process={} term={}", self.process, self.term)?;
        if let Some(member) = self.voted_for {
            write!(f, " vote=n{member}")?;
        }
        f.write_str(if self.is_granted { " granted" } else { "" })?;
        f.write_str(if self.leads { " leads" } else { "" })?;
        write!(
            f,
            " purged={} committed={} applied={}",
            self.purged, self.committed, self.applied
        )?;
        self.log
            .iter()
            .try_for_each(|(term, last)| write!(f, " {term}:{last}"))
    }
}

/// `term:last term:last …` up to the end of the line.
fn runs(words: &mut Words<'_>) -> Result<Vec<(u64, u64)>, String> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    while words.peek().is_some() {
        let word = words.next("a term with its last index")?;
        let run = word
            .split_once(':')
            .and_then(|(term, last)| Some((term.parse().ok()?, last.parse().ok()?)));
        let run = run.ok_or_else(|| format!("`term:last index` expected, not `{word}`"))?;
        if runs.last().is_some_and(|before| before.1 >= run.1) {
            return Err(format!("`{word}` ends before it begins"));
        }
        runs.push(run);
    }
    Ok(runs)
}
