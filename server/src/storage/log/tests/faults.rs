//! One fault at a time, and the limits.

use super::*;

#[test]
fn a_failed_sync_ends_the_log() {
    run(async {
        let disk = disk(1);
        let process = Process::start(&disk, &small_options()).await.unwrap();
        let log = &process.log;
        append(log, vec![entry(0, 1, 10)]).await.unwrap();
        // Once the second segment is ready, the log's is the only sync to come.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        disk.fail_next_sync();
        let error = append(log, vec![entry(1, 1, 10)])
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("log-0000000000000001") && error.contains("injected"),
            "{error}"
        );
        assert!(append(log, vec![entry(2, 1, 10)]).await.is_err());
        assert!(log.save_vote(Bytes::new()).await.is_err());
        assert!(log.read(0..1, 10).await.is_err());
        assert!(log.close().await.is_err());
        assert_eq!(process.fatal_errors.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn what_is_out_of_order_is_refused_and_does_no_harm() {
    run(async {
        let process = Process::start(&disk(1), &small_options()).await.unwrap();
        let log = &process.log;
        append(log, vec![entry(3, 1, 10), entry(4, 1, 10)])
            .await
            .unwrap();
        assert!(append(log, vec![entry(4, 1, 10)]).await.is_err(), "twice");
        assert!(
            append(log, vec![entry(5, 1, 10), entry(7, 1, 10)])
                .await
                .is_err(),
            "a gap"
        );
        log.purge(LogPosition { term: 1, index: 3 }).unwrap();
        assert!(
            log.purge(LogPosition { term: 1, index: 2 }).is_err(),
            "a purge backwards"
        );
        assert!(log.truncate_after(Some(2)).is_err(), "purged entries");
        append(log, vec![entry(5, 1, 10)]).await.unwrap();
        let read = log.read(0..9, 1000).await.unwrap();
        assert_eq!(read, [entry(4, 1, 10), entry(5, 1, 10)]);
    });
}

#[test]
fn appends_wait_while_too_much_is_not_durable() {
    run(async {
        let options = LogOptions {
            queue_bytes_max: 500,
            ..small_options()
        };
        let process = Process::start(&disk(1), &options).await.unwrap();
        let none = || -> Durable { Box::new(|_| ()) };
        let log = process.log.clone();
        log.append(vec![entry(0, 1, 2000)], none())
            .await
            .expect("alone it always fits");
        let mut second = Box::pin(log.append(vec![entry(1, 1, 10)], none()));
        let waits = std::future::poll_fn(|context| {
            std::task::Poll::Ready(second.as_mut().poll(context).is_pending())
        });
        assert!(waits.await);
        second.await.expect("there is room again");
        assert_eq!(log.read(1..2, 10).await.unwrap().len(), 1);
    });
}

#[test]
fn a_clean_stop_keeps_the_committed_position() {
    run(async {
        let disk = disk(1);
        let process = Process::start(&disk, &small_options()).await.unwrap();
        append(&process.log, vec![entry(0, 1, 10), entry(1, 1, 10)])
            .await
            .unwrap();
        process
            .log
            .save_committed(LogPosition { term: 1, index: 1 });
        process.log.close().await.unwrap();
        assert!(
            append(&process.log, vec![entry(2, 1, 10)]).await.is_err(),
            "closed"
        );
        disk.crash();
        let process = Process::start(&disk, &small_options()).await.unwrap();
        let position = Some(LogPosition { term: 1, index: 1 });
        assert_eq!(process.recovered.committed, position);
        assert_eq!(process.recovered.last, position);
        assert_eq!(process.recovered.cut, None);
    });
}

#[test]
fn the_committed_position_never_exceeds_the_log() {
    let at = |index| Some(LogPosition { term: 1, index });
    assert_eq!(clamp(at(5), None, at(3)), at(3));
    assert_eq!(clamp(at(2), None, at(3)), at(2));
    assert_eq!(
        clamp(at(2), at(3), at(4)),
        at(3),
        "purged entries were committed"
    );
    assert_eq!(clamp(at(2), None, None), None);
    assert_eq!(clamp(None, None, at(2)), None);
}

#[test]
fn memory_and_disk_stay_bounded() {
    run(async {
        let disk = disk(1);
        let options = small_options();
        let process = Process::start(&disk, &options).await.unwrap();
        for index in 0..300 {
            append(&process.log, vec![entry(index, 1, 200)])
                .await
                .unwrap();
            if index % 5 == 0 {
                process.log.purge(LogPosition { term: 1, index }).unwrap();
            }
        }
        process.log.close().await.unwrap();
        // In use, prepared, spares, and the one that the last entries straddle.
        let files_max = 1 + 1 + options.spare_segments_max + 2;
        assert!(disk.names().len() <= files_max, "{:?}", disk.names());
        assert!(process.log.size_bytes() <= 3 * options.segment_bytes);
    });
}
