//! Requests in the core's words, as messages.

use bytes::Bytes;
use quorate_core::{
    alarm::{AlarmAction, AlarmKind},
    auth::{Permission, PermissionKind},
    kv::{KeyRange, LeaseId},
    request::{self, CompareTarget as Target, Op, Relation, Sort, SortOrder, SortTarget},
    watch::CreateRequest,
};
use quorate_server::proto::{
    authpb,
    etcdserverpb::{
        alarm_request,
        compare::{self, TargetUnion},
        range_request, request_op, watch_create_request as create, *,
    },
};

/// A range as its two fields.
pub(super) fn pair(range: KeyRange) -> (Bytes, Bytes) {
    let end = Bytes::copy_from_slice(range.wire_end());
    (range.start().clone(), end)
}

fn lease(id: Option<LeaseId>) -> i64 {
    id.map_or(0, LeaseId::get)
}

pub(super) fn range(request: request::RangeRequest, serializable: bool) -> RangeRequest {
    let (key, range_end) = pair(request.range);
    let (order, target) = request.sort.map(sort).unwrap_or_default();
    RangeRequest {
        key,
        range_end,
        limit: request.limit,
        revision: request.revision,
        sort_order: order.into(),
        sort_target: target.into(),
        serializable,
        keys_only: request.keys_only,
        count_only: request.count_only,
        min_mod_revision: request.filter.min_mod,
        max_mod_revision: request.filter.max_mod,
        min_create_revision: request.filter.min_create,
        max_create_revision: request.filter.max_create,
    }
}

fn sort(sort: Sort) -> (range_request::SortOrder, range_request::SortTarget) {
    let order = match sort.order {
        SortOrder::Unspecified => range_request::SortOrder::None,
        SortOrder::Ascend => range_request::SortOrder::Ascend,
        SortOrder::Descend => range_request::SortOrder::Descend,
    };
    let target = match sort.target {
        SortTarget::Key => range_request::SortTarget::Key,
        SortTarget::Version => range_request::SortTarget::Version,
        SortTarget::Create => range_request::SortTarget::Create,
        SortTarget::Mod => range_request::SortTarget::Mod,
        SortTarget::Value => range_request::SortTarget::Value,
    };
    (order, target)
}

pub(super) fn put(request: request::PutRequest) -> PutRequest {
    PutRequest {
        key: request.key,
        value: request.value,
        lease: lease(request.lease),
        prev_kv: request.prev_kv,
        ignore_value: request.ignore_value,
        ignore_lease: request.ignore_lease,
    }
}

pub(super) fn delete_range(request: request::DeleteRangeRequest) -> DeleteRangeRequest {
    let (key, range_end) = pair(request.range);
    DeleteRangeRequest {
        key,
        range_end,
        prev_kv: request.prev_kv,
    }
}

pub(super) fn txn(request: request::TxnRequest) -> TxnRequest {
    let ops = |ops: Vec<Op>| ops.into_iter().map(op).collect();
    TxnRequest {
        compare: request.compares.into_iter().map(compare).collect(),
        success: ops(request.success),
        failure: ops(request.failure),
    }
}

fn op(op: Op) -> RequestOp {
    let request = match op {
        Op::Range(request) => request_op::Request::RequestRange(range(request, false)),
        Op::Put(request) => request_op::Request::RequestPut(put(request)),
        Op::DeleteRange(request) => request_op::Request::RequestDeleteRange(delete_range(request)),
        Op::Txn(request) => request_op::Request::RequestTxn(txn(request)),
    };
    RequestOp {
        request: Some(request),
    }
}

fn compare(request: request::Compare) -> Compare {
    let (key, range_end) = pair(request.range);
    let result = match request.relation {
        Relation::Equal => compare::CompareResult::Equal,
        Relation::Greater => compare::CompareResult::Greater,
        Relation::Less => compare::CompareResult::Less,
        Relation::NotEqual => compare::CompareResult::NotEqual,
    };
    let (target, operand) = match request.target {
        Target::Version(n) => (compare::CompareTarget::Version, TargetUnion::Version(n)),
        Target::CreateRevision(n) => (
            compare::CompareTarget::Create,
            TargetUnion::CreateRevision(n),
        ),
        Target::ModRevision(n) => (compare::CompareTarget::Mod, TargetUnion::ModRevision(n)),
        Target::Value(value) => (compare::CompareTarget::Value, TargetUnion::Value(value)),
        Target::Lease(n) => (compare::CompareTarget::Lease, TargetUnion::Lease(n)),
    };
    Compare {
        result: result.into(),
        target: target.into(),
        key,
        range_end,
        target_union: Some(operand),
    }
}

pub(super) fn create(request: CreateRequest) -> WatchCreateRequest {
    let (key, range_end) = pair(request.range);
    let no_put = request.no_put.then_some(create::FilterType::Noput);
    let no_delete = request.no_delete.then_some(create::FilterType::Nodelete);
    let filters = no_put.into_iter().chain(no_delete);
    WatchCreateRequest {
        key,
        range_end,
        start_revision: request.start_revision,
        progress_notify: request.progress_notify,
        filters: filters.map(Into::into).collect(),
        prev_kv: request.prev_kv,
        watch_id: request.watch_id,
        fragment: request.fragment,
    }
}

pub(super) fn permission(permission: Permission) -> authpb::Permission {
    let (key, range_end) = pair(permission.range);
    let kind = match permission.kind {
        PermissionKind::Read => authpb::permission::Type::Read,
        PermissionKind::Write => authpb::permission::Type::Write,
        PermissionKind::ReadWrite => authpb::permission::Type::Readwrite,
    };
    authpb::Permission {
        perm_type: kind.into(),
        key,
        range_end,
    }
}

pub(super) fn alarm_action(action: AlarmAction) -> i32 {
    match action {
        AlarmAction::Activate => alarm_request::AlarmAction::Activate.into(),
        AlarmAction::Deactivate => alarm_request::AlarmAction::Deactivate.into(),
    }
}

pub(super) fn alarm_kind(kind: AlarmKind) -> i32 {
    match kind {
        AlarmKind::NoSpace => AlarmType::Nospace.into(),
        AlarmKind::Corrupt => AlarmType::Corrupt.into(),
    }
}
