//! Disks that break, drawn beside the other faults and from a stream of their own.

use super::{
    Fault, Stream, Target, TimedFault,
    check::minority,
    generate::{WARM_UP_MS, target},
};

/// How many plans of 100 have disks that break.
const PLANS_PERCENT: u64 = 70;

/// Pause between two of these faults, milliseconds.
const GAP_MS: (u64, u64) = (500, 6_000);

/// Longest time that a failure lasts, milliseconds: a member that has ended is back by then.
const FAILURE_MS_MAX: u64 = 3_000;

/// The longest stall, milliseconds.
const STALL_MS_MAX: u64 = 8_000;

/// Most room on a full disk, bytes: a few small segments.
const ROOM_BYTES_MAX: u64 = 64 << 10;

/// How long a member tries to start without its directory, milliseconds.
const WIPED_MS: (u64, u64) = (100, 2_000);

/// The kinds of fault.
#[derive(Clone, Copy)]
enum Kind {
    FailFsync,
    FailWrite,
    StallFsync,
    FullDisk,
    BitRot,
    WipeDisk,
}

/// What breaks in a run of `run_ms`, in the order of time. A random subset of the kinds.
pub(super) fn generate(stream: &mut Stream, members: u64, run_ms: u64) -> Vec<TimedFault> {
    let mut kinds = vec![
        Kind::FailFsync,
        Kind::FailWrite,
        Kind::StallFsync,
        Kind::FullDisk,
    ];
    // The first of them that loses what it had: after it come the others of a minority.
    let first = stream.between(1, members);
    if minority(members) > 0 {
        kinds.extend([Kind::BitRot, Kind::WipeDisk]);
    }
    kinds.retain(|_| stream.chance(60));
    if kinds.is_empty() || !stream.chance(PLANS_PERCENT) {
        return Vec::new();
    }
    let weights: Vec<u64> = kinds.iter().map(|_| 1 << stream.between(0, 4)).collect();
    let gap_ms = stream.between(GAP_MS.0, GAP_MS.1);
    let mut faults = Vec::new();
    let mut at_ms = WARM_UP_MS;
    loop {
        at_ms += stream.between(gap_ms / 2, gap_ms * 2);
        let kind = kinds[stream.weighted(&weights)];
        let fault = fault(stream, kind, members, first);
        let fault = TimedFault { at_ms, fault };
        if at_ms >= run_ms {
            return faults;
        }
        if fault.over_ms() <= run_ms {
            faults.push(fault);
        }
    }
}

fn fault(stream: &mut Stream, kind: Kind, members: u64, first: u64) -> Fault {
    let target = target(stream, members);
    let for_ms = stream.magnitude(50, FAILURE_MS_MAX);
    match kind {
        Kind::FailFsync => Fault::FailFsync {
            target,
            power: stream.chance(50),
            for_ms,
        },
        Kind::FailWrite => Fault::FailWrite {
            target,
            power: stream.chance(50),
            for_ms,
        },
        Kind::StallFsync => Fault::StallFsync {
            target,
            for_ms: stream.magnitude(200, STALL_MS_MAX),
        },
        Kind::FullDisk => Fault::FullDisk {
            target,
            room_bytes: stream.magnitude(1, ROOM_BYTES_MAX) - 1,
            for_ms,
        },
        Kind::BitRot => Fault::BitRot {
            target: damaged(stream, members, first),
            down_ms: for_ms,
        },
        Kind::WipeDisk => Fault::WipeDisk {
            target: damaged(stream, members, first),
            down_ms: for_ms,
            for_ms: stream.between(WIPED_MS.0, WIPED_MS.1),
        },
    }
}

/// One of the members that lose what they had.
fn damaged(stream: &mut Stream, members: u64, first: u64) -> Target {
    let next = stream.between(0, minority(members) - 1);
    Target::Member((first - 1 + next) % members + 1)
}
