//! What can break.

use std::fmt;

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
            | Self::OneWay { for_ms, .. }
            | Self::Delay { for_ms, .. }
            | Self::SlowFsync { for_ms, .. }
            | Self::FailFsync { for_ms, .. }
            | Self::FailWrite { for_ms, .. }
            | Self::StallFsync { for_ms, .. }
            | Self::FullDisk { for_ms, .. }
            | Self::Pause { for_ms, .. } => for_ms,
            Self::ClockRate { .. }
            | Self::ClockJump { .. }
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
            | Self::ClockRate { target, .. }
            | Self::ClockJump { target, .. }
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
            Self::OneWay { from, to, .. } | Self::Delay { from, to, .. } => vec![*from, *to],
            Self::Split { group, .. } => return group.clone(),
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
            Self::OneWay { .. } => "one-way",
            Self::Delay { .. } => "delay",
            Self::ClockRate { .. } => "clock-rate",
            Self::ClockJump { .. } => "clock-jump",
            Self::SlowFsync { .. } => "slow-fsync",
            Self::FailFsync { .. } => "fail-fsync",
            Self::FailWrite { .. } => "fail-write",
            Self::StallFsync { .. } => "stall-fsync",
            Self::FullDisk { .. } => "full-disk",
            Self::BitRot { .. } => "bit-rot",
            Self::Pause { .. } => "pause",
            Self::Defragment { .. } => "defragment",
            Self::ChangeRoles { .. } => "change-roles",
            Self::ChangeAuth { .. } => "change-auth",
            Self::TransferLeader { .. } => "transfer-leader",
            Self::Compact { .. } => "compact",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash { target, down_ms } => write!(f, "crash of {target} for {down_ms} ms"),
            Self::PowerFailure { down_ms } => write!(f, "power failure of all for {down_ms} ms"),
            Self::CrashAt(crash) => write!(f, "{crash}"),
            Self::Isolate {
                target,
                clients,
                for_ms,
            } => {
                let clients = if *clients { " and clients" } else { "" };
                write!(f, "{target} cut off from members{clients} for {for_ms} ms")
            }
            Self::Split { group, for_ms } => {
                f.write_str("split:")?;
                group
                    .iter()
                    .try_for_each(|member| write!(f, " n{member}"))?;
                write!(f, " against the rest for {for_ms} ms")
            }
            Self::OneWay { from, to, for_ms } => {
                write!(f, "{to} does not hear {from} for {for_ms} ms")
            }
            Self::Delay {
                from,
                to,
                delay_ms,
                for_ms,
            } => {
                write!(f, "{delay_ms} ms delay from {from} to {to} for {for_ms} ms")
            }
            Self::ClockRate { target, ppm } => write!(f, "clock of {target} off by {ppm} ppm"),
            Self::ClockJump { target, wall_ms } => {
                write!(f, "wall clock of {target} jumps by {wall_ms} ms")
            }
            Self::SlowFsync {
                target,
                fsync_us,
                for_ms,
            } => {
                write!(f, "fsync of {target} takes {fsync_us} us for {for_ms} ms")
            }
            Self::FailFsync { target, .. } => write!(f, "a sync of {target} fails"),
            Self::FailWrite { target, .. } => write!(f, "a write of {target} fails"),
            Self::StallFsync { target, for_ms } => {
                write!(f, "no sync of {target} ends for {for_ms} ms")
            }
            Self::FullDisk {
                target,
                room_bytes,
                for_ms,
            } => {
                write!(f, "{target} has {room_bytes} bytes left for {for_ms} ms")
            }
            Self::BitRot { target, down_ms } => {
                write!(
                    f,
                    "a bit of {target} flips while it is down for {down_ms} ms"
                )
            }
            Self::Pause { target, for_ms } => write!(f, "{target} stands still for {for_ms} ms"),
            Self::Defragment { target } => write!(f, "{target} defragments"),
            Self::ChangeRoles { target } => write!(f, "roles change at {target}"),
            Self::ChangeAuth { target, step } => write!(f, "{step} at {target}"),
            Self::TransferLeader { to } => write!(f, "leadership handed to {to}"),
            Self::Compact { keep } => write!(f, "compaction but for {keep} revisions"),
        }
    }
}
