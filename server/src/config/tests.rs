use super::*;

fn config(flags: &str) -> Config {
    Config::from_flags(flags.split_whitespace()).unwrap()
}

fn refused(flags: &str) -> String {
    Config::from_flags(flags.split_whitespace()).unwrap_err()
}

fn texts(urls: &[Url]) -> Vec<&str> {
    urls.iter().map(Url::as_str).collect()
}

#[test]
fn without_flags_it_is_a_single_member_on_localhost() {
    let config = config("");
    assert_eq!(config.name, "default");
    assert_eq!(config.data_dir, PathBuf::from("default.etcd"));
    assert_eq!(
        config.listen_client_addrs,
        ["127.0.0.1:2379".parse().unwrap()]
    );
    assert_eq!(
        config.listen_peer_addrs,
        ["127.0.0.1:2380".parse().unwrap()]
    );
    assert_eq!(
        texts(&config.advertise_client_urls),
        ["http://localhost:2379"]
    );
    assert_eq!(config.heartbeat_interval, Duration::from_millis(100));
    assert_eq!(config.election_timeout, Duration::from_secs(1));
    assert_eq!(config.quota_bytes, Some(2 << 30));
    assert_eq!(config.snapshot_count, None);
    assert_eq!(config.cluster.cluster_id, 0xcdf8_1819_4e3a_8c32);
    assert_eq!(config.cluster.member_id, 0x8e9e_05c5_2164_694d);
    assert_eq!(config.cluster.members.len(), 1);
}

#[test]
fn the_name_alone_names_the_data_directory_and_the_only_member() {
    let config = config("--name a --initial-advertise-peer-urls http://127.0.0.1:33380");
    assert_eq!(config.data_dir, PathBuf::from("a.etcd"));
    assert_eq!(config.cluster.own().name, "a");
    assert_eq!(
        texts(&config.cluster.own().peer_urls),
        ["http://127.0.0.1:33380"]
    );
    assert_eq!(config.cluster.member_id, 0x5c76_a90a_e78b_cee7);
}

#[test]
fn all_members_of_a_static_cluster_derive_the_same_ids() {
    let list = "a=http://127.0.0.1:12380,b=http://127.0.0.1:22380,c=http://127.0.0.1:32380";
    let clusters = [("a", 12380), ("b", 22380), ("c", 32380)].map(|(name, port)| {
        config(&format!(
            "--name {name} --initial-advertise-peer-urls http://127.0.0.1:{port} \
             --initial-cluster {list} --initial-cluster-token etcd-cluster-1"
        ))
        .cluster
    });
    // As etcd 3.5.30 reports them for these flags.
    let ids = [
        0x8211_f1d0_f64f_3269,
        0x91bc_3c39_8fb3_c146,
        0xfd42_2379_fda5_0e48,
    ];
    assert_eq!(clusters.clone().map(|cluster| cluster.member_id), ids);
    for cluster in &clusters {
        assert_eq!(cluster.cluster_id, 0xef37_ad9d_c622_a7c4);
        assert_eq!(cluster.members, clusters[0].members);
    }
}

#[test]
fn a_member_may_have_several_urls() {
    let config = config(
        "--name a --initial-advertise-peer-urls http://127.0.0.1:33381,http://127.0.0.1:33380 \
         --initial-cluster a=http://127.0.0.1:33381,a=http://127.0.0.1:33380 \
         --initial-cluster-token tok-2",
    );
    assert_eq!(config.cluster.member_id, 0x2196_adc8_e3db_5a19);
    assert_eq!(
        texts(&config.cluster.own().peer_urls),
        ["http://127.0.0.1:33380", "http://127.0.0.1:33381"]
    );
}

#[test]
fn quotas_and_counts() {
    assert_eq!(config("--quota-backend-bytes 1000").quota_bytes, Some(1000));
    assert_eq!(config("--quota-backend-bytes -1").quota_bytes, None);
    assert_eq!(config("--snapshot-count 0").snapshot_count, None);
    assert_eq!(config("--snapshot-count 50").snapshot_count, Some(50));
}

#[test]
fn empty_values_are_as_good_as_none() {
    let flags = ["--data-dir=", "--listen-client-urls=", "--initial-cluster="];
    let config = Config::from_flags(flags).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("default.etcd"));
    assert_eq!(
        config.listen_client_addrs,
        ["127.0.0.1:2379".parse().unwrap()]
    );
}

#[test]
fn localhost_in_the_list_may_be_its_address_in_the_flag() {
    let config = config("--initial-cluster default=http://127.0.0.1:2380");
    assert_eq!(
        texts(&config.cluster.own().peer_urls),
        ["http://127.0.0.1:2380"]
    );
}

#[test]
fn urls_that_cannot_be_are_refused() {
    let cases = [
        (
            "--listen-client-urls http://127.0.0.1:1",
            "--advertise-client-urls is required when --listen-client-urls is set explicitly; add \
             the URLs by which clients reach this member",
        ),
        (
            "--listen-peer-urls http://foo.bar:1",
            "expected IP in URL for binding (http://foo.bar:1); give --listen-peer-urls an IP \
             address or localhost",
        ),
        (
            "--advertise-client-urls http://:1",
            "--advertise-client-urls \"http://:1\" must be \"host:port\" (unexpected empty host \
             (http://:1)); add the host",
        ),
        (
            "--listen-peer-urls https://127.0.0.1:1",
            "--listen-peer-urls has https://127.0.0.1:1, but TLS is not supported yet; use an \
             http:// URL",
        ),
        (
            "--advertise-client-urls https://a:1",
            "--advertise-client-urls has https://a:1, but TLS is not supported yet; use an http:// \
             URL",
        ),
        (
            "--listen-peer-urls http://127.0.0.1:2379",
            "--listen-client-urls and --listen-peer-urls both listen on 127.0.0.1:2379; give each \
             URL an address of its own",
        ),
    ];
    for (flags, expected) in cases {
        assert_eq!(refused(flags), expected);
    }
    config("--listen-peer-urls http://127.0.0.1:0,http://localhost:0");
}

#[test]
fn intervals_that_do_not_go_together_are_refused() {
    let cases = [
        (
            "--election-timeout 100",
            "--election-timeout[100ms] should be at least as 5 times as \
             --heartbeat-interval[100ms]; raise the one or lower the other",
        ),
        (
            "--election-timeout 50001",
            "--election-timeout[50001ms] is too long, and should be set less than 50000ms; lower it",
        ),
        (
            "--heartbeat-interval 0",
            "--heartbeat-interval must be >0 (set to 0ms); leave it out for the default",
        ),
        (
            "--election-timeout 0",
            "--election-timeout must be >0 (set to 0ms); leave it out for the default",
        ),
        (
            "--heartbeat-interval 18446744073709551615",
            "--election-timeout[1000ms] should be at least as 5 times as \
             --heartbeat-interval[18446744073709551615ms]; raise the one or lower the other",
        ),
    ];
    for (flags, expected) in cases {
        assert_eq!(refused(flags), expected);
    }
    config("--election-timeout 50000 --heartbeat-interval 10000");
}

#[test]
fn members_that_do_not_go_together_are_refused() {
    let own = "--name a --initial-advertise-peer-urls http://127.0.0.1:1 --initial-cluster";
    let cases = [
        (
            "b=http://127.0.0.1:1,c=http://127.0.0.1:2",
            "couldn't find local name \"a\" in the initial cluster configuration; add a=<its peer \
             URL> to --initial-cluster, or set --name to one of: b, c",
        ),
        (
            "a=http://127.0.0.1:2",
            "--initial-cluster has a=http://127.0.0.1:2 but missing from \
             --initial-advertise-peer-urls=http://127.0.0.1:1; give both the same URLs",
        ),
        (
            "a=http://127.0.0.1:1,b=http://127.0.0.1:1",
            "initial cluster a=http://127.0.0.1:1,b=http://127.0.0.1:1 has duplicate url; each \
             peer URL belongs to one member",
        ),
        (
            "a",
            "--initial-cluster has \"a\"; write each member as NAME=http://HOST:PORT",
        ),
        (
            "=http://a:1",
            "--initial-cluster has \"=http://a:1\"; write each member as NAME=http://HOST:PORT",
        ),
        (
            "a=foo",
            "error setting up initial cluster: URL scheme must be http, https, unix, or unixs: \
             foo; write each member as NAME=http://HOST:PORT",
        ),
        (
            "a=http://:1",
            "error setting up initial cluster: unexpected empty host (http://:1); write each \
             member as NAME=http://HOST:PORT",
        ),
        (
            "a=https://127.0.0.1:1",
            "--initial-cluster has https://127.0.0.1:1, but TLS is not supported yet; use an \
             http:// URL",
        ),
    ];
    for (list, expected) in cases {
        assert_eq!(refused(&format!("{own} {list}")), expected);
    }
    assert_eq!(
        refused(
            "--name a --initial-advertise-peer-urls http://a:1,http://a:2 \
             --initial-cluster a=http://a:1"
        ),
        "--initial-advertise-peer-urls has http://a:2 but missing from \
         --initial-cluster=a=http://a:1; give both the same URLs"
    );
}

#[test]
fn names_that_no_list_could_hold_are_refused() {
    let expected =
        |name| format!("--name {name:?} must not be empty or contain ',' or '='; choose another");
    for name in ["", "a,b", "a=b"] {
        assert_eq!(
            Config::from_flags(["--name", name]).unwrap_err(),
            expected(name)
        );
    }
}

#[test]
fn flags_that_only_print_give_no_configuration() {
    assert!(refused("--version").starts_with("the flags only print:\netcd Version"));
}

#[test]
fn what_is_not_said_of_pings_is_as_in_grpc_for_go() {
    let keep_alive = |flags: &str| {
        let KeepAlive {
            min_time,
            interval,
            timeout,
        } = config(flags).keep_alive;
        [min_time, interval, timeout].map(|time| time.as_millis())
    };
    assert_eq!(keep_alive(""), [5_000, 7_200_000, 20_000]);
    assert_eq!(
        keep_alive("--grpc-keepalive-min-time=0s --grpc-keepalive-interval=0s"),
        [300_000, 7_200_000, 20_000]
    );
    assert_eq!(
        keep_alive("--grpc-keepalive-interval=10s --grpc-keepalive-timeout=0s"),
        [5_000, 7_200_000, 20_000]
    );
    assert_eq!(
        keep_alive(
            "--grpc-keepalive-min-time=-1s --grpc-keepalive-interval=10ms \
             --grpc-keepalive-timeout=10ms"
        ),
        [300_000, 1_000, 10]
    );
}

#[test]
fn progress_is_told_at_most_ten_times_a_second() {
    let progress = |flags| {
        let ProgressInterval {
            interval,
            is_raised,
        } = config(flags).progress;
        (interval.as_millis(), is_raised)
    };
    assert_eq!(progress(""), (600_000, false));
    let short = "--watch-progress-notify-interval=50ms";
    assert_eq!(progress(short), (100, true));
    let old_name = "--experimental-watch-progress-notify-interval=5s";
    assert_eq!(progress(old_name), (5_000, false));
}

#[test]
fn all_streams_that_can_be_counted_are_no_limit() {
    assert_eq!(config("").concurrent_streams_max, None);
    let limited = config("--max-concurrent-streams=7");
    assert_eq!(limited.concurrent_streams_max, Some(7));
    assert_eq!(
        config("--max-concurrent-streams=0").concurrent_streams_max,
        None
    );
}
