//! What the clients of a run do.

use serde::{Deserialize, Serialize};

use super::{Span, Stream};

/// As etcd's clients have it.
const WINDOW_BYTES: u32 = 64 << 10;

/// How often clients contend for locks and elections, in percent of the plans, and how many at the
/// most.
const CONTENDED_PERCENT: u64 = 40;
const CONTENDERS_MAX: u64 = 5;

/// Where a plan does not say: more than a run has.
fn window_bytes() -> u32 {
    2 << 20
}

/// What the clients do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Clients that read and write, one operation at a time each.
    pub clients: u64,
    /// Number of keys that they share.
    pub keys: u64,
    /// How often, in percent, an operation goes to the first tenth of the keys.
    pub hot_percent: u64,
    /// Length of a value, bytes, padding included; every put's value is unique.
    pub value_bytes: Span,
    /// Pause of a client between operations, microseconds.
    pub think_us: Span,
    /// How long a client waits for an answer, milliseconds.
    pub timeout_ms: u64,
    /// How much may come on a stream before the client has read any of it, bytes: what a slow
    /// watcher leaves to its member.
    #[serde(default = "window_bytes")]
    pub window_bytes: u32,
    /// How often, in percent, a client goes to another member for its next operation.
    pub switch_percent: u64,
    /// How often, in percent, a client sends a request whose outcome it does not know once more, as
    /// an operation of its own.
    #[serde(default)]
    pub retry_percent: u64,
    /// How often, in percent, a client stays with a member that has failed it.
    #[serde(default)]
    pub stay_percent: u64,
    /// Clients that watch, and resume where a watch breaks.
    pub watchers: u64,
    /// How often, in percent, a watcher is slow to take what is delivered.
    pub slow_watch_percent: u64,
    /// Clients that hold one lease after another, with keys attached.
    pub lease_holders: u64,
    /// Time to live of the leases, seconds; the members raise it to their minimum.
    pub lease_ttl_s: Span,
    /// How often, in percent, a holder goes away instead of keeping its lease alive.
    pub lease_abandon_percent: u64,
    /// How often, in percent, a holder revokes its lease instead.
    pub lease_revoke_percent: u64,
    /// Clients that take turns at locks and elections, by leases like those.
    #[serde(default)]
    pub contenders: u64,
    /// How often each operation is chosen by a client.
    pub weights: Weights,
}

/// How often each operation is chosen, relative to the others; 0 is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Put one key.
    pub put: u64,
    /// Delete one key.
    pub delete: u64,
    /// Delete a few neighbouring keys.
    pub delete_range: u64,
    /// Read a key, then replace it if it is unchanged.
    pub compare_and_swap: u64,
    /// A transaction with several writes and reads.
    pub txn: u64,
    /// Read one key.
    pub get: u64,
    /// Read a few neighbouring keys, with or without a limit.
    pub range: u64,
    /// Read the member's own state, without asking the others.
    pub serializable: u64,
    /// Read at an earlier revision.
    pub historical: u64,
}

impl Weights {
    /// The weights in the order of the fields, to draw from.
    pub fn as_array(&self) -> [u64; 9] {
        [
            self.put,
            self.delete,
            self.delete_range,
            self.compare_and_swap,
            self.txn,
            self.get,
            self.range,
            self.serializable,
            self.historical,
        ]
    }

    /// Some operations not at all, the others up to eight times as often as the rarest; but
    /// always some puts and some reads, for without them nothing is examined.
    fn generate(stream: &mut Stream) -> Self {
        let mut weight = |least: u64| {
            let drawn = 1 << stream.between(0, 3);
            if stream.chance(35) { least } else { drawn }
        };
        Self {
            put: weight(2),
            delete: weight(0),
            delete_range: weight(0),
            compare_and_swap: weight(0),
            txn: weight(0),
            get: weight(2),
            range: weight(0),
            serializable: weight(0),
            historical: weight(0),
        }
    }
}

impl Workload {
    pub(super) fn generate(stream: &mut Stream) -> Self {
        let value_min = stream.magnitude(8, 64);
        let think_min = stream.magnitude(2_000, 20_000);
        let ttl_min = stream.pick(&[1, 1, 2, 3, 6]);
        Self {
            clients: stream.between(2, 8),
            keys: stream.magnitude(2, 100),
            hot_percent: stream.pick(&[0, 30, 80]),
            value_bytes: Span(value_min, value_min * stream.pick(&[1, 4, 32])),
            think_us: Span(think_min, think_min * stream.between(2, 10)),
            timeout_ms: stream.pick(&[300, 800, 2_000, 8_000]),
            window_bytes: stream.pick(&[4 << 10, WINDOW_BYTES, 2 << 20]),
            switch_percent: stream.pick(&[0, 5, 50]),
            retry_percent: stream.pick(&[0, 0, 50, 100]),
            stay_percent: stream.pick(&[0, 0, 50, 95]),
            watchers: stream.between(0, 4),
            slow_watch_percent: stream.pick(&[0, 0, 20, 80]),
            lease_holders: stream.between(0, 4),
            lease_ttl_s: Span(ttl_min, ttl_min + stream.between(0, 4)),
            lease_abandon_percent: stream.pick(&[0, 10, 30]),
            lease_revoke_percent: stream.pick(&[0, 10, 30]),
            weights: Weights::generate(stream),
            contenders: match stream.chance(CONTENDED_PERCENT) {
                true => stream.between(2, CONTENDERS_MAX),
                false => 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Focus, Plan};

    const PLANS: usize = 300;

    #[test]
    fn each_operation_is_left_out_at_times_and_common_at_others() {
        let weights: Vec<[u64; 9]> = (0..PLANS as u64)
            .map(|seed| Plan::generate(seed, Focus::Everything))
            .map(|plan| plan.workload.weights.as_array())
            .collect();
        for operation in 0..9 {
            let plans = |chosen: &dyn Fn(u64) -> bool| {
                let all = weights.iter();
                all.filter(|weights| chosen(weights[operation])).count()
            };
            let (without, often) = (plans(&|weight| weight == 0), plans(&|weight| weight == 8));
            // Without puts and reads of one key nothing would be examined.
            let needed = operation == 0 || operation == 5;
            let expected = if needed { 0..1 } else { PLANS / 5..PLANS / 2 };
            assert!(
                expected.contains(&without),
                "{operation}: {without} without"
            );
            assert!(
                (PLANS / 10..PLANS / 3).contains(&often),
                "{operation}: {often} often"
            );
        }
    }

    #[test]
    fn each_sort_of_client_but_those_that_write_is_left_out_at_times() {
        let plans: Vec<Plan> = (0..PLANS as u64)
            .map(|seed| Plan::generate(seed, Focus::Everything))
            .collect();
        let without =
            |nobody: &dyn Fn(&Plan) -> bool| plans.iter().filter(|plan| nobody(plan)).count();
        assert!(without(&|plan| plan.workload.watchers == 0) > PLANS / 10);
        assert!(without(&|plan| plan.workload.lease_holders == 0) > PLANS / 10);
        let contended = PLANS - without(&|plan| plan.workload.contenders == 0);
        assert!((PLANS / 4..PLANS / 2).contains(&contended), "{contended}");
        assert_eq!(without(&|plan| plan.workload.clients < 2), 0);
    }
}
