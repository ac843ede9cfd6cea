//! Replicated state to read: at the present, or as it was when a view was taken.

mod auth;

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use imbl::OrdMap;

use crate::{
    alarm::{Alarm, AlarmSet},
    auth::table::AuthTable,
    checkpoint::{self, Checkpoint},
    command::{Command, MemberAttributes},
    error::Error,
    kv::{Event, KeyRange, LeaseId},
    lease::table::LeaseTable,
    limits,
    request::{PageRequest, RangeRequest, TxnRequest},
    response::{HashKv, LeaseInfo, Page, RangeResponse, TxnResponse},
    store::Store,
    txn,
    validate::Valid,
    watch,
};

/// The whole replicated state after one log entry. Cloning shares everything and is O(1); a view
/// never changes, and reading it holds up nobody.
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) applied_index: u64,
    pub(crate) applied_term: u64,
    pub(crate) time_ms: u64,
    pub(crate) store: Store,
    pub(crate) leases: LeaseTable,
    pub(crate) members: OrdMap<u64, MemberAttributes>,
    pub(crate) cluster_version: Option<Arc<str>>,
    pub(crate) alarms: AlarmSet,
    pub(crate) auth: AuthTable,
}

impl View {
    /// The state before the first log entry.
    pub(crate) fn empty() -> Self {
        Self {
            applied_index: 0,
            applied_term: 0,
            time_ms: 0,
            store: Store::new(),
            leases: LeaseTable::default(),
            members: OrdMap::new(),
            cluster_version: None,
            alarms: AlarmSet::default(),
            auth: AuthTable::new(),
        }
    }

    /// Reads the keys of an interval.
    ///
    /// # Errors
    ///
    /// [`Error::FutureRevision`] above the store's revision, [`Error::Compacted`] below the
    /// compact revision; the compact revision itself is readable.
    pub fn range(&self, request: &Valid<RangeRequest>) -> Result<RangeResponse, Error> {
        self.store.range(request)
    }

    /// Reads the first keys of an interval: the work grows with what is returned, not with the
    /// interval.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn page(&self, request: &PageRequest) -> Result<Page, Error> {
        self.store.page(request)
    }

    /// Evaluates a transaction that only reads.
    ///
    /// # Errors
    ///
    /// As [`Self::range`], for each range of the branch that is taken.
    ///
    /// # Panics
    ///
    /// If the request is not [read-only](TxnRequest::is_read_only): that is the caller's to ask.
    pub fn read_txn(&self, request: &Valid<TxnRequest>) -> Result<TxnResponse, Error> {
        txn::read(request, &self.store)
    }

    /// The store's main revision; 1 before the first change.
    pub fn revision(&self) -> i64 {
        self.store.revision()
    }

    /// The oldest readable main revision; -1 if there was no compaction yet.
    pub fn compact_revision(&self) -> i64 {
        self.store.compact_revision()
    }

    /// Whether compactions have left something to remove: see
    /// [`crate::StateMachine::compact_step`].
    pub fn is_compacting(&self) -> bool {
        self.store.is_compacting()
    }

    /// Whether an interval has more than `keys_max` keys, counting those that were deleted and are
    /// not compacted. Looks at no more than that many.
    pub fn is_wide(&self, range: &KeyRange, keys_max: usize) -> bool {
        self.store.is_wide(range, keys_max)
    }

    /// Log index of the last applied entry; 0 before the first.
    pub fn applied_index(&self) -> u64 {
        self.applied_index
    }

    /// Term of the last applied entry; 0 before the first.
    pub fn applied_term(&self) -> u64 {
        self.applied_term
    }

    /// Cluster time, milliseconds: the greatest stamp of an applied entry.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// A lease with all of its keys.
    pub fn lease(&self, id: LeaseId) -> Option<LeaseInfo> {
        self.leases.info(id)
    }

    /// Whether a lease exists.
    pub fn has_lease(&self, id: LeaseId) -> bool {
        self.leases.contains(id)
    }

    /// All leases, by id ascending: the id, the granted time to live in seconds, and the cluster
    /// time in milliseconds of the grant or the last replicated renewal.
    pub fn leases(&self) -> impl Iterator<Item = (LeaseId, i64, u64)> + '_ {
        self.leases
            .from(Bound::Unbounded)
            .map(|(id, lease)| (id, lease.ttl_s, lease.renewed_at_ms))
    }

    /// What each member has said of itself, by member id ascending.
    pub fn member_attributes(&self) -> impl Iterator<Item = &MemberAttributes> + '_ {
        self.members.values()
    }

    /// The version that all members can speak, once it was agreed on.
    pub fn cluster_version(&self) -> Option<&str> {
        self.cluster_version.as_deref()
    }

    /// The alarms that are raised, by kind and then by member id.
    pub fn alarms(&self) -> impl Iterator<Item = Alarm> + '_ {
        self.alarms.iter()
    }

    /// Whether the alarms let a command through, as [`crate::StateMachine::apply`] asks before
    /// anything else.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::NoSpace`].
    pub fn check_alarms(&self, command: &Command) -> Result<(), Error> {
        self.alarms.check(command)
    }

    /// All changes of keys from a main revision on, oldest first: one item for each revision, with
    /// its events in the order in which they were made. Starting above the store's revision gives
    /// nothing. The state before a change is missing where it was compacted.
    ///
    /// # Errors
    ///
    /// [`Error::Compacted`] if `from_revision` is below the compact revision.
    pub fn history(
        &self,
        from_revision: i64,
    ) -> Result<impl Iterator<Item = (i64, Arc<[Event]>)> + '_, Error> {
        self.store.events(from_revision)
    }

    /// The checksum of the key space at a main revision, 0 meaning the newest. Below 0 there is
    /// nothing to hash.
    ///
    /// # Errors
    ///
    /// [`Error::FutureRevision`] above the store's revision, [`Error::Compacted`] below the
    /// compact revision.
    pub fn hash_kv(&self, revision: i64) -> Result<HashKv, Error> {
        self.store.hash_kv(revision)
    }

    /// Estimated bytes that all stored versions and leases take: keys, values and overhead. Kept as changes
    /// come; members may differ, since each removes compacted versions at its own pace.
    pub fn size_bytes(&self) -> u64 {
        self.store.size_bytes() + self.leases.size_bytes()
    }

    /// A hash of the whole state, equal on all members at the same log index. Reads everything;
    /// made to find replicas that differ, not to resist an attacker.
    pub fn state_hash(&self) -> u64 {
        checkpoint::state_hash(self)
    }

    /// Checks that all structures agree with each other. Reads everything; for tests and the
    /// simulator.
    ///
    /// # Panics
    ///
    /// If they do not: then there is an error in this crate.
    pub fn validate(&self) {
        self.store.validate();
        let everything = KeyRange::From(Bytes::from_static(b"\0"));
        let live = self.store.live(&everything);
        self.leases
            .validate(live.filter_map(|record| Some((record.lease()?, record.shared_key()))));
        assert!(
            self.leases()
                .all(|(_, _, renewed_at_ms)| renewed_at_ms <= self.time_ms)
        );
        assert_eq!(self.auth.invariants(), Ok(()));
    }

    /// The whole state as a stream of chunks, each of about
    /// [`CHECKPOINT_CHUNK_BYTES`](limits::CHECKPOINT_CHUNK_BYTES), made as they are asked
    /// for. The same bytes on every member at the same log index. [`crate::Restore`] reads them.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint_in_chunks(limits::CHECKPOINT_CHUNK_BYTES)
    }

    /// The same in chunks of about `chunk_bytes`.
    pub fn checkpoint_in_chunks(&self, chunk_bytes: usize) -> Checkpoint {
        Checkpoint::new(self.clone(), chunk_bytes)
    }
}

impl watch::History for View {
    fn history(&self, from: i64) -> Result<watch::Revisions<'_>, Error> {
        Ok(Box::new(self.history(from)?))
    }

    fn revision(&self) -> i64 {
        self.revision()
    }

    fn compact_revision(&self) -> i64 {
        self.compact_revision()
    }
}

/// Views and checkpoints go to other threads.
const _: () = {
    const fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<View>();
    is_shared::<Checkpoint>();
};
