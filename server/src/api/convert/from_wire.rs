//! Requests, from the wire to the core, checked in etcd's order (contract api.md §5).

use bytes::Bytes;
use quorate_core::{
    Error, Valid,
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        RevisionFilter, Sort, SortOrder, SortTarget, TxnRequest,
    },
    watch::CreateRequest,
};

use crate::{
    api::errors::ApiError,
    proto::etcdserverpb::{
        self as pb, compare, range_request, request_op::Request as PbOp, watch_create_request,
    },
};

/// A read.
pub(crate) fn range(request: pb::RangeRequest) -> Result<Valid<RangeRequest>, ApiError> {
    let mut fault = None;
    let request = read_range(request, &mut fault);
    settle(Valid::<RangeRequest>::check(request), fault)
}

/// A put.
pub(crate) fn put(request: pb::PutRequest) -> Result<Valid<PutRequest>, ApiError> {
    Ok(Valid::<PutRequest>::check(read_put(request))?)
}

/// A delete.
pub(crate) fn delete_range(
    request: pb::DeleteRangeRequest,
) -> Result<Valid<DeleteRangeRequest>, ApiError> {
    Ok(Valid::<DeleteRangeRequest>::check(read_delete_range(
        request,
    ))?)
}

/// A transaction.
pub(crate) fn txn(request: pb::TxnRequest, max_ops: usize) -> Result<Valid<TxnRequest>, ApiError> {
    let mut fault = None;
    let request = read_txn(request, &mut fault);
    settle(Valid::<TxnRequest>::check(request, max_ops), fault)
}

/// Whether a read-only transaction may be answered from what this member happens to have: every
/// read in it says so. Vacuously so for an empty one.
pub(crate) fn is_serializable(request: &pb::TxnRequest) -> bool {
    let mut ops = request.success.iter().chain(&request.failure);
    ops.all(|op| matches!(&op.request, Some(PbOp::RequestRange(range)) if range.serializable))
}

/// A watcher.
pub(crate) fn create(request: pb::WatchCreateRequest) -> CreateRequest {
    let filtered =
        |filter: watch_create_request::FilterType| request.filters.contains(&(filter as i32));
    CreateRequest {
        no_put: filtered(watch_create_request::FilterType::Noput),
        no_delete: filtered(watch_create_request::FilterType::Nodelete),
        range: KeyRange::from_wire(request.key, request.range_end),
        start_revision: request.start_revision,
        progress_notify: request.progress_notify,
        prev_kv: request.prev_kv,
        watch_id: request.watch_id,
        fragment: request.fragment,
    }
}

/// The verdict, where both the core's check and reading have one. What reading alone can see (an
/// enum value that does not exist, an operation that is none) etcd finds along with the core's
/// other faults, but before it looks for keys that are written twice.
fn settle<T>(
    checked: Result<Valid<T>, Error>,
    fault: Option<ApiError>,
) -> Result<Valid<T>, ApiError> {
    match (checked, fault) {
        (Ok(_) | Err(Error::DuplicateKey), Some(fault)) => Err(fault),
        (checked, _) => Ok(checked?),
    }
}

fn read_range(request: pb::RangeRequest, fault: &mut Option<ApiError>) -> RangeRequest {
    let sort = read_sort(request.sort_order, request.sort_target).unwrap_or_else(|error| {
        fault.get_or_insert(error);
        None
    });
    RangeRequest {
        range: KeyRange::from_wire(request.key, request.range_end),
        limit: request.limit,
        revision: request.revision,
        sort,
        keys_only: request.keys_only,
        count_only: request.count_only,
        filter: RevisionFilter {
            min_mod: request.min_mod_revision,
            max_mod: request.max_mod_revision,
            min_create: request.min_create_revision,
            max_create: request.max_create_revision,
        },
    }
}

/// `None` is the natural order, by key ascending.
fn read_sort(order: i32, target: i32) -> Result<Option<Sort>, ApiError> {
    let invalid = |_| ApiError::InvalidSortOption;
    let target = match range_request::SortTarget::try_from(target).map_err(invalid)? {
        range_request::SortTarget::Key => SortTarget::Key,
        range_request::SortTarget::Version => SortTarget::Version,
        range_request::SortTarget::Create => SortTarget::Create,
        range_request::SortTarget::Mod => SortTarget::Mod,
        range_request::SortTarget::Value => SortTarget::Value,
    };
    let order = match range_request::SortOrder::try_from(order).map_err(invalid)? {
        range_request::SortOrder::None => SortOrder::Unspecified,
        range_request::SortOrder::Ascend => SortOrder::Ascend,
        range_request::SortOrder::Descend => SortOrder::Descend,
    };
    let natural = target == SortTarget::Key && order != SortOrder::Descend;
    Ok((!natural).then_some(Sort { target, order }))
}

fn read_put(request: pb::PutRequest) -> PutRequest {
    PutRequest {
        key: request.key,
        value: request.value,
        lease: LeaseId::new(request.lease),
        prev_kv: request.prev_kv,
        ignore_value: request.ignore_value,
        ignore_lease: request.ignore_lease,
    }
}

fn read_delete_range(request: pb::DeleteRangeRequest) -> DeleteRangeRequest {
    DeleteRangeRequest {
        range: KeyRange::from_wire(request.key, request.range_end),
        prev_kv: request.prev_kv,
    }
}

/// The recursion is bounded: prost refuses messages that are nested too deeply.
fn read_txn(request: pb::TxnRequest, fault: &mut Option<ApiError>) -> TxnRequest {
    TxnRequest {
        compares: request.compare.into_iter().map(read_compare).collect(),
        success: request
            .success
            .into_iter()
            .map(|op| read_op(op, fault))
            .collect(),
        failure: request
            .failure
            .into_iter()
            .map(|op| read_op(op, fault))
            .collect(),
    }
}

fn read_op(op: pb::RequestOp, fault: &mut Option<ApiError>) -> Op {
    match op.request {
        Some(PbOp::RequestRange(request)) => Op::Range(read_range(request, fault)),
        Some(PbOp::RequestPut(request)) => Op::Put(read_put(request)),
        Some(PbOp::RequestDeleteRange(request)) => Op::DeleteRange(read_delete_range(request)),
        Some(PbOp::RequestTxn(request)) => Op::Txn(read_txn(request, fault)),
        None => {
            fault.get_or_insert(Error::KeyNotFound.into());
            // Stands in its place while the others are counted and checked; it never runs.
            Op::Range(RangeRequest::new(KeyRange::Key(Bytes::from_static(b"\0"))))
        }
    }
}

fn read_compare(compare: pb::Compare) -> Compare {
    let (relation, target) = read_condition(&compare);
    Compare {
        range: KeyRange::from_wire(compare.key, compare.range_end),
        relation,
        target,
    }
}

/// An operand that does not belong to the target counts as not given: 0 or empty. Enum values that
/// do not exist have a meaning too: an unknown relation always holds, and what is compared by an
/// unknown target is always equal.
fn read_condition(compare: &pb::Compare) -> (Relation, CompareTarget) {
    const ALWAYS: (Relation, CompareTarget) = (Relation::Greater, CompareTarget::Version(-1));
    const NEVER: (Relation, CompareTarget) = (Relation::Less, CompareTarget::Version(0));

    let relation = match compare::CompareResult::try_from(compare.result) {
        Ok(compare::CompareResult::Equal) => Relation::Equal,
        Ok(compare::CompareResult::Greater) => Relation::Greater,
        Ok(compare::CompareResult::Less) => Relation::Less,
        Ok(compare::CompareResult::NotEqual) => Relation::NotEqual,
        Err(_) => return ALWAYS,
    };
    let Ok(target) = compare::CompareTarget::try_from(compare.target) else {
        return if relation == Relation::Equal {
            ALWAYS
        } else {
            NEVER
        };
    };
    (relation, read_target(target, compare.target_union.as_ref()))
}

fn read_target(
    target: compare::CompareTarget,
    operand: Option<&compare::TargetUnion>,
) -> CompareTarget {
    use compare::{CompareTarget as Field, TargetUnion};

    match (target, operand) {
        (Field::Version, Some(TargetUnion::Version(version))) => CompareTarget::Version(*version),
        (Field::Version, _) => CompareTarget::Version(0),
        (Field::Create, Some(TargetUnion::CreateRevision(revision))) => {
            CompareTarget::CreateRevision(*revision)
        }
        (Field::Create, _) => CompareTarget::CreateRevision(0),
        (Field::Mod, Some(TargetUnion::ModRevision(revision))) => {
            CompareTarget::ModRevision(*revision)
        }
        (Field::Mod, _) => CompareTarget::ModRevision(0),
        (Field::Value, Some(TargetUnion::Value(value))) => CompareTarget::Value(value.clone()),
        (Field::Value, _) => CompareTarget::Value(Bytes::new()),
        (Field::Lease, Some(TargetUnion::Lease(lease))) => CompareTarget::Lease(*lease),
        (Field::Lease, _) => CompareTarget::Lease(0),
    }
}
