//! The same plan for a smaller cluster.

use std::collections::BTreeSet;

use toml::Value;

use crate::plan::{Plan, Target, TimedFault};

/// Faults that say nothing about a cluster of one: there are no links and nobody to hand over to.
const NEED_OTHERS: [&str; 2] = ["from", "to"];

/// `plan` with the first `members` members alone. Faults of the others hit one that is left, and those
/// that cannot are left out.
pub(super) fn reduced(plan: &Plan, members: u64) -> Option<Plan> {
    let mut reduced = plan.clone();
    reduced.cluster.members = members;
    reduced
        .cluster
        .clock_ppm
        .truncate(usize::try_from(members).ok()?);
    reduced.schedule.faults = plan
        .schedule
        .faults
        .iter()
        .filter_map(|fault| adapted(fault, members))
        .collect();
    // Who would have been lost is not there to be, or would be one too many.
    reduced.schedule.lost.clear();
    Some(reduced)
}

fn adapted(fault: &TimedFault, members: u64) -> Option<TimedFault> {
    let mut tree = Value::try_from(fault).ok()?;
    let fields = tree.as_table_mut()?;
    if members == 1
        && (NEED_OTHERS.iter().any(|name| fields.contains_key(*name))
            || fault.fault.kind() == "isolate")
    {
        return None;
    }
    for (name, value) in fields.iter_mut() {
        match value {
            Value::String(text) if name != "kind" => {
                if let Ok(Target::Member(member)) = text.parse() {
                    *text = Target::Member(kept(member, members)).to_string();
                }
            }
            Value::Array(group) if name == "group" => {
                let group_kept: BTreeSet<i64> = group
                    .iter()
                    .filter_map(Value::as_integer)
                    .filter_map(|member| i64::try_from(kept(member.try_into().ok()?, members)).ok())
                    .collect();
                // All on one side are not split.
                if group_kept.len() as u64 >= members {
                    return None;
                }
                *group = group_kept.into_iter().map(Value::Integer).collect();
            }
            Value::Array(order) if name == "order" => {
                order.retain(|member| member.as_integer().is_some_and(|n| n <= members as i64));
                // Two are neighbours.
                if order.len() < 3 {
                    return None;
                }
            }
            _ => {}
        }
    }
    if fields.contains_key("from") && fields.get("from") == fields.get("to") {
        return None;
    }
    tree.try_into().ok()
}

/// The member that takes the place of `member`.
fn kept(member: u64, members: u64) -> u64 {
    (member.max(1) - 1) % members + 1
}
