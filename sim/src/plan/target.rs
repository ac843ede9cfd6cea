//! Which member a fault hits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A member, by its number or by the role that it has when the fault begins. In TOML: `"leader"`,
/// `"follower"`, `"n2"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// The leader; where there is none, the first member.
    Leader,
    /// The first member behind the leader, going round by number.
    Follower,
    /// This member, counted from 1.
    Member(u64),
}

impl Target {
    /// The member's number in a cluster of `members`, of which `leader` leads.
    pub fn resolve(self, members: u64, leader: Option<u64>) -> u64 {
        let leader = leader.unwrap_or(1);
        match self {
            Self::Leader => leader,
            Self::Follower => leader % members + 1,
            Self::Member(member) => member,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("leader"),
            Self::Follower => f.write_str("follower"),
            Self::Member(member) => write!(f, "n{member}"),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "leader" => Ok(Self::Leader),
            "follower" => Ok(Self::Follower),
            _ => text
                .strip_prefix('n')
                .and_then(|number| number.parse().ok())
                .map_or_else(
                    || {
                        Err(format!(
                            "`{text}` is neither `leader`, `follower` nor a member like `n2`"
                        ))
                    },
                    |member| Ok(Self::Member(member)),
                ),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn roles_become_members() {
        assert_eq!(Target::Leader.resolve(3, Some(3)), 3);
        assert_eq!(Target::Follower.resolve(3, Some(3)), 1);
        assert_eq!(
            Target::Follower.resolve(1, Some(1)),
            1,
            "the only member stands for both"
        );
        assert_eq!(Target::Leader.resolve(3, None), 1);
        assert_eq!(Target::Member(2).resolve(3, Some(3)), 2);
    }
}
