//! What members are started with: their addresses, an operator's flags, and the limits of the plan.

use std::net::{IpAddr, Ipv4Addr};

use quorate_core::limits::WatchLimits;
use quorate_server::{config::Config, server::Tuning, storage::LogOptions};

use crate::plan::Plan;

/// Port for clients, as etcd has it.
const CLIENT_PORT: u16 = 2379;
/// Port for members.
const PEER_PORT: u16 = 2380;

/// The file with the key by which tokens are signed. It is on a real disk: the product reads its keys
/// past the simulated one, once and before it does anything else.
const SIGNING_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/signing-key.txt");

/// The address of a member.
pub fn ip(number: u64) -> IpAddr {
    let host = u8::try_from(number).expect("a plan has fewer members than a network has hosts");
    Ipv4Addr::new(10, 0, 0, host).into()
}

/// Where clients reach a member: host and port.
pub fn client_authority(number: u64) -> String {
    format!("{}:{CLIENT_PORT}", ip(number))
}

fn peer_url(number: u64) -> String {
    format!("http://{}:{PEER_PORT}", ip(number))
}

/// The flags that an operator would give.
pub(super) fn config(plan: &Plan, number: u64) -> Config {
    let cluster = &plan.cluster;
    let initial: Vec<String> = (1..=cluster.members)
        .map(|member| format!("n{member}={}", peer_url(member)))
        .collect();
    let client_url = format!("http://{}", client_authority(number));
    let mut flags = vec![
        format!("--name=n{number}"),
        format!("--data-dir=/n{number}"),
        format!("--listen-client-urls={client_url}"),
        format!("--advertise-client-urls={client_url}"),
        format!("--listen-peer-urls={}", peer_url(number)),
        format!("--initial-advertise-peer-urls={}", peer_url(number)),
        format!("--initial-cluster={}", initial.join(",")),
        format!("--heartbeat-interval={}", cluster.heartbeat_ms),
        format!("--election-timeout={}", cluster.election_ms),
        format!("--snapshot-count={}", plan.knobs.snapshot_entries),
        // Clients look often whether a stream of theirs is alive.
        "--grpc-keepalive-min-time=1ms".to_owned(),
    ];
    flags.extend(auth_flags(plan));
    Config::from_flags(flags.iter().map(String::as_str)).expect("checked plans give sound flags")
}

fn auth_flags(plan: &Plan) -> Vec<String> {
    let Some(auth) = &plan.auth else {
        return Vec::new();
    };
    let tokens = match auth.signed_tokens {
        true => format!(
            "jwt,sign-method=HS256,priv-key={SIGNING_KEY},ttl={}s",
            auth.token_ttl_s
        ),
        false => "simple".to_owned(),
    };
    vec![
        format!("--auth-token={tokens}"),
        format!("--auth-token-ttl={}", auth.token_ttl_s),
        // The lowest that there is: hashing takes real time.
        "--bcrypt-cost=4".to_owned(),
    ]
}

/// The product's limits, as small as the plan has them.
pub(super) fn tuning(plan: &Plan, number: u64) -> Tuning {
    let knobs = &plan.knobs;
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    Tuning {
        checkpoint_log_bytes: u64::MAX,
        catchup_entries: knobs.snapshot_keep_entries,
        append_entries_max: knobs.append_entries,
        checkpoint_chunk_bytes: size(knobs.checkpoint_chunk_bytes),
        log: LogOptions {
            segment_bytes: knobs.segment_bytes,
            cache_bytes_max: size(knobs.log_cache_bytes),
            queue_bytes_max: size(knobs.log_queue_bytes),
            batch_bytes_max: size(knobs.log_batch_bytes),
            spare_segments_max: size(knobs.log_spare_segments),
            salt: plan.seed ^ number,
        },
        watch: WatchLimits {
            replay_revisions_max: size(knobs.watch_replay_revisions),
            buffer_bytes_max: size(knobs.watch_buffer_bytes),
            buffer_responses_max: size(knobs.watch_buffer_responses),
            replay_bytes_max: size(knobs.watch_replay_bytes),
            stream_bytes_max: size(knobs.watch_stream_bytes),
            stream_answers_max: size(knobs.watch_stream_answers),
            recent_revisions_max: size(knobs.watch_recent_revisions),
            recent_bytes_max: size(knobs.watch_recent_bytes),
            catch_up_watchers_max: size(knobs.watch_catch_up_watchers),
            catch_up_events_max: size(knobs.watch_catch_up_events),
            ..WatchLimits::default()
        },
        watch_fragment_bytes: Some(size(knobs.watch_fragment_bytes)),
        compact_step_keys: size(knobs.compact_step_keys),
        lease_batch_max: size(knobs.lease_batch),
    }
}
