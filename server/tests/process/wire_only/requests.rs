//! Requests with something unset or undefined, and answers that depend on the moment.

use quorate_server::proto::etcdserverpb::{
    compare::{CompareTarget, TargetUnion},
    *,
};
use tonic::Code;

use super::{on, on_both, refusal};
use crate::{grpc::Program, harness::put};

/// Corner cases 24 and 25. Quorate answers as etcd 3.6 and later do; 3.5 ignores an undefined order
/// and stops at an undefined target, so it is not asked.
#[test]
fn undefined_sort_options_are_refused() {
    on(&Program::Quorate, &[], async |caller, _| {
        for (sort_order, sort_target) in [(7, 0), (0, 9), (-1, 0), (0, -1)] {
            let request = RangeRequest {
                key: "a".into(),
                sort_order,
                sort_target,
                ..Default::default()
            };
            let text = "etcdserver: invalid sort option".to_owned();
            let refused = refusal(caller.kv().range(request).await);
            assert_eq!(refused, (Code::InvalidArgument, text));
        }
    });
}

/// Corner case 32: what counts is the entry in the log, which has some bytes more than the request.
#[test]
fn a_request_is_as_large_as_its_log_entry() {
    const LIMIT: usize = 1_572_864;
    on_both(&[], async |caller, _| {
        let sized = |bytes: usize| put("abc", &"x".repeat(bytes));
        let taken = caller.kv().put(sized(LIMIT - 30)).await;
        taken.expect("it just fits");
        let text = "etcdserver: request is too large".to_owned();
        let refused = refusal(caller.kv().put(sized(LIMIT - 25)).await);
        assert_eq!(refused, (Code::InvalidArgument, text));
        let (code, _) = refusal(caller.kv().put(sized(LIMIT + (1 << 20))).await);
        assert_eq!(code, Code::ResourceExhausted, "no message is that large");
    });
}

/// Corner case 48.
#[test]
fn an_operation_without_a_request_is_refused() {
    on_both(&[], async |caller, _| {
        let txn = TxnRequest {
            success: vec![RequestOp { request: None }],
            ..Default::default()
        };
        let text = "etcdserver: key not found".to_owned();
        let refused = refusal(caller.kv().txn(txn).await);
        assert_eq!(refused, (Code::InvalidArgument, text));
    });
}

/// Corner cases 53 and 54: an operand that is unset, or meant for another field, counts as 0.
#[test]
fn an_operand_of_another_field_counts_as_zero() {
    on_both(&[], async |caller, _| {
        caller.kv().put(put("k", "v")).await.expect("put");
        for (key, target, target_union, holds) in [
            ("absent", CompareTarget::Create, None, true),
            ("absent", CompareTarget::Lease, None, true),
            ("k", CompareTarget::Version, None, false),
            (
                "k",
                CompareTarget::Version,
                Some(TargetUnion::CreateRevision(1)),
                false,
            ),
            (
                "absent",
                CompareTarget::Version,
                Some(TargetUnion::ModRevision(5)),
                true,
            ),
        ] {
            let compare = Compare {
                key: key.into(),
                target: target.into(),
                target_union,
                ..Default::default()
            };
            let txn = TxnRequest {
                compare: vec![compare.clone()],
                ..Default::default()
            };
            let answer = caller.kv().txn(txn).await.expect("txn").into_inner();
            assert_eq!(answer.succeeded, holds, "{compare:?}");
        }
    });
}

/// Corner case 108.
#[test]
fn what_remains_of_a_lease_is_rounded_down() {
    on_both(&[], async |caller, _| {
        let mut lease = caller.lease();
        let grant = LeaseGrantRequest { ttl: 100, id: 7 };
        lease.lease_grant(grant).await.expect("grant");
        let ask = LeaseTimeToLiveRequest { id: 7, keys: false };
        let remains = lease.lease_time_to_live(ask).await.expect("time to live");
        let remains = remains.into_inner();
        assert_eq!(remains.granted_ttl, 100);
        // 99 at once, less on a machine that is slow.
        assert!((80..100).contains(&remains.ttl), "{remains:?}");
    });
}

/// Corner cases 161, 162 and 172: which answers lack a revision, or a header.
#[test]
fn some_answers_have_no_header() {
    on_both(&[], async |caller, _| {
        let mut maintenance = caller.maintenance();
        let status = maintenance.status(StatusRequest {}).await.expect("status");
        let target_id = status.into_inner().leader;
        let to_itself = MoveLeaderRequest { target_id };
        let moved = maintenance.move_leader(to_itself).await.expect("no move");
        assert_eq!(moved.into_inner().header, None);
        let text = "etcdserver: bad leader transferee".to_owned();
        let to_nobody = MoveLeaderRequest { target_id: 1 };
        let refused = refusal(maintenance.move_leader(to_nobody).await);
        assert_eq!(refused, (Code::FailedPrecondition, text));
        let list = MemberListRequest { linearizable: true };
        let members = caller.cluster().member_list(list).await.expect("list");
        let header = members.into_inner().header.expect("a header");
        assert_eq!(header.revision, 0);
        assert_ne!(header.cluster_id, 0);
    });
}
