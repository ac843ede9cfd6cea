//! Members that stay broken when everything else is mended.

use serde::{Deserialize, Serialize};

use super::{Stream, check::minority};

/// How often a plan leaves members broken, per cent.
const LOSSES_PERCENT: u64 = 25;

/// A member that is broken for good when the clients stop. The others, a majority, must get along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// The member.
    pub member: u64,
    /// What is wrong with it.
    pub how: Breakage,
}

/// What is wrong with a member for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breakage {
    /// It has no power.
    Down,
    /// Nobody reaches it, and it reaches nobody.
    CutOff,
    /// No sync of its disk ends any more. It may even lead.
    StalledDisk,
}

/// The losses of a generated plan: none mostly, else a random minority.
pub(super) fn generate(stream: &mut Stream, members: u64) -> Vec<Loss> {
    let most = minority(members);
    if most == 0 || !stream.chance(LOSSES_PERCENT) {
        return Vec::new();
    }
    let first = stream.between(0, members - 1);
    let loss = |at: u64| Loss {
        member: (first + at) % members + 1,
        how: stream.pick(&[Breakage::Down, Breakage::CutOff, Breakage::StalledDisk]),
    };
    let mut losses: Vec<Loss> = (0..most).map(loss).collect();
    losses.truncate(usize::try_from(stream.between(1, most)).unwrap_or(1));
    losses.sort_by_key(|loss| loss.member);
    losses
}
