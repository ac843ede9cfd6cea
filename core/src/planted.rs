//! Bugs put in on purpose, to see the simulator catch them.
//!
//! They exist only in builds with `--cfg madsim`, which serve no real client: elsewhere
//! [`is_planted`] is the constant `false`, and the code behind it is gone. What each one does is
//! one condition at the place that it names; look for its name.

/// Lists the bugs: each with its documentation, its name here and its name on the command line.
macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident = $name:literal,)*) => {
        /// One bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[$doc])* $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),*];

            /// The name by which `cargo sim` selects it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => $name,)*
                }
            }
        }
    };
}

bugs! {
    // Keys and transactions.
    /// A `<` of a compare holds for equal fields, too.
    LessOrEqual = "less-or-equal",
    /// A compare of the mod revision looks at the create revision.
    CompareWrongField = "compare-wrong-field",
    /// A command that changes nothing takes a revision.
    EmptyWriteTakesRevision = "empty-write-takes-revision",
    /// A range gives one key more than its limit.
    LimitOffByOne = "limit-off-by-one",
    /// A range delete leaves the last of several keys.
    DeleteLeavesLast = "delete-leaves-last",
    /// A put without a lease leaves the key attached to its old one.
    PutKeepsLease = "put-keeps-lease",
    /// A put answers with the key after it for `prev_kv`.
    PrevKvIsNew = "prev-kv-is-new",
    /// A transaction with several changes gives its first event twice (etcd #17247).
    EventTwice = "event-twice",
    /// Compaction drops versions that revisions above it still need.
    CompactionDropsLive = "compaction-drops-live",
    /// Reads below the compacted revision are answered from what is left there (etcd #18667).
    ReadsCompacted = "reads-compacted",
    /// A restored state has the revision of its last visible key (etcd #17780).
    RevisionOfLastKey = "revision-of-last-key",

    // Watches.
    /// Compaction drops the events of its own revision, where watchers may begin (etcd #18089).
    CompactionDropsItsEvents = "compaction-drops-its-events",
    /// A watcher that begins at the compacted revision misses it (etcd #19179).
    WatchSkipsCompactedRevision = "watch-skips-compacted-revision",
    /// A watcher that is too slow loses an event instead of catching up (etcd #17529).
    SlowWatcherLosesEvent = "slow-watcher-loses-event",
    /// Progress is told to a stream with watchers that are behind (etcd #15220).
    ProgressAhead = "progress-ahead",
    /// Progress is told to a watcher of the future (etcd #20221).
    ProgressBeforeStart = "progress-before-start",
    /// A watcher of the future gets events at once (etcd #20221).
    FutureWatchGetsOldEvents = "future-watch-gets-old-events",
    /// A watcher of the past begins a revision too early (etcd #15271).
    WatchTravelsBack = "watch-travels-back",
    /// A watcher that catches up skips what found no room in a response.
    CatchUpSkips = "catch-up-skips",
    /// A state that comes as a checkpoint goes past the watchers that are there.
    WatchMissesCheckpoint = "watch-misses-checkpoint",
    /// A watcher without deletes gets them, and no puts.
    FilterInverted = "filter-inverted",
    /// A watcher of what is compacted is not told, and begins later.
    WatchIgnoresCompaction = "watch-ignores-compaction",
    /// The state before a change is never told.
    PrevKvMissing = "prev-kv-missing",

    // Leases.
    /// A lease that ends leaves its last key.
    LeaseLeavesKey = "lease-leaves-key",
    /// A lease ends a second early.
    LeaseEndsEarly = "lease-ends-early",
    /// A new leader counts from the last replicated renewal alone, and at once.
    NoSlackForSuccessor = "no-slack-for-successor",
    /// A lease whose time is up is kept alive, while its end is on the way.
    KeepAliveRevives = "keep-alive-revives",
    /// Renewals are not replicated.
    RenewalsNotReplicated = "renewals-not-replicated",
    /// A new leader does not look after the leases that there are.
    LeasesForgotten = "leases-forgotten",

    // Log, checkpoints and raft.
    /// A leader that restarts resumes its office in the same term, without an election (openraft's
    /// default). If it lost its unsynced tail, it writes other entries under log ids that
    /// followers hold already, and replicas drift apart in silence.
    LeaderRestore = "leader-restore",
    /// Entries are acknowledged before they are synced (etcd #14370).
    AcknowledgedBeforeSync = "acknowledged-before-sync",
    /// A vote is not synced.
    VoteNotSynced = "vote-not-synced",
    /// A failed sync is taken for a good one.
    FailedSyncIgnored = "failed-sync-ignored",
    /// The position of a checkpoint is saved apart from its state, one entry behind it: that entry
    /// is applied again (etcd #13766).
    AppliedTwice = "applied-twice",
    /// The same, one entry ahead: that entry is not applied at all (etcd #14685).
    EntrySkipped = "entry-skipped",
    /// The second checkpoint that a process receives is more than it can take (etcd #18055).
    SecondCheckpointPanics = "second-checkpoint-panics",
    /// A torn batch at the end of the log is taken for a whole one (etcd #20271).
    TornBatchAccepted = "torn-batch-accepted",
    /// A leader reads without asking whether it still leads (etcd #20418).
    ReadWithoutQuorum = "read-without-quorum",
    /// A follower reads what it has.
    FollowerReadsItsOwn = "follower-reads-its-own",
    /// A proposal that has not been heard of for an election timeout is sent again.
    ProposedAgain = "proposed-again",
    /// The first entry behind the checkpoint that a member starts with takes effect, and is answered as
    /// if its lease were not there: nobody waits for that answer, but it shows that replicas differ.
    WrongAnswerBehindCheckpoint = "wrong-answer-behind-checkpoint",
    /// A new segment of the log has its name before the directory is synced, and never syncs it.
    RenameNotSynced = "rename-not-synced",
    /// A member whose directory is gone is let in although its peers know another one.
    ReplacedTakesPart = "replaced-takes-part",
    /// Keys are written in spite of the alarm that there is no space.
    AlarmIgnored = "alarm-ignored",
    /// The number of the last change of users is lost with a checkpoint (etcd #14571).
    AuthRevisionLost = "auth-revision-lost",

    // Users, roles and tokens.
    /// What an author may do is looked at before a command is proposed, and not again when it is applied.
    NotAuthorizedAtApply = "not-authorized-at-apply",
    /// Of an interval only the first key must be permitted.
    RangeAuthorizedAtItsStart = "range-authorized-at-its-start",
    /// What a transaction compares need not be readable.
    ComparesNotAuthorized = "compares-not-authorized",
    /// A permission that is revoked stays in effect at members that do not start again.
    RevokedPermissionStays = "revoked-permission-stays",
    /// A restored state has authentication off.
    AuthOffAfterRestore = "auth-off-after-restore",
    /// A token is good whatever has changed since it was signed.
    OldTokenAccepted = "old-token-accepted",
    /// A user's tokens outlive its password.
    TokenOutlivesPassword = "token-outlives-password",
    /// A user's tokens outlive the user, and stand for the next one of that name.
    TokenOutlivesUser = "token-outlives-user",
    /// A member compares a password with what it knows itself.
    LoginReadsItsOwn = "login-reads-its-own",
    /// A member that lags behind refuses without asking the others.
    RefusedWithoutAsking = "refused-without-asking",
    /// Everybody may watch everything.
    WatchNotAuthorized = "watch-not-authorized",

    // Locks and elections.
    /// Who comes first is decided by the keys, not by when they were created.
    QueueByKey = "queue-by-key",
    /// Whose predecessor has gone does not look whether that one was the first.
    TurnAfterAnyDeletion = "turn-after-any-deletion",
    /// Who has waited for a lock gets it, also if its lease has ended meanwhile.
    LockAfterLease = "lock-after-lease",
    /// Who has waited for a lock and got it loses its place all the same.
    LockNotKept = "lock-not-kept",
    /// Who waits is not told that its turn has come.
    TurnNeverTold = "turn-never-told",
    /// Who leads no more proclaims as before.
    AnybodyProclaims = "anybody-proclaims",
    /// Who observes an election misses what comes right behind the leader.
    ObserverMissesNext = "observer-misses-next",
}

#[cfg(madsim)]
static PLANTED: std::sync::OnceLock<Bug> = std::sync::OnceLock::new();

/// Plants `bug` for the rest of the process, which runs one simulation.
#[cfg(madsim)]
pub fn plant(bug: Bug) {
    PLANTED.set(bug).expect("one bug at a time");
}

/// Whether this run has this bug.
#[cfg(madsim)]
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(&bug)
}

/// Whether this run has this bug: never.
#[cfg(not(madsim))]
pub const fn is_planted(_bug: Bug) -> bool {
    false
}
