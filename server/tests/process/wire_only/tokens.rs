//! Tokens in the metadata.

use std::time::{Duration, Instant};

use quorate_core::{
    auth::{AuthRequest, Credential},
    kv::KeyRange,
    request::RangeRequest,
};
use quorate_server::proto::etcdserverpb::{self, AuthStatusRequest};
use quorate_tests::scenario::Request;
use tonic::{Code, Status};

use super::{on_both, refusal};
use crate::grpc::{Caller, Program, Reply};

/// `--auth-token-ttl` where a token is to end.
const TTL: Duration = Duration::from_secs(3);

fn no_token() -> (Code, String) {
    let text = "etcdserver: invalid auth token".to_owned();
    (Code::Unauthenticated, text)
}

/// Turns authentication on; root's password is `root`.
async fn turn_on(caller: &Caller) {
    let root = || "root".to_owned();
    let credential = Credential::PasswordHash(root());
    for request in [
        AuthRequest::UserAdd {
            name: root(),
            credential,
        },
        AuthRequest::UserGrantRole {
            user: root(),
            role: root(),
        },
        AuthRequest::Enable,
    ] {
        let done = caller.call(None, Request::Auth(request)).await;
        done.expect("nothing is checked yet");
    }
}

async fn login(caller: &Caller, token: Option<&str>, password: &str) -> Result<String, Status> {
    let request = Request::Authenticate {
        name: "root".to_owned(),
        password: password.to_owned(),
    };
    match caller.call(token, request).await? {
        Reply::Authenticate(reply) => Ok(reply.token),
        reply => panic!("{reply:?} is no answer to Authenticate"),
    }
}

async fn get(caller: &Caller, token: Option<&str>) -> Result<Reply, Status> {
    let request = RangeRequest::new(KeyRange::Key("a".into()));
    let request = Request::Range {
        request,
        serializable: false,
    };
    caller.call(token, request).await
}

/// Corner cases 126 and 127.
#[test]
fn a_token_that_is_none_is_refused() {
    on_both(&[], async |caller, _| {
        turn_on(caller).await;
        for token in ["garbage", "abc.1", "abc.", ".1", "a.b.c"] {
            let refused = refusal(get(caller, Some(token)).await);
            assert_eq!(refused, no_token(), "{token}");
        }
        let token = login(caller, Some("garbage"), "root").await;
        let token = token.expect("who logs in needs no token");
        get(caller, Some(&token)).await.expect("root's token");
    });
}

/// Corner case 128: the server waits until it has got as far as the one that gave the token.
#[test]
fn a_token_from_the_future_is_waited_for() {
    on_both(&[], async |caller, _| {
        turn_on(caller).await;
        let request = etcdserverpb::RangeRequest {
            key: "a".into(),
            // Nothing else is to be waited for.
            serializable: true,
            ..Default::default()
        };
        let mut request = tonic::Request::new(request);
        crate::grpc::authorize(Some("abcdefghijklmnop.999999999"), &mut request);
        request.set_timeout(Duration::from_secs(1));
        let began = Instant::now();
        let (code, text) = refusal(caller.kv().range(request).await);
        assert!(
            matches!(code, Code::DeadlineExceeded | Code::Cancelled),
            "{code:?}: {text}"
        );
        assert!(began.elapsed() >= Duration::from_millis(900));
    });
}

/// Corner case 139.
#[test]
fn a_token_ends_with_its_password() {
    on_both(&[], async |caller, _| {
        turn_on(caller).await;
        let old = login(caller, None, "root").await.expect("login");
        let change = AuthRequest::UserChangePassword {
            name: "root".to_owned(),
            password_hash: "other".to_owned(),
        };
        let changed = caller.call(Some(&old), Request::Auth(change)).await;
        changed.expect("root may");
        assert_eq!(refusal(get(caller, Some(&old)).await), no_token());
        let (code, text) = refusal(login(caller, None, "root").await);
        let expected = "etcdserver: authentication failed, invalid user ID or password";
        assert_eq!((code, &*text), (Code::InvalidArgument, expected));
        let new = login(caller, None, "other").await.expect("login");
        get(caller, Some(&new)).await.expect("root's new token");
    });
}

/// Corner case 140.
#[test]
fn a_token_ends_when_it_is_not_used() {
    let flag = format!("--auth-token-ttl={}", TTL.as_secs());
    on_both(&[&flag], async |caller, _| {
        turn_on(caller).await;
        let idle = login(caller, None, "root").await.expect("login");
        let used = login(caller, None, "root").await.expect("login");
        let began = Instant::now();
        // Twice as long as it would last, used well before it ends each time.
        while began.elapsed() < TTL * 2 {
            get(caller, Some(&used)).await.expect("it is in use");
            tokio::time::sleep(TTL / 10).await;
        }
        assert_eq!(refusal(get(caller, Some(&idle)).await), no_token());
        get(caller, Some(&used)).await.expect("it is in use");
    });
}

/// Corner case 149. Quorate goes with the newer releases, which take `Bearer TOKEN` as well.
#[test]
fn a_token_may_stand_in_the_authorization() {
    on_both(&[], async |caller, program| {
        turn_on(caller).await;
        let token = login(caller, None, "root").await.expect("login");
        for (value, since_3_6) in [(token.clone(), false), (format!("Bearer {token}"), true)] {
            let mut request = tonic::Request::new(etcdserverpb::RangeRequest {
                key: "a".into(),
                ..Default::default()
            });
            let value = value.parse().expect("visible ASCII");
            request.metadata_mut().insert("authorization", value);
            let answer = caller.kv().range(request).await;
            if since_3_6 && matches!(program, Program::Etcd(_)) {
                assert_eq!(refusal(answer), no_token());
            } else {
                answer.expect("root's token");
            }
        }
    });
}

/// Corner case 150. Quorate answers everyone, as etcd 3.7 does; 3.5 asks for a token.
#[test]
fn the_status_of_authentication_needs_no_token() {
    on_both(&[], async |caller, program| {
        turn_on(caller).await;
        let answer = caller.auth().auth_status(AuthStatusRequest {}).await;
        if let Program::Etcd(_) = program {
            let text = "etcdserver: user name is empty".to_owned();
            assert_eq!(refusal(answer), (Code::InvalidArgument, text));
        } else {
            assert!(answer.expect("an answer").into_inner().enabled);
        }
    });
}
