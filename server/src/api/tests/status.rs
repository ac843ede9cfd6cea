//! What a member says of itself and of the cluster.

use std::time::Duration;

use tonic::Code;

use super::support::{Member, assert_refused, put, revision};
use crate::{
    clock,
    proto::etcdserverpb::{alarm_request::AlarmAction, *},
    version::ETCD_VERSION,
};

pub(super) async fn the_member_describes_itself(member: Member) {
    member.kv().put(put("a", "1")).await.expect("written");
    let id = member.server.node().member_id();
    let status = member
        .maintenance()
        .status(StatusRequest {})
        .await
        .expect("a status");
    let status = status.into_inner();
    assert_eq!((&*status.version, status.leader), (ETCD_VERSION, id));
    assert_eq!(revision(status.header.as_ref()), 2);
    assert!(status.raft_term > 0 && status.raft_index >= status.raft_applied_index);
    assert!(status.db_size > 0 && status.db_size_in_use > 0);
    assert!(status.errors.is_empty() && !status.is_learner);

    let list = async || {
        let list = MemberListRequest { linearizable: true };
        member
            .cluster()
            .member_list(list)
            .await
            .expect("a list")
            .into_inner()
    };
    while list().await.members[0].name.is_empty() {
        clock::sleep(Duration::from_millis(10)).await;
    }
    let list = list().await;
    assert_eq!(revision(list.header.as_ref()), 0);
    let [only] = &list.members[..] else {
        panic!("one member")
    };
    assert_eq!(
        (only.id, &*only.name, only.is_learner),
        (id, "default", false)
    );
    assert_eq!(only.peer_ur_ls, ["http://one:2380"]);
    assert_eq!(only.client_ur_ls, ["http://clients:2379"]);

    let alarms = member
        .maintenance()
        .alarm(AlarmRequest::default())
        .await
        .expect("an answer");
    assert!(alarms.into_inner().alarms.is_empty());
}

pub(super) async fn alarms_are_raised_listed_and_taken_back(member: Member) {
    let mut maintenance = member.maintenance();
    let own = member.server.node().member_id();
    let request = |action, member_id, alarm: AlarmType| AlarmRequest {
        action: i32::from(action),
        member_id,
        alarm: alarm.into(),
    };
    let raised = |member_id| AlarmMember {
        member_id,
        alarm: AlarmType::Nospace.into(),
    };
    let mut ask = async |action, member_id, alarm| {
        let answer = maintenance.alarm(request(action, member_id, alarm)).await;
        answer.expect("an answer").into_inner().alarms
    };
    assert!(
        ask(AlarmAction::Activate, 7, AlarmType::None)
            .await
            .is_empty()
    );
    for id in [own, 7] {
        let alarms = ask(AlarmAction::Activate, id, AlarmType::Nospace).await;
        assert_eq!(alarms, [raised(id)]);
    }
    let mut all = [raised(own), raised(7)];
    all.sort_by_key(|alarm| alarm.member_id);
    assert_eq!(ask(AlarmAction::Get, 0, AlarmType::None).await, all);
    assert!(
        ask(AlarmAction::Get, 0, AlarmType::Corrupt)
            .await
            .is_empty()
    );
    let refused = member.kv().put(put("a", "1")).await;
    let text = "etcdserver: mvcc: database space exceeded";
    assert_refused(refused, Code::ResourceExhausted, text);
    let status = member.maintenance().status(StatusRequest {}).await;
    let errors = status.expect("a status").into_inner().errors;
    assert!(
        errors.contains(&"memberID:7 alarm:NOSPACE ".to_owned()),
        "{errors:?}"
    );

    for id in [own, 7] {
        let alarms = ask(AlarmAction::Deactivate, id, AlarmType::Nospace).await;
        assert_eq!(alarms, [raised(id)]);
        assert!(
            ask(AlarmAction::Deactivate, id, AlarmType::Nospace)
                .await
                .is_empty()
        );
    }
    member.kv().put(put("a", "1")).await.expect("there is room");
}

pub(super) async fn a_checkpoint_gives_space_back(member: Member) {
    member.kv().put(put("a", "1")).await.expect("written");
    let node = member.server.node().clone();
    let mut maintenance = member.maintenance();
    for _ in 0..2 {
        let applied = node.status().applied_index;
        let answer = maintenance.defragment(DefragmentRequest {}).await;
        assert_eq!(answer.expect("an answer").into_inner().header, None);
        assert!(node.replica().log_growth().written_index() >= applied);
        // What was written already need not be written again.
    }
}

pub(super) async fn the_state_has_hashes(member: Member) {
    let mut maintenance = member.maintenance();
    let node = member.server.node().clone();
    // With the index that it is of: a new member says things of its own accord.
    let mut hash = async || loop {
        let index = node.status().applied_index;
        let hash = maintenance.hash(HashRequest {}).await.expect("a hash");
        let hash = hash.into_inner();
        if node.status().applied_index == index {
            return (index, hash.hash, revision(hash.header.as_ref()));
        }
    };
    let mut empty = hash().await;
    loop {
        let again = hash().await;
        if again.0 == empty.0 {
            assert_eq!(again, empty);
            break;
        }
        empty = again;
    }
    member.kv().put(put("a", "1")).await.expect("written");
    let filled = hash().await;
    assert!(filled.1 != empty.1 && (empty.2, filled.2) == (1, 2));

    let hash = maintenance.hash_kv(HashKvRequest { revision: 1 }).await;
    let hash = hash.expect("a hash").into_inner();
    assert_eq!(
        (hash.hash, hash.compact_revision, hash.hash_revision),
        (1_084_519_789, -1, 1)
    );
    let future = maintenance.hash_kv(HashKvRequest { revision: 3 }).await;
    let text = "etcdserver: mvcc: required revision is a future revision";
    assert_refused(future, Code::OutOfRange, text);
}

pub(super) async fn what_is_not_there_yet_says_so(member: Member) {
    let invalid = "etcdserver: given member URLs are invalid";
    for urls in [&[][..], &["foo"], &["http://a:1", "http://a:1/path"]] {
        let add = MemberAddRequest {
            peer_ur_ls: urls.iter().map(|&url| url.to_owned()).collect(),
            ..Default::default()
        };
        let add = member.cluster().member_add(add).await;
        assert_refused(add, Code::InvalidArgument, invalid);
    }
    let add = MemberAddRequest {
        peer_ur_ls: vec!["http://four:2380".to_owned()],
        ..Default::default()
    };
    let add = member.cluster().member_add(add).await;
    let add = add.expect_err("membership is fixed");
    assert_eq!(add.code(), Code::FailedPrecondition);
    assert!(
        add.message().contains("membership change is not available"),
        "{}",
        add.message()
    );

    let mut maintenance = member.maintenance();
    let downgrade = maintenance.downgrade(DowngradeRequest::default()).await;
    let downgrade = downgrade.expect_err("not available");
    assert_eq!(downgrade.code(), Code::Unimplemented);
    let stranger = MoveLeaderRequest { target_id: 1 };
    let moved = maintenance.move_leader(stranger).await;
    assert_refused(
        moved,
        Code::FailedPrecondition,
        "etcdserver: bad leader transferee",
    );

    let mut auth = auth_client::AuthClient::new(member.channel());
    let status = auth
        .auth_status(AuthStatusRequest {})
        .await
        .expect("a status")
        .into_inner();
    assert_eq!((status.enabled, status.auth_revision), (false, 1));
    let password = auth.authenticate(AuthenticateRequest::default()).await;
    let text = "etcdserver: authentication is not enabled";
    assert_refused(password, Code::FailedPrecondition, text);
    let enable = auth.auth_enable(AuthEnableRequest {}).await;
    let text = "etcdserver: root user does not exist";
    assert_refused(enable, Code::FailedPrecondition, text);
}
