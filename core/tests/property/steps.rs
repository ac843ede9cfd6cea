//! What a random run consists of. Few keys, leases and revisions, so that steps meet each other.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::{
    Command, Valid,
    command::{MemberAttributes, Renewal},
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        RevisionFilter, Sort, SortOrder, SortTarget, TxnRequest,
    },
};

const MAX_OPS: usize = 16;

/// One step of a run.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// An entry: how much later than the one before, whether of a later term, and what to do.
    Apply {
        later_ms: u64,
        new_term: bool,
        command: Command,
    },
    /// A read.
    Range(Valid<RangeRequest>),
    /// A transaction that only reads.
    ReadTxn(Valid<TxnRequest>),
    /// Watch catch-up.
    History { from: i64 },
    /// Physical compaction on one replica.
    Sweep { keys_max: usize },
    /// One replica starts over from its checkpoint.
    Restore,
    /// A view is taken, to be looked at again at the end.
    KeepView,
    /// An entry that is not a command.
    Skip,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let apply = (0..2000_u64, prop::bool::weighted(0.02), command()).prop_map(
        |(later_ms, new_term, command)| Step::Apply {
            later_ms,
            new_term,
            command,
        },
    );
    prop_oneof![
        20 => apply,
        8 => valid(range(), Valid::<RangeRequest>::check).prop_map(Step::Range),
        1 => read_txn().prop_map(Step::ReadTxn),
        1 => (-1..60_i64).prop_map(|from| Step::History { from }),
        3 => (1..16_usize).prop_map(|keys_max| Step::Sweep { keys_max }),
        1 => Just(Step::Restore),
        1 => Just(Step::KeepView),
        1 => Just(Step::Skip),
    ]
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let leases = || prop::collection::vec(lease(), 0..5);
    let attributes = (
        0..4_u64,
        "[a-z]{0,3}",
        prop::collection::vec("[a-z:/]{0,9}", 0..3),
    );
    prop_oneof![
        12 => valid(put(), Valid::<PutRequest>::check).prop_map(Command::Put),
        5 => valid(delete_range(), Valid::<DeleteRangeRequest>::check)
            .prop_map(Command::DeleteRange),
        10 => valid(txn(), |txn| Valid::<TxnRequest>::check(txn, MAX_OPS)).prop_map(Command::Txn),
        4 => (-1..50_i64).prop_map(|revision| Command::Compact { revision }),
        6 => (lease(), -1..30_i64).prop_map(|(id, ttl_s)| Command::LeaseGrant { id, ttl_s }),
        1 => lease().prop_map(|id| Command::LeaseRevoke { id }),
        2 => prop::collection::vec((lease(), 0..50_000_u64), 0..4).prop_map(|renewals| {
            let renewal = |(id, renewed_at_ms)| Renewal { id, renewed_at_ms };
            Command::LeaseRenew { renewals: renewals.into_iter().map(renewal).collect() }
        }),
        2 => (1..3_u64, leases()).prop_map(|(term, ids)| Command::LeaseExpire { term, ids }),
        1 => attributes.prop_map(|(member_id, name, client_urls)| {
            Command::MemberAttributes(MemberAttributes { member_id, name, client_urls })
        }),
        1 => "[0-9.]{0,5}".prop_map(|version| Command::ClusterVersion { version }),
    ]
}

/// Keeps of a strategy what passes its check.
fn valid<T: std::fmt::Debug, E: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
    check: impl Fn(T) -> Result<Valid<T>, E>,
) -> impl Strategy<Value = Valid<T>> {
    strategy.prop_filter_map("is not valid", move |request| check(request).ok())
}

fn key() -> impl Strategy<Value = Bytes> {
    "[a-f]".prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Bytes> {
    "[x-z]{0,2}".prop_map(Bytes::from)
}

fn lease() -> impl Strategy<Value = LeaseId> {
    prop::sample::select(vec![-1, 1, 2]).prop_map(|id| LeaseId::new(id).expect("not 0"))
}

fn key_range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        3 => key().prop_map(KeyRange::Key),
        3 => (key(), key()).prop_map(|(start, end)| KeyRange::Range { start, end }),
        3 => key().prop_map(KeyRange::From),
    ]
}

fn put() -> impl Strategy<Value = PutRequest> {
    let flags = (
        prop::bool::ANY,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    (key(), value(), prop::option::weighted(0.5, lease()), flags).prop_map(
        |(key, value, lease, (prev_kv, ignore_value, ignore_lease))| PutRequest {
            key,
            value: if ignore_value { Bytes::new() } else { value },
            lease: lease.filter(|_| !ignore_lease),
            prev_kv,
            ignore_value,
            ignore_lease,
        },
    )
}

fn delete_range() -> impl Strategy<Value = DeleteRangeRequest> {
    (key_range(), any::<bool>()).prop_map(|(range, prev_kv)| DeleteRangeRequest { range, prev_kv })
}

fn sort() -> impl Strategy<Value = Sort> {
    let targets = [
        SortTarget::Key,
        SortTarget::Version,
        SortTarget::Create,
        SortTarget::Mod,
        SortTarget::Value,
    ];
    let orders = [
        SortOrder::Unspecified,
        SortOrder::Ascend,
        SortOrder::Descend,
    ];
    (
        prop::sample::select(targets.to_vec()),
        prop::sample::select(orders.to_vec()),
    )
        .prop_map(|(target, order)| Sort { target, order })
}

fn filter() -> impl Strategy<Value = RevisionFilter> {
    let bound = || prop_oneof![3 => Just(0), 1 => 1..60_i64];
    (bound(), bound(), bound(), bound()).prop_map(|(min_mod, max_mod, min_create, max_create)| {
        RevisionFilter {
            min_mod,
            max_mod,
            min_create,
            max_create,
        }
    })
}

fn range() -> impl Strategy<Value = RangeRequest> {
    let revision = prop_oneof![3 => Just(0), 1 => -2..60_i64];
    let only = || prop::bool::weighted(0.1);
    let filter = prop_oneof![3 => Just(RevisionFilter::default()), 1 => filter()];
    (
        key_range(),
        -1..5_i64,
        revision,
        prop::option::of(sort()),
        only(),
        only(),
        filter,
    )
        .prop_map(
            |(range, limit, revision, sort, keys_only, count_only, filter)| RangeRequest {
                range,
                limit,
                revision,
                sort,
                keys_only,
                count_only,
                filter,
            },
        )
}

fn compare() -> impl Strategy<Value = Compare> {
    let relations = [
        Relation::Equal,
        Relation::Greater,
        Relation::Less,
        Relation::NotEqual,
    ];
    let target = prop_oneof![
        (0..3_i64).prop_map(CompareTarget::Version),
        (0..60_i64).prop_map(CompareTarget::CreateRevision),
        (0..60_i64).prop_map(CompareTarget::ModRevision),
        (-1..4_i64).prop_map(CompareTarget::Lease),
        value().prop_map(CompareTarget::Value),
    ];
    (
        key_range(),
        prop::sample::select(relations.to_vec()),
        target,
    )
        .prop_map(|(range, relation, target)| Compare {
            range,
            relation,
            target,
        })
}

fn txn() -> impl Strategy<Value = TxnRequest> {
    let leaf = prop_oneof![
        3 => put().prop_map(Op::Put),
        1 => delete_range().prop_map(Op::DeleteRange),
        1 => range().prop_map(Op::Range),
    ];
    let op = leaf.prop_recursive(3, 12, 3, |op| level(op).prop_map(Op::Txn));
    level(op.boxed())
}

fn level(op: BoxedStrategy<Op>) -> impl Strategy<Value = TxnRequest> {
    let compares = prop::collection::vec(compare(), 0..3);
    let branch = || prop::collection::vec(op.clone(), 0..4);
    (compares, branch(), branch()).prop_map(|(compares, success, failure)| TxnRequest {
        compares,
        success,
        failure,
    })
}

fn read_txn() -> impl Strategy<Value = Valid<TxnRequest>> {
    let read = level(range().prop_map(Op::Range).boxed());
    valid(read, |txn| Valid::<TxnRequest>::check(txn, MAX_OPS))
}
