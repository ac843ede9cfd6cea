//! Calls of the Lock and Election services: to text and back.

use std::fmt::{self, Display, Formatter};

use super::words::Words;
use crate::history::{Observation, Place, QueueAnswer, QueueCall};

impl Display for QueueCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock { name, lease } => write!(f, "lock {name} lease={lease}"),
            Self::Unlock { key } => write!(f, "unlock {key}"),
            Self::Campaign { name, lease, value } => {
                write!(f, "campaign {name} lease={lease} {value}")
            }
            Self::Proclaim { place, value } => write!(f, "proclaim {place} {value}"),
            Self::Resign(place) => write!(f, "resign {place}"),
            Self::Leader { name } => write!(f, "leader {name}"),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (key, created, lease) = (&self.key, self.created, self.lease);
        write!(f, "{key} created={created} lease={lease}")
    }
}

impl Display for QueueAnswer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(key) => write!(f, "lock {key}"),
            Self::Unlocked => f.write_str("unlock"),
            Self::Elected { key, created } => write!(f, "campaign {key} created={created}"),
            Self::Proclaimed => f.write_str("proclaim"),
            Self::Resigned => f.write_str("resign"),
            Self::Leads(kv) => write!(f, "leader {kv}"),
        }
    }
}

impl Display for Observation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins { member, name } => write!(f, "observes n{member} {name}"),
            Self::Hears { revision, kv } => write!(f, "hears @{revision} {kv}"),
            Self::Stops { why } => write!(f, "stops {why}"),
        }
    }
}

/// The observation that `word` begins.
pub(super) fn observation(word: &str, words: &mut Words<'_>) -> Result<Observation, String> {
    Ok(match word {
        "observes" => Observation::Begins {
            member: words.prefixed("n")?,
            name: words.parse("a name")?,
        },
        "hears" => Observation::Hears {
            revision: words.prefixed("@")?,
            kv: words.next("a key")?.parse()?,
        },
        "stops" => Observation::Stops {
            why: words.remaining("a reason")?,
        },
        other => return Err(format!("`{other}` is nothing that a client does")),
    })
}

/// The call that `word` begins, if it begins one.
pub(super) fn call(word: &str, words: &mut Words<'_>) -> Result<Option<QueueCall>, String> {
    Ok(Some(match word {
        "lock" => QueueCall::Lock {
            name: words.parse("a name")?,
            lease: words.prefixed("lease=")?,
        },
        "unlock" => QueueCall::Unlock {
            key: words.parse("a key")?,
        },
        "campaign" => QueueCall::Campaign {
            name: words.parse("a name")?,
            lease: words.prefixed("lease=")?,
            value: words.parse("a value")?,
        },
        "proclaim" => QueueCall::Proclaim {
            place: place(words)?,
            value: words.parse("a value")?,
        },
        "resign" => QueueCall::Resign(place(words)?),
        "leader" => QueueCall::Leader {
            name: words.parse("a name")?,
        },
        _ => return Ok(None),
    }))
}

fn place(words: &mut Words<'_>) -> Result<Place, String> {
    Ok(Place {
        key: words.parse("a key")?,
        created: words.prefixed("created=")?,
        lease: words.prefixed("lease=")?,
    })
}

/// The answer that `word` begins, if it begins one.
pub(super) fn answer(word: &str, words: &mut Words<'_>) -> Result<Option<QueueAnswer>, String> {
    Ok(Some(match word {
        "lock" => QueueAnswer::Locked(words.parse("a key")?),
        "unlock" => QueueAnswer::Unlocked,
        "campaign" => QueueAnswer::Elected {
            key: words.parse("a key")?,
            created: words.prefixed("created=")?,
        },
        "proclaim" => QueueAnswer::Proclaimed,
        "resign" => QueueAnswer::Resigned,
        "leader" => QueueAnswer::Leads(words.next("a key")?.parse()?),
        _ => return Ok(None),
    }))
}
