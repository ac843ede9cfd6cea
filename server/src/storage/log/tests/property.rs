//! Random histories with crashes: the acknowledged prefix always comes back, and nothing else.

use proptest::{prelude::*, test_runner::FileFailurePersistence};

use super::{model::History, *};

#[derive(Clone, Debug)]
enum Step {
    Append {
        count: u64,
        size: usize,
    },
    Vote(u8),
    Committed,
    Truncate {
        back: u64,
    },
    Purge {
        keep: u64,
    },
    /// A checkpoint from elsewhere, behind the end of the log.
    PurgeAll {
        skip: u64,
    },
    Read {
        from: u64,
        count: u64,
        bytes_max: usize,
    },
    /// Lets the log's tasks run for a while.
    Turns(usize),
    Flush,
    FailSync,
    Restart(End),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Close,
    /// The process dies, the machine goes on.
    Kill,
    PowerFailure,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..5_u64, 0..600_usize).prop_map(|(count, size)| Step::Append { count, size }),
        1 => (500..5000_usize).prop_map(|size| Step::Append { count: 1, size }),
        2 => any::<u8>().prop_map(Step::Vote),
        2 => Just(Step::Committed),
        2 => (0..8_u64).prop_map(|back| Step::Truncate { back }),
        3 => (0..12_u64).prop_map(|keep| Step::Purge { keep }),
        1 => (0..4_u64).prop_map(|skip| Step::PurgeAll { skip }),
        3 => (0..30_u64, 0..20_u64, 0..3000_usize)
            .prop_map(|(from, count, bytes_max)| Step::Read { from, count, bytes_max }),
        8 => (0..40_usize).prop_map(Step::Turns),
        3 => Just(Step::Flush),
        1 => Just(Step::FailSync),
        3 => prop_oneof![Just(End::Close), Just(End::Kill), Just(End::PowerFailure)]
            .prop_map(Step::Restart),
    ]
}

fn options() -> impl Strategy<Value = LogOptions> {
    (
        1..5_u64,
        0..4000_usize,
        0..6000_usize,
        1..3000_usize,
        0..4_usize,
    )
        .prop_map(
            |(kib, cache_bytes_max, queue_bytes_max, batch_bytes_max, spare_segments_max)| {
                LogOptions {
                    segment_bytes: kib * 1024,
                    cache_bytes_max,
                    queue_bytes_max,
                    batch_bytes_max,
                    spare_segments_max,
                    salt: 17,
                }
            },
        )
}

struct Run {
    disk: MemoryDisk,
    options: LogOptions,
    process: Process,
    history: History,
    committed: Option<LogPosition>,
    term: u64,
}

impl Run {
    async fn new(seed: u64, options: LogOptions) -> Self {
        let disk = disk(seed);
        let process = Process::start(&disk, &options)
            .await
            .expect("an empty disk is a new log");
        let history = History::start(Model::default());
        Self {
            disk,
            options,
            process,
            history,
            committed: None,
            term: 1,
        }
    }

    /// `Err` once the log has failed, as it has to after a failed sync.
    async fn step(&mut self, step: &Step) -> io::Result<()> {
        let now = self.history.now().clone();
        match step {
            Step::Append { count, size } => self.append(*count, *size).await?,
            Step::Vote(vote) => {
                let vote = Bytes::from(vec![*vote; 3]);
                self.history.step(|state| state.vote = Some(vote.clone()));
                // As save_vote, without waiting for it.
                let done = self.history.acknowledge();
                self.process
                    .log
                    .queue
                    .push(Operation::Vote { vote, done })?;
            }
            Step::Committed => {
                if let Some(last) = now.last() {
                    self.process.log.save_committed(last);
                    self.committed = Some(last);
                }
            }
            Step::Truncate { back } => self.truncate(*back)?,
            Step::Purge { keep } => {
                let known = now.range(0..now.next_index().saturating_sub(*keep));
                if let Some(LogEntry { term, index, .. }) = known.last() {
                    self.purge(LogPosition {
                        term: *term,
                        index: *index,
                    })?;
                }
            }
            Step::PurgeAll { skip } => {
                let index = now.next_index() + skip;
                self.purge(LogPosition {
                    term: self.term,
                    index,
                })?;
            }
            Step::Read {
                from,
                count,
                bytes_max,
            } => {
                let purged = now
                    .purged
                    .map_or(0, |purged| purged.index.saturating_sub(5));
                let from = from + purged;
                self.read(from..from + count, *bytes_max).await?;
            }
            Step::Turns(turns) => {
                for _ in 0..*turns {
                    tokio::task::yield_now().await;
                }
            }
            Step::Flush => {
                let done = self.history.acknowledge();
                self.process.log.flush().await?;
                done(Ok(()));
            }
            Step::FailSync => self.disk.fail_next_sync(),
            Step::Restart(end) => self.restart(*end).await,
        }
        Ok(())
    }

    async fn append(&mut self, count: u64, size: usize) -> io::Result<()> {
        let next = self.history.now().next_index();
        let term = self.term;
        let new: Vec<_> = (next..next + count)
            .map(|index| entry(index, term, size))
            .collect();
        self.history.step(|state| state.append(&new));
        self.process
            .log
            .append(new, self.history.acknowledge())
            .await
    }

    fn truncate(&mut self, back: u64) -> io::Result<()> {
        let now = self.history.now();
        // Neither purged nor committed entries are ever truncated.
        let kept = self
            .committed
            .max_by_index(now.purged)
            .map_or(0, |kept| kept + 1);
        let from = now.next_index().saturating_sub(back).max(kept);
        self.process.log.truncate_after(from.checked_sub(1))?;
        self.history.step(|state| state.truncate(from));
        self.term += 1;
        Ok(())
    }

    async fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<()> {
        let read = self.process.log.read(range.clone(), bytes_max).await?;
        let expected = self.history.now().range(range);
        assert_eq!(read[..], expected[..read.len()]);
        assert_eq!(read.is_empty(), expected.is_empty());
        let bytes: usize = read.iter().map(|entry| entry.payload.len()).sum();
        assert!(read.len() <= 1 || bytes <= bytes_max);
        Ok(())
    }

    fn purge(&mut self, last: LogPosition) -> io::Result<()> {
        self.process.log.purge(last)?;
        self.history.step(|state| state.purge(last));
        Ok(())
    }

    async fn restart(&mut self, end: End) {
        if end == End::Close {
            let done = self.history.acknowledge();
            if self.process.log.close().await.is_ok() {
                done(Ok(()));
            }
        }
        let recovered = loop {
            let old = std::mem::take(&mut self.process.tasks);
            for task in old {
                task.abort();
                let _ = task.await;
            }
            if end == End::PowerFailure {
                self.disk.crash();
            }
            match Process::start(&self.disk, &self.options).await {
                Ok(process) => {
                    self.process = process;
                    break self.process.observe().await;
                }
                // The sync that was to fail has failed during recovery.
                Err(StorageError::Io { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        };
        if let Err(reason) = self.history.check(&recovered) {
            panic!("{reason}");
        }
        let committed = self
            .process
            .recovered
            .committed
            .map(|position| position.index);
        let saved = self.committed.max_by_index(recovered.purged);
        assert!(committed <= saved, "committed only what was saved");
        assert!(committed <= recovered.last().map(|last| last.index));
        self.history = History::start(recovered);
        self.committed = self.process.recovered.committed;
        self.term += 1;
    }
}

trait MaxByIndex {
    fn max_by_index(self, other: Self) -> Option<u64>;
}

impl MaxByIndex for Option<LogPosition> {
    fn max_by_index(self, other: Self) -> Option<u64> {
        let index = |position: LogPosition| position.index;
        self.map(index).max(other.map(index))
    }
}

async fn check_history(seed: u64, options: LogOptions, steps: Vec<Step>) {
    let mut run = Run::new(seed, options).await;
    for step in &steps {
        if run.step(step).await.is_err() {
            assert_eq!(
                run.process.fatal_errors.load(Ordering::Relaxed),
                1,
                "said so, once"
            );
            run.restart(if seed.is_multiple_of(2) {
                End::Kill
            } else {
                End::PowerFailure
            })
            .await;
        }
    }
    run.restart(End::Kill).await;
    run.restart(End::PowerFailure).await;
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "../proptest-regressions/storage_log.txt",
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_acknowledged_survives_crashes(
        seed in any::<u64>(),
        options in options(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        run(check_history(seed, options, steps));
    }
}

/// Fills and purges segments, so that several are recycled.
async fn recycle(run: &mut Run) -> io::Result<()> {
    for _ in 0..8 {
        for _ in 0..5 {
            run.step(&Step::Append {
                count: 1,
                size: 250,
            })
            .await?;
            run.step(&Step::Flush).await?;
        }
        run.step(&Step::Purge { keep: 2 }).await?;
    }
    Ok(())
}

/// Where random histories may not get: an end between any two steps of making a segment, by a
/// power failure, or by a kill with a power failure later on.
#[test]
fn what_was_acknowledged_survives_an_end_at_any_moment() {
    run(async {
        for end in [End::PowerFailure, End::Kill] {
            for moment in 0.. {
                let options = LogOptions {
                    segment_bytes: 1024,
                    spare_segments_max: moment as usize % 3,
                    ..small_options()
                };
                let mut run = Run::new(moment, options).await;
                let ended_early = {
                    let mut turns = 0;
                    let mut life = std::pin::pin!(recycle(&mut run));
                    std::future::poll_fn(|context| {
                        turns += 1;
                        if turns > moment {
                            return std::task::Poll::Ready(true);
                        }
                        // The log's tasks get one turn between two of these.
                        context.waker().wake_by_ref();
                        life.as_mut().poll(context).map(|_| false)
                    })
                    .await
                };
                run.restart(end).await;
                for _ in 0..1 + moment % 6 {
                    run.step(&Step::Append {
                        count: 1,
                        size: 250,
                    })
                    .await
                    .unwrap();
                    run.step(&Step::Flush).await.unwrap();
                }
                run.restart(End::PowerFailure).await;
                if !ended_early {
                    break;
                }
            }
        }
    });
}
