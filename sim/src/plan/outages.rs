//! One member that is out of touch for long, again and again: when it is back it needs more than
//! the others' logs still have. From a stream of its own.

use super::{Fault, Stream, Target, TimedFault, generate::WARM_UP_MS};

/// How many plans of 100 have such a member.
const PLANS_PERCENT: u64 = 25;

/// How long it is out of touch, milliseconds, and how long it is back.
const OUT_MS: (u64, u64) = (1_500, 6_000);
const BACK_MS: (u64, u64) = (600, 2_500);

/// Its outages in a run of `run_ms`, in the order of time.
pub(super) fn generate(stream: &mut Stream, members: u64, run_ms: u64) -> Vec<TimedFault> {
    let target = Target::Member(stream.between(1, members));
    let stands_still = stream.chance(30);
    if members == 1 || !stream.chance(PLANS_PERCENT) {
        return Vec::new();
    }
    let mut outages = Vec::new();
    let mut at_ms = WARM_UP_MS + stream.between(0, BACK_MS.1);
    loop {
        let for_ms = stream.between(OUT_MS.0, OUT_MS.1);
        let fault = if stands_still {
            Fault::Pause { target, for_ms }
        } else {
            Fault::Isolate {
                target,
                clients: false,
                for_ms,
            }
        };
        let outage = TimedFault { at_ms, fault };
        if outage.over_ms() > run_ms {
            return outages;
        }
        at_ms = outage.over_ms() + stream.between(BACK_MS.0, BACK_MS.1);
        outages.push(outage);
    }
}
