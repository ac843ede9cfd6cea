//! Tokens of users on three members: each member knows them, they end with the password and with
//! the process, and neither shows in a log.

use std::time::Duration;

use quorate_server::proto::etcdserverpb::{auth_client::AuthClient, *};
use tonic::{Code, Request, Status};

use crate::harness::{Client, Cluster, eventually, run, timed};

const FLAGS: &[&str] = &[
    "--heartbeat-interval=50",
    "--election-timeout=500",
    "--bcrypt-cost=4",
    "--log-level=debug",
];

const LIMIT: Duration = Duration::from_secs(60);

const PASSWORD: &str = "correct-horse";
const OTHER_PASSWORD: &str = "battery-staple";
const WRONG_PASSWORD: &str = "guessed-at";

/// Root, with authentication on.
async fn enable(client: &Client) {
    let mut auth = AuthClient::new(client.channel());
    let root = || "root".to_owned();
    let user = AuthUserAddRequest {
        name: root(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    auth.user_add(timed(user)).await.expect("a user");
    let grant = AuthUserGrantRoleRequest {
        user: root(),
        role: root(),
    };
    auth.user_grant_role(timed(grant)).await.expect("a role");
    let enabled = auth.auth_enable(timed(AuthEnableRequest {})).await;
    enabled.expect("there is a root");
}

async fn log_in(client: &Client, password: &str) -> Result<String, Status> {
    let request = AuthenticateRequest {
        name: "root".to_owned(),
        password: password.to_owned(),
    };
    let answer = AuthClient::new(client.channel())
        .authenticate(timed(request))
        .await?;
    Ok(answer.into_inner().token)
}

fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = timed(message);
    let token = token.parse().expect("a token is a metadata value");
    request.metadata_mut().insert("token", token);
    request
}

async fn get(client: &Client, token: &str) -> Result<(), Status> {
    let request = RangeRequest {
        key: "a".into(),
        ..Default::default()
    };
    client.kv().range(with(token, request)).await.map(drop)
}

async fn put(client: &Client, token: &str) -> Result<(), Status> {
    let request = PutRequest {
        key: "a".into(),
        ..Default::default()
    };
    client.kv().put(with(token, request)).await.map(drop)
}

async fn change_password(client: &Client, token: &str, password: &str) {
    let request = AuthUserChangePasswordRequest {
        name: "root".to_owned(),
        password: password.to_owned(),
        ..Default::default()
    };
    let changed = AuthClient::new(client.channel())
        .user_change_password(with(token, request))
        .await;
    changed.expect("root may");
}

fn assert_invalid(answer: Result<(), Status>) {
    let status = answer.expect_err("the token is none");
    let text = "etcdserver: invalid auth token";
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, text)
    );
}

fn assert_not_in_logs(cluster: &Cluster, secrets: &[&str]) {
    for member in &cluster.members {
        let log = member.log();
        assert!(!log.is_empty());
        for secret in secrets {
            assert!(!log.contains(secret), "{secret} is in a log");
        }
    }
}

#[test]
fn a_token_is_known_to_all_and_ends_with_its_password() {
    run(|directory| async move {
        let mut cluster = Cluster::start(&directory, 3, FLAGS).await;
        let [one, two, three] = cluster.clients().try_into().ok().expect("three members");
        enable(&one).await;
        let token = log_in(&one, PASSWORD).await.expect("the password is right");
        for member in [&two, &three, &one] {
            put(member, &token).await.expect("all know it");
            get(member, &token).await.expect("all know it");
        }
        for password in [WRONG_PASSWORD, ""] {
            let refused = log_in(&two, password).await.expect_err("it is wrong");
            let text = "etcdserver: authentication failed, invalid user ID or password";
            assert_eq!(refused.message(), text);
        }
        change_password(&two, &token, OTHER_PASSWORD).await;
        for member in [&three, &one, &two] {
            assert_invalid(get(member, &token).await);
        }
        let old = log_in(&three, PASSWORD).await;
        old.expect_err("the old password is none");
        let token_2 = log_in(&three, OTHER_PASSWORD).await.expect("the new one");
        put(&one, &token_2).await.expect("it is known");

        // It is in memory only: the member that has lost it says so, the others go on.
        cluster.members[0].stop().await;
        cluster.members[0].start();
        let log_in_again = async || log_in(&one, OTHER_PASSWORD).await.ok();
        eventually("the member serves again", LIMIT, log_in_again).await;
        assert_invalid(get(&one, &token_2).await);
        get(&two, &token_2).await.expect("it is known");
        let secrets = [PASSWORD, OTHER_PASSWORD, WRONG_PASSWORD, &token, &token_2];
        assert_not_in_logs(&cluster, &secrets);
        let letters = token.split('.').next().expect("its letters");
        assert_not_in_logs(&cluster, &[letters]);
        assert!(
            cluster.members[1]
                .log()
                .contains("invalid authentication was requested")
        );
    });
}

#[test]
fn a_json_web_token_is_good_for_one_auth_revision() {
    run(|directory| async move {
        let keys = format!("{}/src/auth/test_keys", env!("CARGO_MANIFEST_DIR"));
        let kind = format!("--auth-token=jwt,sign-method=ES256,priv-key={keys}/es256.pem");
        let flags = [FLAGS, &[kind.as_str()]].concat();
        let cluster = Cluster::start(&directory, 3, &flags).await;
        let [one, two, three] = cluster.clients().try_into().ok().expect("three members");
        enable(&one).await;
        let token = log_in(&one, PASSWORD).await.expect("the password is right");
        for member in [&two, &three] {
            put(member, &token).await.expect("all can verify it");
        }
        change_password(&two, &token, OTHER_PASSWORD).await;
        for refused in [get(&three, &token).await, put(&one, &token).await] {
            let status = refused.expect_err("users have changed");
            let text = "etcdserver: revision of auth store is old";
            assert_eq!(
                (status.code(), status.message()),
                (Code::InvalidArgument, text)
            );
        }
        // What only root may, asks for root and not for the revision (corner case 136).
        change_password(&three, &token, PASSWORD).await;
        let token_2 = log_in(&two, PASSWORD).await.expect("the password is right");
        get(&one, &token_2).await.expect("it is new");
        assert_not_in_logs(&cluster, &[PASSWORD, OTHER_PASSWORD, &token, &token_2]);
    });
}
