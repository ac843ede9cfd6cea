//! Who comes first among those who have put a key below a name: what locks and elections are made
//! of (contract api.md §9.4, §9.5).
//!
//! A place in the queue is a key, `name/lease` in hexadecimal, that goes with its lease. Whose key
//! was created first is first; the others each wait for the one before them. All of this is puts,
//! reads and watches as clients make them, so that clients that lock and elect with these alone
//! stand in the same queue.

mod error;
mod events;

use bytes::Bytes;
use quorate_core::{
    Command, Response as Outcome, Valid,
    kv::{KeyRange, LeaseId},
    planted::{Bug, is_planted},
    probe,
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, RangeRequest, Relation, RevisionFilter,
        Sort, SortOrder, SortTarget, TxnRequest,
    },
    response::{RangeResponse, TxnResponse},
};

pub(super) use self::{error::Failure, events::Events};
use super::{caller::Caller, context::Context, errors::ApiError, lease};
use crate::runtime;

/// Time to live of the lease that a caller gets who brings none. Nobody renews it but the caller.
const OWN_LEASE_TTL_S: i64 = 60;

/// The keys below a name: those that begin with `name/`.
pub(super) fn below(name: &[u8]) -> KeyRange {
    // "0" comes right behind "/".
    KeyRange::Range {
        start: [name, b"/"].concat().into(),
        end: [name, b"0"].concat().into(),
    }
}

/// The key of a lease's place below a name.
pub(super) fn key(name: &[u8], lease: LeaseId) -> Bytes {
    let id = lease.get();
    let sign = if id < 0 { "-" } else { "" };
    let place = format!("/{sign}{:x}", id.unsigned_abs());
    [name, place.as_bytes()].concat().into()
}

/// The lease that the caller names, or a new one for 0.
///
/// # Errors
/// There is no new one. Whether the caller's exists, it hears when it puts a key.
pub(super) async fn lease(context: &Context, caller: &Caller, id: i64) -> Result<LeaseId, Failure> {
    if let Some(id) = LeaseId::new(id) {
        return Ok(id);
    }
    let id = lease::random_id().map_err(|_| Failure::NoLeaseId)?;
    let ttl_s = OWN_LEASE_TTL_S.max(context.node.limits().min_lease_ttl_s);
    let grant = Command::LeaseGrant { id, ttl_s };
    context.propose(caller, grant).await?;
    Ok(id)
}

/// Holds while `key` is the one that was created at this revision; at 0, while there is none.
pub(super) fn is_created_at(key: &Bytes, revision: i64) -> Compare {
    Compare {
        range: KeyRange::Key(key.clone()),
        relation: Relation::Equal,
        target: CompareTarget::CreateRevision(revision),
    }
}

/// A read of the key that was created first.
pub(super) fn first_of(range: KeyRange) -> RangeRequest {
    by_creation(range, SortOrder::Ascend)
}

fn by_creation(range: KeyRange, order: SortOrder) -> RangeRequest {
    let target = match is_planted(Bug::QueueByKey) {
        false => SortTarget::Create,
        true => SortTarget::Key,
    };
    RangeRequest {
        limit: 1,
        sort: Some(Sort { target, order }),
        ..RangeRequest::new(range)
    }
}

/// Reads linearizably.
pub(super) async fn read(
    context: &Context,
    caller: &Caller,
    request: RangeRequest,
) -> Result<RangeResponse, ApiError> {
    context
        .range(caller, &Valid::<RangeRequest>::check(request)?)
        .await
}

pub(super) async fn transact(
    context: &Context,
    caller: &Caller,
    request: TxnRequest,
) -> Result<TxnResponse, ApiError> {
    let request = Valid::<TxnRequest>::check(request, context.node.limits().max_txn_ops)?;
    let (_, Outcome::Txn(done)) = context.propose(caller, Command::Txn(request)).await? else {
        unreachable!("a transaction is answered as a transaction");
    };
    Ok(done)
}

/// Waits until no key of the interval is left that was created before this revision.
///
/// # Errors
/// The caller may not read the interval; nobody leads; history was compacted faster than it was
/// read; the server stops.
pub(super) async fn wait_for_turn(
    context: &Context,
    caller: &Caller,
    range: &KeyRange,
    create_revision: i64,
) -> Result<(), ApiError> {
    loop {
        let mut before = by_creation(range.clone(), SortOrder::Descend);
        before.filter = RevisionFilter {
            max_create: create_revision - 1,
            ..RevisionFilter::default()
        };
        let read = read(context, caller, before).await?;
        let Some(before) = read.kvs.into_iter().next() else {
            return Ok(());
        };
        probe!(TurnAwaited);
        // Who may read the interval may watch a key of it.
        let before = KeyRange::Key(before.key);
        let mut events = Events::of(context, before, read.revision + 1);
        events.deleted().await?;
        if is_planted(Bug::TurnNeverTold) {
            std::future::pending::<()>().await;
        }
        if is_planted(Bug::TurnAfterAnyDeletion) {
            return Ok(());
        }
    }
}

/// Leaves the queue, unless the place is gone already.
pub(super) async fn leave(
    context: &Context,
    caller: &Caller,
    key: Bytes,
    create_revision: i64,
) -> Result<TxnResponse, ApiError> {
    let request = TxnRequest {
        compares: vec![is_created_at(&key, create_revision)],
        success: vec![Op::DeleteRange(DeleteRangeRequest {
            range: KeyRange::Key(key),
            prev_kv: false,
        })],
        failure: Vec::new(),
    };
    transact(context, caller, request).await
}

/// A place in the queue that is left when this is dropped: also when the call ends because its
/// client has gone.
pub(super) struct Place {
    context: Context,
    caller: Caller,
    /// `None` once it is kept.
    key: Option<Bytes>,
    create_revision: i64,
}

impl Place {
    pub(super) fn new(
        context: &Context,
        caller: &Caller,
        key: &Bytes,
        create_revision: i64,
    ) -> Self {
        Self {
            context: context.clone(),
            caller: caller.clone(),
            key: Some(key.clone()),
            create_revision,
        }
    }

    /// Leaves it to its lease from now on.
    pub(super) fn keep(mut self) {
        self.key = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else {
            return;
        };
        probe!(PlaceLeft);
        let (context, caller, revision) = (
            self.context.clone(),
            self.caller.clone(),
            self.create_revision,
        );
        runtime::spawn(async move {
            // Nobody is there to hear of a failure; then the place goes with its lease.
            let _ = leave(&context, &caller, key, revision).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_etcd_names_them() {
        let key_of = |id| key(b"n", LeaseId::new(id).expect("not 0"));
        assert_eq!(key_of(0x1f), "n/1f");
        assert_eq!(key_of(-7), "n/-7");
        assert_eq!(key_of(i64::MIN), "n/-8000000000000000");
        assert_eq!(key(b"", LeaseId::new(1).expect("not 0")), "/1");
    }

    #[test]
    fn what_is_below_a_name_begins_with_it_and_a_slash() {
        let range = below(b"n");
        for (key, is_below) in [
            ("n/", true),
            ("n/a/b", true),
            ("n", false),
            ("n0", false),
            ("n.", false),
            ("na/", false),
        ] {
            assert_eq!(range.contains(key.as_bytes()), is_below, "{key}");
        }
    }
}
