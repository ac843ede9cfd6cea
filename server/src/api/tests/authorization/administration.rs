//! The calls that are about users, members and the cluster, not about keys.

use super::{
    calls::{Call, calls, some_permission},
    needs::Needs,
};
use crate::proto::etcdserverpb::{alarm_request::AlarmAction, *};

pub(super) fn of_the_cluster() -> Vec<Call> {
    calls! {
        "Cluster/MemberList", Needs::Token,
            |asker| asker.cluster().member_list(asker.ask(MemberListRequest::default()));
        "Cluster/MemberList linearizable", Needs::Token,
            |asker| asker.cluster().member_list(asker.ask(MemberListRequest { linearizable: true }));
        "Cluster/MemberAdd", Needs::Root,
            |asker| asker.cluster().member_add(asker.ask(MemberAddRequest {
                peer_ur_ls: vec!["http://two:2380".into()],
                is_learner: false,
            }));
        "Cluster/MemberRemove", Needs::Root,
            |asker| asker.cluster().member_remove(asker.ask(MemberRemoveRequest::default()));
        "Cluster/MemberUpdate", Needs::Root,
            |asker| asker.cluster().member_update(asker.ask(MemberUpdateRequest {
                id: 1,
                peer_ur_ls: vec!["http://two:2380".into()],
            }));
        "Cluster/MemberPromote", Needs::Root,
            |asker| asker.cluster().member_promote(asker.ask(MemberPromoteRequest::default()));
        "Maintenance/Status", Needs::Token,
            |asker| asker.maintenance().status(asker.ask(StatusRequest {}));
        "Maintenance/Alarm GET", Needs::Token,
            |asker| asker.maintenance().alarm(asker.ask(AlarmRequest::default()));
        "Maintenance/Alarm ACTIVATE none", Needs::Root,
            |asker| asker.maintenance().alarm(asker.ask(AlarmRequest {
                action: AlarmAction::Activate.into(),
                ..Default::default()
            }));
        "Maintenance/Alarm DEACTIVATE", Needs::Root,
            |asker| asker.maintenance().alarm(asker.ask(AlarmRequest {
                action: AlarmAction::Deactivate.into(),
                alarm: AlarmType::Nospace.into(),
                member_id: 1,
            }));
        "Maintenance/Hash", Needs::Root,
            |asker| asker.maintenance().hash(asker.ask(HashRequest {}));
        "Maintenance/HashKV", Needs::Root,
            |asker| asker.maintenance().hash_kv(asker.ask(HashKvRequest::default()));
        "Maintenance/Defragment", Needs::Root,
            |asker| asker.maintenance().defragment(asker.ask(DefragmentRequest {}));
        "Maintenance/MoveLeader", Needs::Root,
            |asker| asker.maintenance().move_leader(asker.ask(MoveLeaderRequest { target_id: 1 }));
        "Maintenance/Snapshot", Needs::Root,
            |asker| asker.maintenance().snapshot(asker.ask(SnapshotRequest {}));
        "Maintenance/Downgrade", Needs::Root,
            |asker| asker.maintenance().downgrade(asker.ask(DowngradeRequest::default()));
    }
}

pub(super) fn of_users_and_roles() -> Vec<Call> {
    calls! {
        "Auth/AuthStatus", Needs::NoLie,
            |asker| asker.auth().auth_status(asker.ask(AuthStatusRequest {}));
        "Auth/Authenticate", Needs::Nothing,
            |asker| asker.auth().authenticate(asker.ask(AuthenticateRequest {
                name: "read".into(),
                password: "read".into(),
            }));
        "Auth/AuthEnable", Needs::Root,
            |asker| asker.auth().auth_enable(asker.ask(AuthEnableRequest {}));
        "Auth/UserAdd", Needs::Root, |asker| asker.auth().user_add(asker.ask(AuthUserAddRequest {
            name: "read".into(),
            password: "x".into(),
            ..Default::default()
        }));
        "Auth/UserGet itself", Needs::Token,
            |asker| asker.auth().user_get(asker.ask(AuthUserGetRequest { name: asker.name.into() }));
        "Auth/UserGet another", Needs::Being("none"),
            |asker| asker.auth().user_get(asker.ask(AuthUserGetRequest { name: "none".into() }));
        "Auth/UserList", Needs::Root,
            |asker| asker.auth().user_list(asker.ask(AuthUserListRequest {}));
        "Auth/UserDelete", Needs::Root,
            |asker| asker.auth().user_delete(asker.ask(AuthUserDeleteRequest { name: "x".into() }));
        "Auth/UserChangePassword its own", Needs::Root,
            |asker| asker.auth().user_change_password(asker.ask(AuthUserChangePasswordRequest {
                // It would end the token that the next calls go with.
                name: if asker.name == "root" { "x".into() } else { asker.name.into() },
                password: "x".into(),
                ..Default::default()
            }));
        "Auth/UserGrantRole", Needs::Root,
            |asker| asker.auth().user_grant_role(asker.ask(AuthUserGrantRoleRequest {
                user: asker.name.into(),
                role: "root".into(),
            }));
        "Auth/UserRevokeRole", Needs::Root,
            |asker| asker.auth().user_revoke_role(asker.ask(AuthUserRevokeRoleRequest {
                name: "root".into(),
                role: "root".into(),
            }));
        "Auth/RoleAdd", Needs::Root,
            |asker| asker.auth().role_add(asker.ask(AuthRoleAddRequest { name: "read".into() }));
        "Auth/RoleGet its own", Needs::Token,
            |asker| asker.auth().role_get(asker.ask(AuthRoleGetRequest { role: asker.name.into() }));
        "Auth/RoleGet another's", Needs::Being("none"),
            |asker| asker.auth().role_get(asker.ask(AuthRoleGetRequest { role: "none".into() }));
        "Auth/RoleList", Needs::Root,
            |asker| asker.auth().role_list(asker.ask(AuthRoleListRequest {}));
        "Auth/RoleDelete", Needs::Root,
            |asker| asker.auth().role_delete(asker.ask(AuthRoleDeleteRequest { role: "x".into() }));
        "Auth/RoleGrantPermission", Needs::Root,
            |asker| asker.auth().role_grant_permission(asker.ask(AuthRoleGrantPermissionRequest {
                name: "x".into(),
                perm: Some(some_permission()),
            }));
        "Auth/RoleRevokePermission", Needs::Root,
            |asker| asker.auth().role_revoke_permission(asker.ask(AuthRoleRevokePermissionRequest {
                role: "x".into(),
                ..Default::default()
            }));
        // The last of all: there is nothing to check behind it.
        "Auth/AuthDisable", Needs::Root,
            |asker| asker.auth().auth_disable(asker.ask(AuthDisableRequest {}));
    }
}
