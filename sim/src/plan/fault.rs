//! What can break.

use serde::{Deserialize, Serialize};

use super::{AuthStep, CrashAt, Span, Target};

/// A fault with the time at which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedFault {
    /// Milliseconds since the start of the run.
    pub at_ms: u64,
    /// What breaks.
    #[serde(flatten)]
    pub fault: Fault,
}

impl TimedFault {
    /// When it is over, milliseconds since the start of the run.
    pub fn over_ms(&self) -> u64 {
        self.at_ms.saturating_add(self.fault.lasts_ms())
    }
}

/// Something that breaks, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// A member loses its power: what it had not synced is lost or torn. It starts again later.
    Crash {
        /// The member.
        target: Target,
        /// How long it stays down, milliseconds.
        down_ms: u64,
    },
    /// All members lose their power at once, and start again later.
    PowerFailure {
        /// How long they stay down, milliseconds.
        down_ms: u64,
    },
    /// A member loses its power when it comes to a point of its program. It starts again later.
    CrashAt(CrashAt),
    /// A member is cut off from all others, both ways.
    Isolate {
        /// The member.
        target: Target,
        /// Whether clients are cut off from it as well.
        clients: bool,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// The members fall apart into two groups.
    Split {
        /// One of the groups; the other has all the rest.
        group: Vec<u64>,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// Nothing arrives on one direction of a link.
    OneWay {
        /// The member that is not heard.
        from: Target,
        /// The member that does not hear it.
        to: Target,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// The members stand in a ring, in which each reaches its two neighbours and nobody else. With
    /// five members all see a majority, and no two the same one. Of three members the first and
    /// the last do not reach each other.
    Ring {
        /// All members, in the order of the ring.
        order: Vec<u64>,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// What is sent on one direction of a link hangs, and arrives all at once when this is over.
    Hold {
        /// The sending member.
        from: Target,
        /// The receiving member.
        to: Target,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// Every open connection of a member breaks. New ones can be made at once.
    Cut {
        /// The member.
        target: Target,
        /// Whether those of clients break as well.
        clients: bool,
    },
    /// All links of a member are slow, both ways, those of clients too.
    SlowLink {
        /// The member.
        target: Target,
        /// Added to the latency, milliseconds.
        delay_ms: u64,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// One direction of a link is slow.
    Delay {
        /// The sending member.
        from: Target,
        /// The receiving member.
        to: Target,
        /// Added to the latency, milliseconds.
        delay_ms: u64,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// A member's clock changes its rate, for good.
    ClockRate {
        /// The member.
        target: Target,
        /// How much faster than true time, parts per million; negative is slower.
        ppm: i64,
    },
    /// A member's wall clock jumps; its monotonic clock does not.
    ClockJump {
        /// The member.
        target: Target,
        /// How far, milliseconds; negative is back.
        wall_ms: i64,
    },
    /// A member's monotonic clock is further at once, its wall clock too, as where a virtual machine
    /// was suspended.
    ClockSkip {
        /// The member.
        target: Target,
        /// How much further, milliseconds.
        by_ms: u64,
    },
    /// A member's disk is slow to sync.
    SlowFsync {
        /// The member.
        target: Target,
        /// How long an fsync takes, microseconds.
        fsync_us: Span,
        /// How long the disk stays slow, milliseconds.
        for_ms: u64,
    },
    /// A member's disk fails to sync: the process has to end at once. It starts again later.
    FailFsync {
        /// The member.
        target: Target,
        /// Whether power fails as well before it starts again.
        power: bool,
        /// Until it starts again, or the disk is well again, milliseconds.
        for_ms: u64,
    },
    /// A member's disk fails half-way in a write; the same follows.
    FailWrite {
        /// The member.
        target: Target,
        /// Whether power fails as well before it starts again.
        power: bool,
        /// Until it starts again, or the disk is well again, milliseconds.
        for_ms: u64,
    },
    /// No sync of a member's disk ends before the fault does.
    StallFsync {
        /// The member.
        target: Target,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// A member's disk is full: files cannot grow. A member that ends for it starts again later.
    FullDisk {
        /// The member.
        target: Target,
        /// What is left, bytes.
        room_bytes: u64,
        /// Until there is space again, milliseconds.
        for_ms: u64,
    },
    /// A member loses its power, and a bit of what it keeps has flipped when it starts again. It
    /// does without that file or refuses to start; then the operator puts the file back as it was.
    BitRot {
        /// The member, by its number: at most a minority of all.
        target: Target,
        /// How long it stays down, milliseconds.
        down_ms: u64,
    },
    /// A member loses its power, and starts again with an empty directory. It must not take part;
    /// then the operator puts the directory back.
    WipeDisk {
        /// The member, by its number: at most a minority of all.
        target: Target,
        /// How long it stays down, milliseconds.
        down_ms: u64,
        /// How long it tries without its directory, milliseconds.
        for_ms: u64,
    },
    /// The operator raises an alarm, and disarms it when this is over.
    Alarm {
        /// The member that has cause for alarm, and that is asked.
        target: Target,
        /// Which one.
        alarm: AlarmName,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// The leader is asked to hand over.
    TransferLeader {
        /// The member that shall lead.
        to: Target,
    },
    /// A member's process stands still, while time goes on for all others.
    Pause {
        /// The member.
        target: Target,
        /// How long, milliseconds.
        for_ms: u64,
    },
    /// A member is asked to defragment: it writes a checkpoint.
    Defragment {
        /// The member.
        target: Target,
    },
    /// Somebody adds a role without permissions, or takes one away.
    ChangeRoles {
        /// The member that is asked.
        target: Target,
    },
    /// The operator changes users or roles. Only in plans with authentication.
    ChangeAuth {
        /// The member that is asked.
        target: Target,
        /// For what.
        step: AuthStep,
    },
    /// The key space's history is compacted.
    Compact {
        /// How many of the newest revisions to keep readable.
        keep: u64,
    },
}

/// An alarm, by etcd's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AlarmName {
    /// Nothing more may be written: a member is out of space.
    NoSpace,
    /// No key may change: a member is damaged.
    Corrupt,
}

impl AlarmName {
    /// As etcd writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoSpace => "NOSPACE",
            Self::Corrupt => "CORRUPT",
        }
    }
}

impl Fault {
    /// How long it lasts, milliseconds; 0 where there is nothing to mend.
    pub fn lasts_ms(&self) -> u64 {
        match *self {
            Self::Crash { down_ms, .. }
            | Self::PowerFailure { down_ms }
            | Self::BitRot { down_ms, .. } => down_ms,
            Self::CrashAt(ref crash) => crash.within_ms.saturating_add(crash.down_ms),
            Self::Isolate { for_ms, .. }
            | Self::Split { for_ms, .. }
            | Self::Ring { for_ms, .. }
            | Self::Hold { for_ms, .. }
            | Self::SlowLink { for_ms, .. }
            | Self::Alarm { for_ms, .. }
            | Self::OneWay { for_ms, .. }
            | Self::Delay { for_ms, .. }
            | Self::SlowFsync { for_ms, .. }
            | Self::FailFsync { for_ms, .. }
            | Self::FailWrite { for_ms, .. }
            | Self::StallFsync { for_ms, .. }
            | Self::FullDisk { for_ms, .. }
            | Self::Pause { for_ms, .. } => for_ms,
            Self::WipeDisk {
                down_ms, for_ms, ..
            } => down_ms.saturating_add(for_ms),
            Self::Cut { .. }
            | Self::ClockRate { .. }
            | Self::ClockJump { .. }
            | Self::ClockSkip { .. }
            | Self::TransferLeader { .. }
            | Self::Defragment { .. }
            | Self::ChangeRoles { .. }
            | Self::ChangeAuth { .. }
            | Self::Compact { .. } => 0,
        }
    }

    /// The members that it names by their number.
    pub(super) fn named_members(&self) -> Vec<u64> {
        let targets = match self {
            Self::Crash { target, .. }
            | Self::CrashAt(CrashAt { target, .. })
            | Self::Isolate { target, .. }
            | Self::Cut { target, .. }
            | Self::SlowLink { target, .. }
            | Self::ClockRate { target, .. }
            | Self::ClockJump { target, .. }
            | Self::ClockSkip { target, .. }
            | Self::WipeDisk { target, .. }
            | Self::Alarm { target, .. }
            | Self::SlowFsync { target, .. }
            | Self::FailFsync { target, .. }
            | Self::FailWrite { target, .. }
            | Self::StallFsync { target, .. }
            | Self::FullDisk { target, .. }
            | Self::BitRot { target, .. }
            | Self::Pause { target, .. }
            | Self::Defragment { target }
            | Self::ChangeRoles { target }
            | Self::ChangeAuth { target, .. }
            | Self::TransferLeader { to: target } => vec![*target],
            Self::OneWay { from, to, .. }
            | Self::Hold { from, to, .. }
            | Self::Delay { from, to, .. } => vec![*from, *to],
            Self::Split { group, .. } => return group.clone(),
            Self::Ring { order, .. } => return order.clone(),
            Self::PowerFailure { .. } | Self::Compact { .. } => Vec::new(),
        };
        targets
            .into_iter()
            .filter_map(|target| match target {
                Target::Member(member) => Some(member),
                Target::Leader | Target::Follower => None,
            })
            .collect()
    }

    /// Its name in a plan, for a count by kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::CrashAt(_) => "crash-at",
            Self::PowerFailure { .. } => "power-failure",
            Self::Isolate { .. } => "isolate",
            Self::Split { .. } => "split",
            Self::Ring { .. } => "ring",
            Self::Hold { .. } => "hold",
            Self::Cut { .. } => "cut",
            Self::SlowLink { .. } => "slow-link",
            Self::OneWay { .. } => "one-way",
            Self::Delay { .. } => "delay",
            Self::ClockRate { .. } => "clock-rate",
            Self::ClockJump { .. } => "clock-jump",
            Self::ClockSkip { .. } => "clock-skip",
            Self::SlowFsync { .. } => "slow-fsync",
            Self::FailFsync { .. } => "fail-fsync",
            Self::FailWrite { .. } => "fail-write",
            Self::StallFsync { .. } => "stall-fsync",
            Self::FullDisk { .. } => "full-disk",
            Self::BitRot { .. } => "bit-rot",
            Self::WipeDisk { .. } => "wipe-disk",
            Self::Alarm { .. } => "alarm",
            Self::Pause { .. } => "pause",
            Self::Defragment { .. } => "defragment",
            Self::ChangeRoles { .. } => "change-roles",
            Self::ChangeAuth { .. } => "change-auth",
            Self::TransferLeader { .. } => "transfer-leader",
            Self::Compact { .. } => "compact",
        }
    }
}

/// Who does not reach whom in a ring of this order.
pub fn ring_gaps(order: &[u64]) -> Vec<(u64, u64)> {
    let last = order.len().saturating_sub(1);
    let mut gaps = Vec::new();
    for (at, a) in order.iter().enumerate() {
        for (beyond, b) in order.iter().enumerate().skip(at + 2) {
            let closes_the_ring = at == 0 && beyond == last && last > 2;
            if !closes_the_ring {
                gaps.push((*a, *b));
            }
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::ring_gaps;

    #[test]
    fn in_a_ring_each_member_has_two_neighbours() {
        assert_eq!(ring_gaps(&[2, 1, 3]), [(2, 3)], "of three it is a chain");
        assert_eq!(ring_gaps(&[1, 2, 3, 4]), [(1, 3), (2, 4)]);
        let gaps = ring_gaps(&[4, 1, 5, 2, 3]);
        assert_eq!(gaps, [(4, 5), (4, 2), (1, 2), (1, 3), (5, 3)]);
        for member in 1..=5 {
            let apart = gaps.iter().filter(|gap| gap.0 == member || gap.1 == member);
            assert_eq!(apart.count(), 2, "n{member} reaches the two others");
        }
        assert_eq!(ring_gaps(&[1, 2]), []);
    }
}
