//! Reading a checkpoint back into a state machine.

use super::{CHECKPOINT_VERSION, MAGIC, auth::AuthReader, chunk_checksum, tag};
use crate::{
    codec::{DecodeError, decode_lease, decode_lease_id, decode_member, wire::Reader},
    limits::LEASE_TTL_MAX_S,
    machine::StateMachine,
    planted::{Bug, is_planted},
    store::{
        FIRST_CHANGE, NEVER_COMPACTED, Store,
        record::{Generation, KEY_BYTES_MAX, Record, Revision},
    },
    view::View,
};

const MISPLACED: DecodeError = DecodeError::Inconsistent("a version is out of place");

/// Rebuilds a state machine out of a checkpoint, as its bytes come in.
#[derive(Debug)]
pub struct Restore {
    /// Bytes of a chunk that has not come in whole.
    pending: Vec<u8>,
    chunk_number: u32,
    total: u32,
    progress: Progress,
    state: View,
    auth: AuthReader,
    /// The key whose versions are being read.
    key: Option<Vec<u8>>,
    /// Its versions so far.
    versions: Vec<Record>,
    /// All changes that the event log will hold, in the order of keys.
    changes: Vec<(Revision, Record)>,
}

/// The records come in this order; which sort came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Nothing,
    Head,
    Members,
    Alarms,
    Auth,
    Users,
    Roles,
    Leases,
    Keys,
    End,
}

impl Restore {
    /// Before the first byte.
    pub fn new() -> Self {
        Self {
            pending: Vec::new(),
            chunk_number: 0,
            total: 0,
            progress: Progress::Nothing,
            state: View::empty(),
            auth: AuthReader::new(),
            key: None,
            versions: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Takes the next bytes of the stream; they need not be cut where [`super::Checkpoint`] cuts.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`]; then this restore is of no more use.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), DecodeError> {
        self.pending.extend_from_slice(chunk);
        let mut pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some((checksum, payload, after)) = split_chunk(rest) {
            if checksum != chunk_checksum(self.chunk_number, payload) {
                return Err(DecodeError::Checksum);
            }
            self.chunk_number += 1;
            self.read_payload(payload)?;
            rest = after;
        }
        let consumed = pending.len() - rest.len();
        pending.drain(..consumed);
        self.pending = pending;
        Ok(())
    }

    /// The state machine, once all bytes were fed.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if something is missing, [`DecodeError::Inconsistent`] if what
    /// came is no state.
    pub fn finish(mut self) -> Result<StateMachine, DecodeError> {
        if self.progress != Progress::End {
            return Err(DecodeError::Truncated);
        }
        if !self.pending.is_empty() {
            return Err(DecodeError::TrailingBytes);
        }
        (self.state.alarms, self.state.auth) = self.auth.finish()?;
        self.changes.sort_unstable_by_key(|(at, _)| *at);
        let changes = self.changes.into_iter().map(|(_, change)| change);
        if !self.state.store.restore_log(changes) {
            return Err(DecodeError::Inconsistent("the revisions have gaps"));
        }
        if is_planted(Bug::RevisionOfLastKey) {
            self.state.store.forget_deletes();
        }
        Ok(StateMachine::restored(self.state))
    }

    fn read_payload(&mut self, payload: &[u8]) -> Result<(), DecodeError> {
        if self.progress == Progress::End {
            return Err(DecodeError::TrailingBytes);
        }
        let reader = &mut Reader::new(payload);
        while !reader.is_empty() {
            let tag = reader.u8()?;
            if tag == tag::END {
                self.advance(Progress::End)?;
                self.finish_key()?;
                let read = payload.len() - reader.remaining();
                let total = crc32c::crc32c_append(self.total, &payload[..read]);
                return if reader.rest() == total.to_le_bytes() {
                    Ok(())
                } else {
                    Err(DecodeError::Checksum)
                };
            }
            self.read_record(tag, reader)?;
        }
        self.total = crc32c::crc32c_append(self.total, payload);
        Ok(())
    }

    fn read_record(&mut self, tag: u8, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            tag::HEAD => self.read_head(reader),
            tag::MEMBER => self.read_member(reader),
            tag::ALARM => self.read_auth(Progress::Alarms, tag, reader),
            tag::AUTH => self.read_auth(Progress::Auth, tag, reader),
            tag::USER | tag::USER_ROLE => self.read_auth(Progress::Users, tag, reader),
            tag::ROLE | tag::PERMISSION => self.read_auth(Progress::Roles, tag, reader),
            tag::LEASE => self.read_lease(reader),
            tag::KEY => self.read_key(reader),
            tag::PUT => self.read_version(reader, true),
            tag::TOMBSTONE => self.read_version(reader, false),
            tag => Err(DecodeError::Tag {
                what: "checkpoint record",
                tag,
            }),
        }
    }

    /// Notes which sort of record comes; heads and the end come once.
    fn advance(&mut self, to: Progress) -> Result<(), DecodeError> {
        let once = matches!(to, Progress::Head | Progress::Auth | Progress::End);
        let misplaced = to < self.progress
            || (once && to == self.progress)
            || (to > Progress::Head && self.progress < Progress::Head);
        if misplaced {
            return Err(DecodeError::Inconsistent("records are out of order"));
        }
        self.progress = to;
        Ok(())
    }

    fn read_head(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.advance(Progress::Head)?;
        for &expected in MAGIC {
            if reader.u8()? != expected {
                return Err(DecodeError::Inconsistent("not a checkpoint"));
            }
        }
        match reader.u8()? {
            CHECKPOINT_VERSION => {}
            version => return Err(DecodeError::Version(version)),
        }
        let state = &mut self.state;
        state.applied_index = reader.u64()?;
        state.applied_term = reader.u64()?;
        state.time_ms = reader.u64()?;
        let (revision, compact_revision) = (reader.i64()?, reader.i64()?);
        // Far below the greatest number: no number of further changes reaches it.
        let possible = (1..=i64::MAX / 2).contains(&revision)
            && (NEVER_COMPACTED..=revision).contains(&compact_revision);
        if !possible {
            return Err(DecodeError::Bounds("revision"));
        }
        state.store = Store::restore(revision, compact_revision);
        state.cluster_version = match reader.u8()? {
            0 => None,
            1 => Some(reader.string()?.into()),
            tag => {
                return Err(DecodeError::Tag {
                    what: "cluster version",
                    tag,
                });
            }
        };
        Ok(())
    }

    fn read_member(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.advance(Progress::Members)?;
        let member = decode_member(reader)?;
        let last = self.state.members.get_max().map(|(id, _)| *id);
        if last >= Some(member.member_id) {
            return Err(DecodeError::Inconsistent("members do not ascend"));
        }
        self.state.members.insert(member.member_id, member);
        Ok(())
    }

    fn read_auth(
        &mut self,
        sort: Progress,
        tag: u8,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        self.advance(sort)?;
        self.auth.read(tag, reader)
    }

    fn read_lease(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.advance(Progress::Leases)?;
        let id = decode_lease_id(reader)?;
        let (ttl_s, renewed_at_ms) = (reader.i64()?, reader.u64()?);
        if !(1..=LEASE_TTL_MAX_S).contains(&ttl_s) || renewed_at_ms > self.state.time_ms {
            return Err(DecodeError::Bounds("lease"));
        }
        if self.state.leases.last() >= Some(id) {
            return Err(DecodeError::Inconsistent("leases do not ascend"));
        }
        self.state
            .leases
            .grant(id, ttl_s, renewed_at_ms)
            .map_err(|_| DecodeError::Inconsistent("a lease cannot be granted"))?;
        Ok(())
    }

    fn read_key(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.advance(Progress::Keys)?;
        let key = reader.slice()?;
        if key.len() > KEY_BYTES_MAX {
            return Err(DecodeError::Bounds("key"));
        }
        if key.is_empty() || self.key.as_deref() >= Some(key) {
            return Err(DecodeError::Inconsistent("keys do not ascend"));
        }
        self.finish_key()?;
        self.key = Some(key.to_vec());
        Ok(())
    }

    /// Stores the key that was read, and attaches it to the lease of its newest version.
    fn finish_key(&mut self) -> Result<(), DecodeError> {
        let Some(key) = &self.key else {
            return Ok(());
        };
        let versions = std::mem::take(&mut self.versions);
        let newest = versions.last();
        let newest = newest.ok_or(DecodeError::Inconsistent("a key has no version"))?;
        let lease = newest.lease();
        if lease.is_some_and(|id| !self.state.leases.contains(id)) {
            return Err(DecodeError::Inconsistent("a key is attached to no lease"));
        }
        self.state.leases.move_key(key, None, lease);
        self.state.store.restore_key(versions);
        Ok(())
    }

    fn read_version(&mut self, reader: &mut Reader<'_>, put: bool) -> Result<(), DecodeError> {
        let Some(key) = &self.key else {
            return Err(DecodeError::Inconsistent("a version has no key"));
        };
        let main = reader.i64()?;
        let sub = u32::try_from(reader.u64()?).map_err(|_| DecodeError::Bounds("revision"))?;
        let at = Revision { main, sub };
        let version = match put {
            true => {
                let generation = Generation {
                    create_revision: reader.i64()?,
                    version: reader.i64()?,
                };
                // A revision puts a key once at most.
                let possible = (FIRST_CHANGE..=main).contains(&generation.create_revision)
                    && (1..=main - generation.create_revision + 1).contains(&generation.version);
                if !possible {
                    return Err(MISPLACED);
                }
                Record::put(at, generation, decode_lease(reader)?, key, reader.slice()?)
            }
            false => Record::tombstone(at, key),
        };
        self.check_version(&version)?;

        if main >= self.state.store.compact_revision() {
            self.changes.push((at, version.clone()));
        }
        self.versions.push(version);
        Ok(())
    }

    /// Whether a version can follow the one before it and belongs to the logical content.
    fn check_version(&self, version: &Record) -> Result<(), DecodeError> {
        let store = &self.state.store;
        let compact_revision = store.compact_revision();
        let last = self.versions.last();
        let main = version.at().main;
        let possible = (FIRST_CHANGE..=store.revision()).contains(&main)
            && match last {
                None => main >= compact_revision || !version.is_tombstone(),
                // One version below the compact revision is enough, and none if there is one at it.
                Some(last) if last.at().main < compact_revision => main > compact_revision,
                Some(last) => last.at() < version.at(),
            };
        let last_generation = last.and_then(Record::generation);
        let follows = match (last, last_generation, version.generation()) {
            (None, _, Some(generation)) => {
                (generation.version == 1) == (generation.create_revision == main)
            }
            (Some(_), Some(last), Some(generation)) => {
                generation.create_revision == last.create_revision
                    && generation.version == last.version + 1
            }
            (Some(_), None, Some(generation)) => {
                (generation.create_revision, generation.version) == (main, 1)
            }
            (Some(_), None, None) => false,
            (_, _, None) => true,
        };
        if possible && follows {
            Ok(())
        } else {
            Err(MISPLACED)
        }
    }
}

impl Default for Restore {
    fn default() -> Self {
        Self::new()
    }
}

/// The checksum and the payload of the first chunk, and what follows it, if it is there as a
/// whole.
fn split_chunk(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((u32::from_le_bytes(*checksum), payload, rest))
}
