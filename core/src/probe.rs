//! Places in the product that the simulator watches: it counts how often runs come to each, tells
//! which were never reached, and can have a member lose its power at any of them.
//!
//! [`probe!`](crate::probe) marks a place. In builds without `--cfg madsim` it is nothing.

/// Lists the points: each with its documentation, its name here and its name in plans and tables.
macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// A place in the product, or a situation at one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Point {
            $($(#[$doc])* $point,)*
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// Its name in plans and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

points! {
    // Keys and transactions.
    /// A key is put again after it was deleted.
    KeyPutAgain = "key-put-again",
    /// A put attaches a key to another lease than before.
    KeyChangesLease = "key-changes-lease",
    /// A transaction takes its failure branch.
    TxnFails = "txn-fails",
    /// A range finds more keys than its limit.
    RangeCut = "range-cut",
    /// A range reads an older revision.
    RangeOfThePast = "range-of-the-past",
    /// A range of a compacted revision is refused.
    RangeCompacted = "range-compacted",
    /// A compaction takes more than one step.
    CompactionGoesOn = "compaction-goes-on",
    /// A compaction begins before the one before it has swept everything.
    CompactionOvertakes = "compaction-overtakes",
    /// A deleted key has no versions left.
    KeyForgotten = "key-forgotten",

    // Leases.
    /// A lease ends with several keys.
    LeaseTakesKeys = "lease-takes-keys",
    /// A renewal comes after the end of its lease.
    RenewalTooLate = "renewal-too-late",
    /// A new leader takes over the deadlines of leases.
    LeasesTakenOver = "leases-taken-over",
    /// A keep-alive comes while the end of its lease is on the way.
    KeepAliveTooLate = "keep-alive-too-late",
    /// A keep-alive waits for its renewal to be replicated.
    KeepAliveWaits = "keep-alive-waits",
    /// A leader that cannot replicate renewals keeps no lease alive.
    KeeperStalls = "keeper-stalls",
    /// Renewals that could not be replicated are put back.
    RenewalsPutBack = "renewals-put-back",

    // Watches.
    /// A live watcher has no room for an event and falls behind.
    WatcherFallsBehind = "watcher-falls-behind",
    /// A watcher gets what it missed from the revisions in memory.
    WatcherRejoins = "watcher-rejoins",
    /// A watcher catches up from the key space's history.
    WatcherCatchesUp = "watcher-catches-up",
    /// A response is full before a watcher has all that it missed.
    CatchUpInParts = "catch-up-in-parts",
    /// A watcher begins in the future.
    WatchOfTheFuture = "watch-of-the-future",
    /// A watcher begins at the compacted revision itself.
    WatchFromCompaction = "watch-from-compaction",
    /// A watcher is refused: it begins below the compacted revision.
    WatchBelowCompaction = "watch-below-compaction",
    /// A watcher that is behind loses its place to a compaction.
    WatcherCompacted = "watcher-compacted",
    /// A checkpoint replaces the state while live watchers are there.
    CheckpointUnderWatch = "checkpoint-under-watch",
    /// Progress is asked for while a watcher of the stream is behind.
    ProgressHeldBack = "progress-held-back",

    // The log.
    /// A batch is about to be written.
    BatchTaken = "batch-taken",
    /// A batch is durable, and nobody knows yet.
    BatchDurable = "batch-durable",
    /// The log goes on in its next segment.
    SegmentRolled = "segment-rolled",
    /// An empty segment is filled and has not got its name yet.
    SegmentFilled = "segment-filled",
    /// An empty segment has its name, which is not durable yet.
    SegmentRenamed = "segment-renamed",
    /// A segment whose entries are purged is used again.
    SegmentReused = "segment-reused",
    /// Entries that another leader did not have are cut off.
    LogTruncated = "log-truncated",
    /// Entries that a checkpoint covers are let go.
    LogPurged = "log-purged",
    /// Entries are read from the disk: memory has them no more.
    LogReadFromDisk = "log-read-from-disk",
    /// A start finds a torn batch at the log's end.
    LogEndTorn = "log-end-torn",
    /// A start has mended the log's end.
    LogRecovered = "log-recovered",
    /// An append waits for room in the log's queue.
    AppendWaits = "append-waits",
    /// The disk has no room for what the log or a checkpoint needs.
    SpaceLacks = "space-lacks",

    // Checkpoints and snapshots.
    /// A checkpoint's file is synced and has its temporary name.
    CheckpointWritten = "checkpoint-written",
    /// A file has its final name, which is not durable yet.
    FileRenamed = "file-renamed",
    /// A checkpoint is durable under its name; the one that it replaces is still there.
    CheckpointPublished = "checkpoint-published",
    /// A start finds its newest checkpoint damaged.
    CheckpointDamaged = "checkpoint-damaged",
    /// A member makes a checkpoint that it has received its state.
    SnapshotInstalled = "snapshot-installed",
    /// A transfer goes on where a broken one ended.
    TransferResumed = "transfer-resumed",
    /// A transfer ends since its sender has begun another one.
    TransferSuperseded = "transfer-superseded",
    /// A member is offered a checkpoint that it has already.
    SnapshotKnown = "snapshot-known",

    // Raft.
    /// A member has a vote to save.
    VoteCast = "vote-cast",
    /// An entry is applied, and its proposer does not know yet.
    EntryApplied = "entry-applied",
    /// A leader hands over when it is asked to.
    LeaderHandsOver = "leader-hands-over",

    // Proposals and reads.
    /// A follower forwards a proposal to the leader.
    ProposalForwarded = "proposal-forwarded",
    /// A proposal comes to a member that leads no more.
    ProposalRefused = "proposal-refused",
    /// A proposer will never know what became of its entry.
    ProposalUnknown = "proposal-unknown",
    /// A proposal is offered again after nobody took it.
    ProposalOfferedAgain = "proposal-offered-again",
    /// Several reads share a round of leadership confirmation.
    ReadsShareRound = "reads-share-round",
    /// A read's round fails: the leader is gone or has no majority.
    ReadRoundFails = "read-round-fails",
    /// A read waits until its member has applied the round's index.
    ReadWaits = "read-waits",

    // Users, roles and tokens.
    /// What its author might do when it was proposed, it may not any more when it is applied.
    RefusedAtApply = "refused-at-apply",
    /// A member that would refuse has heard meanwhile that the caller may.
    AllowedAfterAll = "allowed-after-all",
    /// A command is proposed anew, since users or roles have changed on the way.
    ProposedForNewRights = "proposed-for-new-rights",
    /// A member is sent a token that it does not know yet.
    TokenAwaited = "token-awaited",
    /// A member is sent a token that is over.
    TokenOver = "token-over",
    /// Users or roles have changed while a password was compared.
    PasswordComparedAnew = "password-compared-anew",

    // Locks and elections.
    /// Somebody has put a key below the name before, and is waited for.
    TurnAwaited = "turn-awaited",
    /// A caller has waited for a lock, and its key has gone meanwhile.
    TurnTooLate = "turn-too-late",
    /// A caller finds its own key in the queue.
    PlaceTakenAgain = "place-taken-again",
    /// A caller goes before its turn has come.
    PlaceLeft = "place-left",
}

impl Point {
    /// The point of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|point| point.name() == name)
    }
}

/// Whether anybody can watch: only in builds for the simulator.
pub const IS_WATCHED: bool = cfg!(madsim);

/// Marks a place of the product: `probe!(SegmentRolled)`, or, where only some ways to it count,
/// `probe!(TxnFails if !succeeded)`. Elsewhere than in the simulator it is nothing, and the
/// condition is not evaluated.
#[macro_export]
macro_rules! probe {
    ($point:ident) => {
        $crate::probe::pass($crate::probe::Point::$point)
    };
    ($point:ident if $condition:expr) => {
        if $crate::probe::IS_WATCHED && $condition {
            $crate::probe::pass($crate::probe::Point::$point);
        }
    };
}

#[cfg(madsim)]
type Watcher = Box<dyn Fn(Point) + Send + Sync>;

#[cfg(madsim)]
static WATCHER: std::sync::OnceLock<Watcher> = std::sync::OnceLock::new();

/// Has `watcher` called at each point for the rest of the process, which runs one simulation.
#[cfg(madsim)]
pub fn watch(watcher: impl Fn(Point) + Send + Sync + 'static) {
    assert!(
        WATCHER.set(Box::new(watcher)).is_ok(),
        "one run watches the points"
    );
}

/// What [`probe!`](crate::probe) calls.
#[cfg(madsim)]
pub fn pass(point: Point) {
    if let Some(watcher) = WATCHER.get() {
        watcher(point);
    }
}

/// What [`probe!`](crate::probe) calls: nothing.
#[cfg(not(madsim))]
pub const fn pass(_point: Point) {}
