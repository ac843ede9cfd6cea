//! The arithmetic of instants and, in the simulated build, of clocks that drift.

use super::*;

#[test]
fn instants_saturate() {
    let zero = Instant {
        since_start: Duration::ZERO,
    };
    let later = zero + Duration::from_secs(3);
    assert_eq!(later - zero, Duration::from_secs(3));
    assert_eq!(zero - later, Duration::ZERO);
    assert_eq!(zero - Duration::from_secs(1), zero);
    assert_eq!(
        later + Duration::MAX,
        Instant {
            since_start: Duration::MAX
        }
    );
}

#[cfg(not(madsim))]
#[tokio::test]
async fn sleeps_last_at_least_their_time() {
    let before = now();
    sleep(Duration::from_millis(5)).await;
    assert!(before.elapsed() >= Duration::from_millis(5));
    assert_eq!(timeout(Duration::from_secs(60), async { 7 }).await, Ok(7));
    let never = std::future::pending::<()>();
    assert_eq!(timeout(Duration::from_millis(1), never).await, Err(Elapsed));
    let there = std::future::ready(1);
    assert_eq!(
        timeout(Duration::ZERO, there).await,
        Ok(1),
        "a result that is there wins"
    );
    assert!(wall_ms() > 1_700_000_000_000);
    assert_eq!(Instant::from_std(before.into_std()), before);
}

#[cfg(madsim)]
mod simulated {
    use madsim::runtime::{Handle, Runtime};

    use super::*;

    fn simulate(seed: u64, scenario: impl Future<Output = ()>) {
        reset_clocks();
        Runtime::with_seed_and_config(seed, Default::default()).block_on(scenario);
    }

    #[test]
    fn a_clock_bends_without_a_jump() {
        let fast = NodeClock::default().bend(1_000, 200_000, 0);
        assert_eq!(fast.local_ns(1_000), 1_000);
        assert_eq!(fast.local_ns(2_000), 2_200);
        let slow = fast.bend(2_000, -200_000, 0);
        assert_eq!(slow.local_ns(2_000), 2_200);
        assert_eq!(slow.local_ns(3_000), 3_000);
    }

    #[test]
    fn a_span_is_never_too_short() {
        for rate_ppm in [-999_999, -200_000, -1, 0, 1, 7, 200_000, 3_000_000] {
            let clock = NodeClock::default().bend(0, rate_ppm, 0);
            for local_ns in [0, 1, 2, 999, 1_000_000_007] {
                let true_ns = clock.true_span_ns(local_ns);
                assert!(
                    clock.local_ns(true_ns) >= local_ns,
                    "{rate_ppm} ppm, {local_ns} ns"
                );
                assert!(true_ns == 0 || clock.local_ns(true_ns - 1) < local_ns);
            }
        }
    }

    #[test]
    fn each_node_lives_by_its_own_clock() {
        simulate(1, async {
            let fast = Handle::current().create_node().name("fast").build();
            set_node_clock(fast.id(), 200_000, 5_000);
            let here = (now(), wall_ms());
            let there = fast
                .spawn(async { (now(), wall_ms()) })
                .await
                .expect("the node lives");
            assert!(there.1 >= here.1 + 5_000 && there.1 < here.1 + 5_010);

            let slept = fast.spawn(async {
                let before = now();
                sleep(Duration::from_secs(6)).await;
                now() - before
            });
            let slept = slept.await.expect("the node lives");
            assert!(slept >= Duration::from_secs(6) && slept < Duration::from_millis(6_010));
            let true_time = here.0.elapsed();
            assert!(
                true_time >= Duration::from_secs(5) && true_time < Duration::from_millis(5_010)
            );
        });
    }

    #[test]
    fn slowing_down_lengthens_a_sleep_that_has_begun() {
        simulate(2, async {
            let node = Handle::current().create_node().build();
            let id = node.id();
            let sleeper = node.spawn(async {
                let before = now();
                sleep(Duration::from_secs(10)).await;
                now() - before
            });
            madsim::time::sleep(Duration::from_secs(5)).await;
            set_node_clock(id, -500_000, 0);
            let slept = sleeper.await.expect("the node lives");
            assert!(slept >= Duration::from_secs(10) && slept < Duration::from_millis(10_010));
        });
    }

    #[test]
    fn a_wall_jump_leaves_the_monotonic_clock_alone() {
        simulate(3, async {
            let node = Handle::current().create_node().build();
            let id = node.id();
            let jumped = node.spawn(async move {
                let before = (now(), wall_ms());
                set_node_clock(id, 0, -3_600_000);
                (now() - before.0, before.1 - wall_ms())
            });
            assert_eq!(
                jumped.await.expect("the node lives"),
                (Duration::ZERO, 3_600_000)
            );
        });
    }

    #[test]
    fn a_jump_takes_both_clocks_ahead_and_ends_no_sleep_early() {
        simulate(4, async {
            let node = Handle::current().create_node().build();
            let id = node.id();
            let jumped = node.spawn(async move {
                let before = (now(), wall_ms());
                jump_node_clock(id, Duration::from_secs(7));
                let after = (now() - before.0, wall_ms() - before.1);
                sleep(Duration::from_secs(1)).await;
                (after, now() - before.0)
            });
            let (after, slept) = jumped.await.expect("the node lives");
            assert_eq!(after, (Duration::from_secs(7), 7_000));
            assert!(slept >= Duration::from_secs(8) && slept < Duration::from_millis(8_010));
        });
    }
}
