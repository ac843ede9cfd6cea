//! What is left of a lease only becomes less, unless somebody keeps it alive or another leader
//! takes office, which begins to count anew; and it is never more than was granted.

use std::collections::BTreeMap;

use super::{Finding, seconds};
use crate::history::{Body, History, Operation, Request, What};

/// How long before a member is seen to lead it may have taken office, nanoseconds.
const SEEN_LATE_NS: u64 = 1_000_000_000;

pub(super) fn check_remaining(
    history: &History,
    operations: &[Operation<'_>],
) -> Result<(), Finding> {
    let offices: Vec<u64> = history
        .records()
        .iter()
        .filter(|entry| matches!(entry.what, What::Leader { .. }))
        .map(|entry| entry.at_ns)
        .collect();
    let mut by_lease: BTreeMap<i64, Lease<'_>> = BTreeMap::new();
    for operation in operations {
        match (operation.request, operation.body()) {
            (Request::LeaseKeepAlive(lease), _) if operation.may_have_happened() => {
                by_lease.entry(*lease).or_default().kept.push(operation);
            }
            (
                Request::LeaseTimeToLive(lease),
                Some(&Body::LeaseTimeToLive {
                    ttl_s,
                    granted_ttl_s,
                }),
            ) if ttl_s >= 0 => {
                if ttl_s > granted_ttl_s {
                    let text = format!(
                        "op{} was told that lease {lease} has {ttl_s} s left of {granted_ttl_s} s",
                        operation.id
                    );
                    return Finding::err(text, operation.records());
                }
                let asked = &mut by_lease.entry(*lease).or_default().asked;
                asked.push((operation, ttl_s));
            }
            _ => {}
        }
    }
    by_lease
        .iter()
        .try_for_each(|(id, lease)| lease.never_grows(*id, &offices))
}

#[derive(Default)]
struct Lease<'a> {
    kept: Vec<&'a Operation<'a>>,
    /// Answered questions, with the seconds that were left.
    asked: Vec<(&'a Operation<'a>, i64)>,
}

impl Lease<'_> {
    fn never_grows(&self, id: i64, offices: &[u64]) -> Result<(), Finding> {
        for (at, (later, more)) in self.asked.iter().enumerate() {
            let end_ns = |operation: &Operation<'_>| operation.end.map_or(u64::MAX, |end| end.0);
            let before = self.asked[..at].iter().rev();
            let mut before = before.filter(|(earlier, _)| end_ns(earlier) < later.invoke_ns);
            let Some((earlier, less)) = before.next().filter(|(_, less)| less < more) else {
                continue;
            };
            let (from_ns, to_ns) = (earlier.invoke_ns, end_ns(later));
            let kept = self.kept.iter().any(|kept| {
                kept.invoke_ns <= to_ns && (kept.is_unknown() || end_ns(kept) >= from_ns)
            });
            let anew = offices
                .iter()
                .any(|at_ns| (from_ns..=to_ns + SEEN_LATE_NS).contains(at_ns));
            if kept || anew {
                continue;
            }
            let text = format!(
                "lease {id} had {less} s left at {} and {more} s at {}, and nobody had kept it alive",
                seconds(end_ns(earlier)),
                seconds(to_ns),
            );
            return Finding::err(text, [earlier.records(), later.records()].concat());
        }
        Ok(())
    }
}
