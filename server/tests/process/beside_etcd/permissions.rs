//! What users may do with locks and elections.

use quorate_server::proto::{
    authpb::{Permission, permission::Type},
    etcdserverpb::{auth_client::AuthClient, *},
    v3electionpb::{
        CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest,
        election_client::ElectionClient,
    },
    v3lockpb::{LockRequest, UnlockRequest, lock_client::LockClient},
};
use tonic::{Request, Response, Status};

use super::{Transcript, compare};
use crate::harness::{Client, timed};

/// Users, which have their names for passwords, and what they may do below `q/`.
const USERS: [(&str, Option<Type>); 5] = [
    ("root", None),
    ("none", None),
    ("read", Some(Type::Read)),
    ("write", Some(Type::Write)),
    ("both", Some(Type::Readwrite)),
];

/// Users with their tokens, and one without.
async fn set_up(client: &Client) -> Vec<(&'static str, Option<String>)> {
    let mut auth = AuthClient::new(client.channel());
    for (user, kind) in USERS {
        let (name, password) = (user.to_owned(), user.to_owned());
        let add = AuthUserAddRequest {
            name: name.clone(),
            password,
            ..Default::default()
        };
        auth.user_add(add).await.expect("a user");
        let role = AuthRoleAddRequest { name: name.clone() };
        auth.role_add(role).await.expect("a role");
        if let Some(kind) = kind {
            let perm = Permission {
                perm_type: kind.into(),
                key: "q/".into(),
                range_end: "q0".into(),
            };
            let grant = AuthRoleGrantPermissionRequest {
                name: name.clone(),
                perm: Some(perm),
            };
            auth.role_grant_permission(grant).await.expect("granted");
        }
        let (user, role) = (name.clone(), name);
        let grant = AuthUserGrantRoleRequest { user, role };
        auth.user_grant_role(grant).await.expect("granted");
    }
    auth.auth_enable(AuthEnableRequest {})
        .await
        .expect("it is on");
    let mut users = vec![("nobody", None)];
    for (user, _) in USERS {
        let (name, password) = (user.to_owned(), user.to_owned());
        let token = auth.authenticate(AuthenticateRequest { name, password });
        let token = token.await.expect("the right password").into_inner().token;
        users.push((user, Some(token)));
    }
    users
}

fn asks<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = timed(message);
    if let Some(token) = token {
        let token = token.parse().expect("a token is a metadata value");
        request.metadata_mut().insert("token", token);
    }
    request
}

fn note<T>(transcript: &mut Transcript, asked: &str, answer: Result<Response<T>, Status>) {
    transcript.answer(asked, answer, |_| "done".to_owned());
}

#[test]
fn users_lock_and_elect_with_their_own_permissions() {
    let expected = "
-- nobody
lock: Unknown: etcdserver: user name is empty
unlock: Unknown: etcdserver: user name is empty
campaign: Unknown: etcdserver: user name is empty
leader: Unknown: etcdserver: user name is empty
observe: the end
proclaim: Unknown: etcdserver: user name is empty
resign: Unknown: etcdserver: user name is empty
-- root
lock: done
unlock: done
campaign: done
leader: done
observe: done
proclaim: Unknown: election: not leader
resign: done
-- none
lock: Unknown: etcdserver: permission denied
unlock: Unknown: etcdserver: permission denied
campaign: Unknown: etcdserver: permission denied
leader: Unknown: etcdserver: permission denied
observe: the end
proclaim: Unknown: etcdserver: permission denied
resign: Unknown: etcdserver: permission denied
-- read
lock: Unknown: etcdserver: permission denied
unlock: Unknown: etcdserver: permission denied
campaign: Unknown: etcdserver: permission denied
leader: done
observe: done
proclaim: Unknown: etcdserver: permission denied
resign: Unknown: etcdserver: permission denied
-- write
lock: Unknown: etcdserver: permission denied
unlock: done
campaign: Unknown: etcdserver: permission denied
leader: Unknown: etcdserver: permission denied
observe: the end
proclaim: Unknown: etcdserver: permission denied
resign: Unknown: etcdserver: permission denied
-- both
lock: done
unlock: done
campaign: done
leader: done
observe: done
proclaim: Unknown: election: not leader
resign: done
";
    compare(expected, async |client, transcript| {
        client.grant(31, 600).await.expect("a lease");
        for (user, token) in set_up(client).await {
            let token = token.as_deref();
            transcript.note(format!("-- {user}"));
            let mut locks = LockClient::new(client.channel());
            let lock = LockRequest {
                name: "q".into(),
                lease: 31,
            };
            note(transcript, "lock", locks.lock(asks(token, lock)).await);
            let unlock = UnlockRequest { key: "q/x".into() };
            note(
                transcript,
                "unlock",
                locks.unlock(asks(token, unlock)).await,
            );
            elect(client, transcript, token).await;
        }
    });
}

async fn elect(client: &Client, transcript: &mut Transcript, token: Option<&str>) {
    let mut elections = ElectionClient::new(client.channel());
    let campaign = CampaignRequest {
        name: "q".into(),
        lease: 31,
        value: "v".into(),
    };
    let won = elections.campaign(asks(token, campaign)).await;
    note(transcript, "campaign", won);
    let name = || LeaderRequest { name: "q".into() };
    let leader = elections.leader(asks(token, name())).await;
    note(transcript, "leader", leader);
    let observed = match elections.observe(asks(token, name())).await {
        Ok(stream) => stream.into_inner().message().await.map(Response::new),
        Err(status) => Err(status),
    };
    transcript.answer("observe", observed, |first| match first {
        Some(_) => "done".to_owned(),
        None => "the end".to_owned(),
    });
    let leader = || {
        Some(LeaderKey {
            name: "q".into(),
            key: "q/x".into(),
            rev: 1,
            lease: 31,
        })
    };
    let value = "v".into();
    let proclaim = ProclaimRequest {
        leader: leader(),
        value,
    };
    let proclaimed = elections.proclaim(asks(token, proclaim)).await;
    note(transcript, "proclaim", proclaimed);
    let resign = ResignRequest { leader: leader() };
    let resigned = elections.resign(asks(token, resign)).await;
    note(transcript, "resign", resigned);
}
