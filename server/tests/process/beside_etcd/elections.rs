//! `v3electionpb.Election`.

use std::time::Duration;

use quorate_server::{
    proto::v3electionpb::{
        CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse,
        ProclaimRequest, ResignRequest, election_client::ElectionClient,
    },
    runtime,
    wire::Channel,
};
use tokio::sync::mpsc;
use tonic::Status;

use super::{Transcript, at, compare, text};
use crate::harness::{Client, eventually};

const LIMIT: Duration = Duration::from_secs(20);

fn elections(client: &Client) -> ElectionClient<Channel> {
    ElectionClient::new(client.channel())
}

fn campaign(lease: i64, value: &'static str) -> CampaignRequest {
    CampaignRequest {
        name: "e".into(),
        lease,
        value: value.into(),
    }
}

fn elected(answer: CampaignResponse) -> String {
    let leader = answer.leader.expect("a leader");
    let (name, key) = (text(&leader.name), text(&leader.key));
    let (rev, lease) = (leader.rev, leader.lease);
    format!("{} {name} {key} {rev} {lease}", at(answer.header))
}

fn leading(answer: LeaderResponse) -> String {
    let kv = answer.kv.expect("a key");
    let (key, value) = (text(&kv.key), text(&kv.value));
    let revisions = (kv.create_revision, kv.mod_revision, kv.version, kv.lease);
    format!("{} {key}={value} {revisions:?}", at(answer.header))
}

fn leader_key(key: &'static str, rev: i64, lease: i64) -> Option<LeaderKey> {
    Some(LeaderKey {
        name: "e".into(),
        key: key.into(),
        rev,
        lease,
    })
}

async fn ask_leader(client: &Client, transcript: &mut Transcript) {
    let name = LeaderRequest { name: "e".into() };
    let leader = elections(client).leader(name).await;
    transcript.answer("leader", leader, leading);
}

async fn proclaim(
    client: &Client,
    transcript: &mut Transcript,
    leader: Option<LeaderKey>,
    value: &'static str,
) {
    let value = value.into();
    let request = ProclaimRequest { leader, value };
    let proclaimed = elections(client).proclaim(request).await;
    transcript.answer("proclaim", proclaimed, |it| at(it.header));
}

async fn resign(client: &Client, transcript: &mut Transcript, leader: Option<LeaderKey>) {
    let resigned = elections(client).resign(ResignRequest { leader }).await;
    transcript.answer("resign", resigned, |it| at(it.header));
}

#[test]
fn one_leads_after_the_other() {
    let expected = r#"
leader: Unknown: election: no leader
campaign 31 a: @2 e e/1f 2 31
campaign 31 a again: @2 e e/1f 2 31
campaign 31 b: @2 e e/1f 2 31
campaign 404 x: Unknown: etcdserver: requested lease not found
leader: @3 e/1f=b (2, 3, 2, 31)
proclaim: @5
proclaim: Unknown: election: not leader
proclaim: Unknown: etcdserver: requested lease not found
proclaim: Unknown: etcdserver: key is not provided
proclaim: Unknown: "leader" field must be provided
leader: @5 e/1f=d (2, 5, 3, 31)
resign: @5
resign: @6
campaign 32: @4 e e/20 4 32
resign: @6
resign: Unknown: etcdserver: key is not provided
resign: Unknown: "leader" field must be provided
leader: @6 e/20=c (4, 4, 1, 32)
"#;
    compare(expected, async |client, transcript| {
        for id in [31, 32] {
            client.grant(id, 600).await.expect("a lease");
        }
        ask_leader(client, transcript).await;
        for (asked, request) in [
            ("campaign 31 a", campaign(31, "a")),
            ("campaign 31 a again", campaign(31, "a")),
            ("campaign 31 b", campaign(31, "b")),
            ("campaign 404 x", campaign(404, "x")),
        ] {
            let answer = elections(client).campaign(request).await;
            transcript.answer(asked, answer, elected);
        }
        ask_leader(client, transcript).await;

        let mut candidate = elections(client);
        let second = async move { candidate.campaign(campaign(32, "c")).await };
        let second = runtime::spawn(second);
        eventually("it stands in line", LIMIT, async || {
            client.get("e/20").await.ok().flatten()
        })
        .await;
        proclaim(client, transcript, leader_key("e/1f", 2, 31), "d").await;
        proclaim(client, transcript, leader_key("e/1f", 3, 31), "never").await;
        proclaim(client, transcript, leader_key("e/1f", 2, 404), "never").await;
        proclaim(client, transcript, leader_key("", 2, 31), "never").await;
        proclaim(client, transcript, None, "never").await;
        ask_leader(client, transcript).await;
        resign(client, transcript, leader_key("e/1f", 3, 31)).await;
        resign(client, transcript, leader_key("e/1f", 2, 31)).await;
        transcript.answer("campaign 32", second.await.expect("no panic"), elected);
        resign(client, transcript, leader_key("e/1f", 2, 31)).await;
        resign(client, transcript, leader_key("", 2, 31)).await;
        resign(client, transcript, None).await;
        ask_leader(client, transcript).await;
    });
}

#[test]
fn who_does_not_wait_any_more_is_no_candidate() {
    let expected = "
campaign 31: @2 e e/1f 2 31
resign: @5
leader: Unknown: election: no leader
";
    compare(expected, async |client, transcript| {
        for id in [31, 32] {
            client.grant(id, 600).await.expect("a lease");
        }
        let first = elections(client).campaign(campaign(31, "a")).await;
        transcript.answer("campaign 31", first, elected);
        let mut candidate = elections(client);
        let second = async move { candidate.campaign(campaign(32, "c")).await };
        let second = runtime::spawn(second);
        eventually("it stands in line", LIMIT, async || {
            client.get("e/20").await.ok().flatten()
        })
        .await;
        second.abort();
        eventually("its key goes", LIMIT, async || {
            client.get("e/20").await.ok()?.is_none().then_some(())
        })
        .await;
        resign(client, transcript, leader_key("e/1f", 2, 31)).await;
        ask_leader(client, transcript).await;
    });
}

#[test]
fn leaders_are_observed() {
    let expected = "
campaign 31: @3 e e/1f 3 31
observed: @3 e/1f=a (3, 3, 1, 31)
proclaim: @4
observed: @4 e/1f=b (3, 4, 2, 31)
resign: @6
campaign 32: @7 e e/20 7 32
observed: @7 e/20=c (7, 7, 1, 32)
observed anew: @8 e/20=c (7, 7, 1, 32)
";
    compare(expected, async |client, transcript| {
        for id in [31, 32] {
            client.grant(id, 600).await.expect("a lease");
        }
        client.put("other", "x").await.expect("put");
        let mut stream = observe(client);
        let mut seen = async |transcript: &mut Transcript| {
            let next = stream.recv().await.expect("no end");
            transcript.answer("observed", next.map(tonic::Response::new), leading);
        };
        let run = async |transcript: &mut Transcript, lease, value| {
            let answer = elections(client).campaign(campaign(lease, value)).await;
            transcript.answer(&format!("campaign {lease}"), answer, elected);
        };
        run(transcript, 31, "a").await;
        seen(transcript).await;
        proclaim(client, transcript, leader_key("e/1f", 3, 31), "b").await;
        seen(transcript).await;
        client.put("other", "y").await.expect("put");
        resign(client, transcript, leader_key("e/1f", 3, 31)).await;
        run(transcript, 32, "c").await;
        seen(transcript).await;

        // Another stream begins with who leads.
        client.put("other", "z").await.expect("put");
        let first = observe(client).recv().await.expect("no end");
        transcript.answer("observed anew", first.map(tonic::Response::new), leading);
    });
}

/// What is observed, by a task of its own: etcd does not say that there is a stream before it has
/// something to say on it.
fn observe(client: &Client) -> mpsc::Receiver<Result<LeaderResponse, Status>> {
    let (sender, receiver) = mpsc::channel(1);
    let mut elections = elections(client);
    runtime::spawn(async move {
        let name = LeaderRequest { name: "e".into() };
        let mut stream = elections
            .observe(name)
            .await
            .expect("a stream")
            .into_inner();
        while let Some(next) = stream.message().await.transpose() {
            if sender.send(next).await.is_err() {
                return;
            }
        }
    });
    receiver
}
